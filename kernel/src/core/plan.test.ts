// When a step runs, and what plans that run side by side do to each other.

import { test } from "node:test";
import assert from "node:assert/strict";
import { hashToRaw, hashValue } from "../air/hash.ts";
import { FETCH_EDGES, FETCH_STEPS, fetchModules, fetchWorld, type FetchWorldOptions } from "../testing/fetch-world.ts";
import { inPureWorld, type PureWorld } from "../testing/pure-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { TEST_WORLD_ID } from "../testing/test-world.ts";

const START = { url: "https://example.com/a" };
const HEARD = { url: "x", status: 1 };

function inWorld(options: FetchWorldOptions, use: (world: PureWorld) => void): Promise<PureWorld> {
  return inPureWorld({ air: fetchWorld(options), ...fetchModules() }, use);
}
function told(world: PureWorld): number {
  return world.of("raised").filter(({ schema, by }) => schema === "demo/Done@1" && by === "demo/fetch@1").length;
}

const GUARDS = [undefined, true, false] as const;
const edge = (from: string, to: string, when?: boolean): object => ({ from, to, ...(when === undefined ? {} : { when: { bool: when } }) });
/** `first` runs at once, `late` once an event was heard, `join` after both. */
const JOIN: readonly unknown[] = [
  { id: "first", op: "assign", expr: { int: 1 }, bind: { as: "one" } },
  { id: "hear", op: "await_event", event: "demo/Done@1", bind: { as: "heard" } },
  { id: "late", op: "assign", expr: { int: 2 }, bind: { as: "two" } },
  { id: "join", op: "raise_event", event: "demo/Done@1", value: { record: { url: { text: "join" }, status: { int: 0 } } } },
];

test("plan: a step with two before it: runs when both are done or skipped and an edge from one that ran holds, never before", async () => {
  let rows = 0;
  for (const one of GUARDS) {
    for (const two of GUARDS) {
      for (const runs of [true, false]) {
        const edges = [edge("first", "join", one), edge("hear", "late", runs), edge("late", "join", two)];
        await inWorld({ steps: JOIN, edges, plan: { output: null } }, (world) => {
          world.send("demo/Fetch@1", START);
          assert.equal(told(world), 0, "one of the two is still to come");
          world.send("demo/Done@1", HEARD);
          const holds = one !== false || (runs && two !== false);
          assert.deepEqual([told(world), world.of("plan_ended").map(({ status }) => status)], [holds ? 1 : 0, ["ok"]], `${one} ${two} ${runs}`);
        });
        rows++;
      }
    }
  }
  assert.equal(rows, 18);
});

test("plan: behind a skipped step: all of it is skipped, whatever its guards say", async () => {
  const value = { record: { url: { text: "x" }, status: { int: 0 } } };
  const chain = ["a", "b", "c"].map((id) => ({ id, op: "raise_event", event: "demo/Done@1", value }));
  await inWorld({ steps: chain, edges: [edge("a", "b", false), edge("b", "c", true)], plan: { output: null } }, (world) => {
    world.send("demo/Fetch@1", START);
    assert.deepEqual([told(world), world.of("plan_ended").map(({ status, code }) => [status, code])], [1, [["ok", undefined]]]);
  });
});

test("plan: a receipt and an event are waited for side by side, in any order; what is behind one does not wait for the other", async () => {
  const say = (id: string): unknown => ({ id, op: "raise_event", event: "demo/Done@1", value: { record: { url: { text: id }, status: { int: 0 } } } });
  const steps = [...FETCH_STEPS.slice(0, 2), { id: "hear", op: "await_event", event: "demo/Done@1", bind: { as: "heard" } }, say("answered"), say("overheard")];
  const edges = [...FETCH_EDGES.slice(0, 1), edge("wait", "answered"), edge("hear", "overheard")];
  const acts: readonly (readonly [name: string, act: (world: PureWorld) => unknown])[] = [
    ["receipt", (world) => world.answer(world.of("intent")[0]?.seq ?? -1, { payload: httpReceipt(200) })], ["event", (world) => world.send("demo/Done@1", HEARD)],
  ];
  for (const [[first, one], [second, other]] of [[acts[0], acts[1]], [acts[1], acts[0]]] as [[string, (world: PureWorld) => unknown], [string, (world: PureWorld) => unknown]][]) {
    await inWorld({ steps, edges, plan: { output: null } }, (world) => {
      world.send("demo/Fetch@1", START);
      one(world);
      // What the answered branch says is heard by the other, so a raise never waits for who hears it.
      assert.deepEqual([told(world), world.of("plan_ended").length], first === "receipt" ? [2, 1] : [1, 0], first);
      if (first === "event") other(world);
      assert.deepEqual([told(world), world.of("plan_ended").map(({ status }) => status)], [2, ["ok"]], second);
    });
  }
});

test("plan: idempotency by instance: equal effects of two instances have keys and hashes of their own, the same on replay; by default zeros", async () => {
  const manifest = (fetchWorld().at(-1) as { readonly defaults: object }).defaults;
  for (const [idempotency, distinct] of [["instance", 2], [undefined, 1]] as const) {
    await inWorld({ manifest: { defaults: { ...manifest, ...(idempotency === undefined ? {} : { idempotency }) } } }, (world) => {
      for (let count = 0; count < 2; count++) world.send("demo/Fetch@1", START);
      const intents = world.of("intent");
      assert.deepEqual([intents.length, new Set(intents.map(({ intent }) => intent)).size], [2, distinct]);
      const keys = [0, 1].map((instance) => (idempotency === undefined ? new Uint8Array(32) : hashToRaw(hashValue({ world: TEST_WORLD_ID, instance, step: "get" }))));
      assert.deepEqual(intents.map(({ idempotency_key }) => idempotency_key), keys);
      for (const { seq } of intents.toReversed()) world.answer(seq, { payload: httpReceipt(200) });
      assert.deepEqual(world.of("plan_ended").map(({ instance, status }) => [instance, status]), [[1, "ok"], [0, "ok"]]);
    });
  }
});

test("plan: idempotency by instance: an effect that a person grants keeps the key it was shown with", async () => {
  const rules = [{ when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: 1_000 }];
  const manifest = (fetchWorld().at(-1) as { readonly defaults: object }).defaults;
  await inWorld({ policyRules: rules, manifest: { defaults: { ...manifest, idempotency: "instance" } } }, (world) => {
    world.send("demo/Fetch@1", START);
    const [held] = world.of("held");
    world.decide(held?.seq ?? -1, "grant");
    const [intent] = world.of("intent");
    assert.deepEqual([intent?.intent, intent?.idempotency_key], [held?.intent, hashToRaw(hashValue({ world: TEST_WORLD_ID, instance: 0, step: "get" }))]);
  });
});
