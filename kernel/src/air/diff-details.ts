// What differs inside a definition, by meaning rather than by text.

import { canonical, decode } from "./cbor.ts";
import { listDiff, names, pairs, setDiff } from "./diff-list.ts";
import { hex } from "./hash.ts";
import { nodeValue, ruleValue } from "./serialize.ts";
import { compareText } from "./text.ts";
import { typeText } from "./type-shape.ts";
import type { DefModule, DefPlan, DefPolicy, DefSecret, Definition, PlanStep, PolicyRule, TypeExpr } from "./types.ts";
import type { Encodable, Value } from "./value.ts";

/** Differences of two definitions of one kind; for an added plan, what it does. Empty for what is removed and for the catalog's. */
export function detailsOf(before: Definition | undefined, after: Definition | undefined): readonly string[] {
  if (after?.kind === "defplan" && before === undefined) return [planOutline(after)];
  if (before === undefined || after === undefined) return [];
  if (before.kind === "defschema" && after.kind === "defschema") return typeDetails("", before.type, after.type);
  if (before.kind === "defmodule" && after.kind === "defmodule") return moduleDetails(before, after);
  if (before.kind === "defplan" && after.kind === "defplan") return planDetails(before, after);
  if (before.kind === "defpolicy" && after.kind === "defpolicy") return policyDetails(before, after);
  if (before.kind === "defsecret" && after.kind === "defsecret") return secretDetails(before, after);
  if (before.kind === "defeffect" && after.kind === "defeffect") {
    const fields = ["effect", "params_schema", "receipt_schema", "cap_type", "origin_scope"] as const;
    return fields.flatMap((field) => fieldChange(field === "effect" ? "kind" : field, before[field], after[field]));
  }
  if (before.kind === "defcap" && after.kind === "defcap") {
    return [
      ...fieldChange("cap_type", before.cap_type, after.cap_type),
      ...fieldChange("enforcer", before.enforcer.module, after.enforcer.module),
      ...typeDetails("", before.schema, after.schema),
    ];
  }
  return [];
}

function fieldChange(field: string, before: string | undefined, after: string | undefined): readonly string[] {
  if (before === after) return [];
  if (before === undefined) return [`${field} \`${after}\` added`];
  if (after === undefined) return [`${field} \`${before}\` removed`];
  return [`${field} changed from \`${before}\` to \`${after}\``];
}

function typeDetails(path: string, before: TypeExpr, after: TypeExpr): readonly string[] {
  if (before.kind === "record" && after.kind === "record") return memberDetails("field", path, { before: before.fields, after: after.fields });
  if (before.kind === "variant" && after.kind === "variant") return memberDetails("arm", path, { before: before.arms, after: after.arms });
  if ((before.kind === "list" || before.kind === "set" || before.kind === "option") && after.kind === before.kind) return typeDetails(`${path}[]`, before.item, after.item);
  if (before.kind === "map" && after.kind === "map" && before.key === after.key) return typeDetails(`${path}{}`, before.value, after.value);
  const [was, is] = [typeText(before), typeText(after)];
  if (was === is) return [];
  return [path === "" ? `type changed from ${was} to ${is}` : `\`${path}\` changed from ${was} to ${is}`];
}

function memberDetails(noun: "field" | "arm", path: string, maps: { readonly before: ReadonlyMap<string, TypeExpr>; readonly after: ReadonlyMap<string, TypeExpr> }): readonly string[] {
  return pairs(maps.before, maps.after).flatMap(({ name, before, after }) => {
    const here = path === "" ? name : `${path}.${name}`;
    if (before === undefined) return after === undefined ? [] : [`${noun} \`${here}\` added (${typeText(after)})`];
    return after === undefined ? [`${noun} \`${here}\` removed`] : typeDetails(here, before, after);
  });
}

function moduleDetails(before: DefModule, after: DefModule): readonly string[] {
  const emitted = setDiff(before.abi.reducer?.effects_emitted ?? [], after.abi.reducer?.effects_emitted ?? []);
  return [
    ...(before.wasm_hash === after.wasm_hash ? [] : ["code changed"]),
    ...fieldChange("module_kind", before.module_kind, after.module_kind),
    ...fieldChange("key schema", before.key_schema, after.key_schema),
    ...(["state", "event", "context", "annotations"] as const).flatMap((field) => fieldChange(`${field} schema`, before.abi.reducer?.[field], after.abi.reducer?.[field])),
    ...(["input", "output", "context"] as const).flatMap((field) => fieldChange(`${field} schema`, before.abi.pure?.[field], after.abi.pure?.[field])),
    ...emitted.added.map((kind) => `may now emit \`${kind}\``),
    ...emitted.removed.map((kind) => `no longer emits \`${kind}\``),
    ...pairs(before.abi.reducer?.cap_slots, after.abi.reducer?.cap_slots).flatMap((slot) => fieldChange(`slot \`${slot.name}\``, slot.before, slot.after)),
  ];
}

function planOutline(plan: DefPlan): string {
  const effects = [...new Set(plan.steps.flatMap((step) => (step.op === "emit_effect" ? [step.effect] : [])))].sort(compareText);
  const count = `${plan.steps.length} step${plan.steps.length === 1 ? "" : "s"}`;
  return effects.length === 0 ? `${count}, emits nothing` : `${count}, emits ${names(effects)}`;
}

function planDetails(before: DefPlan, after: DefPlan): readonly string[] {
  const caps = setDiff(before.required_caps ?? [], after.required_caps ?? []);
  const effects = setDiff(before.allowed_effects ?? [], after.allowed_effects ?? []);
  return [
    ...fieldChange("input", before.input, after.input),
    ...fieldChange("output", before.output, after.output),
    ...pairs(before.locals, after.locals).flatMap((local) => fieldChange(`local \`${local.name}\``, local.before, local.after)),
    ...stepDetails(before, after),
    ...edgeDetails(before, after),
    ...caps.added.map((cap) => `grant \`${cap}\` now required`),
    ...caps.removed.map((cap) => `grant \`${cap}\` no longer required`),
    ...effects.added.map((kind) => `emits \`${kind}\` now`),
    ...effects.removed.map((kind) => `no longer emits \`${kind}\``),
    ...invariantDetails(before, after),
    ...(before.deadline_ns === after.deadline_ns ? [] : [`deadline changed from ${deadlineText(before)} to ${deadlineText(after)}`]),
  ];
}

/** How long a plan may live. */
export function deadlineText({ deadline_ns }: DefPlan): string {
  return deadline_ns === undefined ? "none" : `${deadline_ns} ns`;
}

function stepDetails(before: DefPlan, after: DefPlan): readonly string[] {
  const steps = (plan: DefPlan): ReadonlyMap<string, PlanStep> => new Map(plan.steps.map((step) => [step.id, step]));
  const trees = [stepTrees(before), stepTrees(after)] as const;
  const changes = pairs(steps(before), steps(after)).flatMap(({ name, before: was, after: is }) => {
    if (was === undefined) return [`step \`${name}\` added (${is === undefined ? "" : stepText(is)})`];
    if (is === undefined) return [`step \`${name}\` removed (${stepText(was)})`];
    const fields = pairs(trees[0].get(name), trees[1].get(name)).filter((field) => !sameValue(field.before, field.after));
    return fields.length === 0 ? [] : [`step \`${name}\` changed: ${fields.map((field) => field.name).join(", ")}`];
  });
  const kept = (plan: DefPlan, other: DefPlan): string => plan.steps.map((step) => step.id).filter((id) => steps(other).has(id)).join("\n");
  return kept(before, after) === kept(after, before) ? changes : [...changes, "steps are listed in another order"];
}

function stepText(step: PlanStep): string {
  if (step.op === "emit_effect") return `${step.op} ${step.effect} under ${step.cap}`;
  return step.op === "raise_event" || step.op === "await_event" ? `${step.op} ${step.event}` : step.op;
}

/** The steps of a plan by id, as they are hashed. */
function stepTrees(plan: DefPlan): ReadonlyMap<string, ReadonlyMap<string, Value>> {
  const steps = (treeOf(nodeValue(plan)) as ReadonlyMap<string, Value>).get("steps") as readonly ReadonlyMap<string, Value>[];
  return new Map(steps.map((step) => [step.get("id") as string, step]));
}

function treeOf(value: Encodable): Value {
  return decode(canonical(value));
}

function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return a === undefined || b === undefined ? a === b : keyOf(a) === keyOf(b);
}

/** Equal values have equal keys. */
export function keyOf(value: Encodable): string {
  return hex(canonical(value));
}

function edgeDetails(before: DefPlan, after: DefPlan): readonly string[] {
  const edges = (plan: DefPlan): ReadonlyMap<string, Value> => {
    const list = ((treeOf(nodeValue(plan)) as ReadonlyMap<string, Value>).get("edges") ?? []) as readonly ReadonlyMap<string, Value>[];
    return new Map(list.map((edge) => [`${edge.get("from") as string}→${edge.get("to") as string}`, edge.get("when") ?? null]));
  };
  return pairs(edges(before), edges(after)).flatMap(({ name, before: was, after: is }) => {
    if (was === undefined) return [`edge ${name} added${is === null ? "" : " with a guard"}`];
    if (is === undefined) return [`edge ${name} removed`];
    if (sameValue(was, is)) return [];
    return [`guard of edge ${name} ${was === null ? "added" : is === null ? "removed" : "changed"}`];
  });
}

function invariantDetails(before: DefPlan, after: DefPlan): readonly string[] {
  const list = (plan: DefPlan): readonly Value[] => ((treeOf(nodeValue(plan)) as ReadonlyMap<string, Value>).get("invariants") ?? []) as readonly Value[];
  const { added, removed } = listDiff(list(before), list(after), keyOf);
  return [...removed.map(({ index }) => `invariant ${index} removed`), ...added.map(({ index }) => `invariant ${index} added`)];
}

function policyDetails(before: DefPolicy, after: DefPolicy): readonly string[] {
  const { added, removed } = rulesDiff(before.rules, after.rules);
  return [...removed.map(({ item, index }) => `rule ${index} removed: ${ruleText(item)}`), ...added.map(({ item, index }) => `rule ${index} added: ${ruleText(item)}`)];
}

/** Rules that came and went; one that moved did both. */
export function rulesDiff(before: readonly PolicyRule[], after: readonly PolicyRule[]): ReturnType<typeof listDiff<PolicyRule>> {
  return listDiff(before, after, (rule) => keyOf(ruleValue(rule)));
}

/** A rule in words: "allow `http.request` under `cap_http` from plan `demo/fetch@1`". */
export function ruleText(rule: PolicyRule): string {
  const { when } = rule;
  const parts = [
    when.effect_kind === undefined ? "every effect" : `\`${when.effect_kind}\``,
    ...(when.cap_name === undefined ? [] : [`under \`${when.cap_name}\``]),
    ...(when.cap_type === undefined ? [] : [`of type \`${when.cap_type}\``]),
  ];
  if (when.origin_name !== undefined) parts.push(`from ${when.origin_kind === undefined ? "" : `${when.origin_kind} `}\`${when.origin_name}\``);
  else if (when.origin_kind !== undefined) parts.push(`from any ${when.origin_kind}`);
  return `${decisionText(rule, " of")} ${parts.join(" ")}`;
}

/** "allow", "deny", "require approval (within 5 ns)"; `of` comes after the word approval. */
export function decisionText({ decision, approval_ttl_ns }: PolicyRule, of = ""): string {
  if (decision !== "require_approval") return decision;
  return `require approval${approval_ttl_ns === undefined ? "" : ` (within ${approval_ttl_ns} ns)`}${of}`;
}

function secretDetails(before: DefSecret, after: DefSecret): readonly string[] {
  return [
    ...fieldChange("binding", before.binding_id, after.binding_id),
    ...fieldChange("expected digest", before.expected_digest, after.expected_digest),
    ...(["allowed_caps", "allowed_plans"] as const).flatMap((field) => {
      const { added, removed } = setDiff(before[field] ?? [], after[field] ?? []);
      return [...added.map((name) => `\`${name}\` added to ${field}`), ...removed.map((name) => `\`${name}\` removed from ${field}`)];
    }),
  ];
}
