import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, decode } from "@agentos/kernel";
import { decisionValue, deriveAgain, verifyRecordedSignatures } from "../governance/decision-value.ts";
import { playLocally } from "../testing/local-history.ts";
import { naiveVerdict, reviewHistories } from "../testing/review-histories.ts";
import { verifySignature } from "./signatures.ts";

for (const history of reviewHistories)
  test(`review history: ${history.name}: ${history.expect}`, async (t) => {
    const { inputs, decision } = await playLocally(t, history);
    const told = [...decision.reasons.map(({ text }) => text), ...decision.counted.map(({ kept }) => kept ?? ""), ...decision.ignored.map(({ principal, why }) => `${principal} ${why}`)].join("\n");
    assert.equal(decision.verdict, history.expect, told);
    assert.ok(told.includes(history.says), `${history.says}\nis not in\n${told}`);
    const record = decode(canonical(decisionValue(inputs, decision)));
    assert.deepEqual(deriveAgain(record), decision);
    verifyRecordedSignatures(record, verifySignature);
  });

test("review histories: beside the naive rule: what it would have let in, and what it would have kept out", () => {
  const differing = (naive: "approved" | "refused"): readonly string[] => reviewHistories.filter((row) => naiveVerdict(row) === naive && row.expect !== naive).map(({ name }) => name);
  const letIn = differing("approved");
  console.log(["any APPROVED counts: it would have let in", ...letIn.map((name) => `  ${name}`)].join("\n"));
  assert.equal(new Set(reviewHistories.map(({ name }) => name)).size, reviewHistories.length);
  assert.ok(reviewHistories.length >= 40, `${reviewHistories.length} histories`);
  assert.deepEqual(differing("refused"), []);
  assert.equal(letIn.length, 36);
});
