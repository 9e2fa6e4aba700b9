// CBOR, written: values to bytes, canonical (one value, one byte string) or plain.

import { compareBytes } from "./bytes.ts";
import {
  begin, beginLent, closeMap, enter, items, leave, lentOut, mark, openMap, refuse, reorder, shown, step, taken, writeBigint, writeByte, writeBytes, writeFloat, writeHead,
  writeNumber, writePrefix, writeRaw, writeText, writtenFrom,
} from "./cbor-writer.ts";
import { assert } from "./error.ts";
import { Float } from "./value.ts";
import type { Encodable } from "./value.ts";

type KeyOrder = "sorted" | "insertion";

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
  writeCanonical(value);
  return taken();
}

/**
 * {@link canonical}, looked at before it is copied: what stands in the buffer that all share is read faster than a small array.
 *
 * @param look - called with a view of the bytes that holds while it runs; encodes nothing itself
 */
export function canonicalAnd<T>(value: Encodable, look: (view: Uint8Array) => T): { readonly bytes: Uint8Array; readonly seen: T } {
  writeCanonical(value);
  const seen = look(shown());
  return { bytes: taken(), seen };
}

function writeCanonical(value: Encodable): void {
  begin();
  writePrefix();
  write(value, "sorted");
}

/** {@link canonical}, lent: the bytes do not change any more, but may stand beside others in one `.buffer`. Not for what is kept for long. */
export function canonicalLent(value: Encodable): Uint8Array {
  beginLent();
  writePrefix();
  write(value, "sorted");
  return lentOut();
}

/** {@link canonical} without the prefix. */
export function canonicalBare(value: Encodable): Uint8Array {
  begin();
  write(value, "sorted");
  return taken();
}

/** Plain CBOR: no prefix, map keys in insertion order, all else as {@link canonical}. What modules are given and return. */
export function plain(value: Encodable): Uint8Array {
  begin();
  write(value, "insertion");
  return taken();
}

/**
 * Writes objects of one shape; a field that is undefined is left out, one that the shape does not name is not looked at. The
 * bytes do not change any more, but may stand beside others in one `.buffer`: a result that is kept alone for long is better copied.
 */
export type ShapeEncoder = (object: ShapedObject) => Uint8Array;
interface ShapedObject {
  readonly [field: string]: Encodable | undefined;
}

/** {@link canonical} for objects with these fields (fewer than 24, ASCII), their order worked out once. */
export function canonicalOf(fields: readonly string[]): ShapeEncoder {
  const shape = shapeOf(fields, "sorted");
  return (object) => {
    beginLent();
    writePrefix();
    writeShape(shape, object, "sorted");
    return lentOut();
  };
}

/** {@link plain} for objects with these fields, written in this order. */
export function plainOf(fields: readonly string[]): ShapeEncoder {
  const shape = shapeOf(fields, "insertion");
  return (object) => {
    beginLent();
    writeShape(shape, object, "insertion");
    return lentOut();
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
  return { names, keys: names.map((name) => items(name)) };
}

function writeShape({ names, keys }: Shape, object: ShapedObject, order: KeyOrder): void {
  const head = openMap();
  let count = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = object[name];
    if (value === undefined) continue;
    count++;
    step(name);
    writeRaw(keys[i] as Uint8Array);
    write(value, order);
  }
  closeMap(head, count);
}

function write(value: Encodable, order: KeyOrder): void {
  // One comparison each is a check of the value's tag; a switch looks the word up first.
  if (typeof value === "string") return writeText(value);
  if (typeof value === "number") return writeNumber(value);
  if (typeof value === "bigint") return writeBigint(value);
  if (typeof value === "boolean") return writeByte(value ? 0xf5 : 0xf4);
  if (value === null) return writeByte(0xf6);
  if (typeof value !== "object") return refuse(`a ${typeof value} has no CBOR form`);
  if (value instanceof Uint8Array) return writeBytes(value);
  if (Array.isArray(value)) return writeList(value as readonly Encodable[], order);
  if (value instanceof Map) return writeMap(value as ReadonlyMap<Encodable, Encodable>, order);
  if (value instanceof Float) return writeFloat(value.value);
  return writeObject(value as ShapedObject, order);
}

function writeList(items: readonly Encodable[], order: KeyOrder): void {
  enter();
  writeHead(0x80, items.length);
  for (let i = 0; i < items.length; i++) {
    step(i);
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
    step(key);
    writeText(key);
    write(object[key] as Encodable, order);
  }
  leave();
}

function writeMap(map: ReadonlyMap<Encodable, Encodable>, order: KeyOrder): void {
  if (order === "sorted" && !inOrder(map)) {
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

/** Whether all keys are ASCII texts that come in canonical order already, as those of a map that was read. */
function inOrder(map: ReadonlyMap<Encodable, Encodable>): boolean {
  let before = "";
  for (const key of map.keys()) {
    if (typeof key !== "string" || compareAscii(before, key) > 0 || !isAscii(key)) return false;
    before = key;
  }
  return true;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function writeEntry(key: Encodable, value: Encodable, order: KeyOrder): void {
  step(key);
  write(key, order);
  write(value, order);
}

/** Sorts text keys in canonical order in place, if all are ASCII: then length and code units decide as the bytes would. */
function sortAscii(keys: string[]): boolean {
  for (const key of keys) if (!isAscii(key)) return false;
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
  const start = mark();
  const spans = entries.map(([key, value]) => {
    const from = mark();
    step(key);
    write(key, "sorted");
    const keyBytes = writtenFrom(from);
    write(value, "sorted");
    return { key: keyBytes, from, to: mark() };
  });
  spans.sort((a, b) => compareBytes(a.key, b.key));
  for (const [i, { key }] of spans.entries()) {
    const previous = spans[i - 1];
    if (previous !== undefined && compareBytes(previous.key, key) === 0) refuse("two keys of a map have the same bytes");
  }
  reorder(start, spans);
  leave();
}
