// CBOR, item by item: heads, numbers, texts and bytes into buffers that all encoders share; cbor-encode.ts says what a value is
// written as.

import { isWellFormed, utf8Into } from "./bytes.ts";
import { AosError } from "./error.ts";

/** Nesting of lists, maps and tags, the self-describe tag included; what is written can always be read. */
const LEVEL_MAX = 127;
const ROOM_BYTES = 1 << 14;
const ROOM_KEPT_BYTES = 1 << 22;
/** With less room than this to lend, other room is taken. */
const LENDABLE_BYTES = 1 << 10;
/** Views are kept of lengths below this. */
const KEPT_VIEWS = 1 << 10;
/** Up to here a loop copies faster than the platform. */
const COPIED_BYTES = 24;
/** Texts below the first are written unit by unit, those up to the second by way of a buffer of their own. */
const SHORT_UNITS = 32;
const LINE_UNITS = 128;
const TWO_32 = 0x1_0000_0000;

interface Room {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  /** Views of the first bytes, by their length, kept: to make one costs more than to copy the little it shows. */
  readonly views: Uint8Array[];
}

// Encoding is synchronous and calls back nowhere, so one encoding at a time is in the making: in `own`, of which results are
// copies, or in `lent`, of which results are views. What lies before `lentTo` was lent out and is never written again.
let own = newRoom(ROOM_BYTES);
let lent = newRoom(ROOM_BYTES);
let lentTo = 0;
const line = newRoom(3 * LINE_UNITS);

/** The encoding in the making: `scratch` from `start` up to `used`. */
let scratch = own.bytes;
let words = own.words;
let start = 0;
let used = 0;
let level = 0;
/** Key or index being written at each level, for the place in an error. */
const trail: unknown[] = [];
const floats = new DataView(new ArrayBuffer(8));

/** Begins an encoding that ends with `taken` or `shown`; one that an error ended is forgotten. */
export function begin(): void {
  scratch = own.bytes;
  words = own.words;
  start = 0;
  used = 0;
  level = 0;
}

/** Begins an encoding that ends with `lentOut`. */
export function beginLent(): void {
  scratch = lent.bytes;
  words = lent.words;
  start = lentTo;
  used = lentTo;
  level = 0;
}

/** The bytes written, as a fresh array that the caller owns. */
export function taken(): Uint8Array {
  const bytes = scratch.slice(start, used);
  if (own.bytes.length > ROOM_KEPT_BYTES) own = newRoom(ROOM_BYTES);
  return bytes;
}

/** The bytes written, to be looked at before the next encoding begins. */
export function shown(): Uint8Array {
  return firstOf(own, used);
}

/** The bytes written, as a view that keeps them for good: memory of its own is what costs most of a small result. Large ones are copies. */
export function lentOut(): Uint8Array {
  if (scratch !== lent.bytes) return scratch.slice(start, used);
  const bytes = scratch.subarray(start, used);
  lentTo = used;
  if (ROOM_BYTES - lentTo < LENDABLE_BYTES) {
    lent = newRoom(ROOM_BYTES);
    lentTo = 0;
  }
  return bytes;
}

/** Bytes to put items into without the writer, and where to begin. */
export interface Place {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  readonly start: number;
}

/** Room for so many bytes, for an encoding that ends with `lentFrom`; asked for while no other is in the making. */
export function placeToLend(count: number): Place {
  if (ROOM_BYTES - lentTo < count) {
    lent = newRoom(Math.max(ROOM_BYTES, count));
    lentTo = 0;
  }
  return { bytes: lent.bytes, words: lent.words, start: lentTo };
}

/** What was put there up to `end`, as {@link lentOut} gives it. */
export function lentFrom({ bytes, start }: Place, end: number): Uint8Array {
  lentTo = end;
  if (ROOM_BYTES - end < LENDABLE_BYTES) {
    lent = newRoom(ROOM_BYTES);
    lentTo = 0;
  }
  return bytes.subarray(start, end);
}

/** Room for so many bytes from the beginning on, which `shownTo` shows until the next encoding begins. */
export function bytesToShow(count: number): Uint8Array {
  if (own.bytes.length < count) own = newRoom(count);
  return own.bytes;
}

export function shownTo(end: number): Uint8Array {
  return firstOf(own, end);
}

function newRoom(size: number): Room {
  const bytes = new Uint8Array(size);
  return { bytes, words: new DataView(bytes.buffer), views: [] };
}

function firstOf({ bytes, views }: Room, count: number): Uint8Array {
  if (count >= KEPT_VIEWS) return bytes.subarray(0, count);
  return (views[count] ??= bytes.subarray(0, count));
}

function reserve(count: number): void {
  if (used + count > scratch.length) grow(count);
}

/** What is lent out stays where it is: an encoding that grows out of its buffer goes on in another. */
function grow(count: number): void {
  const larger = newRoom(Math.max(scratch.length * 2, used + count));
  larger.bytes.set(scratch.subarray(0, used));
  if (scratch === own.bytes) own = larger;
  scratch = larger.bytes;
  words = larger.words;
}

/** How many bytes are written: where the next item begins. */
export function mark(): number {
  return used;
}

/** Puts spans of what was written from `from` on into another order. */
export function reorder(from: number, spans: readonly { readonly from: number; readonly to: number }[]): void {
  const written = scratch.slice(from, used);
  let at = from;
  for (const span of spans) {
    scratch.set(written.subarray(span.from - from, span.to - from), at);
    at += span.to - span.from;
  }
}

/** A copy of what was written from `from` on. */
export function writtenFrom(from: number): Uint8Array {
  return scratch.slice(from, used);
}

/** Steps into a list, map or tag. */
export function enter(): void {
  level++;
  if (level > LEVEL_MAX) refuse(`more than ${LEVEL_MAX} levels of nesting`);
}

/** Says which entry of the list or map is written now. */
export function step(place: unknown): void {
  trail[level] = place;
}

export function leave(): void {
  trail[level] = undefined;
  level--;
}

/** @throws AosError `air.value` with the path of what is being written */
export function refuse(what: string): never {
  const path = trail.slice(0, level + 1).filter((step) => step !== undefined).map((step) => (typeof step === "object" ? "?" : String(step)));
  trail.length = 0;
  throw new AosError("air.value", `$${path.map((step) => `.${step}`).join("")}: ${what}`, { data: { path } });
}

/** The self-describe tag that canonical bytes begin with: a level too. */
export function writePrefix(): void {
  reserve(3);
  scratch[used++] = 0xd9;
  scratch[used++] = 0xd9;
  scratch[used++] = 0xf7;
  level = 1;
}

/** Short items that are always the same, names of fields above all, encoded once for `writeRaw`. */
export function items(...all: readonly (string | number)[]): Uint8Array {
  begin();
  for (const item of all) {
    if (typeof item === "string") writeText(item);
    else writeNumber(item);
  }
  return taken();
}

/** A map of fewer than 24 entries, counted while they are written; ends with `closeMap` of what this gave. */
export function openMap(): number {
  enter();
  reserve(1);
  return used++;
}

export function closeMap(head: number, count: number): void {
  scratch[head] = 0xa0 | count;
  leave();
}

/** A few bytes that are encoded already. */
export function writeRaw(bytes: Uint8Array): void {
  const { length } = bytes;
  reserve(length);
  const target = scratch;
  const from = used;
  for (let i = 0; i < length; i++) target[from + i] = bytes[i] as number;
  used = from + length;
}

export function writeByte(byte: number): void {
  reserve(1);
  scratch[used++] = byte;
}

/** Shortest head of a major type (its top three bits) with an argument up to 2^53. */
export function writeHead(major: number, argument: number): void {
  reserve(9);
  if (argument < 24) {
    scratch[used++] = major | argument;
  } else if (argument < 0x100) {
    scratch[used++] = major | 24;
    scratch[used++] = argument;
  } else if (argument < 0x10000) {
    scratch[used++] = major | 25;
    scratch[used++] = argument >>> 8;
    scratch[used++] = argument;
  } else if (argument < TWO_32) {
    scratch[used++] = major | 26;
    writeUint32(argument);
  } else {
    scratch[used++] = major | 27;
    writeUint32(Math.floor(argument / TWO_32));
    writeUint32(argument >>> 0);
  }
}

function writeUint32(word: number): void {
  scratch[used++] = word >>> 24;
  scratch[used++] = word >>> 16;
  scratch[used++] = word >>> 8;
  scratch[used++] = word;
}

export function writeNumber(value: number): void {
  if (!Number.isSafeInteger(value)) refuse(`${value} is not a safe integer: fractions are Float, big integers are bigint`);
  if (value >= 0) writeHead(0x00, value);
  else writeHead(0x20, -1 - value);
}

export function writeBigint(value: bigint): void {
  const major = value >= 0n ? 0x00 : 0x20;
  const argument = value >= 0n ? value : -1n - value;
  if (argument > 0xffff_ffff_ffff_ffffn) refuse(`the integer ${value} needs more than 64 bits`);
  if (argument <= 0xffff_ffffn) return writeHead(major, Number(argument));
  reserve(9);
  scratch[used++] = major | 27;
  words.setBigUint64(used, argument);
  used += 8;
}

/** Shortest of 16, 32 and 64 bits that holds the value exactly; one spelling for NaN. */
export function writeFloat(value: number): void {
  reserve(9);
  if (Number.isNaN(value)) return writeHalf(0x7e00);
  if (Math.fround(value) !== value) {
    floats.setFloat64(0, value);
    scratch[used++] = 0xfb;
    writeUint32(floats.getUint32(0));
    writeUint32(floats.getUint32(4));
    return;
  }
  floats.setFloat32(0, value);
  const single = floats.getUint32(0);
  const half = halfOf(single);
  if (half !== undefined) return writeHalf(half);
  scratch[used++] = 0xfa;
  writeUint32(single);
}

function writeHalf(half: number): void {
  scratch[used++] = 0xf9;
  scratch[used++] = half >>> 8;
  scratch[used++] = half;
}

/** The 16-bit float equal to a 32-bit one (both as bits), where there is one. */
function halfOf(single: number): number | undefined {
  const sign = (single >>> 16) & 0x8000;
  const exponent = (single >>> 23) & 0xff;
  const fraction = single & 0x7fffff;
  if (exponent === 0) return fraction === 0 ? sign : undefined;
  if (exponent === 0xff) return sign | 0x7c00;
  const power = exponent - 127;
  if (power > 15 || power < -24) return undefined;
  if (power >= -14) return (fraction & 0x1fff) === 0 ? sign | ((power + 15) << 10) | (fraction >> 13) : undefined;
  // Below 2^-14 a half counts steps of 2^-24: its fraction is the significand, shifted.
  const significand = fraction | 0x800000;
  const shift = -1 - power;
  return (significand & ((1 << shift) - 1)) === 0 ? sign | (significand >> shift) : undefined;
}

export function writeBytes(value: Uint8Array): void {
  const { length } = value;
  writeHead(0x40, length);
  if (length <= COPIED_BYTES) return writeRaw(value);
  reserve(length);
  scratch.set(value, used);
  used += length;
}

export function writeText(text: string): void {
  const units = text.length;
  if (units < SHORT_UNITS ? writeAscii(text) : units <= LINE_UNITS && writeLine(text)) return;
  reserve(9 + 3 * units);
  // Room is left for the head of the shortest possible length, then corrected when the UTF-8 is longer.
  const headAt = used;
  const guess = headSize(units);
  const size = utf8Into(text, scratch.subarray(headAt + guess));
  // Of one byte a unit it is ASCII; a lone surrogate was written as the three of U+FFFD.
  if (size !== units && !isWellFormed(text)) refuse("a lone surrogate has no UTF-8 form");
  const actual = headSize(size);
  if (actual !== guess) scratch.copyWithin(headAt + actual, headAt + guess, headAt + guess + size);
  writeHead(0x60, size);
  used += size;
}

/** Writes a text of medium length, such as a hash, if all of it is ASCII; else leaves the buffer as it was. */
function writeLine(text: string): boolean {
  const units = text.length;
  if (utf8Into(text, line.bytes) !== units) return false;
  writeHead(0x60, units);
  reserve(units);
  scratch.set(firstOf(line, units), used);
  used += units;
  return true;
}

/** Writes a short text if all of it is ASCII; else leaves the buffer as it was. */
function writeAscii(text: string): boolean {
  const { length } = text;
  reserve(2 + length);
  const target = scratch;
  let at = used;
  if (length < 24) target[at++] = 0x60 | length;
  else {
    target[at++] = 0x78;
    target[at++] = length;
  }
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    target[at++] = unit;
  }
  used = at;
  return true;
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < TWO_32 ? 5 : 9;
}
