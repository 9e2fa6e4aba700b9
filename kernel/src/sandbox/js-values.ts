// Values in and out of the JavaScript engine, in the engine's own binary object format (version 5), so that no script code runs for it.

import { AosError } from "../air/error.ts";
import { Float, integer } from "../air/value.ts";
import type { Value } from "../air/value.ts";

const FORMAT = 5;
const Tag = {
  null: 1, undefined: 2, false: 3, true: 4, int32: 5, float64: 6, string: 7, object: 8, array: 9, bigInt: 10, typedArray: 14,
  arrayBuffer: 15, date: 17, boxed: 18, reference: 19,
} as const;
const UINT8_ARRAY = 2;
/** An array buffer of fixed length says this for its greatest length. */
const FIXED_LENGTH = 0xffff_ffff;
/** Values one answer may hold when shared parts are counted as often as they occur. */
const NODES_MAX = 4_000_000;
/** Marks of the wrapped form, in which each list, object and map is an array that starts with its kind. */
const Wrap = { list: 0, object: 1, map: 2 } as const;

/** Undefined as it comes out of the engine: a left-out field, or null inside a list. */
const ABSENT = Symbol("undefined");
type Decoded = Value | typeof ABSENT;

/** A value cannot pass the border; the message starts with the path inside it. */
function fail(what: string): never {
  throw new AosError("js.value", what);
}

interface Sink {
  bytes: Uint8Array;
  size: number;
  readonly atoms: Map<string, number>;
  wrapped: boolean;
}

/** Scratch that every call writes over: names go to one, values to the other, then names and values are put together. */
const names: Sink = { bytes: new Uint8Array(4096), size: 0, atoms: new Map(), wrapped: false };
const values: Sink = { bytes: new Uint8Array(4096), size: 0, atoms: names.atoms, wrapped: false };
const SCRATCH_BYTES_MAX = 1 << 20;

function reset(sink: Sink): void {
  if (sink.bytes.length > SCRATCH_BYTES_MAX) sink.bytes = new Uint8Array(4096);
  sink.size = 0;
  sink.atoms.clear();
  sink.wrapped = false;
}

function room(sink: Sink, count: number): void {
  if (sink.size + count <= sink.bytes.length) return;
  const grown = new Uint8Array(Math.max(sink.bytes.length * 2, sink.size + count));
  grown.set(sink.bytes.subarray(0, sink.size));
  sink.bytes = grown;
}

function putByte(sink: Sink, byte: number): void {
  room(sink, 1);
  sink.bytes[sink.size++] = byte;
}

function putLeb(sink: Sink, value: number): void {
  let rest = value;
  room(sink, 5);
  while (rest > 0x7f) {
    sink.bytes[sink.size++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  sink.bytes[sink.size++] = rest;
}

/** Length and width, then one byte a character, or two where one does not do. */
function putString(sink: Sink, text: string): void {
  let wide = 0;
  const { length } = text;
  for (let i = 0; i < length; i++) wide |= text.charCodeAt(i);
  const isWide = wide > 0xff;
  putLeb(sink, length * 2 + (isWide ? 1 : 0));
  room(sink, length * 2);
  const { bytes } = sink;
  let at = sink.size;
  if (isWide) {
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      bytes[at++] = unit & 0xff;
      bytes[at++] = unit >> 8;
    }
  } else for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
  sink.size = at;
}

/**
 * Writes values as one array for the engine. Integers become numbers while they are safe, else BigInt; bytes Uint8Array; maps
 * objects. Maps with a key that is not a text need `Map`, which the format has not: then every part is written wrapped, and the
 * script unwraps it. The first item of the array says whether it must.
 * @returns a view that the next call writes over
 */
export function toEngine(entry: string, parts: readonly Value[]): Uint8Array {
  reset(names);
  reset(values);
  const wrapped = parts.some(needsWrap);
  putByte(values, Tag.array);
  putLeb(values, parts.length + 2);
  putByte(values, wrapped ? Tag.true : Tag.false);
  putByte(values, Tag.string);
  putString(values, entry);
  values.wrapped = wrapped;
  for (const part of parts) putValue(values, part);
  putByte(names, FORMAT);
  putLeb(names, names.atoms.size);
  for (const atom of names.atoms.keys()) putString(names, atom);
  room(names, values.size);
  names.bytes.set(values.bytes.subarray(0, values.size), names.size);
  return names.bytes.subarray(0, names.size + values.size);
}

function needsWrap(value: Value): boolean {
  if (Array.isArray(value)) return value.some(needsWrap);
  if (!(value instanceof Map)) return false;
  for (const [key, item] of value) if (typeof key !== "string" || needsWrap(item)) return true;
  return false;
}

function putValue(sink: Sink, value: Value): void {
  switch (typeof value) {
    case "boolean":
      return putByte(sink, value ? Tag.true : Tag.false);
    case "number":
      return putNumber(sink, value);
    case "bigint":
      return putBigInt(sink, value);
    case "string":
      putByte(sink, Tag.string);
      return putString(sink, value);
    default:
      break;
  }
  if (value === null) return putByte(sink, Tag.null);
  if (value instanceof Float) return putFloat(sink, value.value);
  if (value instanceof Uint8Array) return putBytes(sink, value);
  if (value instanceof Map) return putMap(sink, value);
  const items = value as readonly Value[];
  putByte(sink, Tag.array);
  putLeb(sink, items.length + (sink.wrapped ? 1 : 0));
  if (sink.wrapped) putNumber(sink, Wrap.list);
  for (const item of items) putValue(sink, item);
}

function putNumber(sink: Sink, value: number): void {
  if (value !== (value | 0)) return putFloat(sink, value);
  putByte(sink, Tag.int32);
  // Zigzag: 0, -1, 1, -2, … as 0, 1, 2, 3, …
  putLeb(sink, ((value << 1) ^ (value >> 31)) >>> 0);
}

function putFloat(sink: Sink, value: number): void {
  putByte(sink, Tag.float64);
  room(sink, 8);
  new DataView(sink.bytes.buffer, sink.size).setFloat64(0, value, true);
  sink.size += 8;
}

/** Two's complement, little-endian, as few bytes as hold the sign. */
function putBigInt(sink: Sink, value: bigint): void {
  putByte(sink, Tag.bigInt);
  const bytes: number[] = [];
  for (let rest = value; value !== 0n; ) {
    const low = Number(rest & 0xffn);
    bytes.push(low);
    rest >>= 8n;
    if ((rest === 0n && low < 0x80) || (rest === -1n && low >= 0x80)) break;
  }
  putLeb(sink, bytes.length);
  for (const byte of bytes) putByte(sink, byte);
}

function putBytes(sink: Sink, value: Uint8Array): void {
  putByte(sink, Tag.typedArray);
  putByte(sink, UINT8_ARRAY);
  putLeb(sink, value.length);
  putLeb(sink, 0);
  putByte(sink, Tag.arrayBuffer);
  putLeb(sink, value.length);
  putLeb(sink, FIXED_LENGTH);
  room(sink, value.length);
  sink.bytes.set(value, sink.size);
  sink.size += value.length;
}

function putMap(sink: Sink, map: ReadonlyMap<Value, Value>): void {
  if (sink.wrapped) {
    putByte(sink, Tag.array);
    putLeb(sink, map.size * 2 + 1);
    putNumber(sink, [...map.keys()].every((key) => typeof key === "string") ? Wrap.object : Wrap.map);
    for (const [key, value] of map) putValue(sink, key), putValue(sink, value);
    return;
  }
  putByte(sink, Tag.object);
  putLeb(sink, map.size);
  for (const [key, value] of map) {
    let atom = sink.atoms.get(key as string);
    if (atom === undefined) sink.atoms.set(key as string, (atom = sink.atoms.size + 1));
    putLeb(sink, atom * 2);
    putValue(sink, value);
  }
}

interface Source {
  readonly bytes: Uint8Array;
  at: number;
  readonly atoms: string[];
  /** Objects in the order they came, for references; undefined while one is still being read. */
  readonly objects: ({ readonly value: Value; readonly nodes: number } | undefined)[];
  readonly wrapped: boolean;
  nodes: number;
}

/**
 * Reads what the engine wrote for one value. Numbers must be integers.
 * @param form - `wrapped` when the script wrapped it, see `toEngine`
 * @throws AosError `js.value`: what is no data (a fraction, an integer too large, a cycle, a Date, broken text), with its path
 */
export function fromEngine(bytes: Uint8Array, form: "plain" | "wrapped"): Value {
  const source: Source = { bytes, at: 0, atoms: [], objects: [], wrapped: form === "wrapped", nodes: 0 };
  if (getByte(source) !== FORMAT) fail("the engine wrote another format");
  for (let count = getLeb(source); count > 0; count--) source.atoms.push(getString(source));
  const value = getValue(source);
  if (source.at !== bytes.length) fail("the engine wrote more than one value");
  return value === ABSENT ? null : value;
}

function getByte(source: Source): number {
  const byte = source.bytes[source.at++];
  return byte ?? fail("the engine's answer ends too early");
}

function getLeb(source: Source): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
    const byte = getByte(source);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  return fail("the engine's answer has a broken number");
}

function take(source: Source, size: number): number {
  const at = source.at;
  if (size > source.bytes.length - at) fail("the engine's answer ends too early");
  source.at += size;
  return at;
}

function getString(source: Source): string {
  const head = getLeb(source);
  const isWide = head % 2 === 1;
  const length = Math.floor(head / 2);
  const at = take(source, isWide ? length * 2 : length);
  const { bytes } = source;
  let text = "";
  if (isWide) {
    for (let i = 0; i < length; i++) text += String.fromCharCode((bytes[at + i * 2] as number) | ((bytes[at + i * 2 + 1] as number) << 8));
    if (/\p{Surrogate}/u.test(text)) fail("a text with half of a surrogate pair");
  } else for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i] as number);
  return text;
}

function getValue(source: Source): Decoded {
  if (++source.nodes > NODES_MAX) fail("too large");
  const tag = getByte(source);
  switch (tag) {
    case Tag.null:
      return null;
    case Tag.undefined:
      return ABSENT;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.int32: {
      const zigzag = getLeb(source);
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    case Tag.float64:
      return getFloat(source);
    case Tag.string:
      return getString(source);
    case Tag.bigInt:
      return getBigInt(source);
    case Tag.reference:
      return getReference(source);
    case Tag.date:
      return fail("a Date is not data; use a number of nanoseconds, or a text");
    case Tag.boxed:
      return fail("a boxed primitive is not data; use the primitive");
    default:
      return getObject(source, tag);
  }
}

function getFloat(source: Source): number {
  const at = take(source, 8);
  const value = new DataView(source.bytes.buffer, source.bytes.byteOffset + at).getFloat64(0, true);
  if (!Number.isInteger(value)) fail(`${value} is not an integer; values hold integers only (text for decimals)`);
  if (!Number.isSafeInteger(value)) fail(`${value} is beyond the exact integers of a number; use BigInt`);
  return value + 0; // -0 is 0
}

function getBigInt(source: Source): number | bigint {
  const size = getLeb(source);
  const at = take(source, size);
  if (size > 9) fail("a BigInt of more than 64 bits");
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(source.bytes[at + i] as number);
  if (size > 0 && (source.bytes[at + size - 1] as number) >= 0x80) value -= 1n << BigInt(size * 8);
  if (value >= 1n << 64n || value < -(1n << 64n)) fail("a BigInt of more than 64 bits");
  return integer(value);
}

function getReference(source: Source): Value {
  const known = source.objects[getLeb(source)] ?? fail("an object that contains itself");
  source.nodes += known.nodes;
  return known.value;
}

function getObject(source: Source, tag: number): Value {
  const index = source.objects.push(undefined) - 1;
  const before = source.nodes;
  const value = getObjectOf(source, tag);
  source.objects[index] = { value, nodes: source.nodes - before };
  return value;
}

function getObjectOf(source: Source, tag: number): Value {
  switch (tag) {
    case Tag.object:
      return getRecord(source);
    case Tag.array:
      return source.wrapped ? getWrapped(source) : getList(source, getLeb(source));
    case Tag.arrayBuffer: {
      const size = getLeb(source);
      getLeb(source);
      const at = take(source, size);
      return source.bytes.slice(at, at + size);
    }
    case Tag.typedArray: {
      if (getByte(source) !== UINT8_ARRAY) fail("a typed array other than Uint8Array");
      const length = getLeb(source);
      const offset = getLeb(source);
      const whole = getValue(source);
      if (!(whole instanceof Uint8Array) || offset + length > whole.length) return fail("a typed array without its bytes");
      return length === whole.length ? whole : whole.slice(offset, offset + length);
    }
    default:
      return fail("something that is not data");
  }
}

function getRecord(source: Source): Value {
  const map = new Map<Value, Value>();
  let key = "";
  try {
    for (let count = getLeb(source); count > 0; count--) {
      const atom = getLeb(source);
      key = atom % 2 === 1 ? String((atom - 1) / 2) : (source.atoms[atom / 2 - 1] ?? fail("the engine's answer has an unknown name"));
      const value = getValue(source);
      if (value !== ABSENT) map.set(key, value);
    }
  } catch (error) {
    throw inside(`.${key}`, error);
  }
  return map;
}

function getList(source: Source, length: number): readonly Value[] {
  const items: Value[] = [];
  try {
    while (items.length < length) {
      const value = getValue(source);
      items.push(value === ABSENT ? null : value);
    }
  } catch (error) {
    throw inside(`[${items.length}]`, error);
  }
  return items;
}

function getWrapped(source: Source): Value {
  const length = getLeb(source) - 1;
  const kind = getValue(source);
  if (kind === Wrap.list) return getList(source, length);
  const map = new Map<Value, Value>();
  let key: Decoded = null;
  try {
    for (let i = 0; i < length; i += 2) {
      key = getValue(source);
      if (key === ABSENT) return fail("a map with the key undefined");
      const value = getValue(source);
      if (value !== ABSENT) map.set(key, value);
    }
  } catch (error) {
    throw inside(`.${String(key)}`, error);
  }
  return map;
}

/** Adds a step of the path to what went wrong inside of it. */
function inside(step: string, error: unknown): unknown {
  if (!(error instanceof AosError)) return error;
  const join = error.message.startsWith(".") || error.message.startsWith("[") ? "" : ": ";
  return new AosError(error.code, `${step}${join}${error.message}`);
}
