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
 * Checks a value against a type and returns its canonical form. The input is not changed; what of it is canonical already is taken over.
 *
 * @throws AosError `value.invalid`; the message starts with the path inside the value: `$.url: expected text, got int`
 */
type Normalize = (value: Value) => Value;

/** A compiled type. */
type Run = (value: Value) => Value;

// Where in the value a run is, for errors: the first `depth` steps. One for all runs, which are synchronous and call back nowhere; an
// array that is pushed to and popped is made anew all the time.
const steps: Path = [];
let depth = 0;

export const I64_MIN = -(2n ** 63n);
export const I64_MAX = 2n ** 63n - 1n;
export const U64_MAX = 2n ** 64n - 1n;

const compiled = new WeakMap<Expanded, Run>();

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
export const normalizerFor = perSchema((schemas, name) => start(compile(expandName(schemas, name))));

/** Keeps what is made of a schema for as long as there are the schemas it is among. */
export function perSchema<T>(make: (schemas: ReadonlyMap<string, DefSchema>, name: string) => T): (schemas: ReadonlyMap<string, DefSchema>, name: string) => T {
  const all = new WeakMap<ReadonlyMap<string, DefSchema>, Map<string, T>>();
  // The schemas asked for last: nearly always those in force.
  let latest: ReadonlyMap<string, DefSchema> | undefined;
  let known = new Map<string, T>();
  return (schemas, name) => {
    if (schemas !== latest) {
      known = all.get(schemas) ?? new Map<string, T>();
      all.set(schemas, known);
      latest = schemas;
    }
    let made = known.get(name);
    if (made === undefined) {
      made = make(schemas, name);
      known.set(name, made);
    }
    return made;
  };
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
  return (value) => {
    depth = 0;
    return run(value);
  };
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
      return (value) => (value === null ? null : inner(value));
    }
    case "list": return list(compile(type.item));
    case "set": return set(compile(type.item));
    case "map": return map(compile({ kind: type.key }), compile(type.value));
    case "record": return record(type.fields);
    case "variant": return variant(type.arms);
    default: return unreachable(type);
  }
}

function bool(value: Value): Value {
  if (typeof value === "boolean") return value;
  if (value === "true") return true;
  if (value === "false") return false;
  return mismatch("bool", value);
}

/** Bounds are compared only where they can be crossed: a safe integer crosses none but zero. */
function integers(expected: string, low: bigint, high: bigint): Run {
  return (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      if (value < 0 && low === 0n) return fail(`expected ${expected}, got a negative int`);
      return value;
    }
    if (typeof value !== "bigint") return mismatch(expected, value);
    if (value < low || value > high) return fail(`expected ${expected}, got an int out of range ${low} to ${high}`);
    return integer(value);
  };
}

function texts(expected: string): Run {
  return (value) => (typeof value === "string" ? value : mismatch(expected, value));
}

function bytes(value: Value): Value {
  if (value instanceof Uint8Array) return value;
  return typeof value === "string" ? utf8(value) : mismatch("bytes", value);
}

function items(item: Run, value: readonly Value[]): readonly Value[] {
  let out: Value[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const inner = value[index] as Value;
    steps[depth++] = index;
    const normal = item(inner);
    depth--;
    if (out === undefined && normal !== inner) out = value.slice(0, index);
    out?.push(normal);
  }
  return out ?? value;
}

function list(item: Run): Run {
  return (value) => (isList(value) ? items(item, value) : mismatch("list", value));
}

function set(item: Run): Run {
  return (value) => {
    if (!isList(value)) return mismatch("set (a list)", value);
    const keyed = items(item, value).map((inner) => ({ inner, bytes: canonicalBare(inner) }));
    keyed.sort((a, b) => compareBytes(a.bytes, b.bytes));
    return keyed.filter(({ bytes }, at) => at === 0 || compareBytes(bytes, keyed[at - 1]!.bytes) !== 0).map(({ inner }) => inner);
  };
}

function map(key: Run, item: Run): Run {
  return (value) => {
    if (!isMap(value)) return mismatch("map", value);
    const out = new Map<Value, Value>();
    for (const [name, inner] of value) {
      const outKey = key(name);
      steps[depth++] = stepOf(outKey);
      out.set(outKey, item(inner));
      depth--;
    }
    return out;
  };
}

function stepOf(key: Value): string | number | bigint {
  return typeof key === "string" || typeof key === "number" || typeof key === "bigint" ? key : kindOfValue(key);
}

interface Field {
  readonly name: string;
  readonly run: Run;
  readonly optional: boolean;
}

function record(types: ReadonlyMap<string, Expanded>): Run {
  const fields = [...types].map(([name, type]) => ({ name, run: compile(type), optional: type.kind === "option" }));
  return (value) => {
    if (!isMap(value)) return mismatch("record", value);
    let out: Map<Value, Value> | undefined;
    let taken = 0;
    for (let index = 0; index < fields.length; index++) {
      const { name, run, optional } = fields[index] as Field;
      steps[depth++] = name;
      const inner = value.get(name);
      if (inner === undefined && !optional) return fail("record field is missing");
      const normal = inner === undefined ? null : run(inner);
      if (inner !== undefined) taken++;
      if (out === undefined && normal !== inner) out = new Map(fields.slice(0, index).map((before) => [before.name, value.get(before.name) as Value]));
      out?.set(name, normal);
      depth--;
    }
    return taken === value.size ? (out ?? value) : unknownField(types, value.keys());
  };
}

/** Names the first undeclared field in text order, so that the message does not depend on how the map was written. */
function unknownField(types: ReadonlyMap<string, Expanded>, keys: Iterable<Value>): never {
  const undeclared: string[] = [];
  for (const key of keys) {
    if (typeof key !== "string") fail(`a record's keys are text, got ${kindOfValue(key)}`);
    if (!types.has(key)) undeclared.push(key);
  }
  const [first = ""] = undeclared.sort(compareText);
  steps[depth++] = first;
  const declared = [...types.keys()].join(", ");
  return fail("unknown record field", declared === "" ? "the record has no fields" : `declared fields: ${declared}`);
}

function variant(types: ReadonlyMap<string, Expanded>): Run {
  const arms = new Map([...types].map(([tag, type]) => [tag, compile(type)]));
  return (value) => {
    if (!isMap(value)) return mismatch("variant (a map)", value);
    const { tag, inner } = splitVariant(value);
    const arm = arms.get(tag);
    steps[depth++] = tag;
    if (arm === undefined) return fail("unknown variant tag", `declared tags: ${[...types.keys()].join(", ")}`);
    const normal = inner === undefined ? undefined : arm(inner);
    depth--;
    if (normal === inner && value.has("$tag") && value.size === (inner === undefined ? 1 : 2)) return value;
    return new Map<Value, Value>(normal === undefined ? [["$tag", tag]] : [["$tag", tag], ["$value", normal]]);
  };
}

function splitVariant(value: ReadonlyMap<Value, Value>): { tag: string; inner: Value | undefined } {
  const tag = value.get("$tag");
  if (tag !== undefined) {
    if (typeof tag !== "string") {
      steps[depth++] = "$tag";
      return mismatch("text", tag);
    }
    return { tag, inner: value.get("$value") };
  }
  if (value.size !== 1) return fail(`expected {"$tag", "$value"} or one entry {Tag: value}, got ${value.size} entries without $tag`);
  for (const [only, inner] of value) {
    if (typeof only === "string") return { tag: only, inner };
  }
  return fail("a variant's tag is text");
}

function mismatch(expected: string, value: Value): never {
  return fail(`expected ${expected}, got ${kindOfValue(value)}`);
}

function fail(what: string, hint?: string): never {
  throw new AosError("value.invalid", `${placeOf(steps.slice(0, depth))}: ${what}`, hint === undefined ? {} : { hint });
}
