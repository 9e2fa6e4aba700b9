// The journal on disk: segment files of checksummed frames, one durable write a group of turns.

import { constants } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { AosError, assert } from "../../air/error.ts";
import type { Journal, JournalTurn } from "../../ports.ts";
import { errnoOf, makeFolder, outside, SYNCED, syncFolder, writeAt, writeDurably } from "../durable.ts";
import { HEADER_BYTES, encodeFrames, journalHeader, nextWholeFrame, scanFrames } from "./format.ts";
import { seekPath, seekWriter } from "./seek.ts";
import type { SeekPoint, SeekWriter } from "./seek.ts";
import { framesOf, gap, keepBeside, listSegments, segmentAt } from "./segments.ts";
import type { Segment } from "./segments.ts";
import { scanEnd } from "./segment-end.ts";
import type { SegmentEnd } from "./segment-end.ts";

/** A segment takes no further group once it would grow beyond this. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** What opening for append cut off: a frame whose write never ended, so that nobody was told it was durable. */
interface TornTail {
  readonly droppedBytes: number;
  /** Seq of the last record that stays; -1 when there is none. */
  readonly afterSeq: number;
  /** The file that holds the bytes cut off. */
  readonly kept: string;
}

export interface FileJournal extends Journal {
  readonly repaired: TornTail | undefined;
}

/**
 * Opens the journal whose segment files `<first seq, 16 digits>.aosj` stand in the folder `dir`.
 *
 * - `append` makes the folder when it is not there, reads the end of the last segment only, and cuts a torn tail off (see
 *   {@link TornTail}). The caller holds the world's lock. Appends are taken one after the other, each whole or not at all;
 *   after a failed write the journal stands as before it and can be appended to.
 * - `read` changes nothing: it shows the turns that were whole when it was opened. Appending breaks an invariant.
 *
 * `read()` shows the turns there were when it was called, and checks every frame that it passes.
 *
 * @param options.segmentBytes - size from which a new segment is begun, 64 MiB unless told
 * @throws AosError `journal.corrupt` (a whole frame that is wrong: file, byte and seq; nothing is changed), `journal.gap`
 * (a seq is missing), `journal.missing` (no folder to read), `journal.io` (the disk refuses), and from `append` `journal.write`
 */
export function openFileJournal(options: {
  readonly dir: string;
  readonly mode: "append" | "read";
  readonly segmentBytes?: number;
}): Promise<FileJournal> {
  return openSegments(options.dir, options.mode, options.segmentBytes ?? SEGMENT_BYTES).catch(outside("journal.io", options.dir));
}

async function openSegments(dir: string, mode: "append" | "read", segmentBytes: number): Promise<FileJournal> {
  if (mode === "append") await makeFolder(dir);
  const segments = await listSegments(dir);
  if (segments === undefined) {
    throw new AosError("journal.missing", `${dir}: there is no journal here`, { at: { file: dir }, hint: "is this the folder of a world?" });
  }
  const last = segments.at(-1);
  if (last === undefined) return new SegmentedJournal({ dir, mode, segmentBytes, nextSeq: 0, tail: undefined, repaired: undefined });
  const end = await scanEnd(last);
  const settings = { dir, mode, segmentBytes, nextSeq: end.nextSeq };
  if (mode === "read") return new SegmentedJournal({ ...settings, tail: undefined, repaired: undefined });
  const repaired = end.torn !== undefined && end.torn.length > 0 ? await keepTorn(dir, end, end.torn) : undefined;
  const handle = await open(last.path, constants.O_RDWR | SYNCED);
  try {
    const length = await cutTo(handle, end.goodBytes, end.goodBytes + (end.torn?.length ?? 0));
    return new SegmentedJournal({ ...settings, tail: { handle, length, seek: await seekWriter(last.path, end.points) }, repaired });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Cuts a journal at its first bad or unfinished frame. Everything from there on, later segments included, goes in order
 * into one file `cut-<seq>-<n>.bin` beside the segments. The caller holds the world's lock. A good journal stays as it is.
 *
 * @returns `droppedTurns`: the turns that left the journal, as far as they can be told apart: the whole frames among the
 * bytes cut, and one for a frame whose checksum does not hold; `keptFile`: undefined when nothing was cut
 * @throws AosError `journal.missing`, `journal.io`
 */
export function repairJournal(options: { readonly dir: string }): Promise<Repair> {
  return repairSegments(options.dir).catch(outside("journal.io", options.dir));
}

interface Repair {
  readonly droppedTurns: number;
  readonly keptFile: string | undefined;
  readonly nextSeq: number;
}

async function repairSegments(dir: string): Promise<Repair> {
  const segments = await listSegments(dir);
  if (segments === undefined) throw new AosError("journal.missing", `${dir}: there is no journal here`, { at: { file: dir } });
  let nextSeq = 0;
  for (const [index, segment] of segments.entries()) {
    const bytes = await readFile(segment.path);
    const scan = scanFrames(bytes, segment.firstSeq);
    if (segment.firstSeq !== nextSeq) return cut(dir, segments.slice(index), { offset: 0, nextSeq, damagedTurns: 0 });
    nextSeq = scan.nextSeq;
    const { end } = scan;
    if (end.kind === "clean") continue;
    const damagedTurns = end.kind === "corrupt" && end.reason === "checksum" ? 1 : 0;
    return cut(dir, segments.slice(index), { offset: end.offset, nextSeq, damagedTurns });
  }
  return { droppedTurns: 0, keptFile: undefined, nextSeq };
}

/** The file that is appended to, and how long its good part is. */
interface Tail {
  readonly handle: FileHandle;
  readonly seek: SeekWriter;
  length: number;
}

class SegmentedJournal implements FileJournal {
  readonly repaired: TornTail | undefined;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #mode: "append" | "read";
  #nextSeq: number;
  #tail: Tail | undefined;
  /** What is left to undo of a write that failed. Nothing is written before it is undone. */
  #undo: (() => Promise<void>) | undefined;
  #closed = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(state: {
    readonly dir: string;
    readonly mode: "append" | "read";
    readonly segmentBytes: number;
    readonly nextSeq: number;
    readonly tail: Tail | undefined;
    readonly repaired: TornTail | undefined;
  }) {
    this.#dir = state.dir;
    this.#mode = state.mode;
    this.#segmentBytes = state.segmentBytes;
    this.#nextSeq = state.nextSeq;
    this.#tail = state.tail;
    this.repaired = state.repaired;
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  async append(turns: readonly JournalTurn[]): Promise<void> {
    const group = groupOf(turns);
    const done = this.#queue.then(() => this.#append(group));
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async *read(fromSeq: number): AsyncGenerator<JournalTurn> {
    const endSeq = this.#nextSeq;
    if (fromSeq >= endSeq) return;
    try {
      yield* turnsOf(this.#dir, fromSeq, endSeq);
    } catch (error) {
      outside("journal.io", this.#dir)(error);
    }
  }

  async close(): Promise<void> {
    await this.#queue;
    this.#closed = true;
    const tail = this.#tail;
    this.#tail = undefined;
    await tail?.seek.close();
    await tail?.handle.close();
  }

  async #append(group: Group | undefined): Promise<void> {
    assert(!this.#closed && this.#mode === "append", "only a journal open for append is appended to");
    if (group === undefined) return;
    assert(group.firstSeq === this.#nextSeq, `a record's seq is the number of records before it (I1): expected ${this.#nextSeq}, got ${group.firstSeq}`);
    try {
      await this.#write(group);
    } catch (cause) {
      throw new AosError("journal.write", `${this.#dir}: seq ${group.firstSeq}: the journal could not be written (${errnoOf(cause) ?? "unknown"})`, {
        class: "outside",
        at: { file: this.#dir, seq: group.firstSeq },
        hint: "nothing was appended; is the disk full, or the folder read-only?",
        cause,
      });
    }
    this.#nextSeq = group.nextSeq;
  }

  async #write(group: Group): Promise<void> {
    await this.#undo?.();
    this.#undo = undefined;
    const tail = this.#tail;
    if (tail === undefined || (tail.length > HEADER_BYTES && tail.length + group.bytes.length > this.#segmentBytes)) {
      const segment = segmentAt(this.#dir, this.#nextSeq);
      this.#tail = await this.#undoing(() => rm(segment.path, { force: true }), () => beginSegment(segment, group.bytes, this.#dir));
      noted(this.#tail, HEADER_BYTES, group);
      await tail?.seek.close().catch(() => undefined);
      await tail?.handle.close().catch(() => undefined);
      return;
    }
    await this.#undoing(() => tail.handle.truncate(tail.length), () => writeDurably(tail.handle, group.bytes, tail.length));
    noted(tail, tail.length, group);
    tail.length += group.bytes.length;
  }

  async #undoing<T>(undo: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await undo().catch(() => (this.#undo = undo));
      throw error;
    }
  }
}

/** Turns handed in one call, as the bytes of their frames: later changes to what was handed in change nothing. */
interface Group {
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly bytes: Uint8Array;
  /** Where each frame begins in them. */
  readonly frames: readonly SeekPoint[];
}

/** The turns are durable already, and nobody waits for their points: those that cannot be written are found by scanning. */
function noted(tail: Tail, at: number, group: Group): void {
  for (const { seq, offset } of group.frames) tail.seek.note({ seq, offset: at + offset });
}

function groupOf(turns: readonly JournalTurn[]): Group | undefined {
  const firstSeq = turns[0]?.firstSeq;
  if (firstSeq === undefined) return undefined;
  let nextSeq = firstSeq;
  for (const turn of turns) {
    assert(turn.firstSeq === nextSeq, `a record's seq is the number of records before it (I1): expected ${nextSeq}, got ${turn.firstSeq}`);
    nextSeq += turn.records.length;
  }
  const { bytes, offsets } = encodeFrames(turns);
  return { firstSeq, nextSeq, bytes, frames: turns.map((turn, index) => ({ seq: turn.firstSeq, offset: offsets[index] ?? 0 })) };
}

async function* turnsOf(dir: string, fromSeq: number, endSeq: number): AsyncGenerator<JournalTurn> {
  const segments = (await listSegments(dir)) ?? [];
  const from = Math.max(0, segments.findLastIndex((segment) => segment.firstSeq <= fromSeq));
  let seq = Math.min(fromSeq, segments[from]?.firstSeq ?? 0);
  for (const segment of segments.slice(from)) {
    if (seq >= endSeq) return;
    if (segment.firstSeq !== seq) throw gap(segment, seq, segment.firstSeq, 0);
    for await (const { turn } of framesOf(segment, endSeq, fromSeq)) {
      seq = turn.firstSeq + turn.records.length;
      if (seq > fromSeq) yield turn;
    }
  }
  if (seq < endSeq) throw missingEnd(dir, seq, endSeq);
}

/** Makes a segment with its first group, the bytes and then the name durable. */
async function beginSegment(segment: Segment, group: Uint8Array, dir: string): Promise<Tail> {
  const handle = await open(segment.path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | SYNCED);
  try {
    const bytes = Buffer.concat([journalHeader(), group]);
    await writeDurably(handle, bytes, 0);
    await syncFolder(dir);
    await rm(seekPath(segment.path), { force: true });
    return { handle, length: bytes.length, seek: await seekWriter(segment.path, []) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function keepTorn(dir: string, { nextSeq }: SegmentEnd, torn: Uint8Array): Promise<TornTail> {
  const kept = await keepBeside(dir, `torn-${nextSeq}`, () => [torn]);
  return { droppedBytes: torn.length, afterSeq: nextSeq - 1, kept };
}

/** Cuts a segment to its good part, writing the header where even that was unfinished; returns its length. */
async function cutTo(handle: FileHandle, goodBytes: number, fileBytes: number): Promise<number> {
  if (goodBytes === fileBytes && goodBytes >= HEADER_BYTES) return goodBytes;
  await handle.truncate(goodBytes);
  if (goodBytes < HEADER_BYTES) await writeAt(handle, journalHeader(), 0);
  await handle.datasync();
  return Math.max(goodBytes, HEADER_BYTES);
}

interface Cut {
  readonly offset: number;
  readonly nextSeq: number;
  /** Turns that begin at `offset` but cannot be read. */
  readonly damagedTurns: number;
}

/** Moves everything from `offset` of the first segment on into a file beside. The copy is durable before anything is cut. */
async function cut(dir: string, segments: readonly Segment[], from: Cut): Promise<Repair> {
  let droppedTurns = from.damagedTurns;
  const keptFile = await keepBeside(dir, `cut-${from.nextSeq}`, async function* () {
    for (const [index, segment] of segments.entries()) {
      const bytes = await readFile(segment.path);
      const rest = index === 0 ? bytes.subarray(from.offset) : bytes;
      droppedTurns += wholeFramesIn(rest, from.nextSeq);
      yield rest;
    }
  });
  for (const segment of segments) await rm(seekPath(segment.path), { force: true });
  for (const segment of segments.slice(1).reverse()) await rm(segment.path);
  const first = segments[0];
  if (first !== undefined && from.offset < HEADER_BYTES) await rm(first.path);
  else if (first !== undefined) await truncateFile(first.path, from.offset);
  await syncFolder(dir);
  return { droppedTurns, keptFile, nextSeq: from.nextSeq };
}

async function truncateFile(path: string, length: number): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.truncate(length);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Whole frames in bytes cut from a journal. */
function wholeFramesIn(bytes: Uint8Array, nextSeq: number): number {
  let count = 0;
  for (let frame = nextWholeFrame(bytes, 0, nextSeq); frame !== undefined; frame = nextWholeFrame(bytes, frame.end, nextSeq)) count += 1;
  return count;
}

function missingEnd(dir: string, seq: number, endSeq: number): AosError {
  return new AosError("journal.gap", `${dir}: expected records up to seq ${endSeq}, found them up to ${seq}`, {
    class: "unverified",
    at: { file: dir, seq },
    hint: "restore what is missing from a copy, or run `aos journal repair` to cut the journal here",
    data: { expected: endSeq, found: seq },
  });
}
