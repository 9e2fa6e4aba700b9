// CBOR items put into bytes, each at a place and giving the place behind it: for what is written most, whose room is known beforehand.
// Nothing here asks whether there is room. The writer has its own way, item by item, which baked modules hold a copy of: their bytes
// follow from it.

import { isWellFormed, utf8Into } from "./bytes.ts";

/** A head and its argument take no more. */
const HEAD_BYTES = 9;

/** Up to here a loop copies faster than the platform. */
const COPIED_BYTES = 12;
/** Texts below the first are put unit by unit, those up to the second by way of a buffer of their own. */
const SHORT_UNITS = 32;
const LINE_UNITS = 128;
const TWO_32 = 0x1_0000_0000;

const line = new Uint8Array(3 * LINE_UNITS);
/** Views of the first bytes of the line, by their length: to make one costs more than to copy the little it shows. */
const lineViews: Uint8Array[] = Array.from({ length: LINE_UNITS + 1 }, (_, units) => line.subarray(0, units));

/** Bytes that are encoded already. */
export function putRaw(to: Uint8Array, at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  if (length > COPIED_BYTES) to.set(bytes, at);
  else for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number;
  return at + length;
}

/** Shortest head of a major type (its top three bits) with an argument up to 2^53. */
export function putHead(to: Uint8Array, at: number, major: number, argument: number): number {
  if (argument < 24) {
    to[at] = major | argument;
    return at + 1;
  }
  return putLongHead(to, at, major, argument);
}

function putLongHead(to: Uint8Array, at: number, major: number, argument: number): number {
  if (argument < 0x100) {
    to[at] = major | 24;
    to[at + 1] = argument;
    return at + 2;
  }
  if (argument < 0x10000) {
    to[at] = major | 25;
    to[at + 1] = argument >>> 8;
    to[at + 2] = argument;
    return at + 3;
  }
  if (argument < TWO_32) {
    to[at] = major | 26;
    return putUint32(to, at + 1, argument);
  }
  to[at] = major | 27;
  return putUint32(to, putUint32(to, at + 1, Math.floor(argument / TWO_32)), argument >>> 0);
}

function putUint32(to: Uint8Array, at: number, word: number): number {
  to[at] = word >>> 24;
  to[at + 1] = word >>> 16;
  to[at + 2] = word >>> 8;
  to[at + 3] = word;
  return at + 4;
}

/** The self-describe prefix of canonical bytes, and the head of a map of fewer than 24 fields. */
export function putStart(to: Uint8Array, at: number, fields: number): number {
  to[at] = 0xd9;
  to[at + 1] = 0xd9;
  to[at + 2] = 0xf7;
  to[at + 3] = 0xa0 | fields;
  return at + 4;
}

/** A byte string. */
export function putBytes(to: Uint8Array, at: number, value: Uint8Array): number {
  return putRaw(to, putHead(to, at, 0x40, value.length), value);
}

/** Room that a text may take, however it is written. */
export function textBytesMax(text: string): number {
  return HEAD_BYTES + 3 * text.length;
}

/** A text, for which there must be `textBytesMax`; -1 where it holds a lone surrogate, which has no UTF-8 form. */
export function putText(to: Uint8Array, at: number, text: string): number {
  const units = text.length;
  const end = units < SHORT_UNITS ? putAscii(to, at, text) : units <= LINE_UNITS ? putLine(to, at, text) : -1;
  return end < 0 ? putAnyText(to, at, text) : end;
}

/** A short text if all of it is ASCII, else -1. */
function putAscii(to: Uint8Array, at: number, text: string): number {
  const { length } = text;
  const start = putHead(to, at, 0x60, length);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return -1;
    to[start + i] = unit;
  }
  return start + length;
}

/** A text of medium length if all of it is ASCII, else -1. */
function putLine(to: Uint8Array, at: number, text: string): number {
  const start = at + headBytes(text.length);
  if (!putChars(to, start, text)) return -1;
  return putHead(to, at, 0x60, text.length) + text.length;
}

/** The characters of a text of up to 128 units, such as a hash, without a head; false if it is longer or not all are ASCII. */
export function putChars(to: Uint8Array, at: number, text: string): boolean {
  const units = text.length;
  if (units > LINE_UNITS || utf8Into(text, line) !== units) return false;
  to.set(lineViews[units] as Uint8Array, at);
  return true;
}

function putAnyText(to: Uint8Array, at: number, text: string): number {
  const units = text.length;
  // Room is left for the head of the shortest possible length, then corrected when the UTF-8 is longer.
  const guess = headBytes(units);
  const size = utf8Into(text, to.subarray(at + guess));
  // Of one byte a unit it is ASCII; a lone surrogate was written as the three of U+FFFD.
  if (size !== units && !isWellFormed(text)) return -1;
  const actual = headBytes(size);
  if (actual !== guess) to.copyWithin(at + actual, at + guess, at + guess + size);
  return putHead(to, at, 0x60, size) + size;
}

function headBytes(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < TWO_32 ? 5 : HEAD_BYTES;
}
