import { test } from "node:test";
import assert from "node:assert/strict";
import { decode } from "../air/cbor.ts";
import { hashToRaw, hashValue, hex } from "../air/hash.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Value } from "../air/value.ts";
import { callControl, noModules, type CallWorldOptions } from "../testing/call-world.ts";
import { enqueue, judge, type Allowed, type EffectWish, type Refusal, type Stage } from "./effect.ts";
import { emptyTrie, trieGet, trieSet, trieSize } from "./trie.ts";
import { beginTurn, type Turn } from "./turn.ts";
import { blankWorld, type Spend } from "./world.ts";

const EXPIRY = 1_000n;
const control = callControl({ grant: { expiry_ns: Number(EXPIRY), budget: { calls: 1 } } });
const PLAN = { kind: "plan", plan: "demo/call@1", instance: 3, step: "call" } as const;
const REDUCER = { kind: "reducer", reducer: "demo/R@1", key: undefined } as const;
const SPENT: Spend = { calls: 1n, tokens: 0n, cents: 0n, bytes: 0n };

function turnOf(options: { readonly logicalNs?: bigint; readonly spent?: Spend; readonly world?: CallWorldOptions } = {}): Turn {
  const { logicalNs = 1n, spent } = options;
  const ledger = spent === undefined ? emptyTrie<Spend>() : trieSet(trieSet(emptyTrie<Spend>(), "calls", spent), "denied", spent);
  const world = { ...blankWorld(hashValue("w"), "sandbox"), control: options.world === undefined ? control : callControl(options.world), logicalNs, spent: ledger };
  const deps = { modules: noModules.modules, control: () => control };
  return beginTurn(world, { now_ns: logicalNs, logical_ns: logicalNs, entropy: new Uint8Array(32) }, deps);
}
function params(fields: { readonly n?: number; readonly token?: Value; readonly extra?: Value } = {}): Value {
  const { n = 1, token = null, extra = new Map() } = fields;
  return new Map<Value, Value>([["n", n], ["token", token], ["extra", extra]]);
}
function secretRef(alias: string, version = 1): Value {
  return new Map<Value, Value>([["$tag", "secret"], ["$value", new Map<Value, Value>([["alias", alias], ["version", version]])]]);
}
const WISH: EffectWish = { effect: "demo.call", params: params(), cap: "calls", idempotencyKey: undefined, origin: PLAN };

/** One defect a stage, in the order in which the checks must come (runtime sheet 5.1, and ours: secret before policy before budget). */
const DEFECTS: readonly (readonly [Stage, (wish: EffectWish) => EffectWish])[] = [
  ["kind", (wish) => ({ ...wish, effect: "demo.nothing" })],
  ["scope", (wish) => ({ ...wish, origin: REDUCER })],
  ["grant", (wish) => ({ ...wish, cap: "none" })],
  ["params", (wish) => ({ ...wish, params: params({ n: -1 }) })],
  ["capability", (wish) => wish],
  ["secret", (wish) => ({ ...wish, params: wish.params === WISH.params ? params({ token: secretRef("demo/unknown") }) : wish.params })],
  ["policy", (wish) => ({ ...wish, cap: wish.cap === "calls" ? "denied" : wish.cap })],
  ["budget", (wish) => wish],
];

test("effect: every combination of defects: the first stage in order refuses, none passes all", () => {
  let tried = 0;
  for (let mask = 0; mask < 1 << DEFECTS.length; mask++) {
    const chosen = DEFECTS.filter((_, index) => (mask & (1 << index)) !== 0);
    const stages = chosen.map(([stage]) => stage);
    const wish = chosen.reduce((made, [, defect]) => defect(made), WISH);
    const turn = turnOf({ logicalNs: stages.includes("capability") ? EXPIRY : 1n, ...(stages.includes("budget") ? { spent: SPENT } : {}) });
    const verdict = judge(turn, wish);
    assert.equal(verdict.kind === "refused" ? verdict.stage : "allowed", stages[0] ?? "allowed", stages.join(", "));
    assert.equal(turn.records.length, 0, "a judgement changes nothing");
    tried++;
  }
  assert.equal(tried, 256);
});

const KEY_31 = new Uint8Array(31);
const refusals: readonly { readonly name: string; readonly wish: Partial<EffectWish>; readonly turn?: Parameters<typeof turnOf>[0]; readonly stage: Stage; readonly code: string; readonly message: RegExp }[] = [
  { name: "no such effect", wish: { effect: "demo.nothing" }, stage: "kind", code: "effect.unknown", message: /^demo\.nothing: no such effect$/ },
  { name: "an effect of plans from a reducer", wish: { origin: REDUCER }, stage: "scope", code: "effect.origin_scope", message: /is not for a reducer/ },
  { name: "an effect of reducers from a plan", wish: { effect: "blob.get", cap: "timer" }, stage: "scope", code: "effect.origin_scope", message: /is not for a plan/ },
  { name: "no such grant", wish: { cap: "none" }, stage: "grant", code: "cap.grant_missing", message: /^none: no such grant$/ },
  { name: "params of another shape", wish: { params: null }, stage: "params", code: "value.invalid", message: /expected record/ },
  { name: "an idempotency key of 31 bytes", wish: { idempotencyKey: KEY_31 }, stage: "params", code: "idempotency.invalid", message: /32 bytes/ },
  { name: "a grant of another type", wish: { cap: "timer" }, stage: "capability", code: "cap.type_mismatch", message: /timer is of type timer, demo\.call needs demo\.calls/ },
  { name: "a grant at its expiry", wish: {}, turn: { logicalNs: EXPIRY }, stage: "capability", code: "expired", message: /calls expired at 1000/ },
  { name: "a secret nobody declared", wish: { params: params({ token: secretRef("demo/unknown") }) }, stage: "secret", code: "secret.undeclared", message: /^demo\/unknown@1: / },
  { name: "another version of a secret", wish: { params: params({ token: secretRef("demo/open", 2) }) }, stage: "secret", code: "secret.undeclared", message: /^demo\/open@2: / },
  { name: "a secret of another grant", wish: { params: params({ token: secretRef("demo/for-denied") }) }, stage: "secret", code: "secret.policy_denied", message: /not for grant calls/ },
  {
    name: "a secret of another plan", wish: { params: params({ token: secretRef("demo/for-plan") }), origin: { ...PLAN, plan: "demo/other@1" } }, stage: "secret",
    code: "secret.policy_denied", message: /not for demo\/other@1/,
  },
  { name: "a rule that denies", wish: { cap: "denied" }, stage: "policy", code: "policy.denied", message: /demo\/policy@1: rule 0 denies it/ },
  { name: "no rule that matches", wish: {}, turn: { world: { rules: [] } }, stage: "policy", code: "policy.denied", message: /no rule allows it/ },
  { name: "no call left", wish: {}, turn: { spent: SPENT }, stage: "budget", code: "budget.exceeded", message: /^calls: calls are limited to 1, 1 spent, 1 asked$/ },
];
for (const { name, wish, turn: at, stage, code, message } of refusals) {
  test(`effect: ${name}: denied at ${stage} with ${code}, recorded, nothing opened or set aside`, () => {
    const turn = turnOf(at);
    const before = turn.world;
    const got = enqueue(turn, { ...WISH, ...wish }, 5);
    assert.equal(got.kind === "denied" ? got.code : got.kind, code);
    const [record] = turn.records;
    assert.ok(turn.records.length === 1 && record?.kind === "denied");
    assert.deepEqual([record.stage, record.code, record.cause], [stage, code, 5]);
    assert.match(record.message, message);
    const known = DEFECTS.findIndex(([one]) => one === stage) > 3;
    assert.equal(record.intent !== undefined && record.params !== undefined, known, "an effect whose params were read is named by its hash");
    assert.deepEqual({ ...turn.world, nextSeq: 0 }, { ...before, nextSeq: 0 });
  });
}

test("effect: secrets that admit the grant and the plan: allowed, the reference stays a reference", () => {
  const rows = [["demo/open", "calls"], ["demo/for-plan", "calls"], ["demo/for-denied", "denied"]] as const;
  for (const [alias, cap] of rows) {
    const turn = turnOf({ world: { rules: [{ when: {}, decision: "allow" }] } });
    const got = enqueue(turn, { ...WISH, cap, params: params({ token: secretRef(alias) }) }, 5);
    assert.ok(got.kind === "intent", alias);
    assert.deepEqual(decode(got.params), params({ token: secretRef(alias) }));
  }
  assert.equal(rows.length, 3);
});

test("effect: a secret asked for by a reducer: allowed_plans hold for it too", () => {
  const effects = new Map(control.effects).set("demo.call", { ...(control.effects.get("demo.call") ?? assert.fail()), origin_scope: "both" });
  const turn = turnOf();
  turn.world = { ...turn.world, control: { ...control, effects } };
  const refused = judge(turn, { ...WISH, origin: REDUCER, params: params({ token: secretRef("demo/for-plan") }) });
  assert.deepEqual(codeOf(refused), "secret.policy_denied");
  assert.deepEqual(codeOf(judge(turn, { ...WISH, origin: REDUCER, params: params({ token: secretRef("demo/open") }) })), "allowed");
});
function codeOf(verdict: Allowed | Refusal): string {
  return verdict.kind === "refused" ? verdict.code : verdict.kind;
}

test("effect: secret sugar: a one-entry map under `secret` is the tagged form, in params and in the intent's hash", () => {
  const inner = new Map<Value, Value>([["alias", "demo/open"]]);
  const sugar = params({ extra: new Map<Value, Value>([["secret", inner]]) });
  const tagged = params({ extra: new Map<Value, Value>([["$tag", "secret"], ["$value", inner]]) });
  const verdict = judge(turnOf(), { ...WISH, params: sugar });
  assert.ok(verdict.kind === "allowed");
  assert.deepEqual(decode(verdict.params), tagged);
  const plainly = judge(turnOf(), { ...WISH, params: params({ extra: new Map<Value, Value>([["secret", inner], ["other", inner]]) }) });
  assert.ok(plainly.kind === "allowed");
  assert.deepEqual((decode(plainly.params) as ReadonlyMap<string, ReadonlyMap<string, Value>>).get("extra"), new Map([["other", inner], ["secret", inner]]), "two entries are a map");
});

test("effect: idempotency by instance: a key of world, instance and step where the author gave none; an author's key, a reducer and the default are left alone", () => {
  const byInstance = { ...control, manifest: { ...control.manifest, defaults: { ...control.manifest.defaults, idempotency: "instance" } } } as const;
  const keyOf = (wish: Partial<EffectWish>, of: ControlPlane, world = hashValue("w")): string => {
    const turn = turnOf();
    turn.world = { ...turn.world, control: of, id: world };
    const verdict = judge(turn, { ...WISH, ...wish });
    return verdict.kind === "allowed" ? hex(verdict.idempotencyKey) : verdict.code;
  };
  const given = new Uint8Array(32).fill(7);
  const own = hex(hashToRaw(hashValue({ world: hashValue("w"), instance: 3, step: "call" })));
  const timer = { effect: "timer.set", cap: "timer", params: new Map<Value, Value>([["deliver_at_ns", 1], ["key", null]]), origin: REDUCER } as const;
  assert.deepEqual([keyOf({}, byInstance), keyOf({ idempotencyKey: given }, byInstance), keyOf(timer, byInstance), keyOf({}, control)], [own, hex(given), "00".repeat(32), "00".repeat(32)]);
  const others = [keyOf({ origin: { ...PLAN, instance: 4 } }, byInstance), keyOf({ origin: { ...PLAN, step: "other" } }, byInstance), keyOf({}, byInstance, hashValue("v"))];
  assert.equal(new Set([own, ...others]).size, 4);
});

test("effect: allowed: the intent carries grant, enforcer, policy, rule and what was set aside; it is open", () => {
  const turn = turnOf();
  const got = enqueue(turn, WISH, 5);
  const [record] = turn.records;
  assert.ok(got.kind === "intent" && record?.kind === "intent" && turn.records.length === 1);
  assert.deepEqual([record.policy, record.rule, record.enforcer, record.origin, record.by, record.instance, record.step], ["demo/policy@1", 1, "sys/CapAllowAll@1", "plan", "demo/call@1", 3, "call"]);
  assert.equal((record.reserved as ReadonlyMap<string, number>).get("calls"), 1);
  assert.equal(trieGet(turn.world.intents, String(got.seq))?.reserved?.calls, 1n);
  assert.equal(trieSize(turn.world.held), 0);
});
