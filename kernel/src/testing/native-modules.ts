// Modules written as plain functions, for tests of everything above the sandbox. They must be pure; nothing checks it.

import { canonical, decode } from "../air/cbor.ts";
import { decodeReducerOutput, type ReducerOutput } from "../air/envelope.ts";
import { AosError } from "../air/error.ts";
import { hashBytes } from "../air/hash.ts";
import { plain } from "../air/cbor.ts";
import type { Encodable, Hash, Value } from "../air/value.ts";
import type { ModuleCall, ModuleResult, ModuleRunner } from "../ports.ts";

export interface NativeOutput {
  readonly state: Encodable | null;
  readonly events?: readonly { readonly schema: string; readonly value: Encodable; readonly key?: Uint8Array }[];
  readonly effects?: readonly { readonly effect: string; readonly params: Encodable; readonly slot?: string }[];
}
/** A reducer over decoded values; throwing is a trap. */
export type NativeReducer = (state: Value, event: Value, ctx: Value) => NativeOutput;

/** A pure module over decoded values; throwing is a trap. */
export type NativePure = (input: Value, ctx: Value) => Encodable;

export interface NativeModules extends ModuleRunner {
  /** Names a function; its artifact is what `add` takes, its hash what a defmodule carries. */
  define(name: string, reduce: NativeReducer): { readonly artifact: Uint8Array; readonly hash: Hash };
  /** The same of a pure module. */
  definePure(name: string, run: NativePure): { readonly artifact: Uint8Array; readonly hash: Hash };
}

export function nativeModules(): NativeModules {
  const known = new Map<Hash, (call: ModuleCall) => ModuleResult>();
  const admitted = new Set<Hash>();
  const keep = (name: string, call: (call: ModuleCall) => ModuleResult): { readonly artifact: Uint8Array; readonly hash: Hash } => {
    const artifact = canonical({ native: name });
    const hash = hashBytes(artifact);
    known.set(hash, call);
    return { artifact, hash };
  };
  return {
    define: (name, reduce) => keep(name, (call) => run(reduce, call)),
    definePure: (name, pure) => keep(name, (call) => runPure(pure, call)),
    has: (hash) => admitted.has(hash),
    add(artifact) {
      const hash = hashBytes(artifact);
      if (!known.has(hash)) return Promise.reject(new AosError("module.refused", `${hash}: no such native module`));
      admitted.add(hash);
      return Promise.resolve(hash);
    },
    call(call) {
      const module = admitted.has(call.wasmHash) ? known.get(call.wasmHash) : undefined;
      if (module === undefined) throw new AosError("module.missing", `${call.wasmHash}: not admitted`);
      return module(call);
    },
  };
}

function runPure(pure: NativePure, call: ModuleCall): ModuleResult {
  const input = decode(call.input) as ReadonlyMap<Value, Value>;
  try {
    return { kind: "ok", output: plain({ output: canonical(pure(bytesAt(input.get("input")), bytesAt(input.get("ctx")))) }), fuelUsed: 1 };
  } catch (error) {
    return trapped(error);
  }
}

/** What is in the envelope as bytes, decoded. */
function bytesAt(value: Value | undefined): Value {
  return value instanceof Uint8Array ? decode(value) : null;
}

function trapped(error: unknown): ModuleResult {
  return { kind: "failed", code: "trap", message: error instanceof Error ? error.message : String(error), fuelUsed: 1 };
}

function run(reduce: NativeReducer, call: ModuleCall): ModuleResult {
  const input = decode(call.input) as ReadonlyMap<Value, Value>;
  const event = input.get("event") as ReadonlyMap<Value, Value>;
  try {
    const made = reduce(bytesAt(input.get("state")), bytesAt(event.get("value")), bytesAt(input.get("ctx")));
    const output = plain({
      state: made.state === null ? null : canonical(made.state),
      domain_events: (made.events ?? []).map(({ schema, value, key }) => ({ schema, value: canonical(value), key })),
      effects: (made.effects ?? []).map(({ effect, params, slot }) => ({ kind: effect, params_cbor: canonical(params), cap_slot: slot })),
      ann: null,
    });
    const read: ReducerOutput = decodeReducerOutput(output);
    return { kind: "ok", output, fuelUsed: 1 + read.events.length + read.effects.length };
  } catch (error) {
    return trapped(error);
  }
}
