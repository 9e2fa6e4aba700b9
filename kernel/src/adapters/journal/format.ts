// The bytes of a journal file: a header, then one checksummed frame a turn. Pure functions over bytes.

import { createHash, hash } from "node:crypto";
import { assert } from "../../air/error.ts";
import type { JournalTurn } from "../../ports.ts";

/** Magic `AOSJRNL1` and eight reserved bytes, zero in this version. */
export const HEADER_BYTES = 16;
/** u32be payload length, u32be record count, u64be first seq, eight bytes of checksum. */
export const FRAME_HEAD_BYTES = 24;
/** Longest payload of a frame: what one read and one buffer can hold on every platform. */
const PAYLOAD_BYTES_MAX = 0x3fff_ffff;

const MAGIC = "AOSJRNL1";
const CHECKSUM_BYTES = 8;
const CHECKSUM_OFFSET = 16;
const RECORD_HEAD_BYTES = 4;

/** A whole frame and where it stands in the bytes it was read from: `offset` up to, not including, `end`. */
export interface Frame {
  readonly offset: number;
  readonly end: number;
  readonly turn: JournalTurn;
}

/** A frame that is all there and wrong: its checksum does not hold, or its turn does not begin at the seq that is next. */
export type BadFrame =
  | { readonly kind: "corrupt"; readonly offset: number; readonly seq: number; readonly reason: "header" | "checksum" }
  | { readonly kind: "corrupt"; readonly offset: number; readonly seq: number; readonly reason: "seq"; readonly found: number };

/** What stands at an offset. `more` asks for `needed` bytes from that offset on. */
type FrameAt =
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "more"; readonly needed: number }
  | BadFrame;

/** How a file ends: after its last frame, inside one that was never finished, or before one that is wrong. */
type JournalEnd = { readonly kind: "clean"; readonly offset: number } | { readonly kind: "torn"; readonly offset: number } | BadFrame;

export interface Scan {
  readonly frames: readonly Frame[];
  readonly end: JournalEnd;
  /** The seq after the last whole frame. */
  readonly nextSeq: number;
}

/** The sixteen bytes a journal file begins with. */
export function journalHeader(): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  for (let i = 0; i < MAGIC.length; i++) header[i] = MAGIC.charCodeAt(i);
  return header;
}

/**
 * The frames of turns one behind the other, and where each begins. A frame is `u32be payload length | u32be record count | u64be first
 * seq | first 8 bytes of SHA-256 over length, count, first seq and payload | payload`, the payload `u32be length | bytes` for each record.
 */
export function encodeFrames(turns: readonly JournalTurn[]): { readonly bytes: Uint8Array; readonly offsets: readonly number[] } {
  const payloads = turns.map(payloadBytesOf);
  const bytes = new Uint8Array(payloads.reduce((sum, payload) => sum + FRAME_HEAD_BYTES + payload, 0));
  const view = viewOf(bytes);
  let end = 0;
  const offsets = turns.map((turn, index) => {
    const offset = end;
    end += FRAME_HEAD_BYTES + (payloads[index] ?? 0);
    writeFrame(bytes, view, { turn, offset, end });
    return offset;
  });
  return { bytes, offsets };
}

function payloadBytesOf({ records }: JournalTurn): number {
  let payloadBytes = 0;
  for (const record of records) payloadBytes += RECORD_HEAD_BYTES + record.length;
  assert(records.length > 0, "a turn holds at least one record");
  assert(payloadBytes <= PAYLOAD_BYTES_MAX, "a turn fits in a frame");
  return payloadBytes;
}

function writeFrame(bytes: Uint8Array, view: DataView, { turn, offset, end }: { readonly turn: JournalTurn; readonly offset: number; readonly end: number }): void {
  // The head first stands where it meets the payload, so that the checksum is over one stretch of bytes.
  const head = offset + FRAME_HEAD_BYTES - CHECKSUM_OFFSET;
  view.setUint32(head, end - offset - FRAME_HEAD_BYTES);
  view.setUint32(head + 4, turn.records.length);
  view.setBigUint64(head + 8, BigInt(turn.firstSeq));
  let at = offset + FRAME_HEAD_BYTES;
  for (const record of turn.records) {
    view.setUint32(at, record.length);
    bytes.set(record, at + RECORD_HEAD_BYTES);
    at += RECORD_HEAD_BYTES + record.length;
  }
  const digest = hash("sha256", bytes.subarray(head, end), "binary");
  bytes.copyWithin(offset, head, head + CHECKSUM_OFFSET);
  for (let i = 0; i < CHECKSUM_BYTES; i++) bytes[offset + CHECKSUM_OFFSET + i] = digest.charCodeAt(i);
}

/** Reads the frame at `offset`, whose turn must begin at `seq`. Its records are copies. */
export function frameAt(bytes: Uint8Array, offset: number, seq: number): FrameAt {
  const left = bytes.length - offset;
  if (left < FRAME_HEAD_BYTES) return { kind: "more", needed: FRAME_HEAD_BYTES };
  const view = viewOf(bytes);
  const payloadBytes = view.getUint32(offset);
  const end = offset + FRAME_HEAD_BYTES + payloadBytes;
  if (payloadBytes > PAYLOAD_BYTES_MAX || bytes.length < end) return { kind: "more", needed: end - offset };
  const head = bytes.subarray(offset, offset + CHECKSUM_OFFSET);
  const payload = bytes.subarray(offset + FRAME_HEAD_BYTES, end);
  const records = sameBytes(checksum(head, payload), bytes.subarray(offset + CHECKSUM_OFFSET, offset + FRAME_HEAD_BYTES))
    ? recordsOf(payload, view.getUint32(offset + 4))
    : undefined;
  if (records === undefined) return { kind: "corrupt", offset, seq, reason: "checksum" };
  const firstSeq = Number(view.getBigUint64(offset + 8));
  if (firstSeq !== seq) return { kind: "corrupt", offset, seq, reason: "seq", found: firstSeq };
  return { kind: "frame", frame: { offset, end, turn: { firstSeq, records } } };
}

/** Reads a whole file whose first turn must begin at `firstSeq`, up to the first byte that is not a good frame. */
export function scanFrames(bytes: Uint8Array, firstSeq: number): Scan {
  const header = headerOf(bytes);
  if (header === "wrong") return { frames: [], end: { kind: "corrupt", offset: 0, seq: firstSeq, reason: "header" }, nextSeq: firstSeq };
  if (header === "unfinished") return { frames: [], end: { kind: "torn", offset: 0 }, nextSeq: firstSeq };
  return scanFrom(bytes, HEADER_BYTES, firstSeq);
}

/** Reads the frames from `from` on, where the turn that begins with `firstSeq` must stand. */
export function scanFrom(bytes: Uint8Array, from: number, firstSeq: number): Scan {
  const frames: Frame[] = [];
  let offset = from;
  let seq = firstSeq;
  while (offset < bytes.length) {
    const found = frameAt(bytes, offset, seq);
    if (found.kind !== "frame") return { frames, end: found.kind === "more" ? endOf(bytes, offset, seq) : unwrittenOr(bytes, found), nextSeq: seq };
    frames.push(found.frame);
    offset = found.frame.end;
    seq += found.frame.turn.records.length;
  }
  return { frames, end: { kind: "clean", offset }, nextSeq: seq };
}

/** Whether bytes begin a journal file: `unfinished` when they stop inside a header that is right so far. */
export function headerOf(bytes: Uint8Array): "whole" | "unfinished" | "wrong" {
  if (isZero(bytes)) return "unfinished";
  const shared = Math.min(bytes.length, HEADER_BYTES);
  if (!sameBytes(bytes.subarray(0, shared), journalHeader().subarray(0, shared))) return "wrong";
  return shared === HEADER_BYTES ? "whole" : "unfinished";
}

/**
 * Finds the next whole frame at or after `offset`, of a turn that begins at `seq` or later: past damage, the checksum tells
 * a frame from noise.
 */
export function nextWholeFrame(bytes: Uint8Array, offset: number, seq: number): Frame | undefined {
  const view = viewOf(bytes);
  for (let at = offset; at + FRAME_HEAD_BYTES <= bytes.length; at++) {
    const payloadBytes = view.getUint32(at);
    const count = view.getUint32(at + 4);
    const firstSeq = view.getBigUint64(at + 8);
    // Few places look like a head, so few are hashed.
    if (at + FRAME_HEAD_BYTES + payloadBytes > bytes.length || count === 0 || count > payloadBytes / RECORD_HEAD_BYTES) continue;
    if (firstSeq < BigInt(seq) || firstSeq > BigInt(seq) + BigInt(bytes.length)) continue;
    const found = frameAt(bytes, at, Number(firstSeq));
    if (found.kind === "frame") return found.frame;
  }
  return undefined;
}

/**
 * A last frame that asks for more bytes than there are is torn, unless a damaged length made it ask: then its payload,
 * measured by what is there, still has the right checksum, or whole frames follow it.
 */
function endOf(bytes: Uint8Array, offset: number, seq: number): JournalEnd {
  const rest = bytes.subarray(offset);
  if (rest.length >= FRAME_HEAD_BYTES) {
    const head = new Uint8Array(rest.subarray(0, CHECKSUM_OFFSET));
    viewOf(head).setUint32(0, rest.length - FRAME_HEAD_BYTES);
    const whole = sameBytes(checksum(head, rest.subarray(FRAME_HEAD_BYTES)), rest.subarray(CHECKSUM_OFFSET, FRAME_HEAD_BYTES));
    if (whole || nextWholeFrame(bytes, offset + 1, seq) !== undefined) return { kind: "corrupt", offset, seq, reason: "checksum" };
  }
  return { kind: "torn", offset };
}

/** After a power loss a file may be longer than what reached it: zeros up to the end are a frame never written. */
function unwrittenOr(bytes: Uint8Array, bad: BadFrame): JournalEnd {
  return isZero(bytes.subarray(bad.offset)) ? { kind: "torn", offset: bad.offset } : bad;
}

function recordsOf(payload: Uint8Array, count: number): Uint8Array[] | undefined {
  const view = viewOf(payload);
  const records: Uint8Array[] = [];
  let at = 0;
  while (at + RECORD_HEAD_BYTES <= payload.length && records.length < count) {
    const end = at + RECORD_HEAD_BYTES + view.getUint32(at);
    if (end > payload.length) return undefined;
    records.push(new Uint8Array(payload.subarray(at + RECORD_HEAD_BYTES, end)));
    at = end;
  }
  return at === payload.length && records.length === count && count > 0 ? records : undefined;
}

function checksum(head: Uint8Array, payload: Uint8Array): Uint8Array {
  return createHash("sha256").update(head).update(payload).digest().subarray(0, CHECKSUM_BYTES);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
