import { test } from "node:test";
import assert from "node:assert/strict";
import { callWorld, noModules } from "../testing/call-world.ts";
import { inPureWorld, spentOf, type PureAnswer, type PureWorld } from "../testing/pure-world.ts";

type Amounts = { readonly calls?: number; readonly tokens?: number; readonly cents?: number; readonly bytes?: number };
const worldOf = (budget: Amounts | undefined, more: object = {}): readonly unknown[] => callWorld({ grant: { ...(budget === undefined ? {} : { budget }), ...more } });
const call = (world: PureWorld, n = 1): readonly string[] => world.send("demo/Answer@1", { n }).map((record) => (record.kind === "denied" ? record.code : record.kind));
const lastIntent = (world: PureWorld): number => world.of("intent").at(-1)?.seq ?? assert.fail("an intent");
const ANSWER: PureAnswer = { payload: { n: 1 } };

async function inBudget(budget: Amounts | undefined, use: (world: PureWorld) => Promise<void> | void): Promise<void> {
  await inPureWorld({ air: worldOf(budget), ...noModules }, use);
}

test("budget: none on the grant: no ledger, no reservation, no settlement", async () => {
  await inBudget(undefined, (world) => {
    call(world);
    world.answer(lastIntent(world), ANSWER);
    assert.equal(spentOf(world, "calls"), undefined);
    assert.equal(world.of("intent")[0]?.reserved, undefined);
    assert.equal(world.of("settled").length, 0);
  });
});

test("budget: calls: set aside when asked for, counted at the receipt, refused when spent", async () => {
  await inBudget({ calls: 2 }, (world) => {
    call(world);
    call(world);
    assert.equal(spentOf(world, "calls")?.[0], 2, "set aside");
    assert.ok(call(world).includes("budget.exceeded"));
    world.answer(lastIntent(world), ANSWER);
    assert.equal(spentOf(world, "calls")?.[0], 2, "a call is a call");
    assert.ok(call(world).includes("budget.exceeded"));
    assert.match(world.of("denied")[0]?.message ?? "", /^calls: calls are limited to 2, 2 spent, 1 asked$/);
  });
});

test("budget: bytes: params are set aside, params and payload are counted", async () => {
  await inBudget({ bytes: 10_000 }, (world) => {
    call(world);
    const [intent] = world.of("intent");
    const params = intent?.params.length ?? 0;
    assert.deepEqual(spentOf(world, "calls"), [1, 0, 0, params]);
    world.answer(lastIntent(world), ANSWER);
    const payload = world.of("receipt")[0]?.payload.length ?? 0;
    assert.ok(params > 0 && payload > 0);
    assert.deepEqual(spentOf(world, "calls"), [1, 0, 0, params + payload]);
    const [settled] = world.of("settled");
    assert.deepEqual([settled?.cap, settled?.intent_seq, settled?.cause], ["calls", intent?.seq, world.of("receipt")[0]?.seq]);
    assert.deepEqual(settled?.took, new Map([["calls", 1], ["tokens", 0], ["cents", 0], ["bytes", params + payload]]));
    assert.deepEqual(settled?.spent, settled?.took);
  });
});

test("budget: cents: nobody knows them before; a call needs room for more, and may go beyond once", async () => {
  await inBudget({ cents: 5 }, (world) => {
    call(world);
    world.answer(lastIntent(world), { ...ANSWER, costCents: 4 });
    call(world);
    world.answer(lastIntent(world), { ...ANSWER, costCents: 9 });
    assert.equal(spentOf(world, "calls")?.[2], 13);
    assert.ok(call(world).includes("budget.exceeded"));
    assert.match(world.of("denied")[0]?.message ?? "", /cents are limited to 5, 13 spent, more asked/);
  });
});

test("budget: an effect that failed: what its receipt says is counted all the same", async () => {
  await inBudget({ calls: 9, cents: 9 }, (world) => {
    call(world);
    world.answer(lastIntent(world), { status: "error", payload: null, costCents: 2 });
    assert.deepEqual(spentOf(world, "calls")?.slice(0, 3), [1, 0, 2]);
  });
});

test("budget: a refused effect: takes nothing", async () => {
  await inPureWorld({ air: callWorld({ grant: { budget: { calls: 5 } }, rules: [] }), ...noModules }, (world) => {
    assert.ok(call(world).includes("policy.denied"));
    assert.equal(spentOf(world, "calls"), undefined);
  });
});

const upgrades: readonly { readonly name: string; readonly next: Amounts | undefined; readonly spent: number | undefined; readonly outcome: string }[] = [
  { name: "the same limit", next: { calls: 1 }, spent: 1, outcome: "budget.exceeded" },
  { name: "a higher limit", next: { calls: 2 }, spent: 1, outcome: "intent" },
  { name: "a lower limit", next: { calls: 0 }, spent: 1, outcome: "budget.exceeded" },
  { name: "another dimension", next: { cents: 9 }, spent: 1, outcome: "intent" },
  { name: "no budget", next: undefined, spent: undefined, outcome: "intent" },
];
for (const { name, next, spent, outcome } of upgrades) {
  test(`budget: ${name} applied: ledger ${spent ?? "gone"}, the next call gives ${outcome}`, async () => {
    await inBudget({ calls: 1 }, async (world) => {
      call(world);
      world.apply(await world.prepare(worldOf(next)));
      assert.equal(spentOf(world, "calls")?.[0], spent);
      assert.ok(call(world).includes(outcome));
    });
  });
}

test("budget: taken away and given back while an effect runs: its receipt is counted, its old reservation is not", async () => {
  await inBudget({ calls: 5 }, async (world) => {
    call(world);
    call(world);
    world.apply(await world.prepare(worldOf(undefined)));
    world.apply(await world.prepare(worldOf({ calls: 5 })));
    for (const { seq } of world.of("intent")) world.answer(seq, ANSWER);
    assert.equal(spentOf(world, "calls")?.[0], 1, "the ledger began anew and never went below zero");
  });
});

test("budget: tokens: max_tokens are set aside, those used are counted", async () => {
  const hash = `sha256:${"0".repeat(64)}`;
  const params = {
    record: {
      provider: { text: "p" }, model: { text: "m" }, temperature: { dec128: "0" }, max_tokens: { ref: "@plan.input.n" }, message_refs: { list: [{ hash }] },
      tool_refs: { null: {} }, tool_choice: { null: {} }, api_key: { null: {} },
    },
  };
  const air = (callWorld() as readonly Record<string, unknown>[]).map((node) => {
    if (node["$kind"] === "defplan") return { ...node, steps: [{ id: "ask", op: "emit_effect", kind: "llm.generate", cap: "llm", params, bind: { effect_id_as: "asked" } }] };
    if (node["$kind"] === "defpolicy") return { ...node, rules: [{ when: {}, decision: "allow" }] };
    if (node["$kind"] === "defsecret") return { ...node, allowed_caps: [] };
    if (node["$kind"] !== "manifest") return node;
    const grants = [{ name: "llm", cap: "sys/llm.basic@1", params: { record: {} }, budget: { tokens: 100 } }];
    return {
      ...node, effects: [{ name: "sys/llm.generate@1" }], caps: [{ name: "sys/llm.basic@1" }], modules: [{ name: "sys/CapEnforceLlmBasic@1" }],
      defaults: { policy: "demo/policy@1", cap_grants: grants },
    };
  });
  await inPureWorld({ air, ...noModules }, (world) => {
    call(world, 60);
    assert.equal(spentOf(world, "llm")?.[1], 60);
    assert.ok(call(world, 41).includes("budget.exceeded"));
    world.answer(lastIntent(world), { payload: { output_ref: hash, token_usage: { prompt: 20, completion: 10 }, cost_cents: 3, provider_id: "p" } });
    assert.deepEqual(spentOf(world, "llm")?.slice(1, 3), [30, 3]);
    assert.ok(call(world, 70).includes("intent"));
    world.answer(lastIntent(world), { status: "error", payload: null });
    assert.equal(spentOf(world, "llm")?.[1], 100, "nobody knows what the far side charged: what was set aside is taken");
  });
});
