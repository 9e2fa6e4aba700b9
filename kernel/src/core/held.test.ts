import { test } from "node:test";
import assert from "node:assert/strict";
import { decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { armOf, FETCH_STEPS, fetchModules, fetchWorld, type FetchWorldOptions } from "../testing/fetch-world.ts";
import { inPureWorld, spentOf, type PureWorld, type PureWorldOptions } from "../testing/pure-world.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { APPROVAL_NAMESPACE, approvalMessage } from "./approval.ts";
import { duesOf } from "./due.ts";
import { waitsOf } from "./plan-view.ts";
import type { JournalRecord } from "./record.ts";
import { trieGet, trieSize } from "./trie.ts";

const ASK = { when: { effect_kind: "http.request" }, decision: "require_approval" };
const HOUR = 3_600_000_000_000;
const START = { url: "https://example.com/a" };

/** The fetch world with a grant's budget and expiry. */
function withGrant(options: FetchWorldOptions, grant: Record<string, unknown>): readonly unknown[] {
  const air = fetchWorld(options) as readonly Record<string, unknown>[];
  const manifest = air[air.length - 1] as { readonly defaults: { readonly policy: string; readonly cap_grants: readonly object[] } };
  const defaults = { ...manifest.defaults, cap_grants: manifest.defaults.cap_grants.map((one) => ({ ...one, ...grant })) };
  return [...air.slice(0, -1), { ...manifest, defaults }];
}

function optionsOf(air: readonly unknown[]): PureWorldOptions {
  return { air, ...fetchModules() };
}
const kinds = (records: readonly JournalRecord[] | undefined): readonly string[] => (records ?? []).map(({ kind }) => kind);
const endings = (world: PureWorld): readonly unknown[] => world.of("plan_ended").map(({ status, code, step }) => [status, code, step]);
function heldSeq(world: PureWorld): number {
  return world.of("held").at(-1)?.seq ?? assert.fail("an effect is held");
}
/** Nothing of the effect is left in the world. */
function nothingOpen({ world }: PureWorld): void {
  assert.deepEqual([trieSize(world.plans), trieSize(world.intents), trieSize(world.held), trieSize(world.waiting)], [0, 0, 0, 0]);
}

test("held: a rule that asks for a person: no intent, the plan waits for an approval, status says so", async () => {
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK] })), (world) => {
    const records = world.send("demo/Fetch@1", START);
    assert.deepEqual(kinds(records), ["event", "plan_started", "held"]);
    const [held] = world.of("held");
    assert.deepEqual([held?.policy, held?.rule, held?.expires_ns, held?.step], ["demo/policy@1", 0, undefined, "get"]);
    const [instance] = waitsOf(world.world);
    assert.deepEqual(instance?.waits, [{ step: "wait", kind: "approval", what: "http.request under http", seq: heldSeq(world), since: heldSeq(world) + 1 }]);
  });
});

test("held: granted: checked again, becomes an intent that cites the approval, its receipt goes to the plan", async () => {
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK] })), (world) => {
    world.send("demo/Fetch@1", START);
    const records = world.decide(heldSeq(world), "grant");
    assert.deepEqual(kinds(records), ["approval", "intent"]);
    const [intent] = world.of("intent");
    const [approval] = world.of("approval");
    assert.deepEqual([intent?.approved, intent?.cause, intent?.rule, intent?.intent], [approval?.seq, approval?.seq, 0, world.of("held")[0]?.intent]);
    assert.equal(trieSize(world.world.held), 0);
    const [instance] = waitsOf(world.world);
    assert.deepEqual(instance?.waits.map(({ kind, seq }) => [kind, seq]), [["receipt", intent?.seq]]);
    world.answer(intent?.seq ?? 0, { payload: httpReceipt(200) });
    assert.deepEqual(endings(world), [["ok", undefined, undefined]]);
    nothingOpen(world);
  });
});

const noes: readonly { readonly name: string; readonly rules: readonly unknown[]; readonly act: (world: PureWorld) => unknown; readonly code: string; readonly message: RegExp }[] = [
  { name: "denied by a person", rules: [ASK], act: (world) => world.decide(heldSeq(world), "deny", "not this host"), code: "approval.denied", message: /^denied by alex: not this host$/ },
  {
    name: "left until its time was over", rules: [{ ...ASK, approval_ttl_ns: HOUR }], code: "approval.expired", message: /nobody decided/,
    act: (world) => {
      assert.equal(world.due("approval", heldSeq(world)), undefined, "not yet");
      world.pass(BigInt(HOUR));
      return world.due("approval", heldSeq(world)) ?? assert.fail("it is due");
    },
  },
];
for (const { name, rules, act, code, message } of noes) {
  test(`held: ${name}: a denied record with the rule that held it, the plan ends with denied:${code}`, async () => {
    await inPureWorld(optionsOf(fetchWorld({ policyRules: rules })), (world) => {
      world.send("demo/Fetch@1", START);
      act(world);
      const [denied] = world.of("denied");
      assert.deepEqual([denied?.stage, denied?.code, denied?.policy, denied?.rule, denied?.intent], ["approval", code, "demo/policy@1", 0, world.of("held")[0]?.intent]);
      assert.match(denied?.message ?? "", message);
      assert.deepEqual(endings(world), [["error", `denied:${code}`, "get"]]);
      nothingOpen(world);
    });
  });
}

test("held: denied where the wait binds status_as: ends all the same, as any denied effect does", async () => {
  const steps = FETCH_STEPS.map((step) => ((step as { id: string }).id === "wait" ? { ...(step as object), bind: { as: "answer", status_as: "how" } } : step));
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK], steps })), (world) => {
    world.send("demo/Fetch@1", START);
    world.decide(heldSeq(world), "deny");
    assert.deepEqual(endings(world), [["error", "denied:approval.denied", "get"]]);
  });
});

const ALLOW = { ...ASK, decision: "allow" };
/** What may have happened to the control plane between the question and the answer. */
const changes: readonly { readonly name: string; readonly air: readonly unknown[]; readonly stage: string; readonly code: string }[] = [
  { name: "the policy denies it now", air: fetchWorld({ policyRules: [{ ...ASK, decision: "deny" }] }), stage: "policy", code: "policy.denied" },
  { name: "the grant no longer reaches the host", air: fetchWorld({ policyRules: [ASK], hosts: ["other.org"] }), stage: "capability", code: "host_not_allowed" },
  { name: "the grant has expired", air: withGrant({ policyRules: [ASK] }, { expiry_ns: 1 }), stage: "capability", code: "expired" },
  { name: "the grant is gone", air: withGrant({ policyRules: [ASK], plan: { steps: [{ id: "end", op: "end", result: { record: { url: { text: "" }, status: { int: 0 } } } }], edges: [] } }, { name: "other" }), stage: "grant", code: "cap.grant_missing" },
  { name: "the grant has no budget left", air: withGrant({ policyRules: [ASK] }, { budget: { calls: 0 } }), stage: "budget", code: "budget.exceeded" },
];
for (const { name, air, stage, code } of changes) {
  test(`held: granted when ${name}: denied at ${stage} with ${code}`, async () => {
    await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK] })), async (world) => {
      world.send("demo/Fetch@1", START);
      assert.ok(world.apply(await world.prepare(air)) !== undefined);
      assert.deepEqual(kinds(world.decide(heldSeq(world), "grant")), ["approval", "denied", "plan_ended"]);
      assert.deepEqual(world.of("denied").map((denied) => [denied.stage, denied.code]), [[stage, code]]);
      nothingOpen(world);
    });
  });
}

test("held: granted when the policy would let it pass by now: becomes an intent", async () => {
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK] })), async (world) => {
    world.send("demo/Fetch@1", START);
    world.apply(await world.prepare(fetchWorld({ policyRules: [{ when: { origin_kind: "reducer" }, decision: "deny" }, ALLOW] })));
    assert.deepEqual(kinds(world.decide(heldSeq(world), "grant")), ["approval", "intent"]);
    assert.equal(world.of("intent")[0]?.rule, 1);
  });
});

test("held: a plan that ended otherwise: the effect waits on, a grant opens it, a denial is recorded and ends nothing", async () => {
  const steps = [FETCH_STEPS[0], { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { int: 1 } } } }];
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [ASK], steps, edges: [{ from: "get", to: "end" }] })), (world) => {
    for (const decision of ["grant", "deny"] as const) {
      world.send("demo/Fetch@1", START);
      assert.deepEqual(kinds(world.decide(heldSeq(world), decision)), ["approval", decision === "grant" ? "intent" : "denied"]);
    }
    world.answer(world.of("intent")[0]?.seq ?? 0, { payload: httpReceipt(200) });
    assert.deepEqual(endings(world).length, 2);
    nothingOpen(world);
  });
});

test("held: a second decision, or one on an intent: refused, nothing changed", async () => {
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [{ ...ASK, approval_ttl_ns: HOUR }] })), (world) => {
    world.send("demo/Fetch@1", START);
    const at = heldSeq(world);
    world.decide(at, "grant");
    world.send("demo/Fetch@1", START);
    const later = heldSeq(world);
    const before = world.records.length;
    assert.throws(() => world.decide(at, "deny"), refused("approval.not_held"));
    assert.throws(() => world.decide(world.of("intent")[0]?.seq ?? 0, "grant"), refused("approval.not_held"));
    world.pass(BigInt(HOUR));
    assert.throws(() => world.decide(later, "grant"), refused("approval.expired"));
    assert.equal(world.records.length, before);
  });
});
function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AosError && error.code === code;
}

test("held: budget: set aside while it waits, free again when it is denied or withdrawn, kept when it is granted", async () => {
  await inPureWorld(optionsOf(withGrant({ policyRules: [ASK] }, { budget: { calls: 1 } })), (world) => {
    world.send("demo/Fetch@1", START);
    assert.equal(spentOf(world, "http")?.[0], 1);
    world.send("demo/Fetch@1", START);
    assert.deepEqual(world.of("denied").map(({ stage }) => stage), ["budget"]);
    world.decide(heldSeq(world), "deny");
    assert.deepEqual(spentOf(world, "http"), [0, 0, 0, 0]);
    world.send("demo/Fetch@1", START);
    world.cancel(world.of("plan_started").at(-1)?.instance ?? 0);
    assert.deepEqual(spentOf(world, "http"), [0, 0, 0, 0]);
    world.send("demo/Fetch@1", START);
    world.decide(heldSeq(world), "grant");
    assert.equal(spentOf(world, "http")?.[0], 1);
    assert.deepEqual(world.of("intent").at(-1)?.reserved, world.of("held").at(-1)?.reserved);
  });
});

test("held: a reducer's effect: waits without a plan; a denial leaves the record and nothing else", async () => {
  await inPureWorld(timerWorld([{ when: {}, decision: "require_approval" }]), (world) => {
    assert.deepEqual(kinds(world.send("demo/Start@1", START)), ["event", "stepped", "held"]);
    assert.deepEqual(kinds(world.decide(heldSeq(world), "deny")), ["approval", "denied"]);
    assert.deepEqual(kinds(world.send("demo/Start@1", START)), ["event", "stepped", "held"]);
    world.decide(heldSeq(world), "grant");
    assert.deepEqual(kinds(world.answer(world.of("intent")[0]?.seq ?? 0, { payload: { delivered_at_ns: 5, key: null } })), ["receipt", "raised", "stepped"]);
  });
});

/** The counter asks for a timer at each start. */
function timerWorld(policyRules: readonly unknown[]): PureWorldOptions {
  const modules = fetchModules((_, event) => ({
    state: { starts: 1, last: null }, effects: armOf(event)[0] === "Start" ? [{ effect: "timer.set", params: { deliver_at_ns: 5, key: null } }] : [],
  }));
  const air = (fetchWorld({ policyRules, plan: { steps: [{ id: "end", op: "end", result: { record: { url: { text: "" }, status: { int: 0 } } } }], edges: [] } }) as readonly Record<string, unknown>[]).map((node) => {
    if (node["$kind"] === "defmodule") return { ...node, abi: { reducer: { ...((node["abi"] as Record<string, object>)["reducer"]), effects_emitted: ["timer.set"], cap_slots: { default: "timer" } } } };
    if (node["name"] === "demo/Event@1") return { ...node, type: { variant: { Start: { ref: "demo/Start@1" }, Done: { ref: "demo/Done@1" }, Fired: { ref: "sys/TimerFired@1" } } } };
    if (node["$kind"] !== "manifest") return node;
    const grants = [{ name: "timer", cap: "sys/timer@1", params: { record: {} } }];
    return { ...node, effects: [{ name: "sys/timer.set@1" }], caps: [{ name: "sys/timer@1" }], defaults: { policy: "demo/policy@1", cap_grants: grants }, module_bindings: { "demo/Counter@1": { slots: { default: "timer" } } } };
  });
  return { air, ...modules };
}

test("cancel: a waiting plan: ends with cancelled and who said why; its intent is withdrawn, a late receipt refused", async () => {
  await inPureWorld(optionsOf(fetchWorld()), (world) => {
    world.send("demo/Fetch@1", START);
    const seq = world.of("intent")[0]?.seq ?? 0;
    assert.deepEqual(kinds(world.cancel(0, "enough")), ["cancelled", "plan_ended", "withdrawn"]);
    assert.deepEqual(world.of("plan_ended").map(({ status, code, message }) => [status, code, message]), [["error", "cancelled", "alex: enough"]]);
    assert.equal(world.of("withdrawn")[0]?.intent_seq, seq);
    nothingOpen(world);
    const late = world.answer(seq, { payload: httpReceipt(200) });
    assert.deepEqual(late.map((record) => (record.kind === "receipt_refused" ? record.code : record.kind)), ["receipt.not_open"]);
    assert.throws(() => world.cancel(0), refused("plan.unknown"));
  });
});

test("cancel: one of two instances with the same intent: the other keeps its own", async () => {
  await inPureWorld(optionsOf(fetchWorld()), (world) => {
    world.send("demo/Fetch@1", START);
    world.send("demo/Fetch@1", START);
    world.cancel(0);
    const [, other] = world.of("intent");
    world.answer(other?.seq ?? 0, { payload: httpReceipt(200) });
    assert.deepEqual(endings(world), [["error", "cancelled", undefined], ["ok", undefined, undefined]]);
  });
});

test("deadline: counted from the instance's start, ends it with plan_deadline and withdraws; nothing is due before or after", async () => {
  await inPureWorld(optionsOf(fetchWorld({ plan: { deadline_ns: HOUR } })), (world) => {
    world.send("demo/Fetch@1", START);
    const startNs = world.world.logicalNs;
    assert.deepEqual(duesOf(world.world), [{ what: "plan", id: 0, atNs: startNs + BigInt(HOUR) }]);
    world.pass(BigInt(HOUR) - 1n);
    assert.equal(world.due("plan", 0), undefined);
    world.pass(1n);
    assert.deepEqual(kinds(world.due("plan", 0)), ["due", "plan_ended", "withdrawn"]);
    assert.deepEqual(endings(world), [["error", "plan_deadline", undefined]]);
    assert.equal(world.due("plan", 0), undefined);
    assert.deepEqual(duesOf(world.world), []);
    nothingOpen(world);
  });
});

test("deadline: an upgrade that takes the deadline away: the instance keeps the one it started with", async () => {
  await inPureWorld(optionsOf(fetchWorld({ plan: { deadline_ns: HOUR } })), async (world) => {
    world.send("demo/Fetch@1", START);
    world.apply(await world.prepare(fetchWorld()));
    world.send("demo/Fetch@1", START);
    assert.deepEqual(duesOf(world.world).map(({ id }) => id), [0]);
    assert.equal(trieGet(world.world.plans, "1")?.deadlineNs, undefined);
  });
});

test("dues: plans and approvals together: the earliest first", async () => {
  await inPureWorld(optionsOf(fetchWorld({ policyRules: [{ ...ASK, approval_ttl_ns: HOUR }], plan: { deadline_ns: 2 * HOUR } })), (world) => {
    world.send("demo/Fetch@1", START);
    world.pass(1n);
    world.send("demo/Fetch@1", START);
    assert.deepEqual(duesOf(world.world).map(({ what, id }) => [what, id]), [["approval", world.of("held")[0]?.seq], ["approval", heldSeq(world)], ["plan", 0], ["plan", 1]]);
  });
});

test("plan ended by a denial: an effect it had open runs on, its receipt is recorded and goes nowhere", async () => {
  const first = FETCH_STEPS[0] as object;
  const steps = [first, { ...first, id: "again", cap: "http", params: { record: { method: { text: "GET" }, url: { text: "https://elsewhere.org/" }, headers: { map: [] }, body_ref: { null: {} } } }, bind: { effect_id_as: "second" } }];
  await inPureWorld(optionsOf(fetchWorld({ steps, edges: [], plan: { output: undefined } })), (world) => {
    world.send("demo/Fetch@1", START);
    assert.deepEqual(endings(world), [["error", "denied:host_not_allowed", "again"]]);
    assert.equal(trieSize(world.world.intents), 1);
    assert.deepEqual(kinds(world.answer(world.of("intent")[0]?.seq ?? 0, { payload: httpReceipt(200) })), ["receipt"]);
    nothingOpen(world);
  });
});

test("approval: what is signed: every fact changes it, and the namespace is its own", () => {
  const facts = { world: "sha256:" + "0".repeat(64), heldSeq: 3, intent: "sha256:" + "1".repeat(64), decision: "grant", reason: "seen" } as unknown as Parameters<typeof approvalMessage>[0];
  const others = [{ world: facts.intent }, { heldSeq: 4 }, { intent: facts.world }, { decision: "deny" as const }, { reason: "other" }];
  const messages = [facts, ...others.map((change) => ({ ...facts, ...change }))].map((one) => Buffer.from(approvalMessage(one)).toString("hex"));
  assert.equal(new Set(messages).size, 6);
  assert.deepEqual(decode(approvalMessage(facts)), new Map<string, unknown>([["world", facts.world], ["reason", "seen"], ["decision", "grant"], ["held_seq", 3], ["intent_hash", facts.intent]]));
  assert.equal(APPROVAL_NAMESPACE, "aos-approval");
});
