import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { valueToJson } from "../air/json.ts";
import { callWorld, noModules } from "../testing/call-world.ts";
import { inPureWorld } from "../testing/pure-world.ts";
import { armOf, countAndFetch, FETCH_EDGES, FETCH_STEPS, fetchModules, fetchWorld, fieldOf, type FetchWorldOptions } from "../testing/fetch-world.ts";
import type { NativeReducer } from "../testing/native-modules.ts";
import { httpReceipt, stubAdapter, type StubAnswer } from "../testing/stub-adapter.ts";
import { controlFrom, withWorld, type TestWorld } from "../testing/test-world.ts";
import { LIMITS } from "./limits.ts";
import { encodeRecord } from "./record.ts";
import { trieEntries, trieGet, trieSize } from "./trie.ts";

const START = { $tag: "Start", $value: { url: "https://example.com/a" } };

async function inFetchWorld(
  options: FetchWorldOptions & { readonly answers?: readonly StubAnswer[]; readonly reduce?: NativeReducer },
  use: (world: TestWorld) => Promise<void>,
): Promise<void> {
  const adapters = [stubAdapter(["http.request"], options.answers ?? [{ payload: httpReceipt(200) }])];
  await withWorld({ air: fetchWorld(options), ...fetchModules(options.reduce), adapters }, use);
}

function stateOf(world: TestWorld): unknown {
  const cell = trieGet(world.host.world.cells, "demo/Counter@1");
  return cell === undefined ? undefined : toPlain(valueToJson(decode(cell.state)));
}
function toPlain(json: unknown): unknown {
  return json instanceof Map ? Object.fromEntries([...json].map(([key, value]) => [key, toPlain(value)])) : json;
}

test("turn: event, plan, effect, receipt, event back: every record has its cause", async () => {
  await inFetchWorld({}, async (world) => {
    const records = await world.send("demo/Event@1", START);
    assert.deepEqual(records.map(({ kind }) => kind), ["event", "stepped", "raised", "plan_started", "intent", "receipt", "raised", "plan_ended", "stepped"]);
    const bySeq = new Map(records.map((record) => [record.seq as number, record.kind]));
    const causes = records.map((record) => ("cause" in record ? `${record.kind} by ${bySeq.get(record.cause)}` : record.kind));
    assert.deepEqual(causes, [
      "event", "stepped by event", "raised by stepped", "plan_started by raised", "intent by plan_started", "receipt", "raised by receipt", "plan_ended by receipt", "stepped by raised",
    ]);
    assert.deepEqual(stateOf(world), { starts: 1, last: 200 });
  });
});

test("turn: seq: is the number of records before it, in the world and in the journal (I1)", async () => {
  await inFetchWorld({}, async (world) => {
    await world.send("demo/Event@1", START);
    assert.deepEqual(world.records().map(({ seq }) => seq as number), world.records().map((_, index) => index));
    assert.equal(world.host.world.nextSeq, world.records().length);
  });
});

const rejections: readonly { readonly name: string; readonly schema: string; readonly value: unknown; readonly code: string }[] = [
  { name: "unknown schema", schema: "demo/Nothing@1", value: null, code: "schema.missing" },
  { name: "missing field", schema: "demo/Start@1", value: {}, code: "value.invalid" },
  { name: "unknown arm", schema: "demo/Event@1", value: { $tag: "Stop", $value: null }, code: "value.invalid" },
  { name: "an arm without its value", schema: "demo/Event@1", value: { $tag: "Start" }, code: "value.invalid" },
  { name: "wrong type", schema: "demo/Start@1", value: { url: 5 }, code: "value.invalid" },
];
for (const row of rejections) {
  test(`admit: ${row.name}: rejected with ${row.code}, nothing derived, state as it was`, async () => {
    await inFetchWorld({}, async (world) => {
      const records = await world.send(row.schema, row.value as never);
      assert.deepEqual(records.map(({ kind }) => kind), ["rejected"]);
      assert.equal(records[0]?.kind === "rejected" ? records[0].code : "", row.code);
      assert.equal(trieSize(world.host.world.cells), 0);
    });
  });
}

const failures: readonly { readonly name: string; readonly reduce: NativeReducer; readonly code: string }[] = [
  { name: "trap", reduce: () => { throw new Error("boom"); }, code: "module.trap" },
  { name: "state that fits no schema", reduce: () => ({ state: { starts: "many" } }), code: "value.invalid" },
  { name: "raised event that fits no schema", reduce: () => ({ state: { starts: 1, last: null }, events: [{ schema: "demo/Fetch@1", value: 7 }] }), code: "value.invalid" },
  { name: "raised event whose arm has no value", reduce: () => ({ state: { starts: 1, last: null }, events: [{ schema: "demo/Event@1", value: { $tag: "Done" } }] }), code: "value.invalid" },
  { name: "effect it did not declare", reduce: () => ({ state: { starts: 1, last: null }, effects: [{ effect: "timer.set", params: { deliver_at_ns: 1, key: null } }] }), code: "effect.undeclared" },
];
for (const row of failures) {
  test(`reducer: ${row.name}: the step is undone, step_failed says ${row.code}, the next event is taken`, async () => {
    await inFetchWorld({ reduce: (state, event, ctx) => (armOf(event)[0] === "Start" ? row.reduce(state, event, ctx) : countAndFetch(state, event, ctx)) }, async (world) => {
      const records = await world.send("demo/Event@1", START);
      const failed = records.find((record) => record.kind === "step_failed");
      assert.equal(failed?.code, row.code);
      assert.deepEqual(records.map(({ kind }) => kind).filter((kind) => kind !== "denied"), ["event", "step_failed"]);
      assert.equal(stateOf(world), undefined);
      await world.send("demo/Event@1", { $tag: "Done", $value: { url: "u", status: 5 } });
      assert.deepEqual(stateOf(world), { starts: 0, last: 5 });
    });
  });
}

const endings: readonly { readonly name: string; readonly options: Parameters<typeof inFetchWorld>[0]; readonly code: string }[] = [
  { name: "host not in the grant", options: { hosts: ["other.org"] }, code: "denied:host_not_allowed" },
  { name: "policy says no", options: { policyRules: [{ when: { effect_kind: "http.request" }, decision: "deny" }] }, code: "denied:policy.denied" },
  { name: "no rule matches", options: { policyRules: [] }, code: "denied:policy.denied" },
  { name: "receipt with status error", options: { answers: [{ status: "error", payload: httpReceipt(599) }] }, code: "effect_error" },
  { name: "receipt with status timeout", options: { answers: [{ status: "timeout", payload: httpReceipt(598) }] }, code: "effect_timeout" },
  { name: "receipt that does not fit its schema", options: { answers: [{ payload: { nonsense: 1 } }] }, code: "effect_error" },
  { name: "invariant broken", options: { plan: { invariants: [{ op: "lt", args: [{ ref: "@var:answer.status" }, { int: 100 }] }] } }, code: "invariant_violation" },
];
for (const row of endings) {
  test(`plan: ${row.name}: ends with ${row.code}, journaled, nothing stays open`, async () => {
    await inFetchWorld(row.options, async (world) => {
      await world.send("demo/Event@1", START);
      assert.deepEqual(world.of("plan_ended").map(({ status, code }) => [status, code]), [["error", row.code]]);
      assert.equal(trieSize(world.host.world.plans), 0);
      assert.equal(trieSize(world.host.world.intents), 0);
    });
  });
}

test("plan: status_as bound: the plan goes on after an error and sees the status", async () => {
  const steps = FETCH_STEPS.map((step) => {
    const { id } = step as { id: string };
    if (id === "wait") return { id: "wait", op: "await_receipt", for: { ref: "@var:req" }, bind: { as: "answer", status_as: "how" } };
    if (id === "tell") return { id: "tell", op: "raise_event", event: "demo/Done@1", value: { record: { url: { ref: "@var:how" }, status: { ref: "@var:answer.status" } } } };
    return step;
  });
  await inFetchWorld({ steps, answers: [{ status: "error", payload: httpReceipt(599) }] }, async (world) => {
    await world.send("demo/Event@1", START);
    assert.deepEqual(world.of("plan_ended").map(({ status }) => status), ["ok"]);
    const told = world.of("raised").find(({ schema }) => schema === "demo/Done@1");
    assert.equal(told === undefined ? "" : fieldOf(decode(told.value), "url"), "error");
  });
});

test("plan: guard false: the step and everything behind it is skipped, the plan ends", async () => {
  const edges = FETCH_EDGES.map((edge) => ((edge as { to: string }).to === "tell" ? { from: "wait", to: "tell", when: { op: "gt", args: [{ ref: "@var:answer.status" }, { int: 500 }] } } : edge));
  await inFetchWorld({ edges, steps: FETCH_STEPS, plan: {} }, async (world) => {
    await world.send("demo/Event@1", START);
    assert.deepEqual(world.of("raised").map(({ schema }) => schema), ["demo/Fetch@1"]);
    assert.deepEqual(world.of("plan_ended").map(({ status, result }) => [status, result]), [["ok", undefined]]);
  });
});

test("plan: two instances with the same intent: each gets its own receipt (I3)", async () => {
  await inFetchWorld({ answers: [{ payload: httpReceipt(201) }, { payload: httpReceipt(202) }] }, async (world) => {
    await Promise.all([world.send("demo/Event@1", START), world.send("demo/Event@1", START)]);
    await world.host.settled();
    const intents = world.of("intent");
    assert.equal(intents.length, 2);
    assert.equal(intents[0]?.intent, intents[1]?.intent);
    assert.deepEqual(world.of("receipt").map(({ intent_seq }) => intent_seq).sort((a, b) => a - b), intents.map(({ seq }) => seq as number));
    assert.equal(world.of("plan_ended").filter(({ status }) => status === "ok").length, 2);
  });
});

test("plan: await_event: wakes by the event that its predicate accepts, no other", async () => {
  const steps = [
    { id: "hear", op: "await_event", event: "demo/Done@1", where: { op: "eq", args: [{ ref: "@event.status" }, { int: 7 }] }, bind: { as: "heard" } },
    { id: "end", op: "end", result: { ref: "@var:heard" } },
  ];
  await inFetchWorld({ steps, edges: [{ from: "hear", to: "end" }] }, async (world) => {
    await world.send("demo/Event@1", START);
    await world.send("demo/Event@1", { $tag: "Done", $value: { url: "no", status: 6 } });
    assert.deepEqual([...trieEntries(world.host.world.plans)].map(([, plan]) => [...plan.waits.values()].map(({ kind }) => kind)), [["event"]]);
    await world.send("demo/Done@1", { url: "other", status: 6 });
    assert.equal(world.of("plan_ended").length, 0);
    await world.send("demo/Done@1", { url: "yes", status: 7 });
    assert.deepEqual(world.of("plan_ended").map(({ status }) => status), ["ok"]);
  });
});

test("turn: a reducer that asks itself for ever: stops at the limit, the rest refused, the world goes on", async () => {
  const loop: NativeReducer = (_state, event) => ({ state: { starts: 0, last: null }, events: [{ schema: "demo/Start@1", value: { url: String(fieldOf(armOf(event)[1], "url")) } }] });
  await inFetchWorld({ reduce: loop }, async (world) => {
    const records = await world.send("demo/Start@1", { url: "x" });
    const last = records.at(-1);
    assert.equal(last?.kind === "step_failed" ? last.code : last?.kind, "limit.turn");
    assert.ok(records.length <= 10_002 && records.length >= 10_000, `${records.length} records`);
  });
});

test("turn: a reducer that asks itself for ever with much in hand: stops at the bytes a turn carries; one step over them is undone whole", async () => {
  const big = "x".repeat(1_000_000);
  const events = (count: number) => Array.from({ length: count }, () => ({ schema: "demo/Start@1", value: { url: big } }));
  for (const [count, raised] of [[1, 33], [20, 20], [40, 0]] as const) {
    const loop: NativeReducer = () => ({ state: { starts: 0, last: null }, events: events(count) });
    await inFetchWorld({ reduce: loop }, async (world) => {
      const records = await world.send("demo/Start@1", { url: "x" });
      assert.equal(records.filter(({ kind }) => kind === "raised").length, raised);
      const last = records.at(-1);
      assert.equal(last?.kind === "step_failed" ? last.code : last?.kind, "limit.turn");
      assert.ok(records.reduce((sum, made) => sum + encodeRecord(made).length, 0) < LIMITS.bytesPerTurn + 1_000_000);
    });
  }
});

test("upgrade: a plan in flight: keeps the definition it started with, its receipt arrives, new instances take the new one", async () => {
  let release: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = stubAdapter(["http.request"], [{ payload: httpReceipt(200) }]);
  const adapter = { ...slow, run: async (call: Parameters<typeof slow.run>[0]) => { await gate; return slow.run(call); } };
  const modules = fetchModules();
  await withWorld({ air: fetchWorld(), ...modules, adapters: [adapter] }, async (world) => {
    await world.host.submit({ schema: "demo/Start@1", value: new Map([["url", "https://example.com/a"]]), key: undefined, sender: "test" });
    const ends = { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { int: -1 } } } };
    const control = controlFrom(fetchWorld({ steps: [ends], edges: [] }), modules.moduleHashes);
    await world.host.apply({ control, artifacts: [], commit: "1".repeat(40), base: "0".repeat(40), decision: null });
    release?.();
    await world.host.settled();
    assert.deepEqual(world.of("plan_ended").map(({ status, result }) => [status, fieldOf(decode(result ?? new Uint8Array([0xf6])), "status")]), [["ok", 200]]);
    await world.send("demo/Start@1", { url: "https://example.com/b" });
    assert.deepEqual(world.of("plan_ended").map(({ result }) => fieldOf(decode(result ?? new Uint8Array([0xf6])), "status")), [200, -1]);
  });
});

test("upgrade: the receipt schema changed while the effect ran: the plan sees an error without a payload, the world goes on", async () => {
  const waiting = (answer: unknown): readonly unknown[] => (callWorld() as readonly Record<string, unknown>[]).map((node) => {
    if (node["name"] === "demo/Got@1") return { ...node, type: answer };
    if (node["$kind"] === "defeffect") return { ...node, receipt_schema: "demo/Got@1" };
    if (node["$kind"] === "manifest") return { ...node, schemas: [...(node["schemas"] as readonly unknown[]), { name: "demo/Got@1" }] };
    return node["$kind"] === "defplan" ? { ...node, steps: [...(node["steps"] as readonly unknown[]), { id: "wait", op: "await_receipt", for: { ref: "@var:called" }, bind: { as: "got" } }], edges: [{ from: "call", to: "wait" }] } : node;
  });
  const air = (answer: unknown): readonly unknown[] => [{ $kind: "defschema", name: "demo/Got@1", type: answer }, ...waiting(answer)];
  await inPureWorld({ air: air({ record: { n: { nat: {} } } }), ...noModules }, async (world) => {
    world.send("demo/Answer@1", { n: 1 });
    const [intent] = world.of("intent");
    assert.ok(intent !== undefined);
    world.apply(await world.prepare(air({ record: { n: { text: {} } } })));
    const receipt = { kind: "receipt", intent: intent.intent, intent_seq: intent.seq, adapter: "test", status: "ok", payload: canonical({ n: 1 }) } as const;
    world.take({ ...receipt, started_ns: 0n, finished_ns: 0n, signer: new Uint8Array(32), signature: new Uint8Array(64), ...world.stamp() });
    assert.deepEqual(world.of("plan_ended").map(({ status, code }) => [status, code]), [["error", "effect_error"]]);
    assert.equal(trieSize(world.world.intents), 0);
  });
});
