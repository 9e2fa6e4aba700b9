// One turn in the making: an overlay of the world, the records made so far, and the tasks still to run.

import { eventHash } from "../air/envelope.ts";
import { AosError, assert } from "../air/error.ts";
import { sha256 } from "../air/hash.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Hash } from "../air/value.ts";
import type { ModuleRunner } from "../ports.ts";
import { LIMITS } from "./limits.ts";
import { machineOf, type Machine } from "./machine.ts";
import { place, type Draft, type JournalRecord, type RecordKind, type Stamp } from "./record.ts";
import type { Delivery } from "./route.ts";
import { overlayOf, type Overlay, type World } from "./world.ts";

/** What the machine needs beside world and record: pure functions of their arguments. */
export interface Dependencies {
  readonly modules: ModuleRunner;
  /** The control plane a bundle holds; the caller has loaded it before. */
  readonly control: (bundle: Hash) => ControlPlane;
}

export interface DomainEvent {
  readonly schema: string;
  readonly value: Uint8Array;
  readonly key: Uint8Array | undefined;
  /** Where it is known already. */
  readonly hash?: Hash;
}

export type Task =
  | { readonly kind: "deliver"; readonly delivery: Delivery; readonly cause: number }
  | { readonly kind: "plan"; readonly instance: number; readonly cause: number };

export interface Turn {
  /** Written to through `writable` alone. */
  world: World;
  /** Whether the world is the turn's own, and no save point holds it. */
  owned: boolean;
  records: JournalRecord[];
  /** All tasks there were; those before `tasksDone` ran. */
  tasks: Task[];
  tasksDone: number;
  readonly stamp: Stamp;
  readonly firstSeq: number;
  readonly deps: Dependencies;
  planSteps: number;
  /** Bytes that records carried, undone ones too. */
  carried: number;
  entropyUses: number;
}

export function beginTurn(world: World, stamp: Stamp, deps: Dependencies): Turn {
  return { world, owned: false, records: [], tasks: [], tasksDone: 0, stamp, firstSeq: world.nextSeq, deps, planSteps: 0, carried: 0, entropyUses: 0 };
}

/** The world for writing: the same until it is saved, then a copy. */
export function writable(turn: Turn): Overlay {
  if (!turn.owned) {
    turn.world = overlayOf(turn.world);
    turn.owned = true;
  }
  return turn.world;
}

export function record<K extends RecordKind>(turn: Turn, draft: Draft<K>): number {
  return recordPlaced(turn, place(draft, turn.world.nextSeq));
}

/** Takes a record that was made with `turn.world.nextSeq`. */
export function recordPlaced(turn: Turn, placed: JournalRecord): number {
  assert(placed.seq === turn.firstSeq + turn.records.length, "a record's seq is the number of records before it (I1)");
  // Most turns have two: lists of one and two, made so, have no room to spare.
  const [first] = turn.records;
  if (first === undefined) turn.records = [placed];
  else if (turn.records.length === 1) turn.records = [first, placed];
  else turn.records.push(placed);
  writable(turn).nextSeq = placed.seq + 1;
  return placed.seq;
}

/** Queues a task. Most turns have one at a time: a list of one, made so, has no room to spare. */
export function addTask(turn: Turn, task: Task): void {
  if (turn.tasks.length === 0) turn.tasks = [task];
  else turn.tasks.push(task);
}

/** The task that is next, first in first out; undefined when the turn is idle. */
export function nextTask(turn: Turn): Task | undefined {
  return turn.tasksDone < turn.tasks.length ? turn.tasks[turn.tasksDone++] : undefined;
}

/** The machine of the control plane in force. */
export function machine(turn: Turn): Machine {
  const { control } = turn.world;
  assert(control !== undefined, "a turn that runs definitions has a control plane in force (I5)");
  return machineOf(control);
}

export function overLimit(turn: Turn): boolean {
  return turn.records.length >= LIMITS.recordsPerTurn || turn.planSteps >= LIMITS.planStepsPerTurn || turn.carried > LIMITS.bytesPerTurn;
}
export const OVER_LIMIT = { code: "limit.turn", message: "the turn is over its limit of records, bytes or plan steps" } as const;

/**
 * Counts what a record is about to carry.
 *
 * @throws AosError `limit.turn` where it is too much for the turn
 */
export function carry(turn: Turn, bytes: number): void {
  turn.carried += bytes;
  if (turn.carried > LIMITS.bytesPerTurn) throw new AosError(OVER_LIMIT.code, OVER_LIMIT.message);
}

/** A point a failing step returns to. Records and tasks only grow, so two lengths and the world say all. */
export interface SavePoint {
  readonly world: World;
  readonly records: number;
  readonly tasks: number;
}
export function save(turn: Turn): SavePoint {
  turn.owned = false;
  return { world: turn.world, records: turn.records.length, tasks: turn.tasks.length };
}
export function undo(turn: Turn, point: SavePoint): void {
  turn.world = point.world;
  turn.owned = false;
  turn.records.length = point.records;
  turn.tasks.length = point.tasks;
}

/** Undoes a step, but what the checks said of its effects stays said. */
export function undoButDenials(turn: Turn, point: SavePoint): void {
  const denials = turn.records.slice(point.records).filter((made) => made.kind === "denied");
  undo(turn, point);
  for (const { seq: _, ...denial } of denials) record(turn, denial);
}

/** 64 bytes for one module call: SHA-256 of the stamp's entropy with a counter, twice. */
export function drawEntropy(turn: Turn): Uint8Array {
  const out = new Uint8Array(64);
  for (const half of [0, 1]) {
    const seed = new Uint8Array(turn.stamp.entropy.length + 8);
    seed.set(turn.stamp.entropy);
    new DataView(seed.buffer).setUint32(turn.stamp.entropy.length, turn.entropyUses);
    new DataView(seed.buffer).setUint32(turn.stamp.entropy.length + 4, half);
    out.set(sha256(seed), 32 * half);
  }
  turn.entropyUses++;
  return out;
}

export function hashEvent(event: DomainEvent): Hash {
  return event.hash ?? eventHash(event);
}

/** A message short enough for a record, with a UTF-8 form: what is no character, or half of one at the cut, becomes U+FFFD. */
export function brief(message: string): string {
  const short = message.length <= LIMITS.messageChars ? message : `${message.slice(0, LIMITS.messageChars - 1)}…`;
  return short.replace(/\p{Surrogate}/gu, "\ufffd");
}
