// A window of a journal, to be run again: its turns, and the world before them, from a snapshot where there is one.

import { AosError } from "./air/error.ts";
import type { Hash } from "./air/value.ts";
import { decodeRecord, type JournalRecord } from "./core/record.ts";
import { StateLost } from "./core/snapshot.ts";
import type { ShadowWindow } from "./core/shadow-window.ts";
import type { World } from "./core/world.ts";
import { fold, type ControlShelf } from "./fold.ts";
import type { Journal, SnapshotStore } from "./ports.ts";
import { openSnapshots, passedOver, type PassedOver } from "./snapshots.ts";

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

type Turn = readonly JournalRecord[];

/** Reads back from snapshot to snapshot until the window's beginning is among what was read. */
async function windowTurns({ journal, snapshots }: WindowSource, wanted: WindowWanted): Promise<readonly Turn[]> {
  const begunSeq = await firstInForce(journal);
  const files = (await snapshots?.store.list()) ?? [];
  const taken = [...new Set(files.map(({ file }) => Math.floor(file / 2)))].filter((seq) => seq > begunSeq && seq < journal.nextSeq).sort((a, b) => b - a);
  let turns: readonly Turn[] = [];
  let readTo = journal.nextSeq;
  for (const seq of [...taken, begunSeq]) {
    turns = [...(await turnsBetween(journal, seq, readTo)), ...turns];
    readTo = seq;
    if (seq > begunSeq && !holdsBeginning(turns, seq, wanted)) continue;
    break;
  }
  return turns.slice(beginningIn(turns, wanted));
}

/** Before a control plane is in force there is nothing to run again: the seq behind the turn that put the first one there. */
async function firstInForce(journal: WindowSource["journal"]): Promise<number> {
  for await (const { firstSeq, records } of journal.read(0)) {
    const [head] = records;
    if (head !== undefined && decodeRecord(head).kind === "applied") return firstSeq + records.length;
  }
  return journal.nextSeq;
}

async function turnsBetween(journal: WindowSource["journal"], fromSeq: number, toSeq: number): Promise<readonly Turn[]> {
  const turns: Turn[] = [];
  if (fromSeq >= toSeq) return turns;
  for await (const { firstSeq, records } of journal.read(fromSeq)) {
    if (firstSeq >= toSeq) break;
    if (firstSeq >= fromSeq) turns.push(records.map(decodeRecord));
  }
  return turns;
}

/** Does the window begin among the turns from a seq on? Logical time never goes back. */
function holdsBeginning(turns: readonly Turn[], fromSeq: number, wanted: WindowWanted): boolean {
  if ("last" in wanted) return turns.length >= wanted.last;
  return "sinceSeq" in wanted ? fromSeq <= wanted.sinceSeq : turns.some((turn) => logicalNs(turn) < wanted.sinceNs);
}

function beginningIn(turns: readonly Turn[], wanted: WindowWanted): number {
  if ("last" in wanted) return Math.max(0, turns.length - wanted.last);
  const first = turns.findIndex((turn) => ("sinceSeq" in wanted ? (turn[0]?.seq ?? 0) >= wanted.sinceSeq : logicalNs(turn) >= wanted.sinceNs));
  return first < 0 ? turns.length : first;
}

function logicalNs([head]: Turn): bigint {
  return head !== undefined && "logical_ns" in head ? head.logical_ns : 0n;
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
      if (!(error instanceof StateLost) || start?.file === undefined) throw error;
      passed = [...start.passed, passedOver(start.file, error)];
    }
  }
}

async function* bytesBetween(journal: WindowSource["journal"], fromSeq: number, toSeq: number): AsyncGenerator<readonly Uint8Array[]> {
  if (fromSeq >= toSeq) return;
  for await (const { firstSeq, records } of journal.read(fromSeq)) {
    if (firstSeq >= toSeq) return;
    if (firstSeq >= fromSeq) yield records;
  }
}
