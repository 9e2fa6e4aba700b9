// What a journal holds: one closed union, and its bytes. A retired kind keeps its case for old journals.

import { canonicalOf, decode } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { bytesEqual, isHash } from "../air/hash.ts";
import { eventRecordBytes, steppedRecordBytes } from "./record-bytes.ts";
import { readCommonRecord } from "./record-read.ts";
import type { Encodable, Hash, Seq, Value } from "../air/value.ts";

/** How a field travels: in memory on the left, on the wire on the right; a `?` behind the word means it may be absent. */
interface FieldTypes {
  text: string;
  hash: Hash;
  bytes: Uint8Array;
  /** A count or a position: an integer below 2^53. */
  count: number;
  /** Nanoseconds and other 64-bit integers. */
  int: bigint;
  /** Any AIR value, as decoded. */
  value: Value;
}
type FieldWord = keyof FieldTypes;
type Shape = { readonly [field: string]: FieldWord | `${FieldWord}?` };

/** Time and randomness enter the machine only here. `entropy` is 32 bytes; every use derives its own from it. */
const STAMP = { now_ns: "int", logical_ns: "int", entropy: "bytes" } as const;

/** What the outside put in: each begins a turn. */
const INPUTS = {
  /** The first record: which world this is, and what its outcomes depend on beside the journal. */
  genesis: { world: "hash", sandbox: "text", limits: "value", ...STAMP },
  /** A control plane comes into force. `decision` holds every input of the verdict, so that it can be derived again (I5). */
  applied: { manifest: "hash", bundle: "hash", commit: "text", base: "text?", decision: "value", ...STAMP },
  /** An event somebody submitted; `value` is canonical, `sender` names the channel or principal. */
  event: { schema: "text", value: "bytes", key: "bytes?", event_hash: "hash", sender: "text", ...STAMP },
  /** The signed answer to the intent at `intent_seq`; `payload` is canonical and fits the receipt schema, or is null; `code` says why it is not `ok`. */
  receipt: {
    intent: "hash", intent_seq: "count", adapter: "text", status: "text", payload: "bytes", code: "text?", cost_cents: "count?",
    started_ns: "int", finished_ns: "int", signer: "bytes", signature: "bytes", ...STAMP,
  },
  /** A receipt that answered nothing: the intent is closed, unknown, or another one. Changes nothing. */
  receipt_refused: { intent: "hash", intent_seq: "count", adapter: "text", code: "text", ...STAMP },
  /** An offer the kernel said no to. Changes nothing. */
  rejected: { schema: "text", value_hash: "hash", code: "text", message: "text", sender: "text", ...STAMP },
  /** A person's word on the effect held at `held_seq`: `grant` or `deny`. The signature is SSHSIG, namespace `aos-approval`. */
  approval: { held_seq: "count", decision: "text", by: "text", reason: "text?", signer: "bytes", signature: "bytes", ...STAMP },
  /** Somebody ended a plan instance. */
  cancelled: { instance: "count", by: "text", reason: "text?", ...STAMP },
  /** A time passed: of `plan` instance `id`, or of the held effect (`approval`) at seq `id`. */
  due: { what: "text", id: "count", ...STAMP },
  /** A step of the controller that must survive a restart (observe, hold, fence, …). Changes nothing in the machine. */
  transition: { state: "text", commit: "text?", detail: "value", ...STAMP },
} as const;

/** What the machine made of it: `cause` is the seq of the record that made this one. */
const DERIVED = {
  /** An event a reducer or a plan raised. `by` is the module or plan name, `instance` and `step` where a plan did it. */
  raised: { schema: "text", value: "bytes", key: "bytes?", event_hash: "hash", by: "text", instance: "count?", step: "text?", cause: "count" },
  /** A reducer ran: its cell's state afterwards (absent: deleted or never there). */
  stepped: { reducer: "text", key: "bytes?", state: "hash?", fuel: "count", cause: "count" },
  plan_started: { plan: "text", instance: "count", correlation: "bytes?", cause: "count" },
  plan_ended: {
    plan: "text", instance: "count", status: "text", code: "text?", message: "text?", step: "text?", output: "text?", result: "bytes?", cause: "count",
  },
  /** An effect that every check allowed, with the grant and the rule that did. It may be dispatched once this is durable (I4). */
  intent: {
    intent: "hash", effect: "text", params: "bytes", cap: "text", idempotency_key: "bytes", grant: "hash", enforcer: "text",
    policy: "text", rule: "count?", origin: "text", by: "text", instance: "count?", step: "text?", key: "bytes?", approved: "count?", reserved: "value?", cause: "count",
  },
  /** An effect that every check allowed and rule `rule` of the policy holds until a person has seen it. */
  held: {
    intent: "hash", effect: "text", params: "bytes", cap: "text", idempotency_key: "bytes", grant: "hash", enforcer: "text",
    policy: "text", rule: "count", origin: "text", by: "text", instance: "count?", step: "text?", key: "bytes?", reserved: "value?", expires_ns: "int?", cause: "count",
  },
  /** What an effect took of its grant's budget, once its receipt was there; `spent` is the grant's sum afterwards. */
  settled: { cap: "text", intent_seq: "count", took: "value", spent: "value", cause: "count" },
  /** An open intent, or a held effect, that its plan took with it: no receipt counts any more. */
  withdrawn: { intent_seq: "count", cause: "count" },
  /** A cell that a migration module carried over when a control plane came into force. */
  migrated: { reducer: "text", key: "bytes?", state: "hash?", module: "text", fuel: "count", cause: "count" },
  /** An effect that a check refused: `stage` is the check, `code` its reason. `intent` and `params` are there once the params were read. */
  denied: {
    intent: "hash?", effect: "text", params: "bytes?", cap: "text", stage: "text", code: "text", message: "text", policy: "text?", rule: "count?",
    origin: "text", by: "text", instance: "count?", step: "text?", cause: "count",
  },
  /** A step that was undone: which module or plan, why, and the hash of what it was given. */
  step_failed: { by: "text", code: "text", message: "text", input: "hash?", fuel: "count?", cause: "count" },
} as const;

const SHAPES = { ...INPUTS, ...DERIVED };

type OptionalField<S extends Shape> = { [F in keyof S]: S[F] extends `${string}?` ? F : never }[keyof S];
type FieldType<W> = W extends `${infer B extends FieldWord}?` ? FieldTypes[B] : W extends FieldWord ? FieldTypes[W] : never;
type Fields<S extends Shape> = { readonly [F in Exclude<keyof S, OptionalField<S>>]: FieldType<S[F]> } & {
  readonly [F in OptionalField<S>]?: FieldType<S[F]>;
};
export type RecordKind = keyof typeof SHAPES;
export type InputKind = keyof typeof INPUTS;
/** A record without its position. */
export type Draft<K extends RecordKind = RecordKind> = K extends RecordKind ? { readonly kind: K } & Fields<(typeof SHAPES)[K]> : never;
/** A record in its place: `seq` is the number of records before it (I1). */
export type JournalRecord<K extends RecordKind = RecordKind> = K extends RecordKind ? { readonly seq: Seq } & Draft<K> : never;
export type Input<K extends InputKind = InputKind> = Draft<K>;
export type Stamp = Fields<typeof STAMP>;

export const RECORD_KINDS = Object.keys(SHAPES) as readonly RecordKind[];

/** The shapes again, read once. */
interface Field {
  readonly name: string;
  readonly word: FieldWord;
  readonly optional: boolean;
}
const FIELDS: ReadonlyMap<string, readonly Field[]> = new Map(
  Object.entries<Shape>(SHAPES).map(([kind, shape]) => [
    kind, Object.entries(shape).map(([name, word]) => ({ name, word: word.replace("?", "") as FieldWord, optional: word.endsWith("?") })),
  ]),
);

/** Does this record begin a turn? */
export function isInput(record: JournalRecord): record is JournalRecord<InputKind> {
  return Object.hasOwn(INPUTS, record.kind);
}

const ENCODERS: ReadonlyMap<string, (record: { readonly [field: string]: Encodable | undefined }) => Uint8Array> = new Map(
  [...FIELDS].map(([kind, fields]) => [kind, canonicalOf(["kind", "seq", ...fields.map(({ name }) => name)])]),
);

/** Canonical CBOR of `{kind, seq, …fields}`; absent fields are left out. */
export function encodeRecord(record: JournalRecord): Uint8Array {
  const bytes = record.kind === "event" ? eventRecordBytes(record) : record.kind === "stepped" ? steppedRecordBytes(record) : undefined;
  if (bytes !== undefined) return bytes;
  const encode = ENCODERS.get(record.kind);
  assert(encode !== undefined, "a record is of a known kind");
  return encode(record as unknown as { readonly [field: string]: Encodable | undefined });
}

/**
 * Reads one record; every field is checked, unknown fields and kinds are refused.
 *
 * @throws AosError `record.invalid` (unverified) naming the field
 */
export function decodeRecord(bytes: Uint8Array): JournalRecord {
  const common = readCommonRecord(bytes);
  if (common !== undefined) return common;
  const map = read(bytes);
  if (!(map instanceof Map)) throw invalid("a record is a map");
  const { kind, seq } = { kind: map.get("kind"), seq: map.get("seq") };
  const fields = typeof kind === "string" ? FIELDS.get(kind) : undefined;
  if (fields === undefined) throw invalid(`unknown kind ${JSON.stringify(kind)}`);
  if (!isCount(seq)) throw invalid("seq must be a count");
  const out: { [field: string]: unknown } = { kind, seq };
  let known = 2;
  for (const { name, word, optional } of fields) {
    const value = map.get(name);
    if (value === undefined && optional) continue;
    out[name] = readField(word, value);
    if (out[name] === undefined) throw invalid(`${String(kind)}.${name} at seq ${seq}: expected ${word}`);
    known++;
  }
  if (map.size > known) {
    const unknown = [...map.keys()].find((field) => typeof field !== "string" || !Object.hasOwn(out, field));
    throw invalid(`${String(kind)} at seq ${seq}: unknown field ${String(unknown)}`);
  }
  const record = out as unknown as JournalRecord;
  // Every field was taken over, so these are the canonical bytes or there is a second way to write the record.
  if (!bytesEqual(encodeRecord(record), bytes)) throw invalid("not a record: other bytes than the canonical ones");
  return record;
}

/** Gives a draft its place. */
export function place<K extends RecordKind>(draft: Draft<K>, seq: number): JournalRecord<K> {
  // The seq first: an object that grows behind a spread is many times slower to make.
  const placed = { seq, ...draft };
  placed.seq = seq;
  return placed as unknown as JournalRecord<K>;
}

/** {@link place} for an input; one that is in that place already is taken as it is. */
export function placeInput(input: Input, seq: number): JournalRecord<InputKind> {
  return isAt(input, seq) ? input : (place(input, seq) as JournalRecord<InputKind>);
}

function isAt(input: Input, seq: number): input is JournalRecord<InputKind> {
  return (input as Partial<JournalRecord<InputKind>>).seq === seq;
}

function read(bytes: Uint8Array): Value {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof AosError) throw invalid(`not a record: ${error.message}`);
    throw error;
  }
}

/** The field in memory; undefined when it is not what the word says. */
function readField(word: FieldWord, value: Value | undefined): unknown {
  switch (word) {
    case "text":
      return typeof value === "string" ? value : undefined;
    case "hash":
      return typeof value === "string" && isHash(value) ? value : undefined;
    case "bytes":
      return value instanceof Uint8Array ? value : undefined;
    case "count":
      return isCount(value) ? value : undefined;
    case "int":
      return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined;
    case "value":
      return value;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalid(message: string): AosError {
  return new AosError("record.invalid", message, { class: "unverified" });
}

/** The stamp of an input, alone. */
export function stampOf(input: Stamp): Stamp {
  assert(input.entropy.length === 32, "a stamp carries 32 bytes of entropy");
  return { now_ns: input.now_ns, logical_ns: input.logical_ns, entropy: input.entropy };
}
