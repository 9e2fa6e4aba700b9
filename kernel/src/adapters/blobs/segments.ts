// Many small blobs in one file, a segment: written with one wait for the disk, and never changed after.
//
//   the bytes of the blobs, one after the other
//   a row for each, sorted by hash: hash (32 bytes), offset (6), length (4)
//   the SHA-256 of the rows (32), their count (4), the mark (8)

import { createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hex } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import { draftIn, errnoOf, except, makeFolder, outside, syncFolder, writeAt } from "../durable.ts";

/** Larger blobs have a file of their own. */
export const SEGMENT_BLOB_BYTES = 1 << 20;
/** Segments below this size are put together once there are that many. */
const SMALL_BYTES = 1 << 20;
const SMALL_COUNT = 64;
/** What is read at once: blobs that were stored together are often read together. */
const WINDOW_BYTES = 1 << 20;

const [HASH_BYTES, OFFSET_BYTES, LENGTH_BYTES] = [32, 6, 4];
const ROW_BYTES = HASH_BYTES + OFFSET_BYTES + LENGTH_BYTES;
/** Of a hash: most hashes differ in them. */
const FIRST_BYTES = 4;
const MARK = Buffer.from("aosseg1\n", "latin1");
const END_BYTES = HASH_BYTES + LENGTH_BYTES + MARK.length;

interface Segment {
  readonly path: string;
  /** Of the blobs alone. */
  readonly size: number;
  readonly rows: Buffer;
}
/** Where a blob is. */
interface BlobPlace {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** @throws AosError `blob.io` of all but `write`, whose errors are the system's own */
export interface Segments {
  readonly folder: string;
  /** Where a blob is, by the segments that are known. */
  find(hash: Hash): BlobPlace | undefined;
  /** Learns of segments that others wrote or removed. */
  refresh(): void;
  /** A segment whose rows cannot be read: what it holds is not found. */
  damaged(): string | undefined;
  /** The bytes at a place, which may be those of something else on a broken disk; undefined when the segment is gone: refresh, and find again. */
  read(place: BlobPlace): Uint8Array | undefined;
  /** Writes blobs as one segment, durable when it resolves. */
  write(blobs: ReadonlyMap<Hash, Uint8Array>): Promise<void>;
}

/** @param dir - the folder of `fileBlobs`; segments are in `segments` below it */
export function blobSegments(dir: string): Segments {
  const folder = join(dir, "segments");
  let known: ReadonlyMap<string, Segment> | undefined;
  let damaged: string | undefined;
  let latest: Segment | undefined;
  let window: { readonly path: string; readonly start: number; readonly bytes: Buffer } | undefined;
  let joining: Promise<void> | undefined;

  function refresh(): void {
    const found = new Map<string, Segment>();
    [damaged, latest] = [undefined, undefined];
    for (const name of namesIn(folder)) {
      const segment = known?.get(name) ?? openSegment(join(folder, name));
      if (segment === "damaged") damaged = join(folder, name);
      else if (segment !== undefined) found.set(name, segment);
    }
    known = found;
  }

  function find(hash: Hash): BlobPlace | undefined {
    if (known === undefined) refresh();
    if (known?.size === 0) return undefined;
    const digits = hash.slice("sha256:".length);
    // What is asked for one after the other was often stored together.
    const again = latest === undefined ? undefined : rowOf(latest, digits);
    if (again !== undefined) return again;
    for (const segment of known?.values() ?? []) {
      const place = segment === latest ? undefined : rowOf(segment, digits);
      if (place === undefined) continue;
      latest = segment;
      return place;
    }
    return undefined;
  }

  function read({ path, offset, length }: BlobPlace): Uint8Array | undefined {
    if (window?.path !== path || offset < window.start || offset + length > window.start + window.bytes.length) {
      const bytes = pieceOf(path, offset, Math.max(length, WINDOW_BYTES));
      if (bytes === undefined) return undefined;
      window = { path, start: offset, bytes };
    }
    const at = offset - window.start;
    return new Uint8Array(window.bytes.subarray(at, at + length));
  }

  async function write(blobs: ReadonlyMap<Hash, Uint8Array>): Promise<void> {
    await writeSegment(folder, blobs);
    // Those who write at the same time wait for one joining; what has come since is joined by the next write.
    joining ??= joinSmall().finally(() => (joining = undefined));
    await joining;
  }

  /** Puts small segments together, once there are many. */
  async function joinSmall(): Promise<void> {
    refresh();
    const small = [...(known?.values() ?? [])].filter(({ size }) => size < SMALL_BYTES);
    if (small.length < SMALL_COUNT) return;
    const blobs = await blobsOf(small).catch(except("ENOENT"));
    // Where one is gone, another process has put them together.
    if (blobs !== undefined) {
      await writeSegment(folder, blobs);
      await Promise.all(small.map(({ path }) => rm(path, { force: true })));
    }
    refresh();
  }

  return { folder, find, refresh, damaged: () => damaged, read, write };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".seg"));
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? [] : outside("blob.io", folder)(error);
  }
}

/** The row of a blob, by halving: by the first bytes of hashes, and then by all of them. */
function rowOf({ path, rows }: Segment, digits: string): BlobPlace | undefined {
  const first = Number.parseInt(digits.slice(0, FIRST_BYTES * 2), 16);
  let [low, high] = [0, rows.length / ROW_BYTES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows.readUInt32BE(middle * ROW_BYTES) < first) low = middle + 1;
    else high = middle;
  }
  for (let at = low * ROW_BYTES; at < rows.length && rows.readUInt32BE(at) === first; at += ROW_BYTES) {
    if (rows.toString("hex", at, at + HASH_BYTES) !== digits) continue;
    return { path, offset: rows.readUIntBE(at + HASH_BYTES, OFFSET_BYTES), length: rows.readUInt32BE(at + HASH_BYTES + OFFSET_BYTES) };
  }
  return undefined;
}

/** Undefined for one that is gone. */
function openSegment(path: string): Segment | "damaged" | undefined {
  const end = pieceOf(path, -END_BYTES, END_BYTES);
  if (end === undefined) return undefined;
  const count = end.length < END_BYTES || !end.subarray(-MARK.length).equals(MARK) ? undefined : end.readUInt32BE(HASH_BYTES);
  const bytes = count === undefined ? undefined : pieceOf(path, -END_BYTES - count * ROW_BYTES, count * ROW_BYTES);
  if (bytes !== undefined && createHash("sha256").update(bytes).digest().equals(end.subarray(0, HASH_BYTES))) return { path, rows: bytes, size: dataBytes(bytes) };
  return "damaged";
}

function dataBytes(rows: Buffer): number {
  let size = 0;
  for (let at = HASH_BYTES; at < rows.length; at += ROW_BYTES) size += rows.readUInt32BE(at + OFFSET_BYTES);
  return size;
}

/** @param offset - from the end where it is negative. @returns fewer bytes where the file ends; undefined without a file */
function pieceOf(path: string, offset: number, length: number): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? undefined : outside("blob.io", path)(error);
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, offset < 0 ? size + offset : offset);
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - start)));
    let read = 0;
    for (let got = -1; read < bytes.length && got !== 0; read += got) got = readSync(file, bytes, read, bytes.length - read, start + read);
    return bytes.subarray(0, read);
  } catch (error) {
    return outside("blob.io", path)(error);
  } finally {
    closeSync(file);
  }
}

async function writeSegment(folder: string, blobs: ReadonlyMap<Hash, Uint8Array>): Promise<void> {
  await makeFolder(folder);
  const bytes = segmentBytes(blobs);
  const draft = await draftIn(folder);
  const handle = await open(draft, "wx");
  try {
    await writeAt(handle, bytes, 0);
    await handle.datasync();
    await handle.close();
    await rename(draft, join(folder, `${hex(randomBytes(16))}.seg`));
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

function segmentBytes(blobs: ReadonlyMap<Hash, Uint8Array>): Buffer {
  let offset = 0;
  const rows = [...blobs].map(([hash, { length }]) => {
    const row = Buffer.alloc(ROW_BYTES);
    row.write(hash.slice("sha256:".length), 0, "hex");
    row.writeUIntBE(offset, HASH_BYTES, OFFSET_BYTES);
    row.writeUInt32BE(length, HASH_BYTES + OFFSET_BYTES);
    offset += length;
    return row;
  });
  const list = Buffer.concat(rows.sort((a, b) => a.compare(b)));
  const count = Buffer.alloc(LENGTH_BYTES);
  count.writeUInt32BE(blobs.size);
  return Buffer.concat([...blobs.values(), list, createHash("sha256").update(list).digest(), count, MARK]);
}

/** All that is in some segments, in the order in which it was written. */
async function blobsOf(segments: readonly Segment[]): Promise<ReadonlyMap<Hash, Uint8Array>> {
  const blobs = new Map<Hash, Uint8Array>();
  for (const { path, rows } of segments) {
    const bytes = await readFile(path);
    const found: { readonly hash: Hash; readonly offset: number; readonly length: number }[] = [];
    for (let at = 0; at < rows.length; at += ROW_BYTES) {
      const offset = rows.readUIntBE(at + HASH_BYTES, OFFSET_BYTES);
      found.push({ hash: `sha256:${rows.toString("hex", at, at + HASH_BYTES)}` as Hash, offset, length: rows.readUInt32BE(at + HASH_BYTES + OFFSET_BYTES) });
    }
    for (const { hash, offset, length } of found.sort((a, b) => a.offset - b.offset)) blobs.set(hash, bytes.subarray(offset, offset + length));
  }
  return blobs;
}
