// The operators: evaluated arguments in, a value or an error out. Every argument is already evaluated; nothing is skipped.

import { unreachable } from "./error.ts";
import { taggedValue } from "./expr-tagged.ts";
import { equalX, exprError, keyOf, limited, mapGet, setHas, typeError } from "./expr-value.ts";
import { hashBytes, hashValue, utf8 } from "./hash.ts";
import { I64_MAX, I64_MIN, U64_MAX } from "./normalize.ts";
import { compareText, scalarCount } from "./text.ts";
import type { XValue } from "./expr-value.ts";
import type { Opcode } from "./types.ts";

const ARITY: Readonly<Record<Opcode, "1" | "2" | "2+">> = {
  len: "1", get: "2", has: "2", eq: "2", ne: "2", lt: "2", le: "2", gt: "2", ge: "2", and: "2+", or: "2+", not: "1", concat: "2",
  hash: "1", hash_bytes: "1", add: "2", sub: "2", mul: "2", div: "2", mod: "2", starts_with: "2", ends_with: "2", contains: "2",
};
const ARITY_WORDS = { "1": "1 argument", "2": "2 arguments", "2+": "two or more arguments" } as const;

/**
 * Applies an operator (values-and-definitions 4.5).
 *
 * @throws AosError `expr.arity`, `expr.type`, `expr.missing_field`, `expr.op`, `expr.overflow`, `expr.divide_by_zero`, `expr.limit`
 */
export function applyOperator(op: Opcode, args: readonly XValue[]): XValue {
  const arity = ARITY[op];
  const fits = arity === "2+" ? args.length >= 2 : args.length === Number(arity);
  if (!fits) exprError("arity", `${op}: takes ${ARITY_WORDS[arity]}, got ${args.length}`, { op });
  const [a = NONE, b = NONE] = args;
  switch (op) {
    case "len": return nat(BigInt(lengthOf(a)));
    case "get": return get(a, b);
    case "has": return bool(has(a, b));
    case "eq": return bool(equalX(a, b));
    case "ne": return bool(!equalX(a, b));
    case "lt": return bool(order(op, a, b) < 0);
    case "le": return bool(order(op, a, b) <= 0);
    case "gt": return bool(order(op, a, b) > 0);
    case "ge": return bool(order(op, a, b) >= 0);
    case "and": return bool(booleans(op, args).every((value) => value));
    case "or": return bool(booleans(op, args).some((value) => value));
    case "not": return bool(!booleans(op, args)[0]);
    case "concat": return limited({ kind: "text", value: texts(op, a, b).join("") }, op);
    case "hash": return { kind: "hash", value: hashValue(taggedValue(a)) };
    case "hash_bytes": return hashOfBytes(a);
    case "add": case "sub": case "mul": case "div": case "mod": return arithmetic(op, a, b);
    case "starts_with": {
      const [text, start] = texts(op, a, b);
      return bool(text.startsWith(start));
    }
    case "ends_with": {
      const [text, end] = texts(op, a, b);
      return bool(text.endsWith(end));
    }
    case "contains": return bool(contains(a, b));
    default: return unreachable(op);
  }
}

/** Stands for an argument that the arity check showed to be absent and unused. */
const NONE: XValue = { kind: "null" };

function bool(value: boolean): XValue {
  return { kind: "bool", value };
}

function nat(value: bigint): XValue {
  return { kind: "nat", value };
}

function lengthOf(x: XValue): number {
  switch (x.kind) {
    case "list": case "set": return x.items.length;
    case "map": return x.entries.length;
    case "record": return x.fields.size;
    case "text": return scalarCount(x.value);
    case "bytes": return x.value.length;
    default: return typeError("len", "collection or text", x.kind);
  }
}

function get(target: XValue, needle: XValue): XValue {
  switch (target.kind) {
    case "record": {
      const name = needle.kind === "text" ? needle.value : typeError("get", "text", needle.kind);
      return target.fields.get(name) ?? missingField("get", name, "record");
    }
    case "map":
      return mapGet(target, keyOf(needle, "get")) ?? opError("get", "map key not found");
    case "list": {
      const isIndex = (needle.kind === "nat" || needle.kind === "int") && needle.value >= 0n;
      const index = isIndex ? needle.value : opError("get", "index must be non-negative int or nat");
      const item = index < BigInt(target.items.length) ? target.items[Number(index)] : undefined;
      return item ?? opError("get", `index ${index} is out of range, the list has ${target.items.length} items`);
    }
    default:
      return typeError("get", "list|record|map", target.kind);
  }
}

function has(target: XValue, needle: XValue): boolean {
  switch (target.kind) {
    case "record": return target.fields.has(needle.kind === "text" ? needle.value : typeError("has", "text", needle.kind));
    case "map": return mapGet(target, keyOf(needle, "has")) !== undefined;
    case "set": return setHas(target, keyOf(needle, "has"));
    case "list": return target.items.some((item) => equalX(item, needle));
    default: return typeError("has", "list|record|map|set", target.kind);
  }
}

/** @throws AosError `expr.missing_field` with `data.field` and `data.context` */
export function missingField(place: string, field: string, context: "record" | "map"): never {
  const noun = context === "map" ? "key" : "field";
  return exprError("missing_field", `${place}: the ${context} has no ${noun} ${JSON.stringify(field)}`, { field, context });
}

function opError(op: Opcode, what: string): never {
  return exprError("op", `${op}: ${what}`, { op });
}

/** Numbers of all four kinds compare by value, texts by UTF-8 bytes. */
function order(op: Opcode, a: XValue, b: XValue): number {
  const left = comparable(op, a);
  const right = comparable(op, b);
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (typeof left === "bigint" && typeof right === "bigint") return left === right ? 0 : left < right ? -1 : 1;
  return typeError(op, "comparable pair", `${a.kind} and ${b.kind}`);
}

function comparable(op: Opcode, x: XValue): bigint | string {
  switch (x.kind) {
    case "int": case "nat": case "time_ns": case "duration_ns": case "text": return x.value;
    default: return typeError(op, "number or text", x.kind);
  }
}

function booleans(op: Opcode, args: readonly XValue[]): boolean[] {
  return args.map((arg) => (arg.kind === "bool" ? arg.value : typeError(op, "bool", arg.kind)));
}

function texts(op: Opcode, a: XValue, b: XValue): [string, string] {
  const text = (x: XValue): string => (x.kind === "text" ? x.value : typeError(op, "text", x.kind));
  return [text(a), text(b)];
}

function hashOfBytes(x: XValue): XValue {
  return x.kind === "bytes" ? { kind: "hash", value: hashBytes(x.value) } : opError("hash_bytes", `expected bytes, got ${x.kind}`);
}

function contains(a: XValue, b: XValue): boolean {
  if (a.kind === "text" && b.kind === "text") return textContains(a.value, b.value);
  if (a.kind === "bytes" && b.kind === "bytes") return bytesContain(a.value, b.value);
  if (a.kind === "list") return a.items.some((item) => equalX(item, b));
  if (a.kind === "set") return setHas(a, keyOf(b, "contains"));
  if (a.kind === "map") return mapGet(a, keyOf(b, "contains")) !== undefined;
  const actual = a.kind === "text" || a.kind === "bytes" ? `${a.kind} with a needle of kind ${b.kind}` : a.kind;
  return typeError("contains", "text|bytes|list|set|map", actual);
}

/** Work below which the built-in search, whose worst case is the product of the lengths, is the faster one. */
const SMALL_SEARCH = 1 << 20;

function textContains(text: string, needle: string): boolean {
  if (text.length * needle.length <= SMALL_SEARCH) return text.includes(needle);
  return bytesContain(utf8(text), utf8(needle));
}

/** Knuth, Morris and Pratt: the time is the sum of the lengths whatever the bytes are. */
function bytesContain(bytes: Uint8Array, needle: Uint8Array): boolean {
  if (needle.length === 0) return true;
  const border = new Uint32Array(needle.length);
  const advance = (matched: number, byte: number): number => {
    let length = matched;
    while (length > 0 && needle[length] !== byte) length = border[length - 1]!;
    return needle[length] === byte ? length + 1 : length;
  };
  for (let at = 1; at < needle.length; at += 1) border[at] = advance(border[at - 1]!, needle[at]!);
  let matched = 0;
  for (const byte of bytes) {
    matched = advance(matched, byte);
    if (matched === needle.length) return true;
  }
  return false;
}

type Arithmetic = "add" | "sub" | "mul" | "div" | "mod";

/** Nat with Nat stays Nat, but a negative difference is Int; any other mix of Int and Nat is Int. */
function arithmetic(op: Arithmetic, a: XValue, b: XValue): XValue {
  if ((op === "div" || op === "mod") && (b.kind === "int" || b.kind === "nat") && b.value === 0n) {
    return exprError("divide_by_zero", `${op}: the divisor is zero`, { op });
  }
  const value = compute(op, operand(op, a), operand(op, b));
  if (a.kind === "nat" && b.kind === "nat" && value >= 0n) return value <= U64_MAX ? nat(value) : overflow(op, "nat");
  return value >= I64_MIN && value <= I64_MAX ? { kind: "int", value } : overflow(op, "int");
}

function operand(op: Arithmetic, x: XValue): bigint {
  return x.kind === "int" || x.kind === "nat" ? x.value : typeError(op, "int or nat", x.kind);
}

function compute(op: Arithmetic, a: bigint, b: bigint): bigint {
  switch (op) {
    case "add": return a + b;
    case "sub": return a - b;
    case "mul": return a * b;
    case "div": return a / b;
    case "mod": return a % b;
    default: return unreachable(op);
  }
}

function overflow(op: Arithmetic, kind: "int" | "nat"): never {
  return exprError("overflow", `${op}: the result does not fit ${kind}`, { op });
}
