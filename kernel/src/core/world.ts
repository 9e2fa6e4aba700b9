// The state of a world as one immutable value: the fold of its journal (I6).

import { canonical } from "../air/cbor.ts";
import { hex, sha256, hashToRaw, rawToHash } from "../air/hash.ts";
import { taggedValue, type XValue } from "../air/expr.ts";
import { nodeHash } from "../air/serialize.ts";
import type { ControlPlane, DefPlan } from "../air/types.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { assert } from "../air/error.ts";
import { emptyTrie, trieEntries, trieGet, trieRoot, trieSet, trieSize, type Trie } from "./trie.ts";

export interface Cell {
  readonly reducer: string;
  /** Canonical bytes of the key; undefined for a reducer without keys. */
  readonly key: Uint8Array | undefined;
  /** Canonical bytes of the state. */
  readonly state: Uint8Array;
  readonly hash: Hash;
}

/** An intent that has no receipt. Known by the seq of its record: equal intents of two plans stay two. */
export interface OpenIntent {
  readonly seq: number;
  readonly intent: Hash;
  readonly effect: string;
  readonly params: Uint8Array;
  readonly cap: string;
  readonly idempotencyKey: Uint8Array;
  readonly origin: IntentOrigin;
  /** What was set aside of the grant's budget until the receipt comes; absent where the grant has none. */
  readonly reserved?: Spend;
}

/** Amounts of a grant's budget, in its four dimensions. */
export interface Spend {
  readonly calls: bigint;
  readonly tokens: bigint;
  readonly cents: bigint;
  readonly bytes: bigint;
}

/** An effect that every check allowed but the policy wants a person to see first. Known by the seq of its `held` record. */
export interface HeldEffect extends OpenIntent {
  readonly grant: Hash;
  readonly enforcer: string;
  readonly policy: string;
  readonly rule: number;
  /** Logical time at which it is denied by itself. */
  readonly expiresNs: bigint | undefined;
}
export type IntentOrigin =
  | { readonly kind: "plan"; readonly plan: string; readonly instance: number; readonly step: string }
  | { readonly kind: "reducer"; readonly reducer: string; readonly key: Uint8Array | undefined };

export type StepState = "pending" | "done" | "skipped";
export type Wait =
  | { readonly kind: "receipt"; readonly handle: string; readonly since: number }
  | { readonly kind: "event"; readonly schema: string; readonly since: number };

/** A running plan. It keeps the definition and the control plane it started with. */
export interface PlanInstance {
  readonly id: number;
  readonly def: DefPlan;
  readonly control: ControlPlane;
  /** Hash of the bundle that holds `control`. */
  readonly bundle: Hash;
  readonly startedSeq: number;
  /** Logical time at which it ends with `plan_deadline`. */
  readonly deadlineNs: bigint | undefined;
  readonly input: XValue;
  readonly correlated: boolean;
  readonly vars: ReadonlyMap<string, XValue>;
  readonly steps: ReadonlyMap<string, StepState>;
  readonly outputs: ReadonlyMap<string, XValue>;
  /** Handle → seq of its intent. */
  readonly handles: ReadonlyMap<string, number>;
  /** Handle → the answer, once it came. */
  readonly answers: ReadonlyMap<string, { readonly status: string; readonly value: XValue }>;
  /** Step → the event that came for it. */
  readonly events: ReadonlyMap<string, XValue>;
  /** Step → what it waits for. */
  readonly waits: ReadonlyMap<string, Wait>;
}

export interface World {
  readonly id: Hash;
  /** What pins outcomes beside the journal: engine, rewriter, limits. */
  readonly sandbox: string;
  readonly nextSeq: number;
  readonly logicalNs: bigint;
  readonly control: ControlPlane | undefined;
  /** Hash of the bundle that holds `control`. */
  readonly bundle: Hash | undefined;
  readonly commit: string | undefined;
  readonly cells: Trie<Cell>;
  readonly plans: Trie<PlanInstance>;
  readonly intents: Trie<OpenIntent>;
  /** Effects that wait for a person, by the seq of their record. */
  readonly held: Trie<HeldEffect>;
  /** What each grant with a budget has spent or set aside, by the grant's name. */
  readonly spent: Trie<Spend>;
  /** Event schema to the ids of the instances that wait for it, ascending. Follows from `plans`: no part of the root. */
  readonly waiting: Trie<readonly number[]>;
  readonly nextInstance: number;
}

/** A world in the making: a copy that belongs to whoever made it, until it is handed out as a {@link World}. */
export type Overlay = { -readonly [F in keyof World]: World[F] };

/** Field by field: a spread that is written to afterwards takes many times as long. */
export function overlayOf(world: World): Overlay {
  return {
    id: world.id, sandbox: world.sandbox, nextSeq: world.nextSeq, logicalNs: world.logicalNs, control: world.control, bundle: world.bundle, commit: world.commit,
    cells: world.cells, plans: world.plans, intents: world.intents, held: world.held, spent: world.spent, waiting: world.waiting, nextInstance: world.nextInstance,
  };
}

export function blankWorld(id: Hash, sandbox: string): World {
  return {
    id, sandbox, nextSeq: 0, logicalNs: 0n, control: undefined, bundle: undefined, commit: undefined,
    cells: emptyTrie(), plans: emptyTrie(), intents: emptyTrie(), held: emptyTrie(), spent: emptyTrie(), waiting: emptyTrie(), nextInstance: 0,
  };
}

export function cellKey(reducer: string, key: Uint8Array | undefined): string {
  return key === undefined ? reducer : `${reducer} ${hex(key)}`;
}

const NO_PLANS: readonly PlanInstance[] = [];

/** The instances that wait for an event of this schema, oldest first: a look-up a waiting instance, none where none waits. */
export function waitingFor(world: World, schema: string): readonly PlanInstance[] {
  const ids = trieGet(world.waiting, schema);
  if (ids === undefined) return NO_PLANS;
  return ids.map((id) => {
    const plan = trieGet(world.plans, String(id));
    assert(plan !== undefined, "an instance that is listed as waiting lives");
    return plan;
  });
}

/** The event schemas an instance waits for, each once. */
export function eventsAwaited(plan: PlanInstance): ReadonlySet<string> {
  return new Set([...plan.waits.values()].flatMap((wait) => (wait.kind === "event" ? [wait.schema] : [])));
}

/** `World.waiting`, made anew from the plans; for a world that was read from a snapshot. */
export function waitIndex(plans: Trie<PlanInstance>): Trie<readonly number[]> {
  const ids = new Map<string, number[]>();
  for (const [, plan] of trieEntries(plans)) {
    for (const schema of eventsAwaited(plan)) {
      const list = ids.get(schema) ?? [];
      list.push(plan.id);
      ids.set(schema, list);
    }
  }
  let index = emptyTrie<readonly number[]>();
  for (const [schema, list] of ids) index = trieSet(index, schema, list.sort((a, b) => a - b));
  return index;
}

/**
 * One hash over everything a world is: SHA-256 of canonical `{world, sandbox, manifest, bundle, commit, logical_ns,
 * next_instance, cells, plans, intents, held?, spent?}`, the last five being Merkle roots, the last two absent where empty.
 * Equal worlds have equal roots (I7).
 */
export function stateRoot(world: World): Hash {
  const root: { readonly [field: string]: Encodable | undefined } = {
    world: world.id, sandbox: world.sandbox, manifest: world.control?.manifestHash ?? null, bundle: world.bundle ?? null, commit: world.commit ?? null,
    logical_ns: world.logicalNs, next_instance: world.nextInstance,
    cells: trieRoot(world.cells, cellDigest), plans: trieRoot(world.plans, planDigest), intents: trieRoot(world.intents, intentDigest),
    held: trieSize(world.held) === 0 ? undefined : trieRoot(world.held, heldDigest),
    spent: trieSize(world.spent) === 0 ? undefined : trieRoot(world.spent, spendDigest),
  };
  return rawToHash(sha256(canonical(root)));
}

export function cellDigest(cell: Cell): Uint8Array {
  const head = canonical({ reducer: cell.reducer, key: cell.key });
  const both = new Uint8Array(head.length + 32);
  both.set(head);
  both.set(hashToRaw(cell.hash), head.length);
  return sha256(both);
}

export function planDigest(plan: PlanInstance): Uint8Array {
  const value: Encodable = {
    id: plan.id, plan: nodeHash(plan.def), manifest: plan.control.manifestHash, bundle: plan.bundle, started: plan.startedSeq, deadline_ns: plan.deadlineNs, correlated: plan.correlated,
    input: taggedValue(plan.input), vars: tagged(plan.vars), steps: plan.steps, outputs: tagged(plan.outputs), handles: plan.handles,
    answers: mapValues(plan.answers, (answer) => ({ status: answer.status, value: taggedValue(answer.value) })),
    events: tagged(plan.events), waits: mapValues(plan.waits, (wait) => ({ ...wait })),
  };
  return sha256(canonical(value));
}

export function intentDigest(intent: OpenIntent): Uint8Array {
  return sha256(canonical(intentFields(intent)));
}

export function heldDigest(held: HeldEffect): Uint8Array {
  const { grant, enforcer, policy, rule, expiresNs } = held;
  return sha256(canonical({ ...intentFields(held), grant, enforcer, policy, rule, expires_ns: expiresNs }));
}

export function spendDigest(spend: Spend): Uint8Array {
  return sha256(canonical({ ...spend }));
}

export function intentFields(intent: OpenIntent): { readonly [field: string]: Encodable | undefined } {
  return {
    seq: intent.seq, intent: intent.intent, effect: intent.effect, params: intent.params, cap: intent.cap,
    idempotency_key: intent.idempotencyKey, origin: { ...intent.origin }, reserved: intent.reserved === undefined ? undefined : { ...intent.reserved },
  };
}

function tagged(values: ReadonlyMap<string, XValue>): Encodable {
  return mapValues(values, taggedValue);
}

export function mapValues<V>(map: ReadonlyMap<string, V>, encode: (value: V) => Encodable): ReadonlyMap<string, Encodable> {
  return new Map([...map].map(([key, value]) => [key, encode(value)]));
}
