// A segment: a run of journal records as one immutable blob, chained to the segment before it.

import { AosError, compareBytes, rawToHash, sha256, utf8, type Hash } from "@agentos/kernel";

/**
 * Layout, all integers big-endian:
 * ```
 *  0  8  "AOSSEG1\0"
 *  8  8  segment number
 * 16  8  seq of the first record
 * 24  4  number of records
 * 28  4  flags, 0
 * 32 32  SHA-256 of the whole segment before (zeros for the first)
 * 64 32  Merkle root over SHA-256(record): pairs are hashed together, an odd one moves up alone
 * 96  …  per record: u32 length, canonical CBOR
 * ```
 */
export interface Segment {
  readonly number: number;
  readonly firstSeq: number;
  readonly previous: Uint8Array;
  readonly records: readonly Uint8Array[];
}

const MAGIC = utf8("AOSSEG1\0");
const HEADER_BYTES = 96;
/** A reader refuses larger segments. */
const SEGMENT_BYTES_MAX = 64 << 20;

export function encodeSegment(segment: Segment): Uint8Array {
  const size = segment.records.reduce((sum, record) => sum + 4 + record.length, HEADER_BYTES);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out.set(MAGIC);
  view.setBigUint64(8, BigInt(segment.number));
  view.setBigUint64(16, BigInt(segment.firstSeq));
  view.setUint32(24, segment.records.length);
  out.set(segment.previous, 32);
  out.set(merkleRoot(segment.records), 64);
  let at = HEADER_BYTES;
  for (const record of segment.records) {
    view.setUint32(at, record.length);
    out.set(record, at + 4);
    at += 4 + record.length;
  }
  return out;
}

/**
 * @param options.check - `shape` leaves the Merkle root out: for a reader that knows the bytes are wrong and asks where
 * @throws AosError `segment.invalid` (unverified) naming what is wrong
 */
export function decodeSegment(bytes: Uint8Array, options: { readonly check: "merkle" | "shape" } = { check: "merkle" }): Segment {
  if (bytes.length < HEADER_BYTES || bytes.length > SEGMENT_BYTES_MAX || compareBytes(bytes.subarray(0, 8), MAGIC) !== 0) throw invalid("not a segment");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = Number(view.getBigUint64(8));
  const firstSeq = Number(view.getBigUint64(16));
  const count = view.getUint32(24);
  if (view.getUint32(28) !== 0) throw invalid(`segment ${number}: unknown flags`);
  const records: Uint8Array[] = [];
  let at = HEADER_BYTES;
  while (at + 4 <= bytes.length && records.length < count) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) throw invalid(`segment ${number}: record ${records.length} runs past the end`);
    records.push(bytes.slice(at + 4, end));
    at = end;
  }
  if (records.length !== count || at !== bytes.length) throw invalid(`segment ${number}: ${count} records are declared, ${records.length} are there`);
  if (options.check === "merkle" && compareBytes(merkleRoot(records), bytes.subarray(64, 96)) !== 0) throw invalid(`segment ${number}: the Merkle root is not that of its records`);
  return { number, firstSeq, previous: bytes.slice(32, 64), records };
}

/** Journal-Head: the hash of a whole segment. */
export function segmentHash(bytes: Uint8Array): Hash {
  return rawToHash(sha256(bytes));
}

/** Where segment 0xAABBCC is kept: `<folder>/dAA/dBB/sCC`. Names that no notes fan-out can be mistaken for. */
export function segmentPath(folder: "journal" | "receipts" | "blobs", number: number): string {
  if (number > 0xff_ffff) throw new AosError("segment.full", `segment ${number}: a journal ref holds 2^24 segments`, { class: "outside" });
  const byte = (shift: number): string => ((number >> shift) & 255).toString(16).padStart(2, "0");
  return `${folder}/d${byte(16)}/d${byte(8)}/s${byte(0)}`;
}

/** The number of the segment that is kept at such a path. */
export function segmentNumber(path: string): number {
  return Number.parseInt(path.split("/").slice(1).map((part) => part.slice(1)).join(""), 16);
}

function merkleRoot(records: readonly Uint8Array[]): Uint8Array {
  let level = records.map(sha256);
  if (level.length === 0) return new Uint8Array(32);
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index], level[index + 1]];
      if (left === undefined) continue;
      next.push(right === undefined ? left : sha256(concat(left, right)));
    }
    level = next;
  }
  return level[0] ?? new Uint8Array(32);
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const out = new Uint8Array(left.length + right.length);
  out.set(left);
  out.set(right, left.length);
  return out;
}

function invalid(message: string): AosError {
  return new AosError("segment.invalid", message, { class: "unverified" });
}
