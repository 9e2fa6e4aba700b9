// Reads values out of the JavaScript engine's binary form.

import { AosError } from "../air/error.ts";
import { integer } from "../air/value.ts";
import type { Value } from "../air/value.ts";
import { FORMAT, Tag, UINT8_ARRAY, Wrap, refuseValue } from "./engine-format.ts";
import { ANSWER_VALUES_MAX } from "./limits.ts";

/** Undefined as it comes out of the engine: a left-out field, or null inside a list. */
const ABSENT = Symbol("undefined");
type Decoded = Value | typeof ABSENT;

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
  if (getByte(source) !== FORMAT) refuseValue("the engine wrote another format");
  for (let count = getLeb(source); count > 0; count--) source.atoms.push(getString(source));
  const value = getValue(source);
  if (source.at !== bytes.length) refuseValue("the engine wrote more than one value");
  return value === ABSENT ? null : value;
}

function getByte(source: Source): number {
  const byte = source.bytes[source.at++];
  return byte ?? refuseValue("too large: the engine's answer ends too early");
}

function getLeb(source: Source): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
    const byte = getByte(source);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  return refuseValue("the engine's answer has a broken number");
}

function take(source: Source, size: number): number {
  const at = source.at;
  if (size > source.bytes.length - at) refuseValue("too large: the engine's answer ends too early");
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
    if (/\p{Surrogate}/u.test(text)) refuseValue("a text with half of a surrogate pair");
  } else for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i] as number);
  return text;
}

function getValue(source: Source): Decoded {
  if (++source.nodes > ANSWER_VALUES_MAX) refuseValue("too large");
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
      return refuseValue("a Date is not data; use a number of nanoseconds, or a text");
    case Tag.boxed:
      return refuseValue("a boxed primitive is not data; use the primitive");
    default:
      return getObject(source, tag);
  }
}

function getFloat(source: Source): number {
  const at = take(source, 8);
  const value = new DataView(source.bytes.buffer, source.bytes.byteOffset + at).getFloat64(0, true);
  if (!Number.isInteger(value)) refuseValue(`${value} is not an integer; values hold integers only (text for decimals)`);
  if (!Number.isSafeInteger(value)) refuseValue(`${value} is beyond the exact integers of a number; use BigInt`);
  return value + 0; // -0 is 0
}

function getBigInt(source: Source): number | bigint {
  const size = getLeb(source);
  const at = take(source, size);
  if (size > 9) refuseValue("a BigInt of more than 64 bits");
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(source.bytes[at + i] as number);
  if (size > 0 && (source.bytes[at + size - 1] as number) >= 0x80) value -= 1n << BigInt(size * 8);
  if (value >= 1n << 64n || value < -(1n << 64n)) refuseValue("a BigInt of more than 64 bits");
  return integer(value);
}

function getReference(source: Source): Value {
  const known = source.objects[getLeb(source)] ?? refuseValue("an object that contains itself");
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
      if (getByte(source) !== UINT8_ARRAY) refuseValue("a typed array other than Uint8Array");
      const length = getLeb(source);
      const offset = getLeb(source);
      const whole = getValue(source);
      if (!(whole instanceof Uint8Array) || offset + length > whole.length) return refuseValue("a typed array without its bytes");
      return length === whole.length ? whole : whole.slice(offset, offset + length);
    }
    default:
      return refuseValue("something that is not data");
  }
}

function getRecord(source: Source): Value {
  const map = new Map<Value, Value>();
  let key = "";
  try {
    for (let count = getLeb(source); count > 0; count--) {
      const atom = getLeb(source);
      key = atom % 2 === 1 ? String((atom - 1) / 2) : (source.atoms[atom / 2 - 1] ?? refuseValue("the engine's answer has an unknown name"));
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
      if (key === ABSENT) return refuseValue("a map with the key undefined");
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
