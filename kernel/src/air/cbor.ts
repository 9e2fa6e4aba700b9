// CBOR: read tolerantly what others wrote, strictly what must be canonical. Writing is in cbor-encode.ts.

import { bytesEqual, fromUtf8, hex } from "./bytes.ts";
import { canonical, canonicalBare } from "./cbor-encode.ts";
import { AosError } from "./error.ts";
import { Float, integer } from "./value.ts";
import type { Value } from "./value.ts";

export { canonical, canonicalAnd, canonicalBare, canonicalLent, canonicalOf, plain, plainOf } from "./cbor-encode.ts";

const LEVEL_MAX = 127;
const BREAK = 0xff;
const INDEFINITE = 31;
const SHORT_TEXT_BYTES = 24;
/** Arrays up to here are objects of their own, whose memory would have to be moved for a view. */
const COPIED_BYTES = 64;
const RECENT_TEXTS = 1024;
const recentTexts: string[] = Array.from({ length: RECENT_TEXTS }, () => "");

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  level: number;
}

/**
 * Reads one item, tolerantly: tags are skipped at any depth, indefinite lengths and long heads are taken, `undefined` is
 * null, the last of equal map keys wins. Integers are `number` when safe, else `bigint`; floats are Float; maps are Map.
 * @throws AosError `cbor.invalid` with the byte offset in `data.offset`: trailing bytes, bytes missing, reserved heads, simple
 * values other than false, true, null and undefined, invalid UTF-8, more than 127 levels (a tag is a level)
 */
export function decode(bytes: Uint8Array): Value {
  const cursor: Cursor = { bytes, at: 0, level: 0 };
  const value = readItem(cursor);
  if (cursor.at !== bytes.length) fail(cursor.at, `${bytes.length - cursor.at} bytes after the value`);
  return value;
}

/** Takes values out of a map; see {@link fieldsOf}. */
export type FieldsReader = (bytes: Uint8Array) => readonly (Value | undefined)[] | undefined;

/**
 * A reader of the values that stand under some text keys (ASCII, shorter than 24) of a map: what {@link decode} would find there, with
 * the same errors, but no map is made, and a byte string is a view of the input.
 *
 * @returns of the reader: the values in the order of the names, undefined where there is none; undefined for all but a map
 */
export function fieldsOf(names: readonly string[]): FieldsReader {
  const keys = names.map((name) => canonicalBare(name));
  return (bytes) => {
    const cursor: Cursor = { bytes, at: 0, level: 0 };
    const found = readFields(cursor, keys);
    if (cursor.at !== bytes.length) fail(cursor.at, `${bytes.length - cursor.at} bytes after the value`);
    return found;
  };
}

function readFields(cursor: Cursor, keys: readonly Uint8Array[]): (Value | undefined)[] | undefined {
  const head = cursor.bytes[cursor.at] ?? 0;
  if (head >> 5 === 6) {
    cursor.at++;
    enter(cursor);
    skipTag(cursor, head & 0x1f);
    return readFields(cursor, keys);
  }
  if (head >> 5 !== 5) {
    readItem(cursor);
    return undefined;
  }
  cursor.at++;
  enter(cursor);
  const found = new Array<Value | undefined>(keys.length);
  const length = (head & 0x1f) === INDEFINITE ? Infinity : readLength(cursor, head & 0x1f);
  for (let i = 0; i < length; i++) {
    if (length === Infinity && atBreak(cursor)) break;
    const place = placeOfKey(cursor, keys);
    const value = readView(cursor);
    if (place >= 0) found[place] = value;
  }
  return found;
}

/** Steps over a key; which of the keys it is, -1 for none of them. */
function placeOfKey(cursor: Cursor, keys: readonly Uint8Array[]): number {
  for (let place = 0; place < keys.length; place++) {
    const key = keys[place] as Uint8Array;
    if (!startsWith(cursor, key)) continue;
    cursor.at += key.length;
    return place;
  }
  // The key may be one of them written in another way.
  const other = readItem(cursor);
  const written = typeof other === "string" ? canonicalBare(other) : undefined;
  return written === undefined ? -1 : keys.findIndex((key) => bytesEqual(key, written));
}

function startsWith({ bytes, at }: Cursor, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[at + i] !== start[i]) return false;
  return true;
}

/** As `readItem`, but a long byte string is a view; short ones, and the arrays they may stand in, are copied faster. */
function readView(cursor: Cursor): Value {
  const head = cursor.bytes[cursor.at] ?? 0;
  if (head >> 5 !== 2 || (head & 0x1f) === INDEFINITE) return readItem(cursor);
  cursor.at++;
  const length = readLength(cursor, head & 0x1f);
  if (length <= COPIED_BYTES) return readBytes(cursor, length);
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

/**
 * Reads exactly what `canonical` writes.
 * @throws AosError `cbor.invalid` when the bytes are no CBOR at all, `cbor.noncanonical` when the value has other canonical bytes
 */
export function decodeCanonical(bytes: Uint8Array): Value {
  const value = decode(bytes);
  if (!isCanonical(bytes, value)) throw new AosError("cbor.noncanonical", "cbor: not the canonical bytes of its value");
  return value;
}

function isCanonical(bytes: Uint8Array, value: Value): boolean {
  // Without the prefix a value may be one level deeper than `canonical` writes: not canonical, whatever it is.
  if (bytes[0] !== 0xd9 || bytes[1] !== 0xd9 || bytes[2] !== 0xf7) return false;
  return bytesEqual(canonical(value), bytes);
}

function fail(offset: number, what: string): never {
  throw new AosError("cbor.invalid", `cbor: byte ${offset}: ${what}`, { data: { offset } });
}

function readItem(cursor: Cursor): Value {
  const at = cursor.at;
  const head = readByte(cursor);
  const info = head & 0x1f;
  switch (head >> 5) {
    case 0:
      return readInteger(cursor, info, "unsigned");
    case 1:
      return readInteger(cursor, info, "negative");
    case 2:
      return info === INDEFINITE ? readChunks(cursor, 0x40) : readBytes(cursor, readLength(cursor, info));
    case 3:
      return info === INDEFINITE ? textOf(readChunks(cursor, 0x60), at) : readText(cursor, readLength(cursor, info));
    case 4:
      return readList(cursor, info);
    case 5:
      return readMap(cursor, info);
    case 6:
      return readTagged(cursor, info);
    default:
      return readSimple(cursor, info);
  }
}

function readByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at];
  if (byte === undefined) fail(cursor.at, "ends too early");
  cursor.at++;
  return byte;
}

/** Big-endian unsigned number of 1, 2 or 4 bytes. */
function readUint(cursor: Cursor, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + readByte(cursor);
  return value;
}

/** Argument of a head below 64 bits; `info` 27 is the caller's. */
function readArgument(cursor: Cursor, info: number): number {
  if (info < 24) return info;
  if (info > 26) fail(cursor.at - 1, "a reserved head");
  return readUint(cursor, 1 << (info - 24));
}

function readInteger(cursor: Cursor, info: number, sign: "unsigned" | "negative"): number | bigint {
  if (info !== 27) {
    const argument = readArgument(cursor, info);
    return sign === "unsigned" ? argument : -1 - argument;
  }
  const high = readUint(cursor, 4);
  const low = readUint(cursor, 4);
  const argument = (BigInt(high) << 32n) | BigInt(low);
  return integer(sign === "unsigned" ? argument : -1n - argument);
}

function readLength(cursor: Cursor, info: number): number {
  const length = info === 27 ? readUint(cursor, 4) * 0x1_0000_0000 + readUint(cursor, 4) : readArgument(cursor, info);
  // A length is checked before anything is allocated for it; an item takes a byte at least.
  if (length > cursor.bytes.length - cursor.at) fail(cursor.at, `ends too early: a length of ${length}`);
  return length;
}

/** A copy, so that the value neither keeps the input alive nor sees it change. */
function readBytes(cursor: Cursor, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  if (length < 32) for (let i = 0; i < length; i++) copy[i] = cursor.bytes[cursor.at + i] as number;
  else copy.set(cursor.bytes.subarray(cursor.at, cursor.at + length));
  cursor.at += length;
  return copy;
}

function readText(cursor: Cursor, length: number): string {
  const { bytes, at } = cursor;
  cursor.at += length;
  return (length <= SHORT_TEXT_BYTES ? asciiAt(bytes, at, length) : undefined) ?? textOf(bytes.subarray(at, at + length), at);
}

/**
 * A short text, undefined where it is not ASCII; the same few names come again and again, so recent texts are kept and met by a hash of
 * their bytes.
 */
export function asciiAt(bytes: Uint8Array, at: number, length: number): string | undefined {
  let mix = length;
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) return undefined;
    mix = (Math.imul(mix, 31) + byte) | 0;
  }
  const slot = mix & (RECENT_TEXTS - 1);
  const known = recentTexts[slot] as string;
  if (isText(known, bytes, at, length)) return known;
  let text = "";
  for (let i = at; i < at + length; i++) text += String.fromCharCode(bytes[i] as number);
  recentTexts[slot] = text;
  return text;
}

function isText(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

function textOf(bytes: Uint8Array, at: number): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return fail(at, "a text that is not UTF-8");
  }
}

/** The pieces of an indefinite byte or text string, joined; each is a definite string of the same kind. */
function readChunks(cursor: Cursor, major: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const head = readByte(cursor);
    if (head === BREAK) break;
    if ((head & 0xe0) !== major || (head & 0x1f) === INDEFINITE) fail(cursor.at - 1, "a piece of another kind in a string");
    const chunk = readBytes(cursor, readLength(cursor, head & 0x1f));
    chunks.push(chunk);
    size += chunk.length;
  }
  const joined = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

function enter(cursor: Cursor): void {
  cursor.level++;
  if (cursor.level > LEVEL_MAX) fail(cursor.at - 1, `more than ${LEVEL_MAX} levels of nesting`);
}

/** Whether an indefinite list or map ends here; steps over the mark. */
function atBreak(cursor: Cursor): boolean {
  if (cursor.bytes[cursor.at] !== BREAK) return false;
  cursor.at++;
  return true;
}

function readList(cursor: Cursor, info: number): readonly Value[] {
  enter(cursor);
  const items: Value[] = [];
  if (info === INDEFINITE) {
    while (!atBreak(cursor)) items.push(readItem(cursor));
  } else {
    const length = readLength(cursor, info);
    for (let i = 0; i < length; i++) items.push(readItem(cursor));
  }
  cursor.level--;
  return items;
}

function readMap(cursor: Cursor, info: number): ReadonlyMap<Value, Value> {
  enter(cursor);
  const map = new Map<Value, Value>();
  // Map tells lists and byte strings apart by identity; their bytes find the earlier of two equal keys.
  let compound: Map<string, Value> | undefined;
  const length = info === INDEFINITE ? Infinity : readLength(cursor, info);
  for (let i = 0; i < length; i++) {
    if (length === Infinity && atBreak(cursor)) break;
    let key = readItem(cursor);
    if (typeof key === "object" && key !== null) {
      const id = hex(canonicalBare(key));
      const earlier = compound?.get(id);
      if (earlier === undefined) (compound ??= new Map()).set(id, key);
      else key = earlier;
    }
    map.set(key, readItem(cursor));
  }
  cursor.level--;
  return map;
}

function readTagged(cursor: Cursor, info: number): Value {
  enter(cursor);
  skipTag(cursor, info);
  const value = readItem(cursor);
  cursor.level--;
  return value;
}

function skipTag(cursor: Cursor, info: number): void {
  if (info === 27) readUint(cursor, 8);
  else readArgument(cursor, info);
}

function readSimple(cursor: Cursor, info: number): Value {
  const at = cursor.at;
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
    case 23:
      return null;
    case 25:
      return new Float(halfValue(readUint(cursor, 2)));
    case 26:
      return new Float(view(cursor, 4).getFloat32(0));
    case 27:
      return new Float(view(cursor, 8).getFloat64(0));
    case INDEFINITE:
      return fail(at - 1, "a break outside of an indefinite item");
    default:
      return fail(at - 1, "a simple value other than false, true, null and undefined");
  }
}

function view(cursor: Cursor, size: number): DataView {
  if (cursor.bytes.length - cursor.at < size) fail(cursor.at, "ends too early");
  const window = new DataView(cursor.bytes.buffer, cursor.bytes.byteOffset + cursor.at, size);
  cursor.at += size;
  return window;
}

function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
