// Authoring sugar: plain JSON read by the schema of its slot, into a tagged literal.

import { AosError, unreachable } from "./error.ts";
import { expandType } from "./expand.ts";
import { I64_MAX, I64_MIN, U64_MAX } from "./normalize.ts";
import { isHashText } from "./text.ts";
import { Float } from "./value.ts";
import { placeOf } from "./value-path.ts";
import type { Expanded } from "./expand.ts";
import type { DefSchema, Json, KeyTypeName, Literal, TypeExpr } from "./types.ts";
import type { Path } from "./value-path.ts";

/** Where sugar was accepted but may not mean what the author thinks. Pointers are relative to the sugar. */
interface SugarNotes {
  /** A key that the record does not declare: it is left out, and does not reach the hash. */
  dropped(pointer: string, name: string): void;
}

interface Walk {
  readonly notes: SugarNotes | undefined;
  /** Steps of the JSON document, for pointers. */
  readonly at: (string | number)[];
}

/**
 * Reads JSON as a literal of the type; not yet canonical, and checked only as far as reading needs.
 *
 * Rules (values-and-definitions 3.1): int and nat also as decimal text; time and duration as integers only; dec128, uuid and
 * bytes (base64) as any text; a record holds every declared field (null for none) and other keys are left out; a variant is
 * one entry `{Tag: value}`, null for no value; a map with text keys is an object or a list of pairs, any other a list of
 * pairs; unit is anything.
 *
 * @throws AosError `literal.type`, `literal.range`, `literal.missing_field`, `literal.unknown_variant`, `literal.shape`, or as
 *   `expandType`; the message starts with the path, `at.pointer` is the JSON pointer relative to `json`
 */
export function parseSugar(
  json: Json, type: TypeExpr, schemas: ReadonlyMap<string, DefSchema>, options: { readonly notes?: SugarNotes } = {},
): Literal {
  return read(json, expandType(schemas, type), { notes: options.notes, at: [] });
}

function read(json: Json, type: Expanded, walk: Walk): Literal {
  switch (type.kind) {
    case "bool": return typeof json === "boolean" ? { kind: "bool", value: json } : mismatch(json, type.kind, walk);
    case "int": return { kind: "int", value: readInteger(json, type.kind, walk) };
    case "nat": return { kind: "nat", value: readInteger(json, type.kind, walk) };
    case "time": return { kind: "time_ns", value: readInteger(json, type.kind, walk) };
    case "duration": return { kind: "duration_ns", value: readInteger(json, type.kind, walk) };
    case "dec128": case "text": case "uuid": return { kind: type.kind, value: readText(json, type.kind, walk) };
    case "bytes": return { kind: "bytes_b64", value: readText(json, type.kind, walk) };
    case "hash": return readHash(json, walk);
    case "unit": return { kind: "null" };
    case "option": return json === null ? { kind: "null" } : read(json, type.item, walk);
    case "list": case "set":
      if (!isArray(json)) return mismatch(json, type.kind, walk);
      return { kind: type.kind, items: json.map((item, index) => within(walk, index, () => read(item, type.item, walk))) };
    case "record": return readRecord(json, type.fields, walk);
    case "variant": return readVariant(json, type.arms, walk);
    case "map": return readMap(json, type, walk);
    default: return unreachable(type);
  }
}

const RANGES = {
  int: { low: I64_MIN, high: I64_MAX, spelling: /^[+-]?[0-9]+$/ },
  nat: { low: 0n, high: U64_MAX, spelling: /^\+?[0-9]+$/ },
  time: { low: 0n, high: U64_MAX, spelling: undefined },
  duration: { low: I64_MIN, high: I64_MAX, spelling: undefined },
} as const;

function readInteger(json: Json, kind: keyof typeof RANGES, walk: Walk): bigint {
  const { low, high, spelling } = RANGES[kind];
  let value: bigint;
  if (typeof json === "string" && spelling?.test(json)) value = bigintOf(json);
  else if (typeof json === "bigint" || (typeof json === "number" && Number.isSafeInteger(json))) value = BigInt(json);
  else return mismatch(json, kind, walk);
  if (value < low || value > high) fail("range", walk, `expected ${kind}, got an integer out of range ${low} to ${high}`);
  return value;
}

/** Digits beyond any range are cut, so that a long text costs no more than its length. */
function bigintOf(text: string): bigint {
  const digits = text.replace(/^[+-]?0*/, "").slice(0, 24);
  const magnitude = BigInt(digits === "" ? "0" : digits);
  return text.startsWith("-") ? -magnitude : magnitude;
}

function readText(json: Json, expected: string, walk: Walk): string {
  return typeof json === "string" ? json : mismatch(json, `${expected} (text)`, walk);
}

function readHash(json: Json, walk: Walk): Literal {
  const text = readText(json, "hash", walk);
  return isHashText(text) ? { kind: "hash", value: text } : fail("type", walk, "expected hash, got text that is not sha256:<64 hex>");
}

function readRecord(json: Json, types: ReadonlyMap<string, Expanded>, walk: Walk): Literal {
  if (!isObject(json)) return mismatch(json, "record", walk);
  const fields = new Map<string, Literal>();
  for (const [name, type] of types) {
    const field = json.get(name);
    if (field === undefined) {
      walk.at.push(name);
      const hint = type.kind === "option" ? "an option field is written as null" : undefined;
      return fail("missing_field", walk, "record field is missing", hint);
    }
    fields.set(name, within(walk, name, () => read(field, type, walk)));
  }
  for (const name of json.keys()) {
    if (!types.has(name)) walk.notes?.dropped(pointerOf([...walk.at, name]), name);
  }
  return { kind: "record", fields };
}

function readVariant(json: Json, types: ReadonlyMap<string, Expanded>, walk: Walk): Literal {
  if (!isObject(json)) return mismatch(json, "variant (an object)", walk);
  const [entry, second] = json;
  if (entry === undefined || second !== undefined) {
    return fail("shape", walk, `expected an object with exactly one tag, got ${json.size} keys`);
  }
  const [tag, inner] = entry;
  const arm = types.get(tag);
  if (arm === undefined) {
    return fail("unknown_variant", walk, `unknown variant tag ${JSON.stringify(tag)}`, `declared tags: ${[...types.keys()].join(", ")}`);
  }
  if (inner === null) return { kind: "variant", tag };
  return { kind: "variant", tag, value: within(walk, tag, () => read(inner, arm, walk)) };
}

function readMap(json: Json, type: Expanded & { kind: "map" }, walk: Walk): Literal {
  const keyType: { readonly kind: KeyTypeName } = { kind: type.key };
  if (isObject(json) && type.key === "text") {
    const entries = [...json].map(([name, inner]) =>
      ({ key: { kind: "text", value: name } as const, value: within(walk, name, () => read(inner, type.value, walk)) }));
    return { kind: "map", entries };
  }
  const expected = type.key === "text" ? "map (an object or pairs)" : "map (a list of [key, value] pairs)";
  if (!isArray(json)) return mismatch(json, expected, walk);
  const entries = json.map((pair, index) => within(walk, index, () => {
    if (!isArray(pair) || pair.length !== 2) fail("shape", walk, "map literals must be [[key, value], ...]");
    const [key = null, inner = null] = pair;
    return { key: within(walk, 0, () => read(key, keyType, walk)), value: within(walk, 1, () => read(inner, type.value, walk)) };
  }));
  return { kind: "map", entries };
}

function within<T>(walk: Walk, step: string | number, inside: () => T): T {
  walk.at.push(step);
  const out = inside();
  walk.at.pop();
  return out;
}

function isArray(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function isObject(json: Json): json is ReadonlyMap<string, Json> {
  return json instanceof Map;
}

function kindOf(json: Json): string {
  if (json === null) return "null";
  if (typeof json === "boolean") return "bool";
  if (typeof json === "string") return "text";
  if (json instanceof Float) return "a number with a fraction";
  if (typeof json === "number" || typeof json === "bigint") return "a number";
  return isArray(json) ? "an array" : "an object";
}

function mismatch(json: Json, expected: string, walk: Walk): never {
  return fail("type", walk, `expected ${expected}, got ${kindOf(json)}`);
}

function fail(code: string, walk: Walk, what: string, hint?: string): never {
  const path: Path = walk.at;
  throw new AosError(`literal.${code}`, `${placeOf(path)}: ${what}`, {
    at: { pointer: pointerOf(walk.at) },
    ...(hint === undefined ? {} : { hint }),
  });
}

function pointerOf(steps: readonly (string | number)[]): string {
  return steps.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
