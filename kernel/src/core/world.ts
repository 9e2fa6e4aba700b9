// The state of a world as one immutable value: the fold of its journal (I6).

import { canonical } from "../air/cbor.ts";
import { hex, sha256, hashToRaw, rawToHash, utf8 } from "../air/hash.ts";
import { taggedValue, type XValue } from "../air/expr.ts";
import { nodeHash } from "../air/serialize.ts";
import type { ControlPlane, DefPlan } from "../air/types.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { emptyTrie, trieEntries, trieRoot, type Trie } from "./trie.ts";

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
  readonly startedSeq: number;
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
  readonly commit: string | undefined;
  readonly cells: Trie<Cell>;
  readonly plans: Trie<PlanInstance>;
  readonly intents: Trie<OpenIntent>;
  readonly nextInstance: number;
}

export function blankWorld(id: Hash, sandbox: string): World {
  return {
    id, sandbox, nextSeq: 0, logicalNs: 0n, control: undefined, commit: undefined,
    cells: emptyTrie(), plans: emptyTrie(), intents: emptyTrie(), nextInstance: 0,
  };
}

export function cellKey(reducer: string, key: Uint8Array | undefined): string {
  return key === undefined ? reducer : `${reducer} ${hex(key)}`;
}

/** The instances that wait for an event of this schema, oldest first. */
export function waitingFor(world: World, schema: string): readonly PlanInstance[] {
  const found: PlanInstance[] = [];
  for (const [, plan] of trieEntries(world.plans)) {
    for (const wait of plan.waits.values()) {
      if (wait.kind === "event" && wait.schema === schema) {
        found.push(plan);
        break;
      }
    }
  }
  return found.sort((a, b) => a.id - b.id);
}

/**
 * One hash over everything a world is: SHA-256 of canonical `{world, sandbox, manifest, commit, logical_ns, next_instance,
 * cells, plans, intents}`, the last three being Merkle roots. Equal worlds have equal roots (I7).
 */
export function stateRoot(world: World): Hash {
  const root: Encodable = {
    world: world.id, sandbox: world.sandbox, manifest: world.control?.manifestHash ?? null, commit: world.commit ?? null,
    logical_ns: world.logicalNs, next_instance: world.nextInstance,
    cells: trieRoot(world.cells, cellDigest), plans: trieRoot(world.plans, planDigest), intents: trieRoot(world.intents, intentDigest),
  };
  return rawToHash(sha256(canonical(root)));
}

function cellDigest(cell: Cell): Uint8Array {
  const head = canonical({ reducer: cell.reducer, key: cell.key });
  const both = new Uint8Array(head.length + 32);
  both.set(head);
  both.set(hashToRaw(cell.hash), head.length);
  return sha256(both);
}

function planDigest(plan: PlanInstance): Uint8Array {
  const value: Encodable = {
    id: plan.id, plan: nodeHash(plan.def), manifest: plan.control.manifestHash, started: plan.startedSeq, correlated: plan.correlated,
    input: taggedValue(plan.input), vars: tagged(plan.vars), steps: plan.steps, outputs: tagged(plan.outputs), handles: plan.handles,
    answers: mapValues(plan.answers, (answer) => ({ status: answer.status, value: taggedValue(answer.value) })),
    events: tagged(plan.events), waits: mapValues(plan.waits, (wait) => ({ ...wait })),
  };
  return sha256(canonical(value));
}

function intentDigest(intent: OpenIntent): Uint8Array {
  return sha256(canonical({
    seq: intent.seq, intent: intent.intent, effect: intent.effect, params: intent.params, cap: intent.cap,
    idempotency_key: intent.idempotencyKey, origin: { ...intent.origin },
  }));
}

function tagged(values: ReadonlyMap<string, XValue>): Encodable {
  return mapValues(values, taggedValue);
}

function mapValues<V>(map: ReadonlyMap<string, V>, encode: (value: V) => Encodable): ReadonlyMap<string, Encodable> {
  return new Map([...map].map(([key, value]) => [key, encode(value)]));
}

/** SHA-256 of a text, for hashes that name a message rather than a value. */
export function textHash(text: string): Hash {
  return rawToHash(sha256(utf8(text)));
}
