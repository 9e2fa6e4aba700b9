// Expressions: strict, left to right, total apart from `expr.*` errors. Guards, predicates and dynamic plan slots run here.

import { decodeBase64 } from "./base64.ts";
import { assert, unreachable } from "./error.ts";
import { applyOperator, missingField } from "./expr-ops.ts";
import { exprError, keyOf, limited, mapGet, typeError, xMap, xSet, xVariant } from "./expr-value.ts";
import { secretFields } from "./literal.ts";
import { compareText } from "./text.ts";
import type { XValue } from "./expr-value.ts";
import type { Constant, Expr, Literal, Slot } from "./types.ts";

export { xFromReceipt, xFromValue, xStrict, xToValue } from "./expr-convert.ts";
export { taggedValue, xFromTagged } from "./expr-tagged.ts";
export type { XKey, XValue } from "./expr-value.ts";

/** What refs name: `@plan.input`, `@var:NAME`, `@step:ID`, and `@event` while an event is judged. */
export interface Env {
  readonly planInput: XValue;
  readonly vars: ReadonlyMap<string, XValue>;
  readonly steps: ReadonlyMap<string, XValue>;
  readonly event?: XValue;
}

/**
 * Evaluates an expression. Every argument is evaluated before its operator, nothing is skipped, and the first error wins;
 * record fields are taken in text order, so that one definition fails the same way however it was written.
 *
 * @throws AosError `expr.missing_ref`, `expr.missing_field`, `expr.type`, `expr.arity`, `expr.bytes` (a constant that is not
 *   base64), `expr.overflow`, `expr.divide_by_zero`, `expr.op`, `expr.limit` (a value beyond 48 levels or 16 MiB)
 */
export function evaluate(expr: Expr, env: Env): XValue {
  switch (expr.kind) {
    case "ref": return resolveRef(expr.ref, env);
    case "op": return applyOperator(expr.op, expr.args.map((arg) => evaluate(arg, env)));
    default: return construct(expr, (inner) => evaluate(inner, env));
  }
}

/**
 * The value of a plan slot: an expression evaluated, a literal as it stands (a secret reference is its record).
 *
 * @throws AosError as `evaluate`; InvariantError for sugar, which normalisation has replaced
 */
export function slotToX(slot: Slot, env: Env): XValue {
  if (slot.lens === "expr") return evaluate(slot.expr, env);
  assert(slot.lens === "literal", "a plan that runs is normalised: no slot holds sugar");
  return literalToX(slot.literal);
}

function literalToX(literal: Literal): XValue {
  if (literal.kind === "secret") return literalToX({ kind: "record", fields: secretFields(literal) });
  return construct(literal, literalToX);
}

/** The shapes that expressions and literals share; `inner` gives the values of children. */
type Shape<T> =
  | Constant
  | { readonly kind: "record"; readonly fields: ReadonlyMap<string, T> }
  | { readonly kind: "list" | "set"; readonly items: readonly T[] }
  | { readonly kind: "map"; readonly entries: readonly { readonly key: T; readonly value: T }[] }
  | { readonly kind: "variant"; readonly tag: string; readonly value?: T };

function construct<T>(shape: Shape<T>, inner: (child: T) => XValue): XValue {
  switch (shape.kind) {
    case "record": {
      const names = [...shape.fields.keys()].sort(compareText);
      return limited({ kind: "record", fields: new Map(names.map((name) => [name, inner(shape.fields.get(name)!)])) }, "record");
    }
    case "list": return limited({ kind: "list", items: shape.items.map(inner) }, "list");
    case "set": return limited(xSet(shape.items.map((item) => keyOf(inner(item), "set"))), "set");
    case "map": {
      const entries = shape.entries.map(({ key, value }) => ({ key: keyOf(inner(key), "map"), value: inner(value) }));
      return limited(xMap(entries), "map");
    }
    case "variant": return limited(xVariant(shape.tag, shape.value === undefined ? undefined : inner(shape.value)), "variant");
    default: return constant(shape);
  }
}

function constant(value: Constant): XValue {
  switch (value.kind) {
    case "null": return { kind: "null" };
    case "bool": return { kind: "bool", value: value.value };
    case "int": case "nat": case "time_ns": case "duration_ns": return { kind: value.kind, value: value.value };
    case "dec128": case "text": case "hash": case "uuid": return { kind: value.kind, value: value.value };
    case "bytes_b64":
      return { kind: "bytes", value: decodeBase64(value.value) ?? exprError("bytes", "bytes_b64: expected standard padded base64") };
    default: return unreachable(value);
  }
}

function resolveRef(ref: string, env: Env): XValue {
  const root = rootOf(ref, env) ?? exprError("missing_ref", `${ref}: no such reference`, { ref });
  return walk(root.x, root.path, ref);
}

/** What a ref starts from, and the path that is left. */
function rootOf(ref: string, env: Env): { readonly x: XValue; readonly path: string } | undefined {
  if (ref.startsWith("@plan.input")) return { x: env.planInput, path: ref.slice("@plan.input".length) };
  if (ref.startsWith("@event")) return env.event && { x: env.event, path: ref.slice("@event".length) };
  if (ref.startsWith("@step:")) return named(env.steps, ref.slice("@step:".length));
  if (!ref.startsWith("@var:")) return undefined;
  const rest = ref.slice("@var:".length);
  const whole = env.vars.get(rest);
  return whole === undefined ? named(env.vars, rest) : { x: whole, path: "" };
}

/** The name ends at the first dot; the rest is a path. */
function named(values: ReadonlyMap<string, XValue>, text: string): { readonly x: XValue; readonly path: string } | undefined {
  const dot = text.indexOf(".");
  const x = values.get(dot < 0 ? text : text.slice(0, dot));
  return x && { x, path: dot < 0 ? "" : text.slice(dot) };
}

/** Follows field names of records and text keys of maps; empty segments count for nothing. */
function walk(start: XValue, path: string, ref: string): XValue {
  let x = start;
  for (const segment of path.split(".")) {
    if (segment === "") continue;
    if (x.kind === "record") x = x.fields.get(segment) ?? missingField(ref, segment, "record");
    else if (x.kind === "map") x = mapGet(x, { kind: "text", value: segment }) ?? missingField(ref, segment, "map");
    else return typeError(ref, "record or map", x.kind);
  }
  return x;
}
