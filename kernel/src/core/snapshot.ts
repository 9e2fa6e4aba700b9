// The parts of a world as bytes of a snapshot, and back: nodes of its tries and the values in them. Every read is checked.

import { canonical, decodeCanonical } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { taggedValue, xFromTagged, type XValue } from "../air/expr.ts";
import { bytesEqual, fromUtf8, hashBytes, isHash, utf8 } from "../air/hash.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import { planOf } from "./machine.ts";
import { leafOf, nodeDigest, type Branch, type Leaf, type NodeSource, type Place, type Stub } from "./trie.ts";
import {
  cellDigest, heldDigest, intentDigest, intentFields, mapValues, planDigest, spendDigest, type Cell, type HeldEffect, type IntentOrigin, type OpenIntent, type PlanInstance,
  type Spend, type StepState, type Wait,
} from "./world.ts";

/** How the values of one trie are written, read, and named by their digest. */
export interface Codec<V> {
  digest(value: V): Uint8Array;
  encode(value: V): Encodable;
  decode(value: Value): V;
}
/** The tries of a world that a snapshot holds, by their values. */
export interface TrieValues {
  readonly cells: Cell;
  readonly plans: PlanInstance;
  readonly intents: OpenIntent;
  readonly held: HeldEffect;
  readonly spent: Spend;
}
export type TrieName = keyof TrieValues;
export type Codecs = { readonly [N in TrieName]: Codec<TrieValues[N]> };
export const TRIE_NAMES = ["cells", "plans", "intents", "held", "spent"] as const satisfies readonly TrieName[];

/** @param control - the control plane a bundle holds; bundles of running plans are ready before one is read */
export function codecs(control: (bundle: Hash) => ControlPlane): Codecs {
  return {
    cells: {
      digest: cellDigest,
      encode: ({ reducer, key, state }) => ({ reducer, key, state }),
      decode(value) {
        const { text, bytes, maybe } = reader(value);
        const state = bytes("state");
        return { reducer: text("reducer"), key: maybe("key", bytes), state, hash: hashBytes(state) };
      },
    },
    plans: { digest: planDigest, encode: planFields, decode: (value) => readPlan(value, control) },
    intents: { digest: intentDigest, encode: intentFields, decode: readIntent },
    held: {
      digest: heldDigest,
      encode: (held) => ({ ...intentFields(held), grant: held.grant, enforcer: held.enforcer, policy: held.policy, rule: held.rule, expires_ns: held.expiresNs }),
      decode(value) {
        const { text, hash, count, int, maybe } = reader(value);
        return { ...readIntent(value), grant: hash("grant"), enforcer: text("enforcer"), policy: text("policy"), rule: count("rule"), expiresNs: maybe("expires_ns", int) };
      },
    },
    spent: { digest: spendDigest, encode: (spend) => ({ ...spend }), decode: readSpend },
  };
}

const LEAF = 0;
const BRANCH = 1;
const LEAF_HEAD_BYTES = 5;
const BRANCH_HEAD_BYTES = 3;
/** 32 bytes of digest, six of size, eight of file, six of offset, four of length. */
const CHILD_BYTES = 32 + 6 + 8 + 6 + 4;

/**
 * A node as bytes. A leaf: `00 | u32be key bytes | key | canonical value`. A branch, whose children are stubs: `01 | u16be places
 * taken, the first the highest bit | of each child: digest (32), u48be size, u64be file, u48be offset, u32be bytes`.
 */
export function writeNode<V>(node: Leaf<V> | Branch<V>, codec: Codec<V>): Uint8Array {
  if (node.kind === "leaf") return writeLeaf(utf8(node.key), canonical(codec.encode(node.value)));
  const children = node.children.flatMap((child, place) => (child?.kind === "stub" ? [{ child, place }] : []));
  const out = new Uint8Array(BRANCH_HEAD_BYTES + CHILD_BYTES * children.length);
  const view = new DataView(out.buffer);
  out[0] = BRANCH;
  view.setUint16(1, children.reduce((bits, { place }) => bits | (0x8000 >> place), 0));
  let at = BRANCH_HEAD_BYTES;
  for (const { child } of children) {
    out.set(child.digest, at);
    setU48(view, at + 32, child.size);
    view.setBigUint64(at + 38, BigInt(child.at.file));
    setU48(view, at + 46, child.at.offset);
    view.setUint32(at + 52, child.at.bytes);
    at += CHILD_BYTES;
  }
  return out;
}

/**
 * Reads the node a stub stands for.
 * @throws AosError `snapshot.corrupt` (unverified) when the bytes are not what the stub's digest says
 */
export function readNode<V>(stub: Stub<V>, bytes: Uint8Array, codec: Codec<V>): Leaf<V> | Branch<V> {
  try {
    const node = bytes[0] === LEAF ? readLeaf(bytes, codec) : readBranch(bytes, stub.source);
    if ((node.kind === "leaf" ? 1 : node.size) === stub.size && bytesEqual(nodeDigest(node, codec.digest), stub.digest)) return node;
  } catch (error) {
    if (!(error instanceof AosError || error instanceof RangeError)) throw error;
  }
  throw corrupt(`file ${stub.at.file}, byte ${stub.at.offset}: the bytes are not those of the node that is named`);
}

/**
 * State that a turn asked for cannot be had. Deliberately no AosError: no step may take it for its own failure and record it.
 * `cause` says what happened, and who must act.
 */
export class StateLost extends Error {
  override readonly name = "StateLost";
  override readonly cause: AosError;
  constructor(cause: AosError) {
    super(cause.message, { cause });
    this.cause = cause;
  }
}

/** The error for a snapshot that is not what it says it is. */
export function corrupt(what: string): AosError {
  return new AosError("snapshot.corrupt", `snapshot: ${what}`, { class: "unverified", hint: "remove the folder of snapshots: the world is replayed from its journal" });
}

function writeLeaf(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(LEAF_HEAD_BYTES + key.length + value.length);
  out[0] = LEAF;
  new DataView(out.buffer).setUint32(1, key.length);
  out.set(key, LEAF_HEAD_BYTES);
  out.set(value, LEAF_HEAD_BYTES + key.length);
  return out;
}

function readLeaf<V>(bytes: Uint8Array, codec: Codec<V>): Leaf<V> {
  const end = LEAF_HEAD_BYTES + viewOf(bytes).getUint32(1);
  return leafOf(fromUtf8(bytes.subarray(LEAF_HEAD_BYTES, end)), codec.decode(decodeCanonical(bytes.subarray(end))));
}

function readBranch<V>(bytes: Uint8Array, source: NodeSource<V>): Branch<V> {
  const view = viewOf(bytes);
  const places = view.getUint16(1);
  const children: (Stub<V> | undefined)[] = new Array(16).fill(undefined);
  let at = BRANCH_HEAD_BYTES;
  let size = 0;
  for (let place = 0; place < 16; place++) {
    if ((places & (0x8000 >> place)) === 0) continue;
    const where: Place = { file: Number(view.getBigUint64(at + 38)), offset: getU48(view, at + 46), bytes: view.getUint32(at + 52) };
    const child: Stub<V> = { kind: "stub", size: getU48(view, at + 32), digest: bytes.subarray(at, at + 32), at: where, source };
    children[place] = child;
    size += child.size;
    at += CHILD_BYTES;
  }
  return { kind: "branch", size, children };
}

function planFields(plan: PlanInstance): Encodable {
  const tagged = (values: ReadonlyMap<string, XValue>): Encodable => mapValues(values, taggedValue);
  return {
    id: plan.id, plan: plan.def.name, bundle: plan.bundle, started: plan.startedSeq, deadline_ns: plan.deadlineNs, correlated: plan.correlated,
    input: taggedValue(plan.input), vars: tagged(plan.vars), steps: plan.steps, outputs: tagged(plan.outputs), handles: plan.handles,
    answers: mapValues(plan.answers, ({ status, value }) => ({ status, value: taggedValue(value) })), events: tagged(plan.events),
    waits: mapValues(plan.waits, (wait) => ({ ...wait })),
  };
}

function readPlan(value: Value, controlOf: (bundle: Hash) => ControlPlane): PlanInstance {
  const { text, hash, count, int, maybe, map, item, flag } = reader(value);
  const bundle = hash("bundle");
  const control = controlOf(bundle);
  return {
    id: count("id"), def: planOf(control, text("plan")), control, bundle, startedSeq: count("started"), deadlineNs: maybe("deadline_ns", int), correlated: flag("correlated"),
    input: xFromTagged(item("input")), vars: map("vars", xFromTagged), steps: map("steps", readStepState), outputs: map("outputs", xFromTagged),
    handles: map("handles", countOf), answers: map("answers", readAnswer), events: map("events", xFromTagged), waits: map("waits", readWait),
  };
}

function readAnswer(value: Value): { readonly status: string; readonly value: XValue } {
  const { text, item } = reader(value);
  return { status: text("status"), value: xFromTagged(item("value")) };
}

function readStepState(value: Value): StepState {
  if (value === "pending" || value === "done" || value === "skipped") return value;
  throw corrupt("no such state of a step");
}

function readWait(value: Value): Wait {
  const { text, count } = reader(value);
  const since = count("since");
  return text("kind") === "receipt" ? { kind: "receipt", handle: text("handle"), since } : { kind: "event", schema: text("schema"), since };
}

function readIntent(value: Value): OpenIntent {
  const { text, hash, count, bytes, maybe, item } = reader(value);
  const reserved = maybe("reserved", (name) => readSpend(item(name)));
  return {
    seq: count("seq"), intent: hash("intent"), effect: text("effect"), params: bytes("params"), cap: text("cap"), idempotencyKey: bytes("idempotency_key"),
    origin: readOrigin(item("origin")), ...(reserved === undefined ? {} : { reserved }),
  };
}

function readOrigin(value: Value): IntentOrigin {
  const { text, count, bytes, maybe } = reader(value);
  if (text("kind") === "reducer") return { kind: "reducer", reducer: text("reducer"), key: maybe("key", bytes) };
  return { kind: "plan", plan: text("plan"), instance: count("instance"), step: text("step") };
}

function readSpend(value: Value): Spend {
  const { int } = reader(value);
  return { calls: int("calls"), tokens: int("tokens"), cents: int("cents"), bytes: int("bytes") };
}

/** Readers of the fields of a map, each refusing what is not there or of another kind. */
interface FieldReader {
  text(name: string): string;
  hash(name: string): Hash;
  bytes(name: string): Uint8Array;
  count(name: string): number;
  int(name: string): bigint;
  flag(name: string): boolean;
  item(name: string): Value;
  list(name: string): readonly Value[];
  map<T>(name: string, read: (value: Value) => T): ReadonlyMap<string, T>;
  maybe<T>(name: string, read: (name: string) => T): T | undefined;
}

/** @throws AosError `snapshot.corrupt` naming the field */
export function reader(value: Value): FieldReader {
  if (!(value instanceof Map)) throw corrupt("expected a map");
  const fields = value as ReadonlyMap<Value, Value>;
  const item = (name: string): Value => {
    const found = fields.get(name);
    return found === undefined ? refuse(name) : found;
  };
  const kept = <T>(name: string, keep: (value: Value) => T | undefined): T => keep(item(name)) ?? refuse(name);
  return {
    item,
    text: (name) => kept(name, (found) => (typeof found === "string" ? found : undefined)),
    hash: (name) => hashOf(item(name)),
    bytes: (name) => kept(name, (found) => (found instanceof Uint8Array ? found : undefined)),
    count: (name) => countOf(item(name)),
    int: (name) => kept(name, (found) => (typeof found === "number" || typeof found === "bigint" ? BigInt(found) : undefined)),
    flag: (name) => kept(name, (found) => (typeof found === "boolean" ? found : undefined)),
    list: (name) => kept(name, (found) => (Array.isArray(found) ? (found as readonly Value[]) : undefined)),
    map(name, read) {
      const found = kept(name, (inner) => (inner instanceof Map ? (inner as ReadonlyMap<Value, Value>) : undefined));
      return new Map([...found].map(([key, inner]) => [typeof key === "string" ? key : refuse(name), read(inner)]));
    },
    maybe: (name, read) => (fields.has(name) ? read(name) : undefined),
  };
}

function refuse(name: string): never {
  throw corrupt(`${name}: missing or of another kind`);
}

export function hashOf(value: Value): Hash {
  if (typeof value === "string" && isHash(value)) return value;
  throw corrupt("expected a hash");
}

/** An integer below 2^53. */
export function countOf(value: Value): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt("expected a count");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setU48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 2, value % 2 ** 32);
}

function getU48(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}
