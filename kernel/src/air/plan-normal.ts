// The normal form of a plan, which is its identity: every literal slot by its schema, capabilities and effects derived.

import { AosError } from "./error.ts";
import { expandType } from "./expand.ts";
import { canonicalizeLiteral, checkLiteral, parseSugar } from "./literal.ts";
import { compareText } from "./text.ts";
import type { Expanded } from "./expand.ts";
import type { Problem } from "./parse.ts";
import type { DefEffect, DefPlan, DefSchema, Expr, Literal, PlanStep, Slot, TypeExpr } from "./types.ts";

/** What slots are read by: schemas by name, effects by kind, builtin ones included in both. */
interface PlanEnv {
  readonly schemas: ReadonlyMap<string, DefSchema>;
  readonly effects: ReadonlyMap<string, DefEffect>;
}

type Report = (problem: Problem) => void;
interface Place { readonly env: PlanEnv; readonly report: Report; readonly pointer: string }

/**
 * Normalises a plan (values-and-definitions 2.5). A slot that is a constant becomes a canonical, checked literal of its
 * schema; an expression with a ref or an operator stays as written; guards, invariants and predicates are not touched.
 * `required_caps` and `allowed_effects` are derived from the emitting steps when empty, else sorted and freed of duplicates.
 *
 * @param report - gets every problem, its pointer relative to the plan, e.g. `/steps/0/params`; nothing is thrown. Codes:
 *   `plan.unknown_effect`, `plan.missing_schema`, `schema.*`, `literal.*`; warnings `plan.dropped_field`, `plan.unit_value`
 * @returns the normal plan; where an error was reported, the slot as it was
 */
export function normalizePlan(plan: DefPlan, env: PlanEnv, report: Report): DefPlan {
  const steps = plan.steps.map((step, index) => normalStep(step, plan, { env, report, pointer: `/steps/${index}` }));
  const emits = plan.steps.filter((step) => step.op === "emit_effect");
  const { required_caps: caps, allowed_effects: effects, ...rest } = plan;
  const requiredCaps = sortedOnce(caps === undefined || caps.length === 0 ? emits.map((step) => step.cap) : caps);
  const allowedEffects = sortedOnce(effects === undefined || effects.length === 0 ? emits.map((step) => step.effect) : effects);
  return {
    ...rest,
    steps,
    ...(requiredCaps.length === 0 ? {} : { required_caps: requiredCaps }),
    ...(allowedEffects.length === 0 ? {} : { allowed_effects: allowedEffects }),
  };
}

function sortedOnce(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort(compareText);
}

function normalStep(step: PlanStep, plan: DefPlan, place: Place): PlanStep {
  switch (step.op) {
    case "raise_event":
      return { ...step, value: normalSlot(step.value, named(step.event), at(place, "value")) };
    case "emit_effect":
      return normalEmit(step, place);
    case "assign": {
      const local = plan.locals?.get(step.bind.as);
      if (local !== undefined) return { ...step, expr: normalSlot(step.expr, named(local), at(place, "expr")) };
      if (step.expr.lens === "sugar") {
        missingSchema(at(place, "expr"), `the variable ${JSON.stringify(step.bind.as)} has no declared type to read plain JSON by`,
          `declare it in locals, or write the value in the tagged form, e.g. {"text": "hi"}`);
      }
      return step;
    }
    case "end":
      if (step.result === undefined) return step;
      if (plan.output !== undefined) return { ...step, result: normalSlot(step.result, named(plan.output), at(place, "result")) };
      missingSchema(at(place, "result"), "the plan has a result and no output schema", `add "output" to the plan, or leave the result out`);
      return step;
    default:
      return step;
  }
}

function normalEmit(step: PlanStep & { op: "emit_effect" }, place: Place): PlanStep {
  const effect = place.env.effects.get(step.effect);
  if (effect === undefined) {
    const message = `no effect of kind ${JSON.stringify(step.effect)}`;
    place.report({ code: "plan.unknown_effect", pointer: `${place.pointer}/kind`, message });
  }
  const { idempotency_key: key } = step;
  return {
    ...step,
    params: effect === undefined ? step.params : normalSlot(step.params, named(effect.params_schema), at(place, "params")),
    ...(key === undefined ? {} : { idempotency_key: normalSlot(key, { kind: "hash" }, at(place, "idempotency_key")) }),
  };
}

function at(place: Place, step: string): Place {
  return { ...place, pointer: `${place.pointer}/${step}` };
}

function named(name: DefSchema["name"]): TypeExpr {
  return { kind: "ref", name };
}

function missingSchema(place: Place, message: string, hint: string): void {
  place.report({ code: "plan.missing_schema", pointer: place.pointer, message, hint });
}

function normalSlot(slot: Slot, type: TypeExpr, place: Place): Slot {
  const { env: { schemas }, report, pointer } = place;
  try {
    const literal = literalOfSlot(slot, type, place);
    if (literal === undefined) return slot;
    const normal = canonicalizeLiteral(literal, type, schemas);
    checkLiteral(normal, type, schemas);
    warnUnitValues(normal, expandType(schemas, type), place);
    return { lens: "literal", literal: normal };
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    const hint = cause.hint ?? capturedHint(slot, cause);
    report({
      code: cause.code, pointer: pointer + (cause.at?.pointer ?? ""), message: cause.message, ...(hint === undefined ? {} : { hint }),
    });
    return slot;
  }
}

/** @returns undefined for an expression that is not constant */
function literalOfSlot(slot: Slot, type: TypeExpr, place: Place): Literal | undefined {
  if (slot.lens === "expr") return constantLiteral(slot.expr);
  if (slot.lens === "literal") return slot.literal;
  return parseSugar(slot.json, type, place.env.schemas, {
    notes: {
      dropped: (pointer, name) => place.report({
        code: "plan.dropped_field", severity: "warning", pointer: place.pointer + pointer,
        message: `the record does not declare ${JSON.stringify(name)}: it is left out`,
        hint: "remove it, or declare it in the schema",
      }),
    },
  });
}

/** An expression without refs and operators, as a literal; undefined when there is one anywhere. */
function constantLiteral(expr: Expr): Literal | undefined {
  switch (expr.kind) {
    case "ref": case "op":
      return undefined;
    case "list": case "set": {
      const items = constantLiterals(expr.items);
      return items && { kind: expr.kind, items };
    }
    case "record": {
      const values = constantLiterals([...expr.fields.values()]);
      return values && { kind: "record", fields: new Map([...expr.fields.keys()].map((name, index) => [name, values[index]!])) };
    }
    case "map": {
      const keys = constantLiterals(expr.entries.map(({ key }) => key));
      const values = constantLiterals(expr.entries.map(({ value }) => value));
      return keys && values && { kind: "map", entries: keys.map((key, index) => ({ key, value: values[index]! })) };
    }
    case "variant": {
      if (expr.value === undefined) return { kind: "variant", tag: expr.tag };
      const value = constantLiteral(expr.value);
      return value && { kind: "variant", tag: expr.tag, value };
    }
    default:
      return expr;
  }
}

function constantLiterals(exprs: readonly Expr[]): Literal[] | undefined {
  const literals: Literal[] = [];
  for (const expr of exprs) {
    const literal = constantLiteral(expr);
    if (literal === undefined) return undefined;
    literals.push(literal);
  }
  return literals;
}

/** A plain object with a key such as `text` is read as the tagged form; the author sees a kind mismatch at the root. */
function capturedHint(slot: Slot, cause: AosError): string | undefined {
  const tagged = slot.lens === "expr" ? slot.expr.kind : slot.lens === "literal" ? slot.literal.kind : undefined;
  if (tagged === undefined || cause.code !== "literal.type" || !cause.message.startsWith("$: expected record")) return undefined;
  return `an object with a key like "text", "hash" or "list" is read as the tagged form; write {"record": {…}} with tagged fields`;
}

/** A unit arm has two forms with different hashes: with a null value and without. */
function warnUnitValues(literal: Literal, type: Expanded, place: Place): void {
  if (type.kind === "option") {
    if (literal.kind !== "null") warnUnitValues(literal, type.item, place);
  } else if (literal.kind === "variant" && type.kind === "variant") {
    const arm = type.arms.get(literal.tag);
    if (literal.value === undefined || arm === undefined) return;
    if (arm.kind !== "unit") return warnUnitValues(literal.value, arm, place);
    place.report({
      code: "plan.unit_value", severity: "warning", pointer: place.pointer,
      message: `tag ${JSON.stringify(literal.tag)} carries no value but one is written: the plan hash differs from the form without`,
      hint: `write {"${literal.tag}": null} as plain JSON, or the tagged form without "value"`,
    });
  } else if (literal.kind === "record" && type.kind === "record") {
    for (const [name, field] of literal.fields) {
      const fieldType = type.fields.get(name);
      if (fieldType !== undefined) warnUnitValues(field, fieldType, place);
    }
  } else if ((literal.kind === "list" || literal.kind === "set") && (type.kind === "list" || type.kind === "set")) {
    for (const item of literal.items) warnUnitValues(item, type.item, place);
  } else if (literal.kind === "map" && type.kind === "map") {
    for (const { value } of literal.entries) warnUnitValues(value, type.value, place);
  }
}
