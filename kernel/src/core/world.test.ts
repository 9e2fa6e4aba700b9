import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical } from "../air/cbor.ts";
import type { XValue } from "../air/expr.ts";
import { hashBytes, hashValue } from "../air/hash.ts";
import type { Name } from "../air/value.ts";
import { fetchModules, fetchWorld } from "../testing/fetch-world.ts";
import { seeded } from "../testing/random-air.ts";
import { controlFrom } from "../testing/test-world.ts";
import { emptyTrie, trieDelete, trieSet, type Trie } from "./trie.ts";
import { blankWorld, cellKey, stateRoot, waitIndex, waitingFor, type Cell, type HeldEffect, type OpenIntent, type PlanInstance, type Spend, type World } from "./world.ts";

const { moduleHashes } = fetchModules();
const control = controlFrom(fetchWorld(), moduleHashes);
const otherControl = controlFrom(fetchWorld({ hosts: ["other.org"] }), moduleHashes);
const HASH = hashValue("x");
const def = control.plans.get("demo/fetch@1");
assert.ok(def !== undefined);
const text = (value: string): XValue => ({ kind: "text", value });

const CELL: Cell = { reducer: "demo/Counter@1", key: undefined, state: canonical(1), hash: hashBytes(canonical(1)) };
const PLAN: PlanInstance = {
  id: 1, def, control, bundle: HASH, startedSeq: 3, deadlineNs: undefined, input: text("in"), correlated: false, vars: new Map([["v", text("1")]]), steps: new Map([["get", "done"], ["wait", "pending"]]),
  outputs: new Map([["get", text("o")]]), handles: new Map([["req", 4]]), answers: new Map([["req", { status: "ok", value: text("a") }]]),
  events: new Map([["hear", text("e")]]), waits: new Map([["wait", { kind: "receipt", handle: "req", since: 5 }]]),
};
const INTENT: OpenIntent = {
  seq: 4, intent: HASH, effect: "http.request", params: canonical(1), cap: "http", idempotencyKey: new Uint8Array(32), origin: { kind: "plan", plan: "demo/fetch@1", instance: 1, step: "get" },
};
const SPEND: Spend = { calls: 1n, tokens: 2n, cents: 3n, bytes: 4n };
const HELD: HeldEffect = { ...INTENT, seq: 7, grant: HASH, enforcer: "sys/CapAllowAll@1", policy: "demo/policy@1", rule: 0, expiresNs: undefined };

function only<V>(key: string, value: V): Trie<V> {
  return trieSet(emptyTrie<V>(), key, value);
}
function worldOf(parts: { readonly cell?: Cell; readonly plan?: PlanInstance; readonly intent?: OpenIntent; readonly held?: HeldEffect; readonly spend?: Spend } = {}): World {
  const { cell = CELL, plan = PLAN, intent = INTENT, held = HELD, spend = SPEND } = parts;
  const tries = { cells: only("cell", cell), plans: only("1", plan), intents: only("4", intent), held: only("7", held), spent: only("http", spend) };
  return { ...blankWorld(HASH, "sandbox-1"), control, bundle: HASH, commit: "c", ...tries, nextInstance: 2 };
}

/** Another value for every field that the root must see; a new field does not compile until it stands here, or is said to stand outside. */
const CELLS: { readonly [F in Exclude<keyof Cell, "state">]: Cell[F] } = { reducer: "demo/Other@1", key: canonical("k"), hash: HASH };
const PLANS: { readonly [F in keyof PlanInstance]: PlanInstance[F] } = {
  id: 2, def: { ...def, name: "demo/other@1" as Name }, control: otherControl, bundle: hashValue("y"), startedSeq: 4, deadlineNs: 9n, input: text("other"), correlated: true, vars: new Map([["v", text("2")]]),
  steps: new Map([["get", "skipped"], ["wait", "pending"]]), outputs: new Map(), handles: new Map([["req", 5]]),
  answers: new Map([["req", { status: "error", value: text("a") }]]), events: new Map(), waits: new Map([["wait", { kind: "receipt", handle: "req", since: 6 }]]),
};
const INTENTS: Required<{ readonly [F in keyof OpenIntent]: OpenIntent[F] }> = {
  seq: 5, intent: hashValue("y"), effect: "timer.set", params: canonical(2), cap: "other", idempotencyKey: new Uint8Array(32).fill(1), origin: { kind: "reducer", reducer: "demo/Counter@1", key: undefined },
  reserved: SPEND,
};
const HELDS: Required<{ readonly [F in keyof HeldEffect]: HeldEffect[F] }> = { ...INTENTS, seq: 8, grant: hashValue("y"), enforcer: "other", policy: "demo/other@1", rule: 1, expiresNs: 5n };
const SPENDS: Spend = { calls: 0n, tokens: 0n, cents: 0n, bytes: 0n };
/** `nextSeq` stands outside: a note that changes nothing else leaves the root as it is. `waiting` follows from `plans`. */
const WORLDS: { readonly [F in Exclude<keyof World, "nextSeq" | "waiting">]: World[F] } = {
  id: hashValue("y"), sandbox: "sandbox-2", logicalNs: 1n, control: otherControl, bundle: undefined, commit: undefined, cells: emptyTrie(), plans: emptyTrie(), intents: emptyTrie(),
  held: emptyTrie(), spent: emptyTrie(), nextInstance: 3,
};

const changes: readonly (readonly [string, World])[] = [
  ...Object.entries(WORLDS).map(([field, value]) => [`world.${field}`, { ...worldOf(), [field]: value }] as const),
  ...Object.entries(CELLS).map(([field, value]) => [`cell.${field}`, worldOf({ cell: { ...CELL, [field]: value } })] as const),
  ...Object.entries(PLANS).map(([field, value]) => [`plan.${field}`, worldOf({ plan: { ...PLAN, [field]: value } })] as const),
  ...Object.entries(INTENTS).map(([field, value]) => [`intent.${field}`, worldOf({ intent: { ...INTENT, [field]: value } })] as const),
  ...Object.entries(HELDS).map(([field, value]) => [`held.${field}`, worldOf({ held: { ...HELD, [field]: value } })] as const),
  ...Object.entries(SPENDS).map(([field, value]) => [`spent.${field}`, worldOf({ spend: { ...SPEND, [field]: value } })] as const),
];

test("state root: any field of world, cell, plan instance, intent, held effect or ledger changed: another root", () => {
  assert.equal(changes.length, 12 + 3 + 15 + 8 + 13 + 4);
  const roots = new Map([[stateRoot(worldOf()), "the world as it was"]]);
  for (const [name, world] of changes) {
    const root = stateRoot(world);
    assert.equal(roots.get(root), undefined, `${name} gives a root of its own`);
    roots.set(root, name);
  }
});

test("state root: nextSeq alone: the same root", () => {
  assert.equal(stateRoot({ ...worldOf(), nextSeq: 99 }), stateRoot(worldOf()));
});

test("state root: maps of a plan instance in another order: the same root (I7)", () => {
  const turned = { ...PLAN, steps: new Map([...PLAN.steps].reverse()) };
  assert.notDeepEqual([...turned.steps], [...PLAN.steps]);
  assert.equal(stateRoot(worldOf({ plan: turned })), stateRoot(worldOf()));
});

test("state root: cells written, overwritten and deleted in any order: the root of what is left (I7)", () => {
  const cells = Array.from({ length: 50 }, (_, index): Cell => ({ ...CELL, key: canonical(index), hash: hashValue(index) }));
  const plainly = cells.reduce((trie, cell) => trieSet(trie, cellKey(cell.reducer, cell.key), cell), emptyTrie<Cell>());
  const roots = new Set([stateRoot({ ...worldOf(), cells: plainly })]);
  for (const seed of [1, 2, 3]) {
    const random = seeded(seed);
    let trie = emptyTrie<Cell>();
    for (let step = 0; step < 300; step++) {
      const cell = random.pick(cells);
      const key = cellKey(cell.reducer, cell.key);
      trie = random.below(2) === 0 ? trieDelete(trie, key) : trieSet(trie, key, { ...cell, hash: HASH });
      if (step % 40 === 0) stateRoot({ ...worldOf(), cells: trie });
    }
    for (const cell of cells) trie = trieSet(trie, cellKey(cell.reducer, cell.key), cell);
    roots.add(stateRoot({ ...worldOf(), cells: trie }));
  }
  assert.equal(roots.size, 1);
});

test("cell key: reducer, and reducer with key: never the same text", () => {
  const keys = [cellKey("a/B@1", undefined), cellKey("a/B@1", canonical(null)), cellKey("a/B@1", new Uint8Array()), cellKey("a/B@1", canonical("")), cellKey("a/C@1", canonical(null))];
  assert.equal(new Set(keys).size, keys.length);
});

test("waitingFor: instances by their wait: those of the schema, oldest first, each once", () => {
  const waiting = (id: number, ...schemas: readonly string[]): PlanInstance =>
    ({ ...PLAN, id, waits: new Map(schemas.map((schema, index) => [`s${index}`, { kind: "event", schema, since: 1 }])) });
  const plans = [waiting(10, "a/A@1"), waiting(9, "a/B@1"), waiting(2, "a/B@1", "a/A@1", "a/A@1"), { ...PLAN, id: 7 }, waiting(1, "a/A@1")];
  const stored = plans.reduce((trie, plan) => trieSet(trie, String(plan.id), plan), emptyTrie<PlanInstance>());
  const world = { ...worldOf(), plans: stored, waiting: waitIndex(stored) };
  assert.deepEqual(waitingFor(world, "a/A@1").map(({ id }) => id), [1, 2, 10]);
  assert.deepEqual(waitingFor(world, "a/C@1"), []);
});
