// Values that a schema has checked already, read by field.

import { assert } from "../air/error.ts";
import type { Value, ValueMap } from "../air/value.ts";

/** A field of a record. Null where it is absent: canonical records write absent options as null. */
export function fieldOf(value: Value, name: string): Value {
  return mapOf(value).get(name) ?? null;
}

export function textOf(value: Value): string {
  assert(typeof value === "string", "a text of a checked record is text");
  return value;
}

export function natOf(value: Value): bigint {
  assert(typeof value === "number" || typeof value === "bigint", "a nat of a checked record is an integer");
  return BigInt(value);
}

export function mapOf(value: Value): ValueMap {
  assert(value instanceof Map, "a map or record of a checked record is a map");
  return value;
}
