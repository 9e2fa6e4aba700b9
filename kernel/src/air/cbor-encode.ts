// CBOR, written: values to bytes, canonical (one value, one byte string) or plain.

import { compareBytes, isWellFormed, utf8Into } from "./bytes.ts";
import { AosError, assert } from "./error.ts";
import { Float } from "./value.ts";
import type { Encodable } from "./value.ts";

type KeyOrder = "sorted" | "insertion";

/** Nesting of lists, maps and tags, the self-describe tag included; what is written can always be read. */
const LEVEL_MAX = 127;
const SCRATCH_BYTES = 1 << 14;
const SCRATCH_KEPT_BYTES = 1 << 22;
const LENDABLE_BYTES = 1 << 10;
const TWO_32 = 0x1_0000_0000;

// One scratch buffer for all calls: encoding is synchronous and calls back nowhere. What lies before `base` was lent out and is
// never written again; all other results are copies.
let scratch = new Uint8Array(SCRATCH_BYTES);
let base = 0;
let used = 0;
let level = 0;
/** Key or index being written at each level, for the place in an error. */
const trail: unknown[] = [];
const floats = new DataView(new ArrayBuffer(8));

/**
 * Canonical bytes: self-describe prefix `d9d9f7`, definite lengths, shortest heads, shortest floats, map keys in bytewise
 * order of their encoding (so shorter texts first). Equal values have equal bytes, whatever the order they were built in.
 * A `number` is an integer here, so its -0 is 0; only Float keeps the sign.
 *
 * @returns a fresh array, owned by the caller
 * @throws AosError `air.value` at the first value without a canonical form: an unsafe `number`, an integer beyond 64 bits,
 * a lone surrogate, equal map keys, more than 127 levels (the prefix is one); the path is in `data.path`
 * @example canonical({ b: 1, a: [] }) // d9d9f7 a2 6161 80 6162 01
 */
export function canonical(value: Encodable): Uint8Array {
  begin();
  reserve(3);
  scratch[used++] = 0xd9;
  scratch[used++] = 0xd9;
  scratch[used++] = 0xf7;
  level = 1;
  write(value, "sorted");
  return take();
}

/** {@link canonical} without the prefix. */
export function canonicalBare(value: Encodable): Uint8Array {
  begin();
  write(value, "sorted");
  return take();
}

/** Plain CBOR: no prefix, map keys in insertion order, all else as {@link canonical}. What modules are given and return. */
export function plain(value: Encodable): Uint8Array {
  begin();
  write(value, "insertion");
  return take();
}

/**
 * Writes objects of one shape; a field that is undefined is left out, one that the shape does not name is not looked at. The
 * bytes do not change any more, but may stand beside others in one `.buffer`: a result that is kept alone for long is better copied.
 */
export type ShapeEncoder = (object: { readonly [field: string]: Encodable | undefined }) => Uint8Array;

/** {@link canonical} for objects with these fields (fewer than 24, ASCII), their order worked out once. */
export function canonicalOf(fields: readonly string[]): ShapeEncoder {
  const shape = shapeOf(fields, "sorted");
  return (object) => {
    begin();
    reserve(3);
    scratch[used++] = 0xd9;
    scratch[used++] = 0xd9;
    scratch[used++] = 0xf7;
    level = 1;
    writeShape(shape, object, "sorted");
    return lend();
  };
}

/** {@link plain} for objects with these fields, written in this order. */
export function plainOf(fields: readonly string[]): ShapeEncoder {
  const shape = shapeOf(fields, "insertion");
  return (object) => {
    begin();
    writeShape(shape, object, "insertion");
    return lend();
  };
}

interface Shape {
  readonly names: readonly string[];
  /** Each name as it is written. */
  readonly keys: readonly Uint8Array[];
}

function shapeOf(fields: readonly string[], order: KeyOrder): Shape {
  const names = [...fields];
  assert(names.length < 24 && sortAscii([...names]), "a shape has few fields, of ASCII names");
  if (order === "sorted") sortAscii(names);
  return { names, keys: names.map((name) => canonicalBare(name)) };
}

function writeShape({ names, keys }: Shape, object: { readonly [field: string]: Encodable | undefined }, order: KeyOrder): void {
  enter();
  const head = used;
  let count = 0;
  reserve(1);
  used++;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = object[name];
    if (value === undefined) continue;
    count++;
    trail[level] = name;
    writeRaw(keys[i] as Uint8Array);
    write(value, order);
  }
  scratch[head] = 0xa0 | count;
  leave();
}

/** A few bytes that are encoded already. */
function writeRaw(bytes: Uint8Array): void {
  const { length } = bytes;
  reserve(length);
  for (let i = 0; i < length; i++) scratch[used + i] = bytes[i] as number;
  used += length;
}

function begin(): void {
  used = base;
  level = 0;
}

function take(): Uint8Array {
  const bytes = scratch.slice(base, used);
  if (scratch.length > SCRATCH_KEPT_BYTES) renew();
  return bytes;
}

/** A view of the scratch buffer itself: memory of its own is what costs most of a small result. Large ones are copies. */
function lend(): Uint8Array {
  if (scratch.length > SCRATCH_BYTES) {
    const bytes = take();
    renew();
    return bytes;
  }
  const bytes = scratch.subarray(base, used);
  base = used;
  if (SCRATCH_BYTES - base < LENDABLE_BYTES) renew();
  return bytes;
}

function renew(): void {
  scratch = new Uint8Array(SCRATCH_BYTES);
  base = 0;
}

function reserve(count: number): void {
  if (used + count <= scratch.length) return;
  const larger = new Uint8Array(Math.max(scratch.length * 2, used + count));
  larger.set(scratch.subarray(0, used));
  scratch = larger;
}

function refuse(what: string): never {
  const path = trail.slice(0, level + 1).filter((step) => step !== undefined).map((step) => (typeof step === "object" ? "?" : String(step)));
  trail.length = 0;
  throw new AosError("air.value", `$${path.map((step) => `.${step}`).join("")}: ${what}`, { data: { path } });
}

function write(value: Encodable, order: KeyOrder): void {
  switch (typeof value) {
    case "number":
      return writeNumber(value);
    case "string":
      return writeText(value);
    case "boolean":
      return writeByte(value ? 0xf5 : 0xf4);
    case "bigint":
      return writeBigint(value);
    case "object":
      if (value === null) return writeByte(0xf6);
      if (Array.isArray(value)) return writeList(value as readonly Encodable[], order);
      if (value instanceof Uint8Array) return writeBytes(value);
      if (value instanceof Map) return writeMap(value as ReadonlyMap<Encodable, Encodable>, order);
      if (value instanceof Float) return writeFloat(value.value);
      return writeObject(value as { readonly [key: string]: Encodable | undefined }, order);
    default:
      return refuse(`a ${typeof value} has no CBOR form`);
  }
}

function writeByte(byte: number): void {
  reserve(1);
  scratch[used++] = byte;
}

/** Shortest head of a major type (its top three bits) with an argument up to 2^53. */
function writeHead(major: number, argument: number): void {
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

function writeNumber(value: number): void {
  if (!Number.isSafeInteger(value)) refuse(`${value} is not a safe integer: fractions are Float, big integers are bigint`);
  if (value >= 0) writeHead(0x00, value);
  else writeHead(0x20, -1 - value);
}

function writeBigint(value: bigint): void {
  const major = value >= 0n ? 0x00 : 0x20;
  const argument = value >= 0n ? value : -1n - value;
  if (argument > 0xffff_ffff_ffff_ffffn) refuse(`the integer ${value} needs more than 64 bits`);
  if (argument <= 0xffff_ffffn) return writeHead(major, Number(argument));
  reserve(9);
  scratch[used++] = major | 27;
  writeUint32(Number(argument >> 32n));
  writeUint32(Number(argument & 0xffff_ffffn));
}

/** Shortest of 16, 32 and 64 bits that holds the value exactly; one spelling for NaN. */
function writeFloat(value: number): void {
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

function writeBytes(value: Uint8Array): void {
  writeHead(0x40, value.length);
  reserve(value.length);
  scratch.set(value, used);
  used += value.length;
}

function writeText(text: string): void {
  const units = text.length;
  if (units < 64 && writeAscii(text)) return;
  if (!isWellFormed(text)) refuse("a lone surrogate has no UTF-8 form");
  reserve(9 + 3 * units);
  // Room is left for the head of the shortest possible length, then corrected when the UTF-8 is longer.
  const headAt = used;
  const guess = headSize(units);
  const size = utf8Into(text, scratch, headAt + guess);
  const actual = headSize(size);
  if (actual !== guess) scratch.copyWithin(headAt + actual, headAt + guess, headAt + guess + size);
  writeHead(0x60, size);
  used += size;
}

/** Writes a short text if all of it is ASCII; else leaves the buffer as it was. */
function writeAscii(text: string): boolean {
  const before = used;
  writeHead(0x60, text.length);
  reserve(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) {
      used = before;
      return false;
    }
    scratch[used++] = unit;
  }
  return true;
}

function headSize(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x10000 ? 3 : argument < TWO_32 ? 5 : 9;
}

function enter(): void {
  level++;
  if (level > LEVEL_MAX) refuse(`more than ${LEVEL_MAX} levels of nesting`);
}

function leave(): void {
  trail[level] = undefined;
  level--;
}

function writeList(items: readonly Encodable[], order: KeyOrder): void {
  enter();
  writeHead(0x80, items.length);
  for (let i = 0; i < items.length; i++) {
    trail[level] = i;
    write(items[i] as Encodable, order);
  }
  leave();
}

function writeObject(object: { readonly [key: string]: Encodable | undefined }, order: KeyOrder): void {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) refuse("only plain objects are maps");
  const keys: string[] = [];
  for (const key of Object.keys(object)) if (object[key] !== undefined) keys.push(key);
  if (order === "sorted" && !sortAscii(keys)) {
    return writeSorted(keys.map((key) => [key, object[key] as Encodable]));
  }
  enter();
  writeHead(0xa0, keys.length);
  for (const key of keys) {
    trail[level] = key;
    writeText(key);
    write(object[key] as Encodable, order);
  }
  leave();
}

function writeMap(map: ReadonlyMap<Encodable, Encodable>, order: KeyOrder): void {
  if (order === "sorted") {
    const keys: string[] = [];
    for (const key of map.keys()) if (typeof key === "string") keys.push(key);
    if (keys.length !== map.size || !sortAscii(keys)) return writeSorted([...map]);
    enter();
    writeHead(0xa0, keys.length);
    for (const key of keys) writeEntry(key, map.get(key) as Encodable, order);
  } else {
    enter();
    writeHead(0xa0, map.size);
    for (const [key, value] of map) writeEntry(key, value, order);
  }
  leave();
}

function writeEntry(key: Encodable, value: Encodable, order: KeyOrder): void {
  trail[level] = key;
  write(key, order);
  write(value, order);
}

/** Sorts text keys in canonical order in place, if all are ASCII: then length and code units decide as the bytes would. */
function sortAscii(keys: string[]): boolean {
  for (const key of keys) {
    for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) > 0x7f) return false;
  }
  if (keys.length > 16) {
    keys.sort(compareAscii);
    return true;
  }
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let j = i;
    for (; j > 0 && compareAscii(keys[j - 1] as string, key) > 0; j--) keys[j] = keys[j - 1] as string;
    keys[j] = key;
  }
  return true;
}

function compareAscii(a: string, b: string): number {
  return a.length !== b.length ? a.length - b.length : a < b ? -1 : a > b ? 1 : 0;
}

/** Writes entries with keys of any kind: as they come, then brought into the order of their key bytes. */
function writeSorted(entries: readonly (readonly [Encodable, Encodable])[]): void {
  enter();
  writeHead(0xa0, entries.length);
  const start = used;
  const spans: { readonly key: Uint8Array; readonly from: number; readonly to: number }[] = [];
  for (const [key, value] of entries) {
    const from = used;
    trail[level] = key;
    write(key, "sorted");
    const keyBytes = scratch.slice(from, used);
    write(value, "sorted");
    spans.push({ key: keyBytes, from: from - start, to: used - start });
  }
  spans.sort((a, b) => compareBytes(a.key, b.key));
  const written = scratch.slice(start, used);
  let at = start;
  for (const [i, span] of spans.entries()) {
    const previous = spans[i - 1];
    if (previous !== undefined && compareBytes(previous.key, span.key) === 0) refuse("two keys of a map have the same bytes");
    scratch.set(written.subarray(span.from, span.to), at);
    at += span.to - span.from;
  }
  leave();
}
