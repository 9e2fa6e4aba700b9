// Tagged literals against a schema: canonical form, strict check, and the run-time value they stand for.

import { canonicalBare } from "./cbor.ts";
import { AosError, unreachable } from "./error.ts";
import { expandType } from "./expand.ts";
import { compareBytes } from "./hash.ts";
import { compileNormalizer } from "./normalize.ts";
import { literalValue } from "./serialize.ts";
import { decodeBase64 } from "./base64.ts";
import { integer } from "./value.ts";
import { placeOf } from "./value-path.ts";
import type { Expanded } from "./expand.ts";
import type { DefSchema, Literal, PrimitiveName, TypeExpr } from "./types.ts";
import type { Value } from "./value.ts";
import type { Path } from "./value-path.ts";

export { parseSugar } from "./sugar.ts";

type Schemas = ReadonlyMap<string, DefSchema>;
type Fields<T> = ReadonlyMap<string, T>;

const LITERAL_OF: Readonly<Record<PrimitiveName, Literal["kind"]>> = {
  bool: "bool", int: "int", nat: "nat", dec128: "dec128", bytes: "bytes_b64", text: "text", time: "time_ns",
  duration: "duration_ns", hash: "hash", uuid: "uuid", unit: "null",
};

/**
 * The form that is hashed: records hold exactly the declared fields, sets are sorted by the canonical bytes of their tagged
 * elements and freed of duplicates, maps are sorted by key and keep the first of equal keys. Kinds are not judged here.
 *
 * @throws AosError `literal.unknown_field`, `literal.missing_field`, or as `expandType`
 */
export function canonicalizeLiteral(literal: Literal, type: TypeExpr, schemas: Schemas): Literal {
  return canonicalForm(literal, expandType(schemas, type), []);
}

function canonicalForm(literal: Literal, type: Expanded, path: Path): Literal {
  if (type.kind === "option") return literal.kind === "null" ? literal : canonicalForm(literal, type.item, path);
  switch (literal.kind) {
    case "record":
      return type.kind === "record" ? canonicalRecord(literal.fields, type.fields, path) : literal;
    case "variant": {
      const arm = type.kind === "variant" ? type.arms.get(literal.tag) : undefined;
      if (arm === undefined || literal.value === undefined) return literal;
      return { ...literal, value: within(path, literal.tag, () => canonicalForm(literal.value!, arm, path)) };
    }
    case "list":
    case "set": {
      if (type.kind !== "list" && type.kind !== "set") return literal;
      const items = literal.items.map((item, index) => within(path, index, () => canonicalForm(item, type.item, path)));
      return { kind: literal.kind, items: literal.kind === "set" ? sortedOnce(items, (item) => item) : items };
    }
    case "map": {
      if (type.kind !== "map") return literal;
      const entries = literal.entries.map(({ key, value }, index) =>
        ({ key, value: within(path, index, () => canonicalForm(value, type.value, path)) }));
      return { kind: "map", entries: sortedOnce(entries, ({ key }) => key) };
    }
    default:
      return literal;
  }
}

function canonicalRecord(fields: Fields<Literal>, types: Fields<Expanded>, path: Path): Literal {
  refuseUnknown(fields, types, path);
  const out = new Map<string, Literal>();
  for (const [name, type] of types) {
    const field = fields.get(name);
    if (field === undefined) return missing(path, name, type);
    out.set(name, within(path, name, () => canonicalForm(field, type, path)));
  }
  return { kind: "record", fields: out };
}

/** Sorts by the canonical bytes of a tagged literal; of equal ones the first stays. */
function sortedOnce<T>(items: readonly T[], key: (item: T) => Literal): T[] {
  const keyed = items.map((item) => ({ item, bytes: canonicalBare(literalValue(key(item))) }));
  keyed.sort((a, b) => compareBytes(a.bytes, b.bytes));
  return keyed.filter(({ bytes }, at) => at === 0 || compareBytes(bytes, keyed[at - 1]!.bytes) !== 0).map(({ item }) => item);
}

/**
 * Checks that a literal is of a type, kind by kind: `{"int": 1}` is no nat, `{"text": "1"}` no dec128. Option fields may be
 * absent; a variant may leave out its value only where the arm is unit; a secret reference is the record
 * `{alias: text, version: nat}`. The contents of dec128, uuid and base64 are not looked at.
 *
 * @throws AosError `literal.type`, `literal.missing_field`, `literal.unknown_field`, `literal.unknown_variant`,
 *   `literal.missing_value`, `literal.map_key`, or as `expandType`
 */
export function checkLiteral(literal: Literal, type: TypeExpr, schemas: Schemas): void {
  check(literal, expandType(schemas, type), []);
}

function check(literal: Literal, type: Expanded, path: Path): void {
  switch (type.kind) {
    case "option":
      if (literal.kind !== "null") check(literal, type.item, path);
      return;
    case "unit":
      if (literal.kind === "record" && literal.fields.size === 0) return;
      return checkKind(literal, "null", "unit", path);
    case "record":
      if (literal.kind === "secret") return checkRecord(secretFields(literal), type.fields, path);
      return literal.kind === "record" ? checkRecord(literal.fields, type.fields, path) : mismatch(path, type.kind, literal);
    case "variant":
      return literal.kind === "variant" ? checkVariant(literal, type.arms, path) : mismatch(path, type.kind, literal);
    case "list":
    case "set":
      if (literal.kind !== type.kind) return mismatch(path, type.kind, literal);
      literal.items.forEach((item, index) => within(path, index, () => check(item, type.item, path)));
      return;
    case "map":
      if (literal.kind !== "map") return mismatch(path, type.kind, literal);
      literal.entries.forEach(({ key, value }, index) => within(path, index, () => {
        if (key.kind !== type.key) fail("map_key", path, `expected a key of kind ${type.key}, got ${kindOf(key)}`);
        check(value, type.value, path);
      }));
      return;
    default:
      return checkKind(literal, LITERAL_OF[type.kind], type.kind, path);
  }
}

function checkKind(literal: Literal, kind: Literal["kind"], expected: string, path: Path): void {
  if (literal.kind !== kind) mismatch(path, expected, literal);
}

function checkRecord(fields: Fields<Literal>, types: Fields<Expanded>, path: Path): void {
  refuseUnknown(fields, types, path);
  for (const [name, type] of types) {
    const field = fields.get(name);
    if (field !== undefined) within(path, name, () => check(field, type, path));
    else if (type.kind !== "option") missing(path, name, type);
  }
}

function checkVariant(literal: Literal & { kind: "variant" }, types: Fields<Expanded>, path: Path): void {
  const arm = types.get(literal.tag);
  if (arm === undefined) return unknownTag(path, literal.tag, types);
  const { value } = literal;
  if (value !== undefined) within(path, literal.tag, () => check(value, arm, path));
  else if (arm.kind !== "unit") fail("missing_value", path, `tag ${JSON.stringify(literal.tag)} needs a value of kind ${arm.kind}`);
}

/**
 * The canonical run-time value of a literal (values-and-definitions 1.4): variants as `{"$tag", "$value"}`, absent options
 * null. A variant without a value gets `$value` null.
 *
 * @throws AosError `literal.base64`, or `value.invalid` when the literal is not of the type
 */
export function literalToValue(literal: Literal, type: TypeExpr, schemas: Schemas): Value {
  return compileNormalizer(schemas, type)(valueOf(literal, []));
}

function valueOf(literal: Literal, path: Path): Value {
  switch (literal.kind) {
    case "null": return null;
    case "bool": case "dec128": case "text": case "hash": case "uuid": return literal.value;
    case "int": case "nat": case "time_ns": case "duration_ns": return integer(literal.value);
    case "bytes_b64": return decodeBase64(literal.value) ?? fail("base64", path, "expected standard padded base64");
    case "list": case "set": return literal.items.map((item, index) => within(path, index, () => valueOf(item, path)));
    case "map":
      return new Map(literal.entries.map(({ key, value }, index) =>
        within(path, index, () => [valueOf(key, path), valueOf(value, path)] as const)));
    case "record":
      return new Map([...literal.fields].map(([name, field]) => [name, within(path, name, () => valueOf(field, path))]));
    case "secret": return valueOf({ kind: "record", fields: secretFields(literal) }, path);
    case "variant": {
      const { tag, value = { kind: "null" } } = literal;
      return new Map<Value, Value>([["$tag", tag], ["$value", within(path, tag, () => valueOf(value, path))]]);
    }
    default: return unreachable(literal);
  }
}

/** A secret reference as the record it is accepted for. */
export function secretFields(secret: Literal & { kind: "secret" }): Fields<Literal> {
  return new Map<string, Literal>([["alias", { kind: "text", value: secret.alias }], ["version", { kind: "nat", value: secret.version }]]);
}

function within<T>(path: Path, step: string | number, inside: () => T): T {
  path.push(step);
  const out = inside();
  path.pop();
  return out;
}

function refuseUnknown(fields: Fields<unknown>, types: Fields<Expanded>, path: Path): void {
  for (const name of fields.keys()) {
    if (types.has(name)) continue;
    fail("unknown_field", [...path, name], "unknown record field", `declared fields: ${[...types.keys()].join(", ")}`);
  }
}

function missing(path: Path, name: string, type: Expanded): never {
  const hint = type.kind === "option" ? "an option field is written as null" : undefined;
  return fail("missing_field", [...path, name], "record field is missing", hint);
}

function unknownTag(path: Path, tag: string, types: Fields<Expanded>): never {
  return fail("unknown_variant", path, `unknown variant tag ${JSON.stringify(tag)}`, `declared tags: ${[...types.keys()].join(", ")}`);
}

function mismatch(path: Path, expected: string, literal: Literal): never {
  return fail("type", path, `expected ${expected}, got ${kindOf(literal)}`);
}

function kindOf(literal: Literal): string {
  if (literal.kind === "secret") return "secret_ref";
  return literal.kind === "bytes_b64" ? "bytes" : literal.kind;
}

function fail(code: string, path: Path, what: string, hint?: string): never {
  throw new AosError(`literal.${code}`, `${placeOf(path)}: ${what}`, hint === undefined ? {} : { hint });
}
