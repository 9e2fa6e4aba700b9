// One reducer step: state and event in, new state, events and effects out; all of it or nothing.

import { decode } from "../air/cbor.ts";
import { decodeReducerOutput, encodeReducerInput, reducerContext } from "../air/envelope.ts";
import { AosError } from "../air/error.ts";
import { hashBytes, hashedBytes } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Hash, Seq } from "../air/value.ts";
import { enqueue } from "./effect.ts";
import { normalEvent } from "./event-value.ts";
import { ingest } from "./ingest.ts";
import { LIMITS } from "./limits.ts";
import type { ReducerModule } from "./machine.ts";
import { routeEvent, type Delivery } from "./route.ts";
import { runNative } from "./sys-module.ts";
import { trieDelete, trieGet, trieSet } from "./trie.ts";
import { brief, carry, drawEntropy, hashEvent, machine, record, recordPlaced, save, undoButDenials, writable, type DomainEvent, type Turn } from "./turn.ts";
import { cellKey } from "./world.ts";

/** Runs a delivery. A failure leaves `step_failed` and nothing else of the step; a denied effect leaves its `denied` too. */
export function runReducer(turn: Turn, delivery: Delivery, cause: number): void {
  const point = save(turn);
  const { def } = delivery.reducer;
  const cell = cellKey(def.name, delivery.event.key);
  const input = inputOf(turn, delivery, cell);
  const result = runNative(def, input) ?? turn.deps.modules.call({ wasmHash: def.wasm_hash, entry: "step", input, fuelLimit: LIMITS.fuelPerCall });
  const refused = result.kind === "ok" ? settled(turn, delivery, { output: result.output, fuel: result.fuelUsed, cause, cell }) : result;
  if (refused === undefined) return;
  undoButDenials(turn, point);
  const code = result.kind === "failed" ? `module.${refused.code}` : refused.code;
  record(turn, { kind: "step_failed", by: def.name, code, message: brief(refused.message), input: hashBytes(input), fuel: result.fuelUsed, cause });
}

function inputOf(turn: Turn, { event, reducer }: Delivery, cell: string): Uint8Array {
  const state = trieGet(turn.world.cells, cell)?.state ?? null;
  const ctx = reducer.abi.context === undefined ? undefined : context(turn, reducer, event);
  return encodeReducerInput({ state, event, ctx });
}

function context(turn: Turn, reducer: ReducerModule, event: DomainEvent): Uint8Array {
  return reducerContext({
    nowNs: turn.stamp.now_ns, logicalNowNs: turn.stamp.logical_ns, height: turn.world.nextSeq, entropy: drawEntropy(turn),
    eventHash: hashEvent(event), manifestHash: machine(turn).control.manifestHash, reducer: reducer.def.name,
    ...(event.key === undefined ? {} : { key: event.key }), cellMode: reducer.def.key_schema !== undefined,
  });
}

interface Outcome {
  readonly output: Uint8Array;
  readonly fuel: number;
  readonly cause: number;
  readonly cell: string;
}

/** Takes over what a module gave; why not, where it cannot be. */
function settled(turn: Turn, delivery: Delivery, outcome: Outcome): AosError | undefined {
  try {
    settle(turn, delivery, outcome);
    return undefined;
  } catch (error) {
    if (error instanceof AosError) return error;
    throw error;
  }
}

function settle(turn: Turn, delivery: Delivery, { output: bytes, cell, fuel, cause }: Outcome): void {
  const { def } = delivery.reducer;
  const { key } = delivery.event;
  const output = decodeReducerOutput(bytes);
  const seq = recordStepped(turn, delivery, { state: writeCell(turn, delivery, { cell, given: output.state }), fuel, cause });
  for (const raised of output.events) {
    raise(turn, { schema: raised.schema, value: raised.value, key: raised.key }, { by: def.name, cause: seq });
  }
  for (const effect of output.effects) {
    if (delivery.reducer.abi.effects_emitted?.includes(effect.effect) !== true) {
      throw new AosError("effect.undeclared", `${def.name}: ${effect.effect} is not among its effects_emitted`);
    }
    const cap = slotGrant(turn, delivery.reducer, effect.slot ?? "default", effect.effect);
    const wish = { effect: effect.effect, params: decode(effect.params), cap, idempotencyKey: effect.idempotencyKey, origin: { kind: "reducer", reducer: def.name, key } as const };
    const got = enqueue(turn, wish, seq);
    if (got.kind === "denied") throw new AosError(`denied:${got.code}`, got.message);
  }
}

/** Field by field, as the record that is made most: spreads take ten times as long. */
function recordStepped(
  turn: Turn,
  { reducer: { def }, event: { key } }: Delivery,
  { state, fuel, cause }: { readonly state: Hash | undefined; readonly fuel: number; readonly cause: number },
): number {
  const seq = turn.world.nextSeq as Seq;
  if (state === undefined) return record(turn, { kind: "stepped", reducer: def.name, ...(key === undefined ? {} : { key }), fuel, cause });
  if (key === undefined) return recordPlaced(turn, { seq, kind: "stepped", reducer: def.name, state, fuel, cause });
  return recordPlaced(turn, { seq, kind: "stepped", reducer: def.name, key, state, fuel, cause });
}

/** Stores the state in canonical form, checked against its schema; null deletes the cell. */
function writeCell(turn: Turn, { reducer, event }: Delivery, { cell: id, given }: { readonly cell: string; readonly given: Uint8Array | null }): Hash | undefined {
  if (given === null) {
    writable(turn).cells = trieDelete(turn.world.cells, id);
    return undefined;
  }
  const normal = normalizerFor(machine(turn).control.schemas, reducer.abi.state)(decode(given));
  const { bytes: state, hash } = hashedBytes(normal);
  if (state.length > LIMITS.stateBytes) throw new AosError("limit.state", `${reducer.def.name}: a state of ${state.length} bytes is over ${LIMITS.stateBytes}`);
  const cell = { reducer: reducer.def.name, key: event.key, state, hash };
  writable(turn).cells = trieSet(turn.world.cells, id, cell);
  return hash;
}

/** Records and ingests an event that a module or plan raised. @throws AosError when it fits no schema or finds no key */
export function raise(
  turn: Turn,
  event: DomainEvent,
  origin: { readonly by: string; readonly instance?: number; readonly step?: string; readonly cause: number },
): number {
  const value = normalEvent(machine(turn).control.schemas, event.schema, decode(event.value));
  const normal = { schema: event.schema, value, key: event.key };
  const routed = routeEvent(machine(turn), normal);
  const keyed = { ...normal, key: routed.key };
  const { cause, ...who } = origin;
  carry(turn, value.length);
  const seq = record(turn, { kind: "raised", schema: event.schema, value, ...(routed.key === undefined ? {} : { key: routed.key }), event_hash: hashEvent(keyed), ...who, cause });
  ingest(turn, keyed, routed, seq);
  return seq;
}

/** The grant behind a reducer's slot: bound in the manifest, or for `default` the only grant of the effect's type. */
function slotGrant(turn: Turn, reducer: ReducerModule, slot: string, effect: string): string {
  const { control, grants } = machine(turn);
  const bound = control.manifest.module_bindings?.get(reducer.def.name)?.slots?.get(slot);
  if (bound !== undefined) return bound;
  const type = control.effects.get(effect)?.cap_type;
  const fitting = [...grants.values()].filter((grant) => grant.capType === type);
  const [only] = fitting;
  if (slot === "default" && fitting.length === 1 && only !== undefined) return only.name;
  throw new AosError("cap.binding_missing", `${reducer.def.name}: slot ${JSON.stringify(slot)} is bound to no grant`);
}
