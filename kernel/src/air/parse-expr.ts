// Types, expressions, literals and plan slots read from trees. The first alternative that fits in structure wins.

import { isHashText } from "./text.ts";
import {
  firstFit, isError, readBool, readI64, readList, readMap, readName, readStruct, readText, readU64, readWord, settle, standIn,
} from "./parse-struct.ts";
import type { Alternative, Problem, Read, Report } from "./parse-struct.ts";
import type { Constant, Expr, Json, KeyTypeName, Literal, Opcode, PrimitiveName, Slot, TypeExpr } from "./types.ts";
import { isList, isMap, kindOfValue } from "./value-path.ts";
import type { Value } from "./value.ts";

/** One key and its content, other keys warned about. */
function tagged<T, C>(key: string, read: Read<C>, make: (content: C) => T): Alternative<T> {
  return { key, read: readStruct(`{"${key}"}`, (fields) => make(fields.need(key, read))) };
}

const readNothing: Read<undefined> = readStruct("{}", () => undefined);

// --- types

const PRIMITIVES: readonly PrimitiveName[] = ["bool", "int", "nat", "dec128", "bytes", "text", "time", "duration", "hash", "uuid", "unit"];
const KEY_TYPES: readonly KeyTypeName[] = ["int", "nat", "text", "uuid", "hash"];

const readKeyType = firstFit<KeyTypeName>(
  { code: "air.type_expr", noun: "the type of a map key" },
  KEY_TYPES.map((name) => tagged(name, readNothing, () => name)),
);

const TYPES: readonly Alternative<TypeExpr>[] = [
  ...PRIMITIVES.map((kind) => tagged<TypeExpr, undefined>(kind, readNothing, () => ({ kind }))),
  tagged("record", readMap(readType), (fields) => ({ kind: "record", fields })),
  tagged("variant", readMap(readType), (arms) => ({ kind: "variant", arms })),
  tagged("list", readType, (item) => ({ kind: "list", item })),
  tagged("set", readType, (item) => ({ kind: "set", item })),
  tagged(
    "map",
    readStruct("a map type", (fields): TypeExpr => ({ kind: "map", key: fields.need("key", readKeyType), value: fields.need("value", readType) })),
    (map) => map,
  ),
  tagged("option", readType, (item) => ({ kind: "option", item })),
  tagged("ref", readName, (name) => ({ kind: "ref", name })),
];
const readAnyType = firstFit({ code: "air.type_expr", noun: "a type" }, TYPES);

export function readType(value: Value, at: string, report: Report): TypeExpr {
  return readAnyType(value, at, report);
}

// --- constants, which expressions and literals share

function readHashConstant(value: Value, at: string, report: Report): string {
  const text = readText(value, at, report);
  if (typeof value === "string" && !isHashText(value)) {
    report({ code: "air.hash", pointer: at, message: `${JSON.stringify(value)} is not a hash`, hint: "expected sha256: and 64 hex digits" });
  }
  return text;
}

type ConstantKind = Constant["kind"];
const CONSTANTS: { readonly [K in ConstantKind]: Alternative<Constant> } = {
  null: tagged("null", readNothing, () => ({ kind: "null" })),
  bool: tagged("bool", readBool, (value) => ({ kind: "bool", value })),
  int: tagged("int", readI64, (value) => ({ kind: "int", value })),
  nat: tagged("nat", readU64, (value) => ({ kind: "nat", value })),
  dec128: tagged("dec128", readText, (value) => ({ kind: "dec128", value })),
  text: tagged("text", readText, (value) => ({ kind: "text", value })),
  bytes_b64: tagged("bytes_b64", readText, (value) => ({ kind: "bytes_b64", value })),
  time_ns: tagged("time_ns", readU64, (value) => ({ kind: "time_ns", value })),
  duration_ns: tagged("duration_ns", readI64, (value) => ({ kind: "duration_ns", value })),
  hash: tagged("hash", readHashConstant, (value) => ({ kind: "hash", value })),
  uuid: tagged("uuid", readText, (value) => ({ kind: "uuid", value })),
};

/** The orders differ in one place, which decides what an object with both keys is. */
const EXPR_CONSTANTS: readonly ConstantKind[] = [
  "null", "bool", "int", "nat", "dec128", "text", "bytes_b64", "time_ns", "duration_ns", "hash", "uuid",
];
const LITERAL_CONSTANTS: readonly ConstantKind[] = [
  "null", "bool", "int", "nat", "dec128", "bytes_b64", "text", "time_ns", "duration_ns", "hash", "uuid",
];

function readEntries<T>(read: Read<T>): Read<readonly { readonly key: T; readonly value: T }[]> {
  return readList(readStruct("a map entry", (fields) => ({ key: fields.need("key", read), value: fields.need("value", read) })));
}

function variantOf<T>(tag: string, value: T | undefined): { readonly kind: "variant"; readonly tag: string; readonly value?: T } {
  return value === undefined ? { kind: "variant", tag } : { kind: "variant", tag, value };
}

// --- expressions

const OPCODES: readonly Opcode[] = [
  "len", "get", "has", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "concat", "hash", "hash_bytes",
  "add", "sub", "mul", "div", "mod", "starts_with", "ends_with", "contains",
];

const readOpcode = readWord(OPCODES);

const EXPRS: readonly Alternative<Expr>[] = [
  tagged("ref", readText, (ref) => ({ kind: "ref", ref })),
  ...EXPR_CONSTANTS.map((kind) => CONSTANTS[kind]),
  {
    key: "op",
    read: readStruct("an operation", (fields) => {
      return { kind: "op", op: fields.need("op", readOpcode), args: fields.need("args", readList(readExpr)) };
    }),
  },
  tagged("record", readMap(readExpr), (fields) => ({ kind: "record", fields })),
  tagged("list", readList(readExpr), (items) => ({ kind: "list", items })),
  tagged("set", readList(readExpr), (items) => ({ kind: "set", items })),
  tagged("map", readEntries(readExpr), (entries) => ({ kind: "map", entries })),
  tagged(
    "variant",
    readStruct("a variant", (fields) => variantOf(fields.need("tag", readText), fields.maybe("value", readExpr))),
    (variant) => variant,
  ),
];
const readAnyExpr = firstFit({ code: "air.expr", noun: "an expression" }, EXPRS);

export function readExpr(value: Value, at: string, report: Report): Expr {
  return readAnyExpr(value, at, report);
}

// --- literals

const LITERALS: readonly Alternative<Literal>[] = [
  ...LITERAL_CONSTANTS.map((kind) => CONSTANTS[kind]),
  tagged("list", readList(readLiteral), (items) => ({ kind: "list", items })),
  tagged("set", readList(readLiteral), (items) => ({ kind: "set", items })),
  tagged("map", readEntries(readLiteral), (entries) => ({ kind: "map", entries })),
  tagged("record", readMap(readLiteral), (fields) => ({ kind: "record", fields })),
  { key: "tag", read: readStruct("a variant", (fields) => variantOf(fields.need("tag", readText), fields.maybe("value", readLiteral))) },
  { key: "alias", read: readSecret },
];
const readAnyLiteral = firstFit({ code: "air.literal", noun: "a tagged literal" }, LITERALS);

export function readLiteral(value: Value, at: string, report: Report): Literal {
  return readAnyLiteral(value, at, report);
}

/** A secret ref has its two keys and no other, not even prose. */
function readSecret(value: Value, at: string, report: Report): Literal {
  if (isMap(value) && value.size > 2) {
    report({ code: "air.literal", pointer: at, message: "a secret ref has exactly the keys alias and version" });
  }
  return readStruct("a secret ref", (fields): Literal => {
    return { kind: "secret", alias: fields.need("alias", readText), version: fields.need("version", readU64) };
  })(value, at, report);
}

// --- slots

/**
 * Reads a slot: all of it an expression, or all of it a tagged literal, or else sugar, which is kept as it is until its
 * schema is known.
 */
export function readSlot(value: Value, at: string, report: Report): Slot {
  const expr = attempt(readExpr, value, { at, report });
  if (expr !== undefined) return { lens: "expr", expr };
  const literal = attempt(readLiteral, value, { at, report });
  if (literal !== undefined) return { lens: "literal", literal };
  return { lens: "sugar", json: readSugar(value, at, report) };
}

/** What was read, its warnings reported; or undefined, and nothing reported. */
function attempt<T>(read: Read<T>, value: Value, place: { readonly at: string; readonly report: Report }): T | undefined {
  const problems: Problem[] = [];
  const result = settle(read, value, { at: place.at, report: (problem) => problems.push(problem) });
  if (problems.some(isError)) return undefined;
  for (const problem of problems) place.report(captured(problem));
  return result;
}

const TAGGED_FORM = 'an object with a key named like a type is read in tagged form; write the whole value tagged, {"record": …}';

/** An ignored key may mean that sugar was taken for a constant because one of its keys is named like a tag. */
function captured(problem: Problem): Problem {
  return { ...problem, hint: problem.hint ?? TAGGED_FORM };
}

function readSugar(value: Value, at: string, report: Report): Json {
  if (isJson(value)) return value;
  report({ code: "air.slot", pointer: at, message: `expected an expression, a tagged literal or JSON, got ${kindOfValue(value)} with bytes in it` });
  return standIn();
}

function isJson(value: Value): value is Json {
  if (isList(value)) return value.every(isJson);
  if (isMap(value)) return [...value].every(([key, member]) => typeof key === "string" && isJson(member));
  return !(value instanceof Uint8Array);
}
