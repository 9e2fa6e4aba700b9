import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { countedTrie } from "../testing/counted-trie.ts";
import { FETCH_EDGES, FETCH_STEPS, fetchModules, fetchWorld, type FetchWorldOptions } from "../testing/fetch-world.ts";
import { inPureWorld, type PureWorld } from "../testing/pure-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { admitEvent } from "./admit.ts";
import { instanceView, waitsOf } from "./plan-view.ts";
import { step } from "./step.ts";
import { trieEntries, trieGet } from "./trie.ts";

const START = { url: "https://example.com/a" };
/** Fetches and listens at once. */
const BOTH: FetchWorldOptions = {
  steps: [...FETCH_STEPS.slice(0, 2), { id: "hear", op: "await_event", event: "demo/Done@1", bind: { as: "heard" } }, { id: "end", op: "end", result: { ref: "@var:heard" } }],
  edges: [...FETCH_EDGES.slice(0, 1), { from: "wait", to: "end" }, { from: "hear", to: "end" }],
};
function inWorld(options: FetchWorldOptions, use: (world: PureWorld) => void): Promise<PureWorld> {
  return inPureWorld({ air: fetchWorld(options), ...fetchModules() }, use);
}
/** The world's index: schema to instances. */
function waiting({ world }: PureWorld): unknown {
  return Object.fromEntries(trieEntries(world.waiting));
}

test("waits: an instance that waits for a receipt and an event: both, by step, with since when", async () => {
  await inWorld({ ...BOTH, plan: { deadline_ns: 5 } }, (world) => {
    world.send("demo/Fetch@1", START);
    const [intent] = world.of("intent");
    const [started] = world.of("plan_started");
    const since = (intent?.seq ?? 0) + 1;
    assert.deepEqual(waitsOf(world.world), [{
      instance: 0, plan: "demo/fetch@1", startedSeq: started?.seq, deadlineNs: world.world.logicalNs + 5n,
      waits: [{ step: "hear", kind: "event", what: "demo/Done@1", since }, { step: "wait", kind: "receipt", what: "http.request under http", seq: intent?.seq, since }],
    }]);
  });
});

test("waits: every running instance waits for something, the oldest first; those that ended are gone", async () => {
  await inWorld(BOTH, (world) => {
    for (let count = 0; count < 12; count++) world.send("demo/Fetch@1", START);
    world.cancel(3);
    const all = waitsOf(world.world);
    assert.deepEqual(all.map(({ instance }) => instance), [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.ok(all.every(({ waits }) => waits.length === 2));
  });
});

test("view: an instance half way: its steps as they stand, its variables and outputs as values", async () => {
  await inWorld(BOTH, (world) => {
    world.send("demo/Fetch@1", START);
    world.answer(world.of("intent")[0]?.seq ?? 0, { payload: httpReceipt(200) });
    const view = instanceView(world.world, 0) ?? assert.fail("it runs");
    assert.deepEqual(view.steps.map(({ step, op, state }) => [step, op, state]), [
      ["get", "emit_effect", "done"], ["wait", "await_receipt", "done"], ["hear", "await_event", "waiting"], ["end", "end", "pending"],
    ]);
    assert.deepEqual(view.input, new Map([["url", START.url]]));
    assert.deepEqual([...view.vars.keys()].sort(), ["answer", "req"]);
    assert.equal((view.vars.get("answer") as ReadonlyMap<string, unknown>).get("status"), 200);
    assert.equal(view.steps[2]?.wait?.what, "demo/Done@1");
    assert.notEqual(view.steps[0]?.output, undefined);
    assert.equal(view.manifest, world.world.control?.manifestHash);
    assert.equal(instanceView(world.world, 1), undefined);
  });
});

test("index of waits: follows the plans: there while one waits, gone when it was heard, cancelled or ended", async () => {
  await inWorld(BOTH, (world) => {
    assert.deepEqual(waiting(world), {});
    for (let count = 0; count < 3; count++) world.send("demo/Fetch@1", START);
    assert.deepEqual(waiting(world), { "demo/Done@1": [0, 1, 2] });
    world.cancel(1);
    assert.deepEqual(waiting(world), { "demo/Done@1": [0, 2] });
    world.send("demo/Done@1", { url: "u", status: 1 });
    assert.deepEqual(waiting(world), {});
    for (const { seq } of world.of("intent").filter(({ instance }) => instance !== 1)) world.answer(seq, { payload: httpReceipt(200) });
    assert.deepEqual(world.of("plan_ended").map(({ instance, status }) => [instance, status]), [[1, "error"], [0, "ok"], [2, "ok"]]);
  });
});

test("index of waits: an event nobody waits for: no plan is looked at, however many run", async () => {
  await inWorld({ steps: BOTH.steps ?? [], edges: BOTH.edges ?? [], manifest: { triggers: [{ event: "demo/Fetch@1", plan: "demo/fetch@1" }] } }, (world) => {
    for (let count = 0; count < 50; count++) world.send("demo/Fetch@1", START);
    const plans = countedTrie(world.world.plans);
    const counted = { ...world.world, plans: plans.trie };
    const quiet = admitEvent(counted, { schema: "demo/Event@1", value: decode(canonical({ $tag: "Done", $value: { url: "u", status: 1 } })), key: undefined, sender: "test" }, world.stamp());
    assert.equal(quiet.kind, "event");
    const made = step(counted, quiet, world.shelf);
    assert.deepEqual(made.records.map(({ kind }) => kind), ["event", "stepped"]);
    assert.equal(plans.reads(), 0);
    const heard = admitEvent(counted, { schema: "demo/Done@1", value: new Map<string, string | number>([["url", "u"], ["status", 1]]), key: undefined, sender: "test" }, world.stamp());
    step(counted, heard, world.shelf);
    assert.ok(plans.reads() >= 50, "the counter counts");
    assert.equal(trieGet(world.world.waiting, "demo/Done@1")?.length, 50);
  });
});
