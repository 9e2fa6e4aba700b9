// What a shadow run of an example's own scenarios predicts is what its real run does: the same effects, hash for hash, and the same end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { CACHE, exampleFolder, rehearse } from "../testing/rehearse.ts";
import { aggregator } from "./aggregator.ts";
import { approvalsBudgets } from "./approvals-budgets.ts";
import { chainComp } from "./chain-comp.ts";
import type { Example } from "./example.ts";
import { llmSummarizer } from "./llm-summarizer.ts";
import { runExample, type RunOptions } from "./open-world.ts";
import { retryBackoff } from "./retry-backoff.ts";

const OPTIONS: RunOptions = { say: () => undefined, time: "virtual", cacheDir: CACHE };

const [holds] = chainComp.variants ?? [];
assert.ok(holds !== undefined);

/** An example, and the real runs that its scenarios rehearse, in their order. */
const ROWS: readonly { readonly example: Example; readonly runs: readonly Pick<Example, "begin">[]; readonly plans: readonly string[] }[] = [
  { example: aggregator, runs: [aggregator], plans: ["aggregator_plan"] },
  { example: chainComp, runs: [holds, chainComp], plans: ["charge_plan", "reserve_plan", "notify_plan", "charge_plan", "reserve_plan", "refund_plan"] },
  { example: llmSummarizer, runs: [llmSummarizer], plans: ["summarize_plan"] },
  { example: retryBackoff, runs: [retryBackoff], plans: ["WorkPlan", "WorkPlan", "WorkPlan"] },
];

for (const { example, runs, plans } of ROWS) {
  test(`rehearsal: ${example.number}-${example.slug}: predicts the effects of the real run and where it ends`, async () => {
    const report = await rehearse(example);
    assert.deepEqual(report.runs, { baseline: "none", candidate: "complete" });
    const real = await Promise.all(runs.map(({ begin }) => runExample({ ...example, begin }, exampleFolder(example), OPTIONS)));
    const did = real.flatMap(({ intents }) => intents);
    assert.ok(did.length > 0);
    const predicted = report.effects.map(({ effect, cap, intent, status }) => ({ effect, cap, intent, status }));
    assert.deepEqual(predicted, did.map(({ kind, cap, intent_hash }) => ({ effect: kind, cap, intent: intent_hash, status: "ok" })));
    assert.deepEqual(report.plans.map(({ plan, status }) => [plan, status]), plans.map((plan) => [`demo/${plan}@1`, "ok"]));
    assert.deepEqual([report.denied, report.failures, report.rejected, report.misfits], [[], [], [], []]);
    const [cell, ...others] = report.cells;
    assert.deepEqual([cell?.reducer, others], [example.reducer, []]);
    // A second order in one world has the next number; a first one ends in the state of its real run.
    if (runs.length === 1) assert.equal(hashValue(cell?.after ?? null), real[0]?.stateHash);
  });
}

test("rehearsal: 10-approvals-budgets: the payment waits for a person, the invoice confirmed wrongly is not paid", async () => {
  const { effects, plans, cells, denied, failures, rejected } = await rehearse(approvalsBudgets);
  assert.deepEqual(effects.map(({ effect, cap, by, answered_by, waits_for }) => ({ effect, cap, by, answered_by, waits_for })), [
    { effect: "http.request", cap: "cap_pay", by: "demo/pay_plan@1", answered_by: "none", waits_for: "approval" },
  ]);
  assert.deepEqual(plans.map(({ instance, status, code }) => [instance, status, code]), [[1, "error", "invariant_violation"], [0, "waiting", undefined]]);
  assert.deepEqual(cells.map(({ reducer, key }) => [reducer, key]), [["demo/Account@1", "beta"], ["demo/Account@1", "alpha"]]);
  assert.deepEqual([denied, failures, rejected], [[], [], []]);
});

test("rehearsal: the answers of the scenarios are used, none is made up", async () => {
  const sources = new Map<string, number>();
  for (const { example } of ROWS) {
    const { effects } = await rehearse(example);
    for (const { effect, answered_by } of effects) sources.set(`${effect} ${answered_by}`, (sources.get(`${effect} ${answered_by}`) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(sources), { "http.request scenario": 10, "blob.get scenario": 6, "llm.generate scenario": 1, "timer.set virtual_time": 2 });
});
