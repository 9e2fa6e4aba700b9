// A side file of each segment that tells where some of its frames begin. Advice only: whoever follows it checks the frame.

import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { writeAt } from "../durable.ts";
import { HEADER_BYTES } from "./format.ts";

/** A frame whose first record has `seq` begins at byte `offset`. */
export interface SeekPoint {
  readonly seq: number;
  readonly offset: number;
}

/** A point is kept for the first frame behind every so many bytes: what is to be scanned for one record. */
export const SEEK_BYTES = 1 << 16;

const POINT_BYTES = 16;
/** No segment needs more; a longer file is none of ours. */
const FILE_BYTES_MAX = 1 << 24;

/** Where the points of a segment are: `<first seq, 16 digits>.aosi` beside it. */
export function seekPath(segmentPath: string): string {
  return segmentPath.replace(/\.aosj$/, ".aosi");
}

/** The points of a segment, ascending; none when there is no file, one that cannot be read, or one that makes no sense. */
export async function readPoints(segmentPath: string): Promise<readonly SeekPoint[]> {
  const bytes = await readFile(seekPath(segmentPath)).catch(() => undefined);
  if (bytes === undefined || bytes.length > FILE_BYTES_MAX) return [];
  const points: SeekPoint[] = [];
  let before: SeekPoint = { seq: -1, offset: HEADER_BYTES - 1 };
  for (let at = 0; at + POINT_BYTES <= bytes.length; at += POINT_BYTES) {
    const point = { seq: Number(bytes.readBigUInt64BE(at)), offset: Number(bytes.readBigUInt64BE(at + 8)) };
    if (point.seq <= before.seq || point.offset <= before.offset) return [];
    points.push(point);
    before = point;
  }
  return points;
}

/** The last of ascending points that is at `seq` or before it. */
export function pointBefore(points: readonly SeekPoint[], seq: number): SeekPoint | undefined {
  return points.findLast((point) => point.seq <= seq);
}

/** Takes note of frames as they are written, and keeps a few. Not synced: what a crash loses is found by scanning. */
export interface SeekWriter {
  /** Nothing is waited for; where a point cannot be written, none is any more. */
  note(frame: SeekPoint): void;
  /** Resolves when the points are written. */
  close(): Promise<void>;
}

/** @param points - what the file is to hold from the start; it is written anew when it holds anything else */
export async function seekWriter(segmentPath: string, points: readonly SeekPoint[]): Promise<SeekWriter> {
  const path = seekPath(segmentPath);
  const there = await readPoints(segmentPath);
  let kept = there.length;
  let lastOffset = points.at(-1)?.offset ?? HEADER_BYTES;
  let handle: FileHandle | undefined;
  if (there.length !== points.length || there.some(({ seq, offset }, index) => seq !== points[index]?.seq || offset !== points[index]?.offset)) {
    await rm(path, { force: true });
    kept = 0;
    await append(points);
  }

  async function append(more: readonly SeekPoint[]): Promise<void> {
    if (more.length === 0) return;
    handle ??= await open(path, kept === 0 ? "w" : "r+");
    await writeAt(handle, pointBytes(more), kept * POINT_BYTES);
    kept += more.length;
  }

  let writing: Promise<unknown> = Promise.resolve();
  let failed = false;
  return {
    note(frame) {
      if (frame.offset - lastOffset < SEEK_BYTES) return;
      lastOffset = frame.offset;
      writing = writing.then(() => (failed ? undefined : append([frame]))).catch(() => (failed = true));
    },
    async close() {
      await writing;
      await handle?.close();
    },
  };
}

function pointBytes(points: readonly SeekPoint[]): Uint8Array {
  const bytes = Buffer.alloc(points.length * POINT_BYTES);
  points.forEach(({ seq, offset }, index) => {
    bytes.writeBigUInt64BE(BigInt(seq), index * POINT_BYTES);
    bytes.writeBigUInt64BE(BigInt(offset), index * POINT_BYTES + 8);
  });
  return bytes;
}
