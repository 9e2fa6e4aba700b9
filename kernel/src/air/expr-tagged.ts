// The kind-tagged form of expression values: what the `hash` operator covers, and how snapshots and plan results keep them.

import { unreachable } from "./error.ts";
import { isKey, xMap, xSet } from "./expr-value.ts";
import { I64_MAX, I64_MIN, U64_MAX } from "./normalize.ts";
import { isHashText } from "./text.ts";
import { integer } from "./value.ts";
import { fail, isList, isMap, kindOfValue, mismatch } from "./value-path.ts";
import type { XKey, XValue } from "./expr-value.ts";
import type { Encodable, Value } from "./value.ts";
import type { Path } from "./value-path.ts";

const TAGS = {
  bool: "Bool", int: "Int", nat: "Nat", dec128: "Dec128", bytes: "Bytes", text: "Text", time_ns: "TimeNs",
  duration_ns: "DurationNs", hash: "Hash", uuid: "Uuid", list: "List", set: "Set", map: "Map", record: "Record",
} as const;

/**
 * Writes the kind into the value: `{"Nat": 5}`, and the bare texts `"Unit"` and `"Null"` (values-and-definitions 4.7). Sets
 * are in key order; a map is a map from tagged keys; record fields keep their order, which only `plain` bytes show.
 */
export function taggedValue(x: XValue): Encodable {
  switch (x.kind) {
    case "unit": return "Unit";
    case "null": return "Null";
    case "bool": case "dec128": case "bytes": case "text": case "hash": case "uuid": return { [TAGS[x.kind]]: x.value };
    case "int": case "nat": case "time_ns": case "duration_ns": return { [TAGS[x.kind]]: integer(x.value) };
    case "list": case "set": return { [TAGS[x.kind]]: x.items.map(taggedValue) };
    case "map": return { Map: new Map(x.entries.map(({ key, value }) => [taggedValue(key), taggedValue(value)])) };
    case "record": return { Record: new Map([...x.fields].map(([name, field]) => [name, taggedValue(field)])) };
    default: return unreachable(x);
  }
}

/**
 * Reads what `taggedValue` wrote.
 *
 * @throws AosError `value.invalid`, the path in the tagged form first
 */
export function xFromTagged(value: Value): XValue {
  return read(value, []);
}

function read(value: Value, path: Path): XValue {
  if (value === "Unit") return { kind: "unit" };
  if (value === "Null") return { kind: "null" };
  const [entry] = isMap(value) && value.size === 1 ? value : [];
  if (entry === undefined) return fail(path, `expected one tagged value, got ${kindOfValue(value)}`);
  const [tag, inner] = entry;
  path.push(typeof tag === "string" ? tag : kindOfValue(tag));
  const x = readPayload(tag, inner, path);
  path.pop();
  return x;
}

function readPayload(tag: Value, inner: Value, path: Path): XValue {
  switch (tag) {
    case "Bool": return typeof inner === "boolean" ? { kind: "bool", value: inner } : mismatch(path, "bool", inner);
    case "Int": return { kind: "int", value: readInteger(inner, I64_MIN, I64_MAX, path) };
    case "Nat": return { kind: "nat", value: readInteger(inner, 0n, U64_MAX, path) };
    case "TimeNs": return { kind: "time_ns", value: readInteger(inner, 0n, U64_MAX, path) };
    case "DurationNs": return { kind: "duration_ns", value: readInteger(inner, I64_MIN, I64_MAX, path) };
    case "Bytes": return inner instanceof Uint8Array ? { kind: "bytes", value: inner } : mismatch(path, "bytes", inner);
    case "Dec128": return { kind: "dec128", value: readText(inner, path) };
    case "Text": return { kind: "text", value: readText(inner, path) };
    case "Uuid": return { kind: "uuid", value: readText(inner, path) };
    case "Hash": {
      const value = readText(inner, path);
      return isHashText(value) ? { kind: "hash", value } : fail(path, "expected sha256:<64 hex>");
    }
    case "List": return { kind: "list", items: readItems(inner, path) };
    case "Set": return xSet(readItems(inner, path).map((item) => keyOrFail(item, path)));
    case "Map": return readMap(inner, path);
    case "Record": return readRecord(inner, path);
    default: return fail(path, "unknown kind tag");
  }
}

function readInteger(value: Value, low: bigint, high: bigint, path: Path): bigint {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isSafeInteger(value))) return mismatch(path, "int", value);
  const exact = BigInt(value);
  return exact >= low && exact <= high ? exact : fail(path, `out of range ${low} to ${high}`);
}

function readText(value: Value, path: Path): string {
  return typeof value === "string" ? value : mismatch(path, "text", value);
}

function readItems(value: Value, path: Path): XValue[] {
  if (!isList(value)) return mismatch(path, "list", value);
  return value.map((item, index) => {
    path.push(index);
    const x = read(item, path);
    path.pop();
    return x;
  });
}

function readMap(value: Value, path: Path): XValue {
  if (!isMap(value)) return mismatch(path, "map", value);
  return xMap([...value].map(([key, inner]) => ({ key: keyOrFail(read(key, path), path), value: read(inner, path) })));
}

function readRecord(value: Value, path: Path): XValue {
  if (!isMap(value)) return mismatch(path, "map", value);
  const fields = new Map<string, XValue>();
  for (const [name, inner] of value) {
    const field = readText(name, path);
    path.push(field);
    fields.set(field, read(inner, path));
    path.pop();
  }
  return { kind: "record", fields };
}

function keyOrFail(x: XValue, path: Path): XKey {
  return isKey(x) ? x : fail(path, `a ${x.kind} cannot be a key`);
}
