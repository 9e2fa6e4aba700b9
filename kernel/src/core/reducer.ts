// One reducer step: state and event in, new state, events and effects out; all of it or nothing.

import { canonical, decode } from "../air/cbor.ts";
import { decodeReducerOutput, encodeReducerInput, reducerContext, type ReducerOutput } from "../air/envelope.ts";
import { AosError } from "../air/error.ts";
import { hashBytes } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { Hash } from "../air/value.ts";
import { enqueue } from "./effect.ts";
import { normalEvent } from "./event-value.ts";
import { ingest } from "./ingest.ts";
import { LIMITS } from "./limits.ts";
import type { ReducerModule } from "./machine.ts";
import { routeEvent, type Delivery } from "./route.ts";
import { runNative } from "./sys-module.ts";
import { trieDelete, trieGet, trieSet } from "./trie.ts";
import { brief, drawEntropy, hashEvent, machine, record, save, undoButDenials, type DomainEvent, type Turn } from "./turn.ts";
import { cellKey } from "./world.ts";

/** Runs a delivery. A failure leaves `step_failed` and nothing else of the step; a denied effect leaves its `denied` too. */
export function runReducer(turn: Turn, delivery: Delivery, cause: number): void {
  const point = save(turn);
  const { def } = delivery.reducer;
  const call = prepare(turn, delivery);
  const result = runNative(def, call.input) ?? turn.deps.modules.call({ wasmHash: def.wasm_hash, entry: "step", input: call.input, fuelLimit: LIMITS.fuelPerCall });
  const fail = (code: string, message: string): void => {
    undoButDenials(turn, point);
    record(turn, { kind: "step_failed", by: def.name, code, message: brief(message), input: hashBytes(call.input), fuel: result.fuelUsed, cause });
  };
  if (result.kind === "refused") return fail(result.code, result.message);
  if (result.kind === "failed") return fail(`module.${result.code}`, result.message);
  try {
    const output = decodeReducerOutput(result.output);
    settle(turn, delivery, { output, fuel: result.fuelUsed, cause, cell: call.cell });
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    fail(error.code, error.message);
  }
}

function prepare(turn: Turn, delivery: Delivery): { readonly input: Uint8Array; readonly cell: string } {
  const { event, reducer } = delivery;
  const cell = cellKey(reducer.def.name, event.key);
  const state = trieGet(turn.world.cells, cell)?.state ?? null;
  const ctx = reducer.abi.context === undefined ? {} : { ctx: context(turn, reducer, event) };
  const sent = { schema: event.schema, value: event.value, ...(event.key === undefined ? {} : { key: event.key }) };
  return { cell, input: encodeReducerInput({ state, event: sent, ...ctx }) };
}

function context(turn: Turn, reducer: ReducerModule, event: DomainEvent): Uint8Array {
  return reducerContext({
    nowNs: turn.stamp.now_ns, logicalNowNs: turn.stamp.logical_ns, height: turn.world.nextSeq, entropy: drawEntropy(turn),
    eventHash: hashEvent(event), manifestHash: machine(turn).control.manifestHash, reducer: reducer.def.name,
    ...(event.key === undefined ? {} : { key: event.key }), cellMode: reducer.def.key_schema !== undefined,
  });
}

interface Outcome {
  readonly output: ReducerOutput;
  readonly fuel: number;
  readonly cause: number;
  readonly cell: string;
}

function settle(turn: Turn, delivery: Delivery, outcome: Outcome): void {
  const { def } = delivery.reducer;
  const { key } = delivery.event;
  const keyed = key === undefined ? {} : { key };
  const state = writeCell(turn, delivery, outcome);
  const seq = record(turn, { kind: "stepped", reducer: def.name, ...keyed, ...(state === undefined ? {} : { state }), fuel: outcome.fuel, cause: outcome.cause });
  for (const raised of outcome.output.events) {
    raise(turn, { schema: raised.schema, value: raised.value, key: raised.key }, { by: def.name, cause: seq });
  }
  for (const effect of outcome.output.effects) {
    if (delivery.reducer.abi.effects_emitted?.includes(effect.effect) !== true) {
      throw new AosError("effect.undeclared", `${def.name}: ${effect.effect} is not among its effects_emitted`);
    }
    const cap = slotGrant(turn, delivery.reducer, effect.slot ?? "default", effect.effect);
    const wish = { effect: effect.effect, params: decode(effect.params), cap, idempotencyKey: effect.idempotencyKey, origin: { kind: "reducer", reducer: def.name, key } as const };
    const got = enqueue(turn, wish, seq);
    if (got.kind === "denied") throw new AosError(`denied:${got.code}`, got.message);
  }
}

/** Stores the state in canonical form, checked against its schema; null deletes the cell. */
function writeCell(turn: Turn, delivery: Delivery, outcome: Outcome): Hash | undefined {
  const { reducer, event } = delivery;
  if (outcome.output.state === null) {
    turn.world = { ...turn.world, cells: trieDelete(turn.world.cells, outcome.cell) };
    return undefined;
  }
  const normal = normalizerFor(machine(turn).control.schemas, reducer.abi.state)(decode(outcome.output.state));
  const state = canonical(normal);
  if (state.length > LIMITS.stateBytes) throw new AosError("limit.state", `${reducer.def.name}: a state of ${state.length} bytes is over ${LIMITS.stateBytes}`);
  const hash = hashBytes(state);
  const cell = { reducer: reducer.def.name, key: event.key, state, hash };
  turn.world = { ...turn.world, cells: trieSet(turn.world.cells, outcome.cell, cell) };
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
