// Random types, and values, literals and plain JSON of them, from a seed: the same seed, the same case, on every machine.

import { encodeBase64 } from "../air/base64.ts";
import { utf8 } from "../air/bytes.ts";
import { integer } from "../air/value.ts";
import type { Json, KeyTypeName, Literal, PrimitiveName, TypeExpr } from "../air/types.ts";
import type { Value } from "../air/value.ts";

/** Draws numbers; every choice of a case is one call. */
export interface Random {
  /** An integer from 0 up to, but not including, `count`. */
  below(count: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** A generator that only its seed decides (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const below = (count: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  };
  return { below, pick: (choices) => choices[below(choices.length)]! };
}

/** The items in an order that the draws decide. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = [...items];
  for (let last = out.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [out[last], out[other]] = [out[other] as T, out[last] as T];
  }
  return out;
}

const PRIMITIVES: readonly PrimitiveName[] =
  ["bool", "int", "nat", "dec128", "bytes", "text", "time", "duration", "hash", "uuid", "unit"];
const KEYS: readonly KeyTypeName[] = ["int", "nat", "text", "uuid", "hash"];
const NAMES = ["a", "bb", "$tag", "Ok", "zz", "b", "\u00e9", "a.b"];

/** A type of at most `depth` levels; set elements are of key types, as expression values demand. */
export function randomType(random: Random, depth: number): TypeExpr {
  if (depth <= 1) return { kind: random.pick(PRIMITIVES) };
  const inner = (): TypeExpr => randomType(random, depth - 1);
  switch (random.below(8)) {
    case 0: return { kind: "record", fields: named(random, inner) };
    case 1: return { kind: "variant", arms: new Map([["First", inner()], ...named(random, inner)]) };
    case 2: return { kind: "list", item: inner() };
    case 3: return { kind: "set", item: { kind: random.pick(KEYS) } };
    case 4: return { kind: "map", key: random.pick(KEYS), value: inner() };
    case 5: return { kind: "option", item: inner() };
    case 6: return { kind: "record", fields: new Map([["x", inner()], ...named(random, inner)]) };
    default: return { kind: random.pick(PRIMITIVES) };
  }
}

function named(random: Random, inner: () => TypeExpr): Map<string, TypeExpr> {
  return new Map(Array.from({ length: random.below(4) }, () => [random.pick(NAMES), inner()]));
}

/** A literal of a type without refs: canonical or not, always one that checks. */
function randomLiteral(random: Random, type: TypeExpr): Literal {
  const several = (): unknown[] => Array.from({ length: random.below(4) });
  switch (type.kind) {
    case "bool": return { kind: "bool", value: random.below(2) === 1 };
    case "int": return { kind: "int", value: signed(random) };
    case "nat": return { kind: "nat", value: unsigned(random) };
    case "time": return { kind: "time_ns", value: unsigned(random) };
    case "duration": return { kind: "duration_ns", value: signed(random) };
    case "bytes": return { kind: "bytes_b64", value: encodeBase64(utf8(words(random))) };
    case "hash": return { kind: "hash", value: `sha256:${random.pick(["ab", "0C", "99"]).repeat(32)}` };
    case "dec128": case "text": case "uuid": return { kind: type.kind, value: words(random) };
    case "unit": return { kind: "null" };
    case "option": return random.below(3) === 0 ? { kind: "null" } : randomLiteral(random, type.item);
    case "list": case "set": return { kind: type.kind, items: several().map(() => randomLiteral(random, type.item)) };
    case "map":
      return { kind: "map", entries: several().map(() => ({ key: randomLiteral(random, { kind: type.key }), value: randomLiteral(random, type.value) })) };
    case "record": return { kind: "record", fields: new Map([...type.fields].map(([name, field]) => [name, randomLiteral(random, field)])) };
    case "variant": {
      const [tag, arm] = random.pick([...type.arms]);
      return arm.kind === "unit" ? { kind: "variant", tag } : { kind: "variant", tag, value: randomLiteral(random, arm) };
    }
    default: throw new RangeError("random types hold no refs");
  }
}

function signed(random: Random): bigint {
  return random.pick([0n, 1n, -1n, -(2n ** 63n), 2n ** 63n - 1n, BigInt(random.below(1000)) - 500n, -(2n ** 53n)]);
}

function unsigned(random: Random): bigint {
  return random.pick([0n, 1n, 23n, 24n, 2n ** 64n - 1n, 2n ** 53n, BigInt(random.below(100_000))]);
}

function words(random: Random): string {
  return random.pick(["", "a", "b", "aa", "\u00e9", "\u{1f600}", "\uff5e", "x".repeat(random.below(30))]);
}

/** The literal as authoring sugar, spelled one way or another; undefined where plain JSON cannot say it (a null inside an arm). */
export function sugarOf(literal: Literal, type: TypeExpr, random: Random): Json | undefined {
  switch (type.kind) {
    case "option": return literal.kind === "null" ? null : sugarOf(literal, type.item, random);
    case "unit": return random.pick<Json>([null, 1, new Map(), "x"]);
    case "record": {
      if (literal.kind !== "record") return undefined;
      const fields = allOf([...type.fields].map(([name, field]) => pairOf(name, sugarOf(literal.fields.get(name)!, field, random))));
      return fields && new Map(fields);
    }
    case "variant": {
      if (literal.kind !== "variant") return undefined;
      const value = literal.value === undefined ? null : sugarOf(literal.value, type.arms.get(literal.tag)!, random);
      return value === undefined || (value === null && literal.value !== undefined) ? undefined : new Map([[literal.tag, value]]);
    }
    case "list": case "set":
      return literal.kind === type.kind ? allOf(literal.items.map((item) => sugarOf(item, type.item, random))) : undefined;
    case "map":
      if (literal.kind !== "map") return undefined;
      return allOf(literal.entries.map(({ key, value }) => {
        const pair = allOf([sugarOf(key, { kind: type.key }, random), sugarOf(value, type.value, random)]);
        return pair as Json | undefined;
      }));
    default: return scalarSugar(literal, type.kind, random);
  }
}

function scalarSugar(literal: Literal, kind: TypeExpr["kind"], random: Random): Json | undefined {
  if (!("value" in literal) || literal.value === undefined || typeof literal.value === "object") return undefined;
  if (typeof literal.value !== "bigint") return literal.value;
  const asText = (kind === "int" || kind === "nat") && random.below(2) === 0;
  return asText ? `${literal.value < 0n ? "" : random.pick(["", "+", "00"])}${literal.value}` : integer(literal.value);
}

function pairOf(name: string, json: Json | undefined): [string, Json] | undefined {
  return json === undefined ? undefined : [name, json];
}

function allOf<T>(items: readonly (T | undefined)[]): T[] | undefined {
  return items.includes(undefined) ? undefined : (items as T[]);
}

/** A value the normaliser takes for the literal, in one of its accepted spellings. */
function looseValue(literal: Literal, type: TypeExpr, random: Random): Value {
  switch (type.kind) {
    case "option": return literal.kind === "null" ? null : looseValue(literal, type.item, random);
    case "unit": return random.pick<Value>([null, "x", 1, []]);
    case "bool": return literal.kind === "bool" && random.below(2) === 0 ? literal.value : String(literal.kind === "bool" && literal.value);
    case "bytes": return random.below(2) === 0 ? utf8(words(random)) : words(random);
    case "record": return new Map([...type.fields].flatMap(([name, field]): [string, Value][] => {
      const value = literal.kind === "record" ? looseValue(literal.fields.get(name)!, field, random) : null;
      return value === null && field.kind === "option" && random.below(2) === 0 ? [] : [[name, value]];
    }).reverse());
    case "variant": return looseVariant(literal, type.arms, random);
    case "list": case "set": return literal.kind === type.kind ? literal.items.map((item) => looseValue(item, type.item, random)) : [];
    case "map": return literal.kind !== "map" ? new Map() : new Map(literal.entries.map(({ key, value }) =>
      [looseValue(key, { kind: type.key }, random), looseValue(value, type.value, random)]));
    default: {
      const value = "value" in literal && typeof literal.value !== "object" ? literal.value ?? null : null;
      return typeof value === "bigint" ? integer(value) : value;
    }
  }
}

function looseVariant(literal: Literal, arms: ReadonlyMap<string, TypeExpr>, random: Random): Value {
  const [first = "First"] = arms.keys();
  const tag = literal.kind === "variant" ? literal.tag : first;
  const value = literal.kind === "variant" && literal.value !== undefined ? looseValue(literal.value, arms.get(tag)!, random) : null;
  switch (random.below(3)) {
    case 0: return literal.kind === "variant" && literal.value === undefined ? new Map([["$tag", tag]]) : new Map<Value, Value>([["$value", value], ["$tag", tag]]);
    case 1: return new Map<Value, Value>([["other", 1], ["$tag", tag], ["$value", value]]);
    default: return tag === "$tag" ? new Map<Value, Value>([["$tag", tag], ["$value", value]]) : new Map([[tag, value]]);
  }
}

/** A type of at most five levels, a literal of it, and a value it stands for. */
export function randomCase(random: Random): { readonly type: TypeExpr; readonly literal: Literal; readonly value: Value } {
  const type = randomType(random, 5);
  const literal = randomLiteral(random, type);
  return { type, literal, value: looseValue(literal, type, random) };
}
