// Writes values into the JavaScript engine's binary form.

import { Float } from "../air/value.ts";
import type { Value } from "../air/value.ts";
import { FORMAT, Tag, UINT8_ARRAY, Wrap } from "./engine-format.ts";

/** An array buffer of fixed length says this for its greatest length. */
const FIXED_LENGTH = 0xffff_ffff;
/** Integers are of 64 bits and a sign. */
const BIGINT_BYTES = 9;
const wordOfBigInt = new BigUint64Array(1);
const bytesOfBigInt = new Uint8Array(wordOfBigInt.buffer);

interface Sink {
  bytes: Uint8Array;
  size: number;
  /** Names of fields, numbered from 1. */
  readonly atoms: Map<string, number>;
  wrapped: boolean;
}

/** Scratch that every call writes over: names go to one, values to the other, then both are put together. */
const names: Sink = { bytes: new Uint8Array(4096), size: 0, atoms: new Map(), wrapped: false };
const values: Sink = { bytes: new Uint8Array(4096), size: 0, atoms: names.atoms, wrapped: false };
const SCRATCH_BYTES_MAX = 1 << 20;

function reset(sink: Sink): void {
  if (sink.bytes.length > SCRATCH_BYTES_MAX) sink.bytes = new Uint8Array(4096);
  sink.size = 0;
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
  const { length } = text;
  let wide = 0;
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
 * @param context - fields of the context in the order the script knows, left out where undefined; null where there is no context
 * @returns a view that the next call writes over
 */
export function toEngine(parts: readonly Value[], context: readonly (Value | undefined)[] | null): Uint8Array {
  reset(names);
  reset(values);
  names.atoms.clear();
  const wrapped = parts.some(needsWrap);
  putByte(values, Tag.array);
  putLeb(values, parts.length + 2);
  putByte(values, wrapped ? Tag.true : Tag.false);
  values.wrapped = false;
  putContext(values, context);
  values.wrapped = wrapped;
  for (const part of parts) putValue(values, part);
  putByte(names, FORMAT);
  putLeb(names, names.atoms.size);
  for (const atom of names.atoms.keys()) putString(names, atom);
  room(names, values.size);
  names.bytes.set(values.bytes.subarray(0, values.size), names.size);
  return names.bytes.subarray(0, names.size + values.size);
}

function putContext(sink: Sink, context: readonly (Value | undefined)[] | null): void {
  if (context === null) return putByte(sink, Tag.null);
  putByte(sink, Tag.array);
  putLeb(sink, context.length);
  for (const field of context) {
    if (field === undefined) putByte(sink, Tag.undefined);
    else putValue(sink, field);
  }
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

/** Two's complement, little-endian; the reader takes more bytes than needed. */
function putBigInt(sink: Sink, value: bigint): void {
  putByte(sink, Tag.bigInt);
  putLeb(sink, BIGINT_BYTES);
  room(sink, BIGINT_BYTES);
  wordOfBigInt[0] = BigInt.asUintN(64, value);
  for (let i = 0; i < 8; i++) sink.bytes[sink.size++] = bytesOfBigInt[i] as number;
  sink.bytes[sink.size++] = value < 0n ? 0xff : 0;
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

function atomOf(sink: Sink, name: string): number {
  const known = sink.atoms.get(name);
  if (known !== undefined) return known;
  sink.atoms.set(name, sink.atoms.size + 1);
  return sink.atoms.size;
}

function putMap(sink: Sink, map: ReadonlyMap<Value, Value>): void {
  if (sink.wrapped) {
    putByte(sink, Tag.array);
    putLeb(sink, map.size * 2 + 1);
    putNumber(sink, [...map.keys()].every((key) => typeof key === "string") ? Wrap.object : Wrap.map);
    for (const [key, value] of map) {
      putValue(sink, key);
      putValue(sink, value);
    }
    return;
  }
  putByte(sink, Tag.object);
  putLeb(sink, map.size);
  for (const [key, value] of map) {
    putLeb(sink, atomOf(sink, key as string) * 2);
    putValue(sink, value);
  }
}
