// The border of a bundle: envelopes of the ABI are read into plain values, a result is checked and written back.

import { canonical, canonicalBare, decode, plain } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import type { Encodable, Value, ValueMap } from "../air/value.ts";
import { fromEngine } from "./from-engine.ts";
import { OUTPUT_BYTES_MAX } from "./limits.ts";

/** Fields of the contexts, in the order in which they are handed to the script. */
export const CONTEXT_FIELDS = {
  step: ["now_ns", "logical_now_ns", "journal_height", "entropy", "event_hash", "manifest_hash", "reducer", "key", "cell_mode"],
  run: ["logical_now_ns", "journal_height", "manifest_hash", "module"],
} as const;

/** What an entry gets; the context's fields in the order of `CONTEXT_FIELDS`, or null without one. */
export interface Arguments {
  readonly values: readonly Value[];
  readonly context: readonly (Value | undefined)[] | null;
}
/** What the script's `dispatch` answered: its result, or the message of what it threw and where (to be shown, never recorded). */
export type Answer = { readonly kind: "result"; readonly value: Value } | { readonly kind: "thrown"; readonly message: string; readonly trace: string };

/** Fields of the context that are nanoseconds: always BigInt in a script, whatever their size, so that arithmetic needs no cases. */
const NANOSECONDS: readonly string[] = ["now_ns", "logical_now_ns"];
const REDUCER_FIELDS = ["state", "events", "effects", "ann"];
const EVENT_FIELDS = ["schema", "value", "key"];
const EFFECT_FIELDS = ["effect", "params", "slot", "idempotencyKey"];
const KEY_BYTES = 32;

/** Reads an entry's input envelope. @throws AosError `abi.input`, `cbor.invalid` */
export function readArguments(entry: "step" | "run", input: Uint8Array): Arguments {
  return entry === "step" ? reducerArguments(input) : pureArguments(input);
}

/** Reads what the engine wrote for the script's answer. @throws AosError `js.value` when it holds what is no data */
export function readAnswer(bytes: Uint8Array, form: "plain" | "wrapped"): Answer {
  const answer = fromEngine(bytes, form);
  assert(Array.isArray(answer), "the script answers with a list");
  const [kind, value, trace] = answer as readonly Value[];
  if (kind === 1) return { kind: "thrown", message: typeof value === "string" ? value : "Error: without a message", trace: typeof trace === "string" ? trace : "" };
  return { kind: "result", value: value ?? null };
}

/** The output envelope of a result. @throws AosError `js.output`, `air.value`: what is wrong with it, its path first */
export function writeOutput(entry: "step" | "run", result: Value): Uint8Array {
  const output = entry === "step" ? reducerOutput(result) : plain({ output: encoded(result, "result") });
  if (output.length > OUTPUT_BYTES_MAX) refuse(`an output of ${output.length} bytes; at most ${OUTPUT_BYTES_MAX} are allowed`);
  return output;
}

function isMap(value: Value | undefined): value is ValueMap {
  return value instanceof Map;
}

function wrong(what: string): never {
  throw new AosError("abi.input", what);
}

function bytesOf(map: ValueMap, field: string): Uint8Array | undefined {
  const value = map.get(field);
  if (value === undefined || value === null) return undefined;
  return value instanceof Uint8Array ? value : wrong(`${field}: expected bytes`);
}

function envelope(input: Uint8Array): ValueMap {
  const map = decode(input);
  if (!isMap(map) || map.get("version") !== 1) return wrong("not an envelope of version 1");
  return map;
}

/** The context's fields in the script's order; fields it does not know are left out. */
function contextOf(map: ValueMap, entry: "step" | "run"): Arguments["context"] {
  const bytes = bytesOf(map, "ctx");
  if (bytes === undefined) return null;
  const context = decode(bytes);
  if (!isMap(context)) return wrong("ctx: expected a map");
  return CONTEXT_FIELDS[entry].map((field) => {
    const value = context.get(field);
    return typeof value === "number" && NANOSECONDS.includes(field) ? BigInt(value) : value;
  });
}

/** `(state, event, ctx)`: null where there is none. */
function reducerArguments(input: Uint8Array): Arguments {
  const map = envelope(input);
  const state = bytesOf(map, "state");
  const event = map.get("event");
  if (!isMap(event)) return wrong("event: expected a map");
  const value = bytesOf(event, "value") ?? wrong("event.value: expected bytes");
  return { values: [state === undefined ? null : decode(state), decode(value)], context: contextOf(map, "step") };
}

/** `(input, ctx)`. */
function pureArguments(input: Uint8Array): Arguments {
  const map = envelope(input);
  return { values: [decode(bytesOf(map, "input") ?? wrong("input: expected bytes"))], context: contextOf(map, "run") };
}

function refuse(what: string): never {
  throw new AosError("js.output", what);
}

/** A map with no other fields than these. */
function record(value: Value | undefined, place: string, fields: readonly string[]): ValueMap {
  const shape = `{ ${fields.join(", ")} }`;
  if (!isMap(value)) return refuse(`${place}: expected an object ${shape}`);
  for (const field of value.keys()) if (!fields.includes(String(field))) refuse(`${place}: unknown field ${JSON.stringify(String(field))}; expected ${shape}`);
  return value;
}

function list(value: Value | undefined, place: string): readonly Value[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Value[]) : refuse(`${place}: expected a list`);
}

function text(map: ValueMap, field: string, place: string): string {
  const value = map.get(field);
  return typeof value === "string" ? value : refuse(`${place}.${field}: expected a text`);
}

/** Sorted keys, no prefix. */
function encoded(value: Value, place: string): Uint8Array {
  try {
    return canonicalBare(value);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return refuse(`${place}${error.message.replace(/^\$/, "")}`);
  }
}

/** A reducer's result as the output envelope: field order of the ABI, payloads with sorted keys and without prefix. */
function reducerOutput(value: Value): Uint8Array {
  const result = record(value, "result", REDUCER_FIELDS);
  const state = result.get("state");
  if (state === undefined) return refuse("result.state: is missing; null deletes the cell");
  const ann = result.get("ann") ?? null;
  return plain({
    state: state === null ? null : encoded(state, "result.state"),
    domain_events: list(result.get("events"), "result.events").map(eventOutput),
    effects: list(result.get("effects"), "result.effects").map(effectOutput),
    ann: ann === null ? null : encoded(ann, "result.ann"),
  });
}

function eventOutput(value: Value, index: number): Encodable {
  const place = `result.events[${index}]`;
  const event = record(value, place, EVENT_FIELDS);
  const key = event.get("key") ?? null;
  return {
    schema: text(event, "schema", place), value: encoded(event.get("value") ?? null, `${place}.value`),
    key: key === null ? undefined : key instanceof Uint8Array ? key : canonical(key),
  };
}

function effectOutput(value: Value, index: number): Encodable {
  const place = `result.effects[${index}]`;
  const effect = record(value, place, EFFECT_FIELDS);
  const key = effect.get("idempotencyKey") ?? null;
  if (key !== null && !(key instanceof Uint8Array && key.length === KEY_BYTES)) refuse(`${place}.idempotencyKey: expected ${KEY_BYTES} bytes`);
  return {
    kind: text(effect, "effect", place), params_cbor: encoded(effect.get("params") ?? null, `${place}.params`),
    cap_slot: effect.has("slot") && effect.get("slot") !== null ? text(effect, "slot", place) : undefined,
    idempotency_key: key === null ? undefined : (key as Uint8Array),
  };
}
