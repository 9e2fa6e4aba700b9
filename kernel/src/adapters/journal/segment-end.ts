// How the last segment ends, read from a seek point near its end; from its beginning where there is none that holds.

import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { HEADER_BYTES, headerOf, scanFrames, scanFrom } from "./format.ts";
import type { Scan } from "./format.ts";
import { readPoints, SEEK_BYTES } from "./seek.ts";
import type { SeekPoint } from "./seek.ts";
import { badFrame, isFrame, readAt } from "./segments.ts";
import type { Segment } from "./segments.ts";

export interface SegmentEnd {
  readonly nextSeq: number;
  /** The length of what is whole. */
  readonly goodBytes: number;
  /** What is behind it of a write that never ended; undefined when the segment ends with a frame. */
  readonly torn: Uint8Array | undefined;
  /** Seek points that hold, as far as they were needed. */
  readonly points: readonly SeekPoint[];
}

/** @throws AosError `journal.corrupt`, `journal.gap`: a frame of the end is whole and wrong */
export async function scanEnd(segment: Segment): Promise<SegmentEnd> {
  const handle = await open(segment.path, "r");
  try {
    return (await endFromPoint(segment, handle)) ?? (await endFromStart(segment, handle));
  } finally {
    await handle.close();
  }
}

async function endFromPoint(segment: Segment, handle: FileHandle): Promise<SegmentEnd | undefined> {
  const points = await readPoints(segment.path);
  const point = points.at(-1);
  if (point === undefined || headerOf(await readAt(handle, 0, HEADER_BYTES)) !== "whole" || !(await isFrame(handle, point))) return undefined;
  const bytes = await readAt(handle, point.offset, (await handle.stat()).size - point.offset);
  return endOf(segment, { bytes, from: point.offset, scan: scanFrom(bytes, 0, point.seq), points });
}

async function endFromStart(segment: Segment, handle: FileHandle): Promise<SegmentEnd> {
  const bytes = await readAt(handle, 0, (await handle.stat()).size);
  const scan = scanFrames(bytes, segment.firstSeq);
  const points: SeekPoint[] = [];
  for (const { offset, turn } of scan.frames) {
    if (offset - (points.at(-1)?.offset ?? HEADER_BYTES) >= SEEK_BYTES) points.push({ seq: turn.firstSeq, offset });
  }
  return endOf(segment, { bytes, from: 0, scan, points });
}

/** @param read - bytes of the segment from `from` on, scanned */
function endOf(segment: Segment, read: { readonly bytes: Uint8Array; readonly from: number; readonly scan: Scan; readonly points: readonly SeekPoint[] }): SegmentEnd {
  const { bytes, from, scan, points } = read;
  if (scan.end.kind === "corrupt") throw badFrame(segment, { ...scan.end, offset: from + scan.end.offset });
  const torn = scan.end.kind === "torn" ? bytes.subarray(scan.end.offset) : undefined;
  return { nextSeq: scan.nextSeq, goodBytes: from + scan.end.offset, torn, points };
}
