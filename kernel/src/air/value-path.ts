// Where inside a value: the place an error message starts with, and what was found there.

import { AosError } from "./error.ts";
import { Float } from "./value.ts";
import type { Value, ValueMap } from "./value.ts";

/** Steps from the root: a field or text key, an index of a list, an integer key. Walkers push before a child and pop after it. */
export type Path = (string | number | bigint)[];

const STEP_CHARS_MAX = 64;

/** Writes a path: `$.headers.x-test`, `$.items[3]`, `$["a b"]`. A step is cut after 64 characters. */
export function placeOf(path: Readonly<Path>): string {
  let place = "$";
  for (const step of path) {
    if (typeof step !== "string") place += `[${step}]`;
    else if (/^[A-Za-z0-9_$-]{1,64}$/.test(step)) place += `.${step}`;
    else place += `[${JSON.stringify(step.slice(0, STEP_CHARS_MAX))}]`;
  }
  return place;
}

/** The word for what a value is: null bool int float text bytes list map. */
export function kindOfValue(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "text";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int" : "float";
  if (value instanceof Float) return "float";
  if (value instanceof Uint8Array) return "bytes";
  return isMap(value) ? "map" : "list";
}

/** @throws AosError `value.invalid`, the place first */
export function fail(path: Readonly<Path>, what: string): never {
  throw new AosError("value.invalid", `${placeOf(path)}: ${what}`);
}

/** @throws AosError `value.invalid` that says what was expected and what kind was found */
export function mismatch(path: Readonly<Path>, expected: string, value: Value): never {
  return fail(path, `expected ${expected}, got ${kindOfValue(value)}`);
}

export function isMap(value: Value): value is ValueMap {
  return value instanceof Map;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
