// Worlds of many cells and long journals: notes, one cell an id, whose reducer is a plain function.

import { join } from "node:path";
import {
  admitEvent, bundleOf, canonical, cellKey, controlShelf, decode, encodeRecord, fileBlobs, fileSnapshots, hashBytes, LIMITS, openFileJournal, openSnapshots, SANDBOX_VERSION, step,
  trieSet, type Cell, type ControlPlane, type Encodable, type EventOffer, type Hash, type JournalTurn, type ModuleRunner, type Snapshots, type World,
} from "@agentos/kernel";
import { armOf, controlFrom, nativeModules, notesWorld } from "@agentos/kernel/testing";
import { WORLD } from "./worlds.ts";

const NOTES = "demo/Notes@1";
const IDENTITY = { world: WORLD, sandbox: SANDBOX_VERSION };
/** Records handed to the journal at once. */
const GROUP = 2_000;

export interface Notes {
  readonly control: ControlPlane;
  readonly modules: ModuleRunner;
  readonly artifacts: readonly Uint8Array[];
}

/** The control plane and its modules, admitted; the same in every process. */
export async function notes(): Promise<Notes> {
  const modules = nativeModules();
  const counter = modules.define("demo/Counter@1", (state, event) => ({ state: armOf(event)[0] === "Start" ? (state as Encodable) : null }));
  const kept = modules.define(NOTES, (_, event) => ({ state: event as Encodable }));
  for (const { artifact } of [counter, kept]) await modules.add(artifact);
  const hashes = new Map<string, Hash>([["demo/Counter@1", counter.hash], [NOTES, kept.hash]]);
  return { control: controlFrom(notesWorld(), hashes), modules, artifacts: [counter.artifact, kept.artifact] };
}

export function noteOffer(id: number, body: string): EventOffer {
  return { schema: "demo/Note@1", value: new Map([["id", idOf(id)], ["body", body]]), key: undefined, sender: "bench" };
}

/** A world that takes turns in memory. */
export interface Running {
  world: World;
  /** Takes an event; the turn as a journal takes it. */
  send(offer: EventOffer): JournalTurn;
}

/** A world with the notes in force, and the turns that made it so. */
function started({ control, modules }: Notes): { readonly running: Running; readonly turns: readonly JournalTurn[] } {
  const deps = { modules, control: () => control };
  const take = (world: World | undefined, input: Parameters<typeof step>[1]): { readonly world: World; readonly turn: JournalTurn } => {
    const made = step(world, input, deps);
    return { world: made.world, turn: { firstSeq: world?.nextSeq ?? 0, records: made.records.map(encodeRecord) } };
  };
  const genesis = take(undefined, { kind: "genesis", ...IDENTITY, limits: decode(canonical({ ...LIMITS })), ...stampAt(0) });
  const applied = take(genesis.world, { kind: "applied", manifest: control.manifestHash, bundle: hashBytes(bundleOf(control)), commit: "0".repeat(40), decision: null, ...stampAt(1) });
  const running: Running = {
    world: applied.world,
    send(offer) {
      const made = take(running.world, admitEvent(running.world, offer, stampAt(running.world.nextSeq)));
      running.world = made.world;
      return made.turn;
    },
  };
  return { running, turns: [genesis.turn, applied.turn] };
}

/** A world of so many cells, all of them in a snapshot under `dir` and none in memory. */
export async function worldOfCells(parts: Notes, dir: string, count: number): Promise<Running> {
  const { running, turns } = started(parts);
  let { cells } = running.world;
  for (let id = 0; id < count; id++) cells = trieSet(cells, cellKey(NOTES, keyOf(id)), cellOf(id));
  running.world = { ...running.world, cells };
  const snapshots = await snapshotsIn(parts, dir);
  await snapshots.take(running.world, { last: turns.at(-1)?.records.at(-1) ?? new Uint8Array(0), mode: "full" });
  running.world = snapshots.settle(running.world);
  return running;
}

/** Where a world is on disk. */
export function placesIn(dir: string): { readonly journal: string; readonly blobs: string; readonly snapshots: string } {
  return { journal: join(dir, "journal"), blobs: join(dir, "blobs"), snapshots: join(dir, "snapshots") };
}

/** Writes a journal of so many records, about a tenth as many cells, with a snapshot half-way and one so many records before its end. */
export async function longJournal(parts: Notes, dir: string, { records, tail }: { readonly records: number; readonly tail: number }): Promise<Running> {
  const { running, turns } = started(parts);
  const places = placesIn(dir);
  const journal = await openFileJournal({ dir: places.journal, mode: "append" });
  const snapshots = await snapshotsIn(parts, dir);
  await journal.append(turns);
  const cells = Math.max(1, Math.floor(records / 10));
  let sent = 0;
  for (const stop of [Math.floor(records / 2), records - tail, records]) {
    let last = new Uint8Array(0);
    while (journal.nextSeq < stop) {
      const group: JournalTurn[] = [];
      while (running.world.nextSeq < Math.min(stop, journal.nextSeq + GROUP)) group.push(running.send(noteOffer((sent * 7919) % cells, `body ${sent++}`)));
      await journal.append(group);
      last = new Uint8Array(group.at(-1)?.records.at(-1) ?? []);
    }
    if (stop < records) await snapshots.take(running.world, { last, mode: "changes" });
  }
  await journal.close();
  await snapshots.close();
  return running;
}

async function snapshotsIn(parts: Notes, dir: string): Promise<Snapshots> {
  const places = placesIn(dir);
  const blobs = fileBlobs(places.blobs);
  const bundle = await blobs.put(bundleOf(parts.control));
  for (const artifact of parts.artifacts) await blobs.put(artifact);
  const shelf = controlShelf(parts.modules, blobs);
  await shelf.prepare(bundle);
  return openSnapshots(fileSnapshots(places.snapshots), shelf, IDENTITY);
}

function idOf(id: number): string {
  return `note ${String(id).padStart(8, "0")}`;
}

function keyOf(id: number): Uint8Array {
  return canonical(idOf(id));
}

function cellOf(id: number): Cell {
  const state = canonical({ id: idOf(id), body: "a note that nobody changed yet" });
  return { reducer: NOTES, key: keyOf(id), state, hash: hashBytes(state) };
}

function stampAt(seq: number): { readonly now_ns: bigint; readonly logical_ns: bigint; readonly entropy: Uint8Array } {
  const now = 1_700_000_000_000_000_000n + BigInt(seq);
  return { now_ns: now, logical_ns: now, entropy: new Uint8Array(32).fill(seq % 256) };
}
