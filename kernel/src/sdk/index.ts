// What authors of TypeScript modules import: reducers, pure functions and enforcers, and the shapes of what they get and give.

import { decodeCbor } from "./cbor.ts";
import type { EffectOut, EventOut } from "./effect.ts";

export { backoff, timer, type Backoff, type BackoffOptions } from "./backoff.ts";
export { bytesOf, hashOf, sha256, textOf } from "./bytes.ts";
export { decodeCbor } from "./cbor.ts";
export { effect, event, slot, type EffectOut, type Emitted, type EventOut } from "./effect.ts";
export { idempotencyKey } from "./key.ts";
export { saga, type Moved, type Saga, type SagaCall, type SagaState, type SagaStep } from "./saga.ts";

/** An integer as it comes in: a number while it is exact (up to 2^53 - 1 either way), else a bigint. Either may be given back. */
export type Int = number | bigint;

/**
 * A value of a variant type: one of its arms, by `$tag`. An arm of type unit has no value.
 * @example type Command = Variant<{ Add: { by: number }; Reset: null }>
 */
export type Variant<Arms extends object> = {
  [Tag in keyof Arms & string]: Arms[Tag] extends null
    ? { readonly $tag: Tag; readonly $value?: null }
    : { readonly $tag: Tag; readonly $value: Arms[Tag] };
}[keyof Arms & string];

/** `sys/ReducerContext@1`. A reducer gets it when its module declares it as its context; else `ctx` is null. */
export interface ReducerContext {
  /** Wall time of the input that caused this call, nanoseconds since 1970. */
  readonly now_ns: bigint;
  /** Logical time, nanoseconds; never goes back. */
  readonly logical_now_ns: bigint;
  readonly journal_height: Int;
  /** 64 random bytes, drawn once for the input and recorded with it. */
  readonly entropy: Uint8Array;
  readonly event_hash: string;
  readonly manifest_hash: string;
  readonly reducer: string;
  /** The cell's key, as its canonical bytes; `decodeCbor` reads it. */
  readonly key?: Uint8Array;
  readonly cell_mode: boolean;
}

/** `sys/PureContext@1`. */
export interface PureContext {
  readonly logical_now_ns: bigint;
  readonly journal_height: Int;
  readonly manifest_hash: string;
  readonly module: string;
}

/** What a reducer answers. `state: null` deletes the cell. */
export interface Reduced<State> {
  readonly state: State | null;
  readonly events?: readonly EventOut[];
  readonly effects?: readonly EffectOut[];
  readonly ann?: unknown;
}

/** A module as the bundle exports it; made by `reduce`, `pure` and `enforce` only. */
export interface Module<Entry extends "step" | "run"> {
  readonly entry: Entry;
  readonly call: (...args: never) => unknown;
}

/**
 * Makes a reducer: `export default reduce((state, event, ctx) => ({ state: … }))`. Called with null for a cell that does not exist
 * yet. It must answer at once (no Promise) and from its arguments alone; each call starts from the module as it was loaded.
 */
export function reduce<State, Event>(
  step: (state: State | null, event: Event, ctx: ReducerContext) => Reduced<State>,
): Module<"step"> {
  return { entry: "step", call: step };
}

/** Makes a pure module: a function from its input to its output. `ctx` is null unless the module declares a context. */
export function pure<Input, Output>(run: (input: Input, ctx: PureContext) => Output): Module<"run"> {
  return { entry: "run", call: run };
}

/** What an enforcer judges: may this effect be done under this grant? */
export interface EnforceRequest<CapParams, EffectParams> {
  readonly capDef: string;
  readonly grantName: string;
  readonly capParams: CapParams;
  readonly effectKind: string;
  readonly effectParams: EffectParams;
  readonly origin: { readonly kind: "plan" | "reducer"; readonly name: string };
  readonly logicalNowNs: bigint;
}
/** Why an effect is denied. */
export interface Denial {
  readonly code: string;
  readonly message: string;
}

interface CapCheckInput {
  readonly cap_def: string;
  readonly grant_name: string;
  readonly cap_params: Uint8Array;
  readonly effect_kind: string;
  readonly effect_params: Uint8Array;
  readonly origin: { readonly kind: "plan" | "reducer"; readonly name: string };
  readonly logical_now_ns: Int;
}

/** Makes a capability enforcer: answers "allow", or says why not. */
export function enforce<CapParams, EffectParams>(
  judge: (request: EnforceRequest<CapParams, EffectParams>) => "allow" | Denial,
): Module<"run"> {
  return pure((input: CapCheckInput) => {
    const verdict = judge({
      capDef: input.cap_def,
      grantName: input.grant_name,
      capParams: decodeCbor(input.cap_params) as CapParams,
      effectKind: input.effect_kind,
      effectParams: decodeCbor(input.effect_params) as EffectParams,
      origin: input.origin,
      logicalNowNs: BigInt(input.logical_now_ns),
    });
    return verdict === "allow" ? { constraints_ok: true } : { constraints_ok: false, deny: { code: verdict.code, message: verdict.message } };
  });
}
