// The files of a journal folder: which there are, how one is read piece by piece, how one is written for good.

import { open, readdir } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { AosError } from "../../air/error.ts";
import { errnoOf, except, syncFolder, writeNewFile } from "../durable.ts";
import { FRAME_HEAD_BYTES, HEADER_BYTES, frameAt, headerOf } from "./format.ts";
import type { BadFrame, Frame } from "./format.ts";
import { pointBefore, readPoints, SEEK_BYTES } from "./seek.ts";
import type { SeekPoint } from "./seek.ts";

/** One file of the journal; its name tells the seq its first turn begins with. */
export interface Segment {
  readonly path: string;
  readonly firstSeq: number;
}

const SEGMENT_NAME = /^(\d{16})\.aosj$/;
/** How much is read at once: little at first, for who wants one record, then more and more. */
const WINDOW_BYTES = { first: SEEK_BYTES, most: 1 << 20 } as const;

export function segmentAt(dir: string, firstSeq: number): Segment {
  return { path: join(dir, `${String(firstSeq).padStart(16, "0")}.aosj`), firstSeq };
}

/** The segments of a folder by their first seq; undefined when there is no such folder. Other files are left alone. */
export async function listSegments(dir: string): Promise<readonly Segment[] | undefined> {
  const names = await readdir(dir).catch(except("ENOENT"));
  return names
    ?.flatMap((name) => {
      const digits = SEGMENT_NAME.exec(name)?.[1];
      return digits === undefined ? [] : [segmentAt(dir, Number(digits))];
    })
    .sort((a, b) => a.firstSeq - b.firstSeq);
}

/**
 * The frames of a segment in order up to `endSeq`, read through a window; fewer when the file ends before.
 *
 * @param fromSeq - begins with a frame at or before the one that holds this seq
 * @throws AosError `journal.corrupt`, `journal.gap`
 */
export async function* framesOf(segment: Segment, endSeq: number, fromSeq = segment.firstSeq): AsyncGenerator<Frame> {
  const handle = await open(segment.path, "r");
  try {
    if (headerOf(await readAt(handle, 0, HEADER_BYTES)) === "wrong") throw badFrame(segment, { kind: "corrupt", offset: 0, seq: segment.firstSeq, reason: "header" });
    const point = fromSeq > segment.firstSeq ? pointBefore(await readPoints(segment.path), fromSeq) : undefined;
    const start = point !== undefined && (await isFrame(handle, point)) ? point : { seq: segment.firstSeq, offset: HEADER_BYTES };
    yield* framesFrom(segment, handle, { start, endSeq });
  } finally {
    await handle.close();
  }
}

/** Does the frame stand there that a point tells of? */
export async function isFrame(handle: FileHandle, { seq, offset }: SeekPoint): Promise<boolean> {
  const { size } = await handle.stat();
  let bytes = await readAt(handle, offset, FRAME_HEAD_BYTES);
  const head = frameAt(bytes, 0, seq);
  if (head.kind === "more" && offset + head.needed <= size) bytes = await readAt(handle, offset, head.needed);
  return frameAt(bytes, 0, seq).kind === "frame";
}

async function* framesFrom(segment: Segment, handle: FileHandle, range: { readonly start: SeekPoint; readonly endSeq: number }): AsyncGenerator<Frame> {
  const { size } = await handle.stat();
  let start = range.start.offset;
  let { seq } = range.start;
  let windowBytes: number = WINDOW_BYTES.first;
  let window: Uint8Array = new Uint8Array();
  let at = 0;
  while (seq < range.endSeq) {
    const found = frameAt(window, at, seq);
    if (found.kind === "corrupt") throw badFrame(segment, { ...found, offset: start + found.offset });
    if (found.kind === "frame") {
      at = found.frame.end;
      seq += found.frame.turn.records.length;
      yield { ...found.frame, offset: start + found.frame.offset, end: start + found.frame.end };
      continue;
    }
    start += at;
    at = 0;
    if (start >= size) return;
    // Only the last write of all can be unfinished, and `endSeq` is never beyond the writes that ended.
    if (start + found.needed > size) throw badFrame(segment, { kind: "corrupt", offset: start, seq, reason: "checksum" });
    window = await readAt(handle, start, Math.min(size - start, Math.max(found.needed, windowBytes)));
    windowBytes = Math.min(2 * windowBytes, WINDOW_BYTES.most);
  }
}

/** The error for a frame that is wrong: which file, at which byte, at which seq, and the way out. */
export function badFrame(segment: Segment, bad: BadFrame): AosError {
  const where = `${segment.path}: byte ${bad.offset}, seq ${bad.seq}`;
  if (bad.reason === "seq") return gap(segment, bad.seq, bad.found, bad.offset);
  const what = bad.reason === "header" ? "this is not the header of a journal file" : "the frame's checksum does not hold";
  return new AosError("journal.corrupt", `${where}: ${what}`, {
    class: "unverified",
    at: { file: segment.path, seq: bad.seq },
    hint: "restore the file from a copy, or run `aos journal repair` to cut the journal here",
    data: { offset: bad.offset, seq: bad.seq },
  });
}

/** The error for a turn, or a file, that does not begin where the one before it ended. */
export function gap(segment: Segment, expected: number, found: number, offset: number): AosError {
  return new AosError("journal.gap", `${segment.path}: byte ${offset}: expected seq ${expected}, found ${found}`, {
    class: "unverified",
    at: { file: segment.path, seq: expected },
    hint: "restore what is missing from a copy, or run `aos journal repair` to cut the journal here",
    data: { offset, expected, found },
  });
}

/** Up to `count` bytes from `position` on; fewer only at the end of the file. */
export async function readAt(handle: FileHandle, position: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  let length = 0;
  while (length < count) {
    const { bytesRead } = await handle.read(bytes, length, count - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

/** Keeps bytes that leave the journal in the first free file `<stem>-<n>.bin` of the folder, durably; returns its path. */
export async function keepBeside(dir: string, stem: string, pieces: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  for (let n = 0; ; n++) {
    const path = join(dir, `${stem}-${n}.bin`);
    try {
      await writeNewFile(path, pieces());
    } catch (error) {
      if (errnoOf(error) === "EEXIST") continue;
      throw error;
    }
    await syncFolder(dir);
    return path;
  }
}
