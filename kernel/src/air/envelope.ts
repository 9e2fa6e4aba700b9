// What surrounds values: the preimages of intent, grant, event and patch hashes, and the envelopes modules are called with.

import { canonicalOf, decode, fieldsOf, plainOf } from "./cbor.ts";
import { putBytes, putRaw, putStart, putText, textBytesMax } from "./cbor-put.ts";
import { bytesToShow, items, lentFrom, placeToLend, shownTo } from "./cbor-writer.ts";
import { AosError } from "./error.ts";
import { hashBytes, hashValue, utf8 } from "./hash.ts";
import { bareValue, nodeValue } from "./serialize.ts";
import type { Definition, Manifest } from "./types.ts";
import { isList, isMap, kindOfValue } from "./value-path.ts";
import type { Encodable, Hash, Value, ValueMap } from "./value.ts";

const ABI_VERSION = 1;
/** More than heads and names of fields take in an envelope. */
const FIXED_BYTES = 128;
const IDEMPOTENCY_KEY_BYTES = 32;

// Events are hashed and sent to reducers all the time: their envelopes are put together from pieces.
const VERSION_STATE = items("version", ABI_VERSION, "state");
const EVENT = items("event");
const SCHEMA = items("schema");
const VALUE = items("value");
const KEY = items("key");
const CTX = items("ctx");
const reducerOutputFields = fieldsOf(["state", "domain_events", "effects", "ann"]);
const pureInputBytes = plainOf(["version", "input", "ctx"]);
const reducerContextBytes = canonicalOf(["now_ns", "logical_now_ns", "journal_height", "entropy", "event_hash", "manifest_hash", "reducer", "key", "cell_mode"]);
const pureContextBytes = canonicalOf(["logical_now_ns", "journal_height", "manifest_hash", "module"]);

/**
 * Identity of an effect that was asked for: kind, normalised params (canonical bytes, secrets not injected), name of the
 * grant, idempotency key (32 bytes, zero when none was given). Who asked is not part of it.
 */
export function intentHash(intent: {
  readonly effect: string;
  readonly params: Uint8Array;
  readonly cap: string;
  readonly idempotencyKey: Uint8Array;
}): Hash {
  return hashValue({ kind: intent.effect, params: intent.params, cap: intent.cap, idempotency_key: intent.idempotencyKey });
}

/**
 * Identity of what a grant allows: name of the defcap, its type, normalised params (canonical bytes), expiry. The grant's own
 * name is not part of it.
 */
export function grantHash(grant: {
  readonly cap: string;
  readonly capType: string;
  readonly params: Uint8Array;
  readonly expiryNs?: bigint;
}): Hash {
  return hashValue({ defcap_ref: grant.cap, cap_type: grant.capType, params_cbor: grant.params, expiry_ns: grant.expiryNs });
}

/** An event as modules are sent it and as it is hashed: schema name, canonical value, canonical key when it has one. */
type EventEnvelope = {
  readonly schema: string;
  readonly value: Uint8Array;
  readonly key?: Uint8Array | undefined;
};

/** Identity of an event. */
export function eventHash({ schema, value, key }: EventEnvelope): Hash {
  const to = bytesToShow(FIXED_BYTES + value.length + (key === undefined ? 0 : key.length) + textBytesMax(schema));
  let at = putStart(to, 0, key === undefined ? 2 : 3);
  if (key !== undefined) at = putBytes(to, putRaw(to, at, KEY), key);
  at = putBytes(to, putRaw(to, at, VALUE), value);
  at = putSchema(to, at, schema);
  return hashBytes(shownTo(at));
}

function putSchema(to: Uint8Array, at: number, schema: string): number {
  const end = putText(to, putRaw(to, at, SCHEMA), schema);
  if (end < 0) throw new AosError("air.value", "$.schema: a lone surrogate has no UTF-8 form");
  return end;
}

/** A control plane as one value: the manifest without `$kind`, definitions with it, no `nodes` when there are none. */
export function patchValue(manifest: Manifest, nodes: readonly Definition[]): Encodable {
  return { manifest: bareValue(manifest), nodes: nodes.length === 0 ? undefined : nodes.map(nodeValue) };
}

// --- calls

/** Input of `step`. `state` is null for a cell that does not exist; `ctx` goes only to modules that declare a context. */
export function encodeReducerInput(input: {
  readonly state: Uint8Array | null;
  readonly event: EventEnvelope;
  readonly ctx?: Uint8Array | undefined;
}): Uint8Array {
  const { state, event, ctx } = input;
  const { schema, value, key } = event;
  const place = placeToLend(FIXED_BYTES + (state?.length ?? 0) + textBytesMax(schema) + value.length + (key?.length ?? 0) + (ctx?.length ?? 0));
  const to = place.bytes;
  let at = place.start;
  to[at++] = ctx === undefined ? 0xa3 : 0xa4;
  at = putRaw(to, at, VERSION_STATE);
  if (state === null) to[at++] = 0xf6;
  else at = putBytes(to, at, state);
  at = putRaw(to, at, EVENT);
  to[at++] = key === undefined ? 0xa2 : 0xa3;
  at = putSchema(to, at, schema);
  at = putBytes(to, putRaw(to, at, VALUE), value);
  if (key !== undefined) at = putBytes(to, putRaw(to, at, KEY), key);
  if (ctx !== undefined) at = putBytes(to, putRaw(to, at, CTX), ctx);
  return lentFrom(place, at);
}

/** Input of `run`. */
export function encodePureInput(call: { readonly input: Uint8Array; readonly ctx?: Uint8Array }): Uint8Array {
  return pureInputBytes({ version: ABI_VERSION, input: call.input, ctx: call.ctx });
}

/** `sys/ReducerContext@1`, canonical. Times in nanoseconds; `height` is the seq the next record will have. */
export function reducerContext(context: {
  readonly nowNs: bigint;
  readonly logicalNowNs: bigint;
  readonly height: number;
  readonly entropy: Uint8Array;
  readonly eventHash: Hash;
  readonly manifestHash: Hash;
  readonly reducer: string;
  readonly key?: Uint8Array;
  readonly cellMode: boolean;
}): Uint8Array {
  return reducerContextBytes({
    now_ns: context.nowNs,
    logical_now_ns: context.logicalNowNs,
    journal_height: context.height,
    entropy: context.entropy,
    event_hash: context.eventHash,
    manifest_hash: context.manifestHash,
    reducer: context.reducer,
    key: context.key,
    cell_mode: context.cellMode,
  });
}

/** `sys/PureContext@1`, canonical. */
export function pureContext(context: {
  readonly logicalNowNs: bigint;
  readonly height: number;
  readonly manifestHash: Hash;
  readonly module: string;
}): Uint8Array {
  return pureContextBytes({
    logical_now_ns: context.logicalNowNs,
    journal_height: context.height,
    manifest_hash: context.manifestHash,
    module: context.module,
  });
}

// --- answers

/** What a reducer gave back. `state` null deletes the cell; bytes are CBOR that nobody has checked yet, and may be views of the output. */
export interface ReducerOutput {
  readonly state: Uint8Array | null;
  readonly events: readonly EventEnvelope[];
  readonly effects: readonly {
    readonly effect: string;
    readonly params: Uint8Array;
    readonly slot?: string;
    readonly idempotencyKey?: Uint8Array;
  }[];
  readonly ann: Uint8Array | null;
}

/**
 * Reads the output of `step`: plain or canonical CBOR, keys in any order, unknown ones ignored. `state` must be there.
 * Byte members may also be text (its UTF-8) or a list of small integers.
 * @throws AosError `abi.output`, the path first
 */
export function decodeReducerOutput(bytes: Uint8Array): ReducerOutput {
  const output = outputFields(bytes);
  if (output === undefined) return mismatch("output", "a map", decode(bytes));
  const state = output[0];
  if (state === undefined) fail("output.state", "is missing; null means no state");
  return {
    state: bytesOrNull(state, "output.state"),
    events: itemsAt(output[1], "output.domain_events", readEvent),
    effects: itemsAt(output[2], "output.effects", readEffect),
    ann: bytesOrNull(output[3], "output.ann"),
  };
}

function outputFields(bytes: Uint8Array): ReturnType<typeof reducerOutputFields> {
  try {
    return reducerOutputFields(bytes);
  } catch (cause) {
    if (cause instanceof AosError) return fail("output", cause.message, cause);
    throw cause;
  }
}

/**
 * Reads the output of `run`.
 * @throws AosError `abi.output`
 */
export function decodePureOutput(bytes: Uint8Array): Uint8Array {
  return bytesAt(mapAt(decodeOutput(bytes), "output").get("output"), "output.output");
}

function readEvent(value: Value, at: string): EventEnvelope {
  const event = mapAt(value, at);
  const key = bytesOrNull(event.get("key"), `${at}.key`);
  const raised = { schema: textAt(event.get("schema"), `${at}.schema`), value: bytesAt(event.get("value"), `${at}.value`) };
  return key === null ? raised : { ...raised, key };
}

function readEffect(value: Value, at: string): ReducerOutput["effects"][number] {
  const map = mapAt(value, at);
  const slot = map.get("cap_slot") ?? undefined;
  const idempotencyKey = bytesOrNull(map.get("idempotency_key"), `${at}.idempotency_key`);
  if (idempotencyKey !== null && idempotencyKey.length !== IDEMPOTENCY_KEY_BYTES) {
    fail(`${at}.idempotency_key`, `expected ${IDEMPOTENCY_KEY_BYTES} bytes, got ${idempotencyKey.length}`);
  }
  return {
    effect: textAt(map.get("kind"), `${at}.kind`),
    params: bytesAt(map.get("params_cbor"), `${at}.params_cbor`),
    ...(slot === undefined ? {} : { slot: textAt(slot, `${at}.cap_slot`) }),
    ...(idempotencyKey === null ? {} : { idempotencyKey }),
  };
}

function fail(at: string, what: string, cause?: AosError): never {
  throw new AosError("abi.output", `${at}: ${what}`, { cause });
}

function mismatch(at: string, expected: string, value: Value | undefined): never {
  fail(at, `expected ${expected}, got ${value === undefined ? "nothing" : kindOfValue(value)}`);
}

function decodeOutput(bytes: Uint8Array): Value {
  try {
    return decode(bytes);
  } catch (cause) {
    if (cause instanceof AosError) return fail("output", cause.message, cause);
    throw cause;
  }
}

function mapAt(value: Value, at: string): ValueMap {
  if (isMap(value)) return value;
  return mismatch(at, "a map", value);
}

const NONE: readonly never[] = [];

function itemsAt<T>(value: Value | undefined, at: string, read: (item: Value, at: string) => T): readonly T[] {
  if (value === undefined) return NONE;
  if (!isList(value)) return mismatch(at, "a list", value);
  return value.length === 0 ? NONE : value.map((item, i) => read(item, `${at}.${i}`));
}

function textAt(value: Value | undefined, at: string): string {
  if (typeof value === "string") return value;
  return mismatch(at, "text", value);
}

function bytesOrNull(value: Value | undefined, at: string): Uint8Array | null {
  return value === undefined || value === null ? null : bytesAt(value, at);
}

/** Some module toolkits write bytes as text or as a list of small integers. */
function bytesAt(value: Value | undefined, at: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return utf8(value);
  if (value !== undefined && isList(value) && value.every(isByte)) return Uint8Array.from(value as readonly number[]);
  return mismatch(at, "bytes", value);
}

function isByte(value: Value): boolean {
  return typeof value === "number" && value >= 0 && value <= 0xff;
}
