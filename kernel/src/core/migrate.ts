// What a new control plane makes of the cells there are: taken over as they are, carried over by a migration module, or a misfit.

import { canonical, decode } from "../air/cbor.ts";
import { decodePureOutput, encodePureInput, pureContext } from "../air/envelope.ts";
import { AosError } from "../air/error.ts";
import { expandName, type Expanded } from "../air/expand.ts";
import { bytesEqual, hashBytes, ZERO_HASH } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { ControlPlane, DefModule } from "../air/types.ts";
import type { Hash, Value } from "../air/value.ts";
import type { ModuleRunner } from "../ports.ts";
import { compareCells } from "./cells.ts";
import { LIMITS } from "./limits.ts";
import { reducerOf } from "./machine.ts";
import { encodeRecord, place, type Draft } from "./record.ts";
import { trieDelete, trieGroup, trieSet } from "./trie.ts";
import { brief, record, writable, type Turn } from "./turn.ts";
import { cellKey, type Cell, type World } from "./world.ts";

/** A cell whose state or key a control plane cannot take over. */
export interface Misfit {
  readonly reducer: string;
  readonly key: Uint8Array | undefined;
  readonly reason: string;
}

/** A cell that a migration module carries over; without a state it is deleted. */
interface Migrated {
  readonly reducer: string;
  readonly key: Uint8Array | undefined;
  /** Canonical bytes. */
  readonly state: Uint8Array | undefined;
  readonly module: string;
  readonly fuel: number;
}

interface Takeover {
  readonly migrated: readonly Migrated[];
  readonly misfits: readonly Misfit[];
}

/** What one change of the control plane may write, bytes: it is one turn, in memory, in the journal and in a seal. */
interface MigrationMost {
  /** The `migrated` records together. */
  readonly records: number;
  /** The new states together. */
  readonly states: number;
}
export const MIGRATION_MOST: MigrationMost = { records: 32 << 20, states: 256 << 20 };

/**
 * Rehearses the change to `next`; changes nothing, and says the same whenever it is asked of the same cells. Both lists are by
 * reducer and key. Cells of reducers whose state and key types are the same in both control planes are not looked at.
 *
 * @throws AosError `module.missing` when a migration module was not added to `modules`
 */
export function takeover(world: World, next: ControlPlane, modules: ModuleRunner): Takeover {
  const migrated: Migrated[] = [];
  const misfits: Misfit[] = [];
  for (const made of takenOver(world, next, modules)) {
    if ("reason" in made) misfits.push(made);
    else migrated.push(made);
  }
  return { migrated: migrated.sort(compareCells), misfits: misfits.sort(compareCells) };
}

/** The cells that neither fit the schemas their reducers have in `next` nor are carried over, whatever the change writes. */
export function misfits(world: World, next: ControlPlane, modules: ModuleRunner): readonly Misfit[] {
  const found: Misfit[] = [];
  for (const made of takenOver(world, next, modules)) if ("reason" in made) found.push(made);
  return found.sort(compareCells);
}

/**
 * Why `next` is not to be applied: its misfits, or the one reducer whose cells are more than a change may carry over. A journal that
 * holds such a change is replayed all the same.
 */
export function applyRefusals(world: World, next: ControlPlane, modules: ModuleRunner, most: MigrationMost = MIGRATION_MOST): readonly Misfit[] {
  const found: Misfit[] = [];
  let [records, states] = [0, 0];
  for (const made of takenOver(world, next, modules)) {
    if ("reason" in made) found.push(made);
    else {
      records += encodeRecord(place(migratedDraft(made, made.state === undefined ? undefined : ZERO_HASH, world.nextSeq), world.nextSeq)).length;
      states += made.state?.length ?? 0;
    }
    const over = records > most.records ? `more than ${most.records} bytes of records` : states > most.states ? `more than ${most.states} bytes of state` : undefined;
    if (over !== undefined) return [{ reducer: made.reducer, key: undefined, reason: `carrying its cells over is ${over}, too much for one change: delete cells first, or give the new state to a new reducer` }];
  }
  return found.sort(compareCells);
}

/** Cell by cell, in no order. */
function* takenOver(world: World, next: ControlPlane, modules: ModuleRunner): Generator<Migrated | Misfit> {
  const changed = world.control === undefined ? [] : changedReducers(world.control, next);
  const migrations = new Map((next.manifest.migrations ?? []).map(({ reducer, module }) => [reducer, module]));
  for (const cell of cellsOf(world, changed)) {
    const { reducer, key } = cell;
    const unkeyed = keyMisfit(cell, next);
    const reason = unkeyed ?? misfit(cell, next);
    if (reason === undefined) continue;
    const name = migrations.get(reducer);
    const carried = name === undefined ? { reason } : carryOver(cell, { next, module: next.modules.get(name), modules });
    // A migration leaves a cell its key, or deletes the cell.
    const moved = unkeyed !== undefined && "state" in carried && carried.state !== undefined ? { reason: unkeyed } : carried;
    if ("reason" in moved) yield { reducer, key, reason: name === undefined ? moved.reason : `${name}: ${moved.reason}` };
    else yield { reducer, key, module: name ?? "", ...moved };
  }
}

function* cellsOf(world: World, reducers: readonly string[]): Generator<Cell> {
  for (const reducer of reducers) for (const [, , cell] of trieGroup(world.cells, reducer)) yield cell;
}

/** Writes what migration modules made, a record a cell. */
export function migrateCells(turn: Turn, migrated: readonly Migrated[], cause: number): void {
  for (const made of migrated) {
    const { reducer, key, state } = made;
    const id = cellKey(reducer, key);
    const hash = state === undefined ? undefined : hashBytes(state);
    const { cells } = turn.world;
    writable(turn).cells = state === undefined || hash === undefined ? trieDelete(cells, id) : trieSet(cells, id, { reducer, key, state, hash });
    record(turn, migratedDraft(made, hash, cause));
  }
}

function migratedDraft({ reducer, key, module, fuel }: Migrated, hash: Hash | undefined, cause: number): Draft<"migrated"> {
  return { kind: "migrated", reducer, ...(key === undefined ? {} : { key }), ...(hash === undefined ? {} : { state: hash }), module, fuel, cause };
}

/** Reducers of the control plane in force whose cells `next` may read differently, or not at all. */
function changedReducers(control: ControlPlane, next: ControlPlane): readonly string[] {
  return [...control.modules.values()].flatMap(({ name, abi, key_schema }) => {
    if (abi.reducer === undefined) return [];
    const after = next.modules.get(name)?.abi.reducer;
    const same = after !== undefined && sameType(expandName(control.schemas, abi.reducer.state), expandName(next.schemas, after.state), new Map());
    return same && sameKey(key_schema, next.modules.get(name)?.key_schema, { control, next }) ? [] : [name];
  });
}

function sameKey(before: string | undefined, after: string | undefined, { control, next }: { readonly control: ControlPlane; readonly next: ControlPlane }): boolean {
  if (before === undefined || after === undefined) return before === after;
  return sameType(expandName(control.schemas, before), expandName(next.schemas, after), new Map());
}

/** Structural; `proven` keeps types that are used many times from being walked as often. */
function sameType(a: Expanded, b: Expanded, proven: Map<Expanded, Expanded>): boolean {
  if (a === b || proven.get(a) === b) return true;
  if (a.kind !== b.kind) return false;
  const same = sameParts(a, b, proven);
  if (same) proven.set(a, b);
  return same;
}

function sameParts(a: Expanded, b: Expanded, proven: Map<Expanded, Expanded>): boolean {
  if (a.kind === "record" && b.kind === "record") return sameNamed(a.fields, b.fields, proven);
  if (a.kind === "variant" && b.kind === "variant") return sameNamed(a.arms, b.arms, proven);
  if (a.kind === "map" && b.kind === "map") return a.key === b.key && sameType(a.value, b.value, proven);
  return "item" in a && "item" in b ? sameType(a.item, b.item, proven) : true;
}

function sameNamed(a: ReadonlyMap<string, Expanded>, b: ReadonlyMap<string, Expanded>, proven: Map<Expanded, Expanded>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, type]) => {
    const other = b.get(name);
    return other !== undefined && sameType(type, other, proven);
  });
}

/** What keeps a reducer of `next` from finding the cell by its key; a reducer that is gone is for `misfit` to tell. */
function keyMisfit({ reducer, key }: Cell, next: ControlPlane): string | undefined {
  const module = next.modules.get(reducer);
  const schema = module?.key_schema;
  if (module === undefined || (schema === undefined && key === undefined)) return undefined;
  if (schema === undefined) return "the key: the reducer has no key any more";
  if (key === undefined) return "the key: the cell has none, and the reducer asks for one";
  const reason = refusalOf(() => {
    if (!bytesEqual(canonical(normalizerFor(next.schemas, schema)(decode(key))), key)) throw new AosError("state.changes", "it would read differently");
  });
  return reason === undefined ? undefined : `the key: ${reason}`;
}

function misfit(cell: Cell, next: ControlPlane): string | undefined {
  return refusalOf(() => {
    const { abi } = reducerOf(next, cell.reducer);
    const state = normalizerFor(next.schemas, abi.state)(decode(cell.state));
    if (hashBytes(canonical(state)) !== cell.hash) throw new AosError("state.changes", "the state would read differently");
  });
}

interface Migration {
  readonly next: ControlPlane;
  readonly module: DefModule | undefined;
  readonly modules: ModuleRunner;
}

/**
 * Gives one cell to its migration module: `{reducer, key, state}` in, as the module's input schema spells it; the new state out, or
 * null to delete the cell. A migration is a function of the cell alone: its context, where it asks for one, stands at time and height 0.
 */
function carryOver(cell: Cell, { next, module, modules }: Migration): { readonly state: Uint8Array | undefined; readonly fuel: number } | { readonly reason: string } {
  const pure = module?.abi.pure;
  if (module === undefined || pure === undefined) return { reason: "the manifest holds no such pure module" };
  let made: { readonly state: Uint8Array | undefined; readonly fuel: number } | undefined;
  const reason = refusalOf(() => {
    const given = new Map<Value, Value>([["reducer", cell.reducer], ["key", cell.key === undefined ? null : decode(cell.key)], ["state", decode(cell.state)]]);
    const input = canonical(normalizerFor(next.schemas, pure.input)(given));
    const ctx = pure.context === undefined ? {} : { ctx: pureContext({ logicalNowNs: 0n, height: 0, manifestHash: next.manifestHash, module: module.name }) };
    const result = modules.call({ wasmHash: module.wasm_hash, entry: "run", input: encodePureInput({ input, ...ctx }), fuelLimit: LIMITS.fuelPerCall });
    if (result.kind === "failed") throw new AosError(`module.${result.code}`, brief(result.message));
    made = { state: newState(cell, next, decode(decodePureOutput(result.output))), fuel: result.fuelUsed };
  });
  return made ?? { reason: reason ?? "" };
}

function newState(cell: Cell, next: ControlPlane, value: Value): Uint8Array | undefined {
  if (value === null) return undefined;
  const state = canonical(normalizerFor(next.schemas, reducerOf(next, cell.reducer).abi.state)(value));
  if (state.length > LIMITS.stateBytes) throw new AosError("limit.state", `a state of ${state.length} bytes is over ${LIMITS.stateBytes}`);
  return state;
}

/** The message of the AosError that `act` throws. @throws what says that the host, not the cell, is not ready */
function refusalOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!(error instanceof AosError) || error.code === "module.missing") throw error;
    return error.message;
  }
}
