import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeOf, slotOf, vectorSchemas } from "../testing/air.ts";
import { vectors } from "../testing/vectors.ts";
import { BUILTIN_EFFECTS } from "./catalog.ts";
import { canonical } from "./cbor.ts";
import { hex } from "./hash.ts";
import { normalizePlan } from "./plan-normal.ts";
import { nodeHash, nodeValue, slotValueOf } from "./serialize.ts";
import type { Problem } from "./parse.ts";
import type { DefPlan, Json, Slot } from "./types.ts";

const FILE = "plan-normal.json";
const env = { schemas: vectorSchemas(FILE), effects: BUILTIN_EFFECTS };

function planOf(json: Json): DefPlan {
  const node = nodeOf(json);
  assert.equal(node.kind, "defplan");
  return node as DefPlan;
}

function normalised(plan: DefPlan): { readonly plan: DefPlan; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { plan: normalizePlan(plan, env, (problem) => problems.push(problem)), problems };
}

function errorsOf(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ severity }) => severity !== "warning");
}

for (const row of vectors(FILE, "hashes")) {
  test(`plan: ${row.label}: the hash of the normal form`, () => {
    const raw = planOf(row.json("plan"));
    if (row.has("raw")) assert.equal(nodeHash(raw), row.text("raw"));
    const { plan, problems } = normalised(raw);
    assert.deepEqual(errorsOf(problems), []);
    if (row.has("cbor")) assert.equal(hex(canonical(nodeValue(plan))), row.text("cbor"));
    assert.equal(nodeHash(plan), row.text("normal"));
    assert.equal(nodeHash(normalised(plan).plan), row.text("normal"), "the normal form is its own normal form");
  });
}

for (const row of vectors(FILE, "derived")) {
  test(`plan: ${row.label}`, () => {
    const { plan, problems } = normalised(planOf(row.json("before")));
    assert.deepEqual(problems, []);
    assert.deepEqual(plan.required_caps, row.has("required_caps") ? row.json("required_caps") : undefined);
    assert.deepEqual(plan.allowed_effects, row.has("allowed_effects") ? row.json("allowed_effects") : undefined);
  });
}

for (const row of vectors(FILE, "slots")) {
  test(`plan slot: ${row.label}`, () => {
    const json: Json = new Map<string, Json>([
      ["$kind", "defplan"], ["name", "com.acme/Plan@1"], ["input", "com.acme/Input@1"], ["steps", [row.json("step")]],
      ...(row.has("output") ? [["output", row.json("output")] as const] : []),
    ]);
    const { plan, problems } = normalised(planOf(json));
    const step = plan.steps[0] as unknown as Readonly<Record<string, Slot>>;
    const slot = step[row.text("slot")];
    assert.ok(slot !== undefined);
    assert.equal(hex(canonical(slotValueOf(slot))), hex(canonical(slotValueOf(slotOf(row.json("after"))))));
    assertProblems(problems, row.json("problems"));
  });
}

for (const row of vectors(FILE, "problems")) {
  test(`plan: ${row.label}: reported, not thrown`, () => {
    const before = planOf(row.json("plan"));
    const { plan, problems } = normalised(before);
    assertProblems(problems, row.json("problems"));
    assert.equal(plan.steps.length, before.steps.length);
  });
}

function assertProblems(found: readonly Problem[], wanted: Json): void {
  const rows = wanted as readonly ReadonlyMap<string, Json>[];
  assert.deepEqual(found.map(({ code, severity = "error", pointer }) => ({ code, severity, pointer })),
    rows.map((row) => ({ code: row.get("code"), severity: row.get("severity"), pointer: row.get("pointer") })));
  rows.forEach((row, index) => {
    if (row.has("hint")) assert.equal(found[index]!.hint, row.get("hint"));
  });
}

test("plan: guards, predicates and invariants: not touched", () => {
  const json = new Map<string, Json>([
    ["$kind", "defplan"], ["name", "com.acme/Plan@1"], ["input", "com.acme/Input@1"],
    ["steps", [
      new Map<string, Json>([["id", "w"], ["op", "await_event"], ["event", "com.acme/Tags@1"], ["where", unsortedSet()], ["bind", new Map([["as", "e"]])]]),
      new Map<string, Json>([["id", "r"], ["op", "await_receipt"], ["for", new Map([["ref", "@var:h"]])], ["bind", new Map([["as", "x"]])]]),
    ]],
    ["edges", [new Map<string, Json>([["from", "w"], ["to", "r"], ["when", unsortedSet()]])]],
    ["invariants", [unsortedSet()]],
  ]);
  const before = planOf(json);
  const { plan, problems } = normalised(before);
  assert.deepEqual(problems, []);
  assert.deepEqual(plan, before);
});

function unsortedSet(): Json {
  return new Map([["set", [new Map([["text", "bb"]]), new Map([["text", "a"]])]]]);
}
