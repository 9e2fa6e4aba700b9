// Between canonical values and expression values, by schema.

import { unreachable } from "./error.ts";
import { expandType } from "./expand.ts";
import { X_DEPTH_MAX, isKey, xMap, xSet, xVariant } from "./expr-value.ts";
import { I64_MAX, I64_MIN, U64_MAX } from "./normalize.ts";
import { isHashText } from "./text.ts";
import { integer } from "./value.ts";
import { fail, isList, isMap, mismatch } from "./value-path.ts";
import type { Expanded } from "./expand.ts";
import type { XKey, XValue } from "./expr-value.ts";
import type { DefSchema, TypeExpr } from "./types.ts";
import type { Value } from "./value.ts";
import type { Path } from "./value-path.ts";

type Schemas = ReadonlyMap<string, DefSchema>;
type Fields = ReadonlyMap<string, Expanded>;

/**
 * Reads a normalised value by its type. An undeclared record field is left out and an absent option is Null; a variant
 * becomes a record with `$tag`, and `$value` only if the value has one; unit is Unit.
 *
 * @throws AosError `value.invalid` with the path first (a number out of 64 bits, text that is no hash where one is declared,
 *   more than 48 levels), or as `expandType`
 */
export function xFromValue(value: Value, type: TypeExpr, schemas: Schemas): XValue {
  return read(value, expandType(schemas, type), []);
}

/**
 * Reads a receipt's payload, already normalised by the effect's receipt schema: a number in an `int` field is an Int and
 * text that looks like a hash is Text where the schema says text. @throws as `xFromValue`
 */
export function xFromReceipt(payload: Value, type: TypeExpr, schemas: Schemas): XValue {
  return xFromValue(payload, type, schemas);
}

function read(value: Value, type: Expanded, path: Path): XValue {
  switch (type.kind) {
    case "option": return value === null ? { kind: "null" } : read(value, type.item, path);
    case "unit": return { kind: "unit" };
    case "bool": return typeof value === "boolean" ? { kind: "bool", value } : mismatch(path, "bool", value);
    case "int": return { kind: "int", value: readInteger(value, type.kind, I64_MIN, I64_MAX, path) };
    case "nat": return { kind: "nat", value: readInteger(value, type.kind, 0n, U64_MAX, path) };
    case "time": return { kind: "time_ns", value: readInteger(value, type.kind, 0n, U64_MAX, path) };
    case "duration": return { kind: "duration_ns", value: readInteger(value, type.kind, I64_MIN, I64_MAX, path) };
    case "dec128": case "text": case "uuid": return { kind: type.kind, value: readText(value, type.kind, path) };
    case "hash": {
      const text = readText(value, type.kind, path);
      return isHashText(text) ? { kind: "hash", value: text } : fail(path, "expected hash, got text that is not sha256:<64 hex>");
    }
    case "bytes": return value instanceof Uint8Array ? { kind: "bytes", value } : mismatch(path, "bytes", value);
    case "list": return { kind: "list", items: readItems(value, type.item, path) };
    case "set": return xSet(readItems(value, type.item, path).map((item) => keyOrFail(item, path)));
    case "map": return readMap(value, type, path);
    case "record": return readRecord(value, type.fields, path);
    case "variant": return readVariant(value, type.arms, path);
    default: return unreachable(type);
  }
}

function readInteger(value: Value, kind: string, low: bigint, high: bigint, path: Path): bigint {
  if (typeof value !== "bigint" && !(typeof value === "number" && Number.isSafeInteger(value))) return mismatch(path, kind, value);
  const exact = BigInt(value);
  return exact >= low && exact <= high ? exact : fail(path, `expected ${kind}, got an int out of range ${low} to ${high}`);
}

function readText(value: Value, kind: string, path: Path): string {
  return typeof value === "string" ? value : mismatch(path, kind, value);
}

function readItems(value: Value, type: Expanded, path: Path): XValue[] {
  if (!isList(value)) return mismatch(path, "list", value);
  return value.map((item, index) => within(path, index, () => read(item, type, path)));
}

function readMap(value: Value, type: Expanded & { kind: "map" }, path: Path): XValue {
  if (!isMap(value)) return mismatch(path, "map", value);
  return xMap([...value].map(([name, inner]) => {
    const key = keyOrFail(read(name, { kind: type.key }, path), path);
    return { key, value: within(path, key.value, () => read(inner, type.value, path)) };
  }));
}

function readRecord(value: Value, types: Fields, path: Path): XValue {
  if (!isMap(value)) return mismatch(path, "record", value);
  const fields = new Map<string, XValue>();
  for (const [name, type] of types) {
    const inner = value.get(name);
    fields.set(name, within(path, name, () => {
      if (inner !== undefined) return read(inner, type, path);
      return type.kind === "option" ? { kind: "null" } : fail(path, "record field is missing");
    }));
  }
  return { kind: "record", fields };
}

function readVariant(value: Value, types: Fields, path: Path): XValue {
  const tag = isMap(value) ? value.get("$tag") : undefined;
  if (!isMap(value) || typeof tag !== "string") return mismatch(path, "variant with $tag", value);
  const type = armOf(types, tag, path);
  const inner = value.get("$value");
  const fields = new Map<string, XValue>([["$tag", { kind: "text", value: tag }]]);
  if (inner !== undefined) fields.set("$value", within(path, tag, () => read(inner, type, path)));
  return { kind: "record", fields };
}

/**
 * The value an expression value stands for, without its kind: unit and null are null, hash, uuid and dec128 are text. A
 * record is a map of its fields, so a variant is `{"$tag", "$value"}` and no record is mistaken for one.
 */
export function xToValue(x: XValue): Value {
  switch (x.kind) {
    case "unit": case "null": return null;
    case "int": case "nat": case "time_ns": case "duration_ns": return integer(x.value);
    case "bool": case "dec128": case "text": case "hash": case "uuid": case "bytes": return x.value;
    case "list": case "set": return x.items.map(xToValue);
    case "map": return new Map(x.entries.map(({ key, value }) => [xToValue(key), xToValue(value)]));
    case "record": return new Map([...x.fields].map(([name, field]) => [name, xToValue(field)]));
    default: return unreachable(x);
  }
}

/**
 * Holds a raised event or a plan result to its type, kind by kind: a Nat is no int, a Text no hash. A record has exactly the
 * declared fields, options included; a variant has a `$value`, which is Unit for a unit arm; unit takes Unit, Null and the
 * empty record.
 *
 * @returns the value with variants and units in that one form and fields in text order
 * @throws AosError `value.invalid` with the path first, or as `expandType`
 */
export function xStrict(x: XValue, type: TypeExpr, schemas: Schemas): XValue {
  return strict(x, expandType(schemas, type), []);
}

const KIND_OF = {
  bool: "bool", int: "int", nat: "nat", dec128: "dec128", bytes: "bytes", text: "text", time: "time_ns",
  duration: "duration_ns", hash: "hash", uuid: "uuid",
} as const;

function strict(x: XValue, type: Expanded, path: Path): XValue {
  switch (type.kind) {
    case "option": return isNothing(x) ? { kind: "null" } : strict(x, type.item, path);
    case "unit": return isNothing(x) || (x.kind === "record" && x.fields.size === 0) ? { kind: "unit" } : wrongKind(path, type.kind, x);
    case "list":
      if (x.kind !== "list") return wrongKind(path, type.kind, x);
      return { kind: "list", items: x.items.map((item, index) => within(path, index, () => strict(item, type.item, path))) };
    case "set":
      if (x.kind !== "set") return wrongKind(path, type.kind, x);
      x.items.forEach((item, index) => within(path, index, () => strict(item, type.item, path)));
      return x;
    case "map":
      if (x.kind !== "map") return wrongKind(path, type.kind, x);
      return { kind: "map", entries: x.entries.map(({ key, value }) => within(path, key.value, () => {
        if (key.kind !== type.key) fail(path, `expected a key of kind ${type.key}, got ${key.kind}`);
        return { key, value: strict(value, type.value, path) };
      })) };
    case "record": return x.kind === "record" ? strictRecord(x.fields, type.fields, path) : wrongKind(path, type.kind, x);
    case "variant": return x.kind === "record" ? strictVariant(x.fields, type.arms, path) : wrongKind(path, type.kind, x);
    default: return x.kind === KIND_OF[type.kind] ? x : wrongKind(path, type.kind, x);
  }
}

function strictRecord(fields: ReadonlyMap<string, XValue>, types: Fields, path: Path): XValue {
  for (const name of fields.keys()) {
    if (!types.has(name)) fail([...path, name], "unknown record field");
  }
  const out = new Map<string, XValue>();
  for (const [name, type] of types) {
    const field = fields.get(name);
    out.set(name, within(path, name, () => (field === undefined ? fail(path, "record field is missing") : strict(field, type, path))));
  }
  return { kind: "record", fields: out };
}

function strictVariant(fields: ReadonlyMap<string, XValue>, types: Fields, path: Path): XValue {
  const tag = fields.get("$tag");
  if (tag?.kind !== "text") return fail(path, "expected variant, got a record without a text $tag");
  for (const name of fields.keys()) {
    if (name !== "$tag" && name !== "$value") fail([...path, name], "unknown field of a variant");
  }
  const type = armOf(types, tag.value, path);
  const inner = fields.get("$value");
  if (inner === undefined && type.kind !== "unit") {
    return fail(path, `tag ${JSON.stringify(tag.value)} needs a $value of kind ${type.kind}`);
  }
  return xVariant(tag.value, within(path, tag.value, () => strict(inner ?? { kind: "unit" }, type, path)));
}

function isNothing(x: XValue): boolean {
  return x.kind === "null" || x.kind === "unit";
}

function armOf(types: Fields, tag: string, path: Path): Expanded {
  return types.get(tag) ?? fail(path, `unknown variant tag ${JSON.stringify(tag)}`);
}

function keyOrFail(x: XValue, path: Path): XKey {
  return isKey(x) ? x : fail(path, `a ${x.kind} cannot be a key or a set element of an expression value`);
}

function within<T>(path: Path, step: string | number | bigint, inside: () => T): T {
  if (path.length + 1 >= X_DEPTH_MAX) fail(path.slice(0, 8), `the value nests deeper than ${X_DEPTH_MAX} levels`);
  path.push(step);
  const out = inside();
  path.pop();
  return out;
}

function wrongKind(path: Path, expected: string, x: XValue): never {
  return fail(path, `expected ${expected}, got ${x.kind}`);
}
