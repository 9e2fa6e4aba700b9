// What an expression computes with: kinds, keys and their order, equality, and how large a value may grow.

import { AosError, unreachable } from "./error.ts";
import { bytesEqual } from "./hash.ts";
import { compareText } from "./text.ts";

/** A value that may be a set element or a map key. */
export type XKey =
  | { readonly kind: "int" | "nat"; readonly value: bigint }
  | { readonly kind: "text" | "hash" | "uuid"; readonly value: string };

/**
 * An expression value. Kinds never convert into each other: Int 1 is not Nat 1. A variant is a record with `$tag` (text) and
 * `$value`. `int` and `duration_ns` hold 64 signed bits, `nat` and `time_ns` 64 unsigned. Sets and maps are sorted by
 * `compareKeys` and hold a key once: make them with `xSet` and `xMap`.
 */
export type XValue =
  | XKey
  | { readonly kind: "unit" | "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "time_ns" | "duration_ns"; readonly value: bigint }
  | { readonly kind: "dec128"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "list"; readonly items: readonly XValue[] }
  | { readonly kind: "set"; readonly items: readonly XKey[] }
  | { readonly kind: "map"; readonly entries: readonly XEntry[] }
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, XValue> };

interface XEntry { readonly key: XKey; readonly value: XValue }

/** Why an evaluation failed; the error's code is `expr.` and this word. */
type ExprFailure =
  | "missing_ref" | "missing_field" | "type" | "arity" | "bytes" | "overflow" | "divide_by_zero" | "op" | "limit";

/**
 * Fails an evaluation.
 *
 * @param message - the operator or ref first, then what is wrong; kinds and names only, never contents
 * @throws AosError `expr.<failure>`
 */
export function exprError(failure: ExprFailure, message: string, data: Readonly<Record<string, unknown>> = {}): never {
  throw new AosError(`expr.${failure}`, message, { data });
}

/** @throws AosError `expr.type` with `data.expected` and `data.actual` */
export function typeError(place: string, expected: string, actual: string): never {
  return exprError("type", `${place}: expected ${expected}, got ${actual}`, { expected, actual });
}

const KEY_RANK = { int: 0, nat: 1, text: 2, hash: 3, uuid: 4 } as const;

export function isKey(x: XValue): x is XKey {
  return x.kind in KEY_RANK;
}

/** @throws AosError `expr.type` when the value cannot be a key */
export function keyOf(x: XValue, place: string): XKey {
  return isKey(x) ? x : typeError(place, "comparable key", x.kind);
}

/** The inner order of keys: int < nat < text < hash < uuid, numbers by value, texts by UTF-8 bytes. */
export function compareKeys(a: XKey, b: XKey): number {
  if (a.kind !== b.kind) return KEY_RANK[a.kind] - KEY_RANK[b.kind];
  if (typeof a.value === "string") return compareText(a.value, b.value as string);
  return a.value === b.value ? 0 : a.value < (b.value as bigint) ? -1 : 1;
}

/** A set of these keys, each once. */
export function xSet(keys: readonly XKey[]): XValue & { kind: "set" } {
  const sorted = [...keys].sort(compareKeys);
  return { kind: "set", items: sorted.filter((key, at) => at === 0 || compareKeys(key, sorted[at - 1]!) !== 0) };
}

/** A map of these entries; of equal keys the last counts. */
export function xMap(entries: readonly XEntry[]): XValue & { kind: "map" } {
  const sorted = [...entries].sort((a, b) => compareKeys(a.key, b.key));
  return { kind: "map", entries: sorted.filter(({ key }, at) => at === sorted.length - 1 || compareKeys(key, sorted[at + 1]!.key) !== 0) };
}

/** A variant as a record; `$value` is unit when there is none. */
export function xVariant(tag: string, value: XValue = { kind: "unit" }): XValue & { kind: "record" } {
  return { kind: "record", fields: new Map<string, XValue>([["$tag", { kind: "text", value: tag }], ["$value", value]]) };
}

/** Where the key is among sorted keys, or -1. */
function indexOfKey(count: number, keyAt: (index: number) => XKey, key: XKey): number {
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compareKeys(keyAt(middle), key);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

export function setHas(set: XValue & { kind: "set" }, key: XKey): boolean {
  return indexOfKey(set.items.length, (index) => set.items[index]!, key) >= 0;
}

export function mapGet(map: XValue & { kind: "map" }, key: XKey): XValue | undefined {
  return map.entries[indexOfKey(map.entries.length, (index) => map.entries[index]!.key, key)]?.value;
}

/** Structural and kind-sensitive; the order of a record's fields does not count. */
export function equalX(a: XValue, b: XValue): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case "unit": case "null":
      return a.kind === b.kind;
    case "bytes":
      return b.kind === "bytes" && bytesEqual(a.value, b.value);
    case "list": case "set":
      return b.kind === a.kind && a.items.length === b.items.length && a.items.every((item, index) => equalX(item, b.items[index]!));
    case "map":
      return b.kind === "map" && a.entries.length === b.entries.length && a.entries.every(({ key, value }, index) => {
        const other = b.entries[index]!;
        return equalX(key, other.key) && equalX(value, other.value);
      });
    case "record":
      return b.kind === "record" && a.fields.size === b.fields.size && [...a.fields].every(([name, field]) => {
        const other = b.fields.get(name);
        return other !== undefined && equalX(field, other);
      });
    default:
      return b.kind === a.kind && a.value === b.value;
  }
}

/** Levels an expression value may nest: its tagged form takes two levels for each and must stay within the decoder's 127. */
export const X_DEPTH_MAX = 48;
/** Size an expression value may reach, about the bytes it takes in memory; shared parts count each time they occur. */
export const X_SIZE_MAX = 16 * 1024 * 1024;
/** What any value counts, and a field's name; texts and bytes count their length on top. */
export const X_SIZE_EACH = 64;

interface Extent { readonly size: number; readonly depth: number }
const SCALAR: Extent = { size: X_SIZE_EACH, depth: 1 };
const extents = new WeakMap<XValue, Extent>();

/**
 * Passes a value that is within the limits. Without them ten assignments of `list [v, v]` are a thousand values and a hundred
 * are more than any machine can hash.
 *
 * @throws AosError `expr.limit`
 */
export function limited<X extends XValue>(x: X, place: string): X {
  const { size, depth } = extentOf(x);
  if (depth > X_DEPTH_MAX) exprError("limit", `${place}: the value nests deeper than ${X_DEPTH_MAX} levels`);
  if (size > X_SIZE_MAX) exprError("limit", `${place}: the value is larger than ${X_SIZE_MAX} bytes`);
  return x;
}

function extentOf(x: XValue): Extent {
  switch (x.kind) {
    case "list": case "set": case "map": case "record": {
      let extent = extents.get(x);
      if (extent === undefined) {
        extent = measure(x);
        extents.set(x, extent);
      }
      return extent;
    }
    case "unit": case "null": case "bool": case "int": case "nat": case "time_ns": case "duration_ns":
      return SCALAR;
    case "bytes": case "text": case "dec128": case "hash": case "uuid": return { size: X_SIZE_EACH + x.value.length, depth: 1 };
    default: return unreachable(x);
  }
}

function measure(x: XValue & { kind: "list" | "set" | "map" | "record" }): Extent {
  let size = X_SIZE_EACH;
  let depth = 0;
  const add = (inner: XValue): void => {
    const extent = extentOf(inner);
    size += extent.size;
    depth = Math.max(depth, extent.depth);
  };
  if (x.kind === "record") {
    for (const [name, field] of x.fields) {
      size += X_SIZE_EACH + name.length;
      add(field);
    }
  } else if (x.kind === "map") {
    for (const { key, value } of x.entries) {
      add(key);
      add(value);
    }
  } else {
    for (const item of x.items) add(item);
  }
  return { size, depth: depth + 1 };
}
