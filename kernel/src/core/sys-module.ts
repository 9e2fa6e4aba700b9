// Builtin reducers that run as plain code, behind the same envelopes as any module.

import { decode, plain } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { ZERO_HASH } from "../air/hash.ts";
import type { DefModule } from "../air/types.ts";
import type { Encodable, Value, ValueMap } from "../air/value.ts";
import { publish } from "./sys-publish.ts";
import { commit } from "./sys-workspace.ts";

/** One event of a builtin reducer. All values fit their schemas. */
export interface NativeEvent {
  /** Null for a cell that does not exist. */
  readonly state: Value;
  readonly value: Value;
  /** The decoded key of the cell; undefined for a reducer without keys. */
  readonly key: Value | undefined;
}
/** The next state, fields in the order of their schema. @throws AosError to refuse the event: its code goes into `step_failed` */
type NativeReducer = (event: NativeEvent) => Encodable;

export type NativeResult =
  | { readonly kind: "ok"; readonly output: Uint8Array; readonly fuelUsed: number }
  | { readonly kind: "refused"; readonly code: string; readonly message: string; readonly fuelUsed: number };

const REDUCERS: ReadonlyMap<string, NativeReducer> = new Map([
  ["sys/Workspace@1", commit],
  ["sys/HttpPublish@1", publish],
]);

/**
 * Runs a builtin reducer on the input of a `step` call.
 *
 * The output is the envelope a compiled module gives. Fuel is what went in and out: one unit a byte of both envelopes, of the
 * input alone where the event was refused.
 *
 * @returns undefined when the module is none of ours, or comes with code of its own (its `wasm_hash` is not zero)
 */
export function runNative(def: DefModule, input: Uint8Array): NativeResult | undefined {
  const reduce = REDUCERS.get(def.name);
  if (reduce === undefined || def.wasm_hash !== ZERO_HASH) return undefined;
  try {
    const output = plain({ state: plain(reduce(readEvent(input))), domain_events: [], effects: [], ann: null });
    return { kind: "ok", output, fuelUsed: input.length + output.length };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { kind: "refused", code: error.code, message: error.message, fuelUsed: input.length };
  }
}

/** The key is the event's; the context, which the kernel makes of the same event, holds no other. */
function readEvent(input: Uint8Array): NativeEvent {
  const call = record(decode(input));
  const event = record(call.get("event"));
  const key = event.get("key");
  return { state: decodedOr(call.get("state"), null), value: decodedOr(event.get("value"), null), key: decodedOr(key, undefined) };
}

function decodedOr<T>(value: Value | undefined, otherwise: T): Value | T {
  return value instanceof Uint8Array ? decode(value) : otherwise;
}

function record(value: Value | undefined): ValueMap {
  assert(value instanceof Map, "an input envelope is a record");
  return value;
}
