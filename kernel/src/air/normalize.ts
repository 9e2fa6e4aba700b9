// The gate every event, effect parameter, key and grant passes: any accepted spelling in, the one canonical value out.

import { canonical, canonicalBare, decode } from "./cbor.ts";
import { AosError, unreachable } from "./error.ts";
import { expandName, expandType } from "./expand.ts";
import { compareBytes, utf8 } from "./hash.ts";
import { compareText } from "./text.ts";
import { integer } from "./value.ts";
import { isList, isMap, kindOfValue, placeOf } from "./value-path.ts";
import type { Expanded } from "./expand.ts";
import type { DefSchema, TypeExpr } from "./types.ts";
import type { Value } from "./value.ts";
import type { Path } from "./value-path.ts";

/**
 * Checks a value against a type and returns its canonical form. The input is not changed.
 *
 * @throws AosError `value.invalid`; the message starts with the path inside the value: `$.url: expected text, got int`
 */
export type Normalize = (value: Value) => Value;

/** A compiled type. `path` says where `value` is; it is pushed and popped by containers and read only by errors. */
type Run = (value: Value, path: Path) => Value;

export const I64_MIN = -(2n ** 63n);
export const I64_MAX = 2n ** 63n - 1n;
export const U64_MAX = 2n ** 64n - 1n;

const compiled = new WeakMap<Expanded, Run>();
const named = new WeakMap<ReadonlyMap<string, DefSchema>, Map<string, Normalize>>();

/**
 * Compiles a type once; the result may be kept and called for ever.
 *
 * Rules (values-and-definitions 1.4): a missing option field becomes null and other missing or undeclared fields are
 * refused; a variant is `{"$tag", "$value"?}` or `{Tag: value}` and keeps whether a value was given; sets are sorted by
 * canonical bytes and freed of duplicates; bool takes the texts `true` and `false`, bytes takes text as UTF-8, unit takes
 * anything. dec128, hash and uuid are text, kept verbatim. int and duration hold 64 signed bits, nat and time 64 unsigned.
 *
 * @throws AosError `schema.missing`, `schema.recursive`, `schema.depth`
 */
export function compileNormalizer(schemas: ReadonlyMap<string, DefSchema>, type: TypeExpr): Normalize {
  return start(compile(expandType(schemas, type)));
}

/** The normaliser of the schema of that name, compiled on first use. @throws as `compileNormalizer` */
export function normalizerFor(schemas: ReadonlyMap<string, DefSchema>, name: string): Normalize {
  let known = named.get(schemas);
  if (known === undefined) {
    known = new Map();
    named.set(schemas, known);
  }
  let normalize = known.get(name);
  if (normalize === undefined) {
    normalize = start(compile(expandName(schemas, name)));
    known.set(name, normalize);
  }
  return normalize;
}

/**
 * Decodes, normalises and encodes.
 *
 * @returns the canonical value and its canonical bytes
 * @throws AosError `cbor.invalid`, `value.invalid`, or as `compileNormalizer`
 */
export function normalizeBytes(
  schemas: ReadonlyMap<string, DefSchema>, name: string, raw: Uint8Array,
): { readonly value: Value; readonly bytes: Uint8Array } {
  const value = normalizerFor(schemas, name)(decode(raw));
  return { value, bytes: canonical(value) };
}

function start(run: Run): Normalize {
  return (value) => run(value, []);
}

function compile(type: Expanded): Run {
  let run = compiled.get(type);
  if (run === undefined) {
    run = build(type);
    compiled.set(type, run);
  }
  return run;
}

function build(type: Expanded): Run {
  switch (type.kind) {
    case "bool": return bool;
    case "int": case "duration": return integers(type.kind, I64_MIN, I64_MAX);
    case "nat": case "time": return integers(type.kind, 0n, U64_MAX);
    case "dec128": case "text": case "hash": case "uuid": return texts(type.kind);
    case "bytes": return bytes;
    case "unit": return () => null;
    case "option": {
      const inner = compile(type.item);
      return (value, path) => (value === null ? null : inner(value, path));
    }
    case "list": return list(compile(type.item));
    case "set": return set(compile(type.item));
    case "map": return map(compile({ kind: type.key }), compile(type.value));
    case "record": return record(type.fields);
    case "variant": return variant(type.arms);
    default: return unreachable(type);
  }
}

function bool(value: Value, path: Path): Value {
  if (typeof value === "boolean") return value;
  if (value === "true") return true;
  if (value === "false") return false;
  return mismatch(path, "bool", value);
}

/** Bounds are compared only where they can be crossed: a safe integer crosses none but zero. */
function integers(expected: string, low: bigint, high: bigint): Run {
  return (value, path) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      if (value < 0 && low === 0n) return fail(path, `expected ${expected}, got a negative int`);
      return value;
    }
    if (typeof value !== "bigint") return mismatch(path, expected, value);
    if (value < low || value > high) return fail(path, `expected ${expected}, got an int out of range ${low} to ${high}`);
    return integer(value);
  };
}

function texts(expected: string): Run {
  return (value, path) => (typeof value === "string" ? value : mismatch(path, expected, value));
}

function bytes(value: Value, path: Path): Value {
  if (value instanceof Uint8Array) return value;
  return typeof value === "string" ? utf8(value) : mismatch(path, "bytes", value);
}

function items(item: Run, value: readonly Value[], path: Path): Value[] {
  return value.map((inner, index) => {
    path.push(index);
    const out = item(inner, path);
    path.pop();
    return out;
  });
}

function list(item: Run): Run {
  return (value, path) => (isList(value) ? items(item, value, path) : mismatch(path, "list", value));
}

function set(item: Run): Run {
  return (value, path) => {
    if (!isList(value)) return mismatch(path, "set (a list)", value);
    const keyed = items(item, value, path).map((inner) => ({ inner, bytes: canonicalBare(inner) }));
    keyed.sort((a, b) => compareBytes(a.bytes, b.bytes));
    return keyed.filter(({ bytes }, at) => at === 0 || compareBytes(bytes, keyed[at - 1]!.bytes) !== 0).map(({ inner }) => inner);
  };
}

function map(key: Run, item: Run): Run {
  return (value, path) => {
    if (!isMap(value)) return mismatch(path, "map", value);
    const out = new Map<Value, Value>();
    for (const [name, inner] of value) {
      const outKey = key(name, path);
      path.push(stepOf(outKey));
      out.set(outKey, item(inner, path));
      path.pop();
    }
    return out;
  };
}

function stepOf(key: Value): string | number | bigint {
  return typeof key === "string" || typeof key === "number" || typeof key === "bigint" ? key : kindOfValue(key);
}

function record(types: ReadonlyMap<string, Expanded>): Run {
  const fields = [...types].map(([name, type]) => ({ name, run: compile(type), optional: type.kind === "option" }));
  return (value, path) => {
    if (!isMap(value)) return mismatch(path, "record", value);
    const out = new Map<Value, Value>();
    let taken = 0;
    for (const { name, run, optional } of fields) {
      path.push(name);
      const inner = value.get(name);
      if (inner !== undefined) {
        taken += 1;
        out.set(name, run(inner, path));
      } else if (optional) {
        out.set(name, null);
      } else {
        return fail(path, "record field is missing");
      }
      path.pop();
    }
    return taken === value.size ? out : unknownField(types, value.keys(), path);
  };
}

/** Names the first undeclared field in text order, so that the message does not depend on how the map was written. */
function unknownField(types: ReadonlyMap<string, Expanded>, keys: Iterable<Value>, path: Path): never {
  const undeclared: string[] = [];
  for (const key of keys) {
    if (typeof key !== "string") fail(path, `a record's keys are text, got ${kindOfValue(key)}`);
    if (!types.has(key)) undeclared.push(key);
  }
  const [first = ""] = undeclared.sort(compareText);
  path.push(first);
  const declared = [...types.keys()].join(", ");
  return fail(path, "unknown record field", declared === "" ? "the record has no fields" : `declared fields: ${declared}`);
}

function variant(types: ReadonlyMap<string, Expanded>): Run {
  const arms = new Map([...types].map(([tag, type]) => [tag, compile(type)]));
  return (value, path) => {
    if (!isMap(value)) return mismatch(path, "variant (a map)", value);
    const { tag, inner } = splitVariant(value, path);
    const arm = arms.get(tag);
    path.push(tag);
    if (arm === undefined) return fail(path, "unknown variant tag", `declared tags: ${[...types.keys()].join(", ")}`);
    const out = new Map<Value, Value>([["$tag", tag]]);
    if (inner !== undefined) out.set("$value", arm(inner, path));
    path.pop();
    return out;
  };
}

function splitVariant(value: ReadonlyMap<Value, Value>, path: Path): { tag: string; inner: Value | undefined } {
  const tag = value.get("$tag");
  if (tag !== undefined) {
    if (typeof tag !== "string") {
      path.push("$tag");
      return mismatch(path, "text", tag);
    }
    return { tag, inner: value.get("$value") };
  }
  if (value.size !== 1) return fail(path, `expected {"$tag", "$value"} or one entry {Tag: value}, got ${value.size} entries without $tag`);
  for (const [only, inner] of value) {
    if (typeof only === "string") return { tag: only, inner };
  }
  return fail(path, "a variant's tag is text");
}

function mismatch(path: Path, expected: string, value: Value): never {
  return fail(path, `expected ${expected}, got ${kindOfValue(value)}`);
}

function fail(path: Path, what: string, hint?: string): never {
  throw new AosError("value.invalid", `${placeOf(path)}: ${what}`, hint === undefined ? {} : { hint });
}
