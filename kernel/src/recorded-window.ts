// A window of a journal, to be run again: its turns, and the world before them, from a snapshot where there is one.

import { AosError } from "./air/error.ts";
import type { Hash } from "./air/value.ts";
import { decodeRecord, type JournalRecord } from "./core/record.ts";
import type { ShadowWindow } from "./core/shadow-window.ts";
import type { World } from "./core/world.ts";
import { fold, type ControlShelf } from "./fold.ts";
import type { Journal, SnapshotStore } from "./ports.ts";
import { maybeOfSnapshot, openSnapshots, passedOver, type PassedOver } from "./snapshots.ts";

/** The last inputs, `last` of them; those from a seq on; or those since a logical time, in nanoseconds since 1970. */
export type WindowWanted = { readonly last: number } | { readonly sinceSeq: number } | { readonly sinceNs: bigint };

export interface WindowSource {
  readonly journal: Pick<Journal, "nextSeq" | "read">;
  readonly shelf: ControlShelf;
  /** Of this journal; undefined: all before the window is replayed. */
  readonly snapshots: { readonly store: SnapshotStore; readonly world: Hash; readonly sandbox: string } | undefined;
}

/**
 * The turns of a window up to the journal's end, decoded, and the world before them. Of a journal with snapshots only what follows the
 * last one before the window is read and replayed; the window is the same.
 *
 * @throws AosError `shadow.window` when nothing is in it; as fold()
 */
export async function recordedWindow(source: WindowSource, wanted: WindowWanted): Promise<ShadowWindow> {
  const turns = await windowTurns(source, wanted);
  const fromSeq = turns[0]?.[0]?.seq;
  if (fromSeq === undefined) throw new AosError("shadow.window", "no recorded input is in the window", { hint: `the journal ends at seq ${source.journal.nextSeq - 1}` });
  return { world: await worldBefore(source, fromSeq), turns };
}

type TurnBytes = readonly Uint8Array[];
type Source = Pick<WindowSource, "journal" | "snapshots">;

/** The turns of the window, decoded. No more of the journal is held at a time than the window, whatever is read to find where it begins. */
async function windowTurns(source: Source, wanted: WindowWanted): Promise<ShadowWindow["turns"]> {
  const begunSeq = await firstInForce(source.journal);
  const turns: TurnBytes[] = [];
  if ("sinceSeq" in wanted) {
    for await (const turn of bytesBetween(source.journal, Math.max(begunSeq, wanted.sinceSeq), source.journal.nextSeq)) turns.push(turn);
    return turns.map(decodedTurn);
  }
  return (await readBack(source, begunSeq, wanted)).map(decodedTurn);
}

/** Reads back from snapshot to snapshot until the window's beginning is among what was read. */
async function readBack({ journal, snapshots }: Source, begunSeq: number, wanted: Exclude<WindowWanted, { readonly sinceSeq: number }>): Promise<readonly TurnBytes[]> {
  const files = (await snapshots?.store.list()) ?? [];
  const taken = [...new Set(files.map(({ file }) => Math.floor(file / 2)))].filter((seq) => seq > begunSeq && seq < journal.nextSeq).sort((a, b) => b - a);
  let kept: readonly TurnBytes[] = [];
  let readTo = journal.nextSeq;
  for (const seq of [...taken, begunSeq]) {
    const part = bytesBetween(journal, seq, readTo);
    const found = "last" in wanted ? await lastOf(part, wanted.last - kept.length) : await sinceOf(part, wanted.sinceNs);
    kept = [...found.turns, ...kept];
    readTo = seq;
    if (found.begins) break;
  }
  return kept;
}

/** Turns of a part of the journal that are in the window, and whether the window begins among them. */
interface Part {
  readonly turns: readonly TurnBytes[];
  readonly begins: boolean;
}

/** A ring: the turn that comes takes the place of the oldest. */
async function lastOf(part: AsyncIterable<TurnBytes>, most: number): Promise<Part> {
  if (most <= 0) return { turns: [], begins: true };
  const ring: TurnBytes[] = [];
  let count = 0;
  for await (const turn of part) ring[count++ % most] = turn;
  const oldest = count > most ? count % most : 0;
  return { turns: [...ring.slice(oldest), ...ring.slice(0, oldest)], begins: count >= most };
}

/** Logical time never goes back: what is before the time is before the window. */
async function sinceOf(part: AsyncIterable<TurnBytes>, sinceNs: bigint): Promise<Part> {
  const turns: TurnBytes[] = [];
  let begins = false;
  for await (const turn of part) {
    if (logicalNs(turn) >= sinceNs) turns.push(turn);
    else begins = true;
  }
  return { turns, begins };
}

function decodedTurn(turn: TurnBytes): readonly JournalRecord[] {
  return turn.map(decodeRecord);
}

function logicalNs([first]: TurnBytes): bigint {
  const head = first === undefined ? undefined : decodeRecord(first);
  return head !== undefined && "logical_ns" in head ? head.logical_ns : 0n;
}

/** Before a control plane is in force there is nothing to run again: the seq behind the turn that put the first one there. */
async function firstInForce(journal: WindowSource["journal"]): Promise<number> {
  for await (const { firstSeq, records } of journal.read(0)) {
    const [head] = records;
    if (head !== undefined && decodeRecord(head).kind === "applied") return firstSeq + records.length;
  }
  return journal.nextSeq;
}

/** The world of the records before a seq: the newest good snapshot of it or before it, and the turns between them. */
async function worldBefore({ journal, shelf, snapshots }: WindowSource, seq: number): Promise<World> {
  let passed: readonly PassedOver[] = [];
  for (;;) {
    const start = snapshots === undefined ? undefined : await openSnapshots(snapshots.store, shelf, snapshots).load({ nextSeq: seq, read: (from) => journal.read(from) }, passed);
    try {
      const world = await fold(bytesBetween(journal, start?.world?.nextSeq ?? 0, seq), shelf, start?.world);
      if (world === undefined) throw new AosError("world.none", "the journal is empty");
      return world;
    } catch (error) {
      if (!maybeOfSnapshot(error) || start?.file === undefined) throw error;
      passed = [...start.passed, passedOver(start.file, error)];
    }
  }
}

async function* bytesBetween(journal: WindowSource["journal"], fromSeq: number, toSeq: number): AsyncGenerator<TurnBytes> {
  if (fromSeq >= toSeq) return;
  for await (const { firstSeq, records } of journal.read(fromSeq)) {
    if (firstSeq >= toSeq) return;
    if (firstSeq >= fromSeq) yield records;
  }
}
