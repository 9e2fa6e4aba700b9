// Definitions and manifests as values: what is written, what is left out, and so what their hashes are.

import { unreachable } from "./error.ts";
import { hashValue } from "./hash.ts";
import type {
  Budget, CapGrant, Constant, Definition, DefModule, DefPlan, Expr, Literal, Manifest, ManifestRef, Node, PlanStep, PolicyRule, SecretDecl, Slot, TypeExpr,
} from "./types.ts";
import type { Encodable, Hash } from "./value.ts";

type Fields = { readonly [key: string]: Encodable | undefined };

/** A node with its `$kind`: what is stored, and what the hash of a definition is taken of. */
export function nodeValue(node: Node): Encodable {
  return { $kind: node.kind, ...fieldsOf(node) };
}

/** A node without its `$kind`: what the hash of a manifest and of a builtin definition is taken of. */
export function bareValue(node: Node): Encodable {
  return fieldsOf(node);
}

/** Hash of a definition. */
export function nodeHash(node: Definition): Hash {
  return hashValue(nodeValue(node));
}

/** Hash of a manifest, and of a builtin definition where a manifest refers to it. */
export function bareHash(node: Node): Hash {
  return hashValue(bareValue(node));
}

function fieldsOf(node: Node): Fields {
  switch (node.kind) {
    case "defschema":
      return { name: node.name, type: typeValue(node.type) };
    case "defmodule":
      return moduleFields(node);
    case "defplan":
      return planFields(node);
    case "defcap":
      return { name: node.name, cap_type: node.cap_type, schema: typeValue(node.schema), enforcer: { module: node.enforcer.module } };
    case "defeffect":
      return {
        name: node.name, kind: node.effect, params_schema: node.params_schema, receipt_schema: node.receipt_schema,
        cap_type: node.cap_type, origin_scope: node.origin_scope,
      };
    case "defpolicy":
      return { name: node.name, rules: node.rules.map(ruleValue) };
    case "defsecret":
      return {
        name: node.name, binding_id: node.binding_id, expected_digest: node.expected_digest,
        allowed_caps: some(node.allowed_caps), allowed_plans: some(node.allowed_plans),
      };
    case "manifest":
      return manifestFields(node);
    default:
      return unreachable(node);
  }
}

function moduleFields(module: DefModule): Fields {
  const { reducer, pure } = module.abi;
  return {
    name: module.name,
    module_kind: module.module_kind,
    wasm_hash: module.wasm_hash,
    key_schema: module.key_schema,
    abi: {
      reducer: reducer && {
        state: reducer.state, event: reducer.event, context: reducer.context, annotations: reducer.annotations,
        effects_emitted: some(reducer.effects_emitted), cap_slots: someMap(reducer.cap_slots),
      },
      pure: pure && { input: pure.input, output: pure.output, context: pure.context },
    },
  };
}

function planFields(plan: DefPlan): Fields {
  return {
    name: plan.name,
    input: plan.input,
    output: plan.output,
    locals: someMap(plan.locals),
    steps: plan.steps.map(stepValue),
    edges: some(plan.edges)?.map((edge) => ({ from: edge.from, to: edge.to, when: edge.when && exprValue(edge.when) })),
    required_caps: some(plan.required_caps),
    allowed_effects: some(plan.allowed_effects),
    invariants: some(plan.invariants)?.map(exprValue),
    deadline_ns: plan.deadline_ns,
  };
}

/** A rule of a policy. */
export function ruleValue({ when, decision, approval_ttl_ns }: PolicyRule): Encodable {
  return { when: { ...when }, decision, approval_ttl_ns };
}

function stepValue(step: PlanStep): Encodable {
  const { id, op } = step;
  switch (step.op) {
    case "raise_event":
      return { id, op, event: step.event, value: slotValueOf(step.value) };
    case "emit_effect":
      return {
        id, op, kind: step.effect, params: slotValueOf(step.params), cap: step.cap,
        idempotency_key: step.idempotency_key && slotValueOf(step.idempotency_key), bind: { effect_id_as: step.bind.effect_id_as },
      };
    case "await_receipt":
      return { id, op, for: exprValue(step.for), bind: { as: step.bind.as, status_as: step.bind.status_as } };
    case "await_event":
      return { id, op, event: step.event, where: step.where && exprValue(step.where), bind: { as: step.bind.as } };
    case "assign":
      return { id, op, expr: slotValueOf(step.expr), bind: { as: step.bind.as } };
    case "end":
      return { id, op, result: step.result && slotValueOf(step.result) };
    default:
      return unreachable(step);
  }
}

function manifestFields(manifest: Manifest): Fields {
  const { defaults, module_bindings, routing } = manifest;
  return {
    air_version: manifest.air_version,
    schemas: manifest.schemas.map(refValue),
    modules: manifest.modules.map(refValue),
    plans: manifest.plans.map(refValue),
    caps: manifest.caps.map(refValue),
    policies: manifest.policies.map(refValue),
    effects: some(manifest.effects)?.map(refValue),
    secrets: some(manifest.secrets)?.map(secretValue),
    defaults: defaults && { policy: defaults.policy, cap_grants: some(defaults.cap_grants)?.map(grantValue), idempotency: defaults.idempotency },
    module_bindings: module_bindings && someMap(new Map([...module_bindings].map(([name, { slots }]) => [name, { slots: someMap(slots) }]))),
    routing: routing && {
      events: some(routing.events)?.map((route) => ({ event: route.event, reducer: route.reducer, key_field: route.key_field })),
      inboxes: some(routing.inboxes)?.map((inbox) => ({ source: inbox.source, reducer: inbox.reducer })),
    },
    triggers: some(manifest.triggers)?.map((trigger) => ({ event: trigger.event, plan: trigger.plan, correlate_by: trigger.correlate_by })),
    migrations: some(manifest.migrations)?.map(({ reducer, module }) => ({ reducer, module })),
  };
}

function refValue(ref: ManifestRef): Encodable {
  return { name: ref.name, hash: ref.hash };
}

function secretValue(secret: ManifestRef | SecretDecl): Encodable {
  if ("name" in secret) return refValue(secret);
  const { policy } = secret;
  return {
    alias: secret.alias,
    version: secret.version,
    binding_id: secret.binding_id,
    expected_digest: secret.expected_digest,
    policy: policy && { allowed_caps: some(policy.allowed_caps), allowed_plans: some(policy.allowed_plans) },
  };
}

function grantValue(grant: CapGrant): Encodable {
  return { name: grant.name, cap: grant.cap, params: literalValue(grant.params), expiry_ns: grant.expiry_ns, budget: grant.budget && budgetValue(grant.budget) };
}

/** A budget that limits nothing is not written. */
function budgetValue({ calls, tokens, cents, bytes }: Budget): Encodable | undefined {
  const limits = [calls, tokens, cents, bytes].some((amount) => amount !== undefined);
  return limits ? { calls, tokens, cents, bytes } : undefined;
}

/** An optional list that is not written when empty. */
function some<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

/** An optional map that is not written when empty. */
function someMap<T>(map: ReadonlyMap<string, T> | undefined): ReadonlyMap<string, T> | undefined {
  return map === undefined || map.size === 0 ? undefined : map;
}

function mapValues<T>(map: ReadonlyMap<string, T>, value: (member: T) => Encodable): Encodable {
  return new Map([...map].map(([key, member]) => [key, value(member)] as const));
}

/** A type, refs by name only. */
export function typeValue(type: TypeExpr): Encodable {
  switch (type.kind) {
    case "record":
      return { record: mapValues(type.fields, typeValue) };
    case "variant":
      return { variant: mapValues(type.arms, typeValue) };
    case "list":
    case "set":
    case "option":
      return { [type.kind]: typeValue(type.item) };
    case "map":
      return { map: { key: { [type.key]: {} }, value: typeValue(type.value) } };
    case "ref":
      return { ref: type.name };
    default:
      return { [type.kind]: {} };
  }
}

function constantValue(constant: Constant): Encodable {
  return { [constant.kind]: constant.kind === "null" ? {} : constant.value };
}

/** An expression, in its tagged form. */
export function exprValue(expr: Expr): Encodable {
  switch (expr.kind) {
    case "ref":
      return { ref: expr.ref };
    case "op":
      return { op: expr.op, args: expr.args.map(exprValue) };
    case "record":
      return { record: mapValues(expr.fields, exprValue) };
    case "list":
    case "set":
      return { [expr.kind]: expr.items.map(exprValue) };
    case "map":
      return { map: expr.entries.map(({ key, value }) => ({ key: exprValue(key), value: exprValue(value) })) };
    case "variant":
      return { variant: { tag: expr.tag, value: expr.value && exprValue(expr.value) } };
    default:
      return constantValue(expr);
  }
}

/** A literal, in its tagged form: as an expression but for variants, which are flat, and secret refs. */
export function literalValue(literal: Literal): Encodable {
  switch (literal.kind) {
    case "record":
      return { record: mapValues(literal.fields, literalValue) };
    case "list":
    case "set":
      return { [literal.kind]: literal.items.map(literalValue) };
    case "map":
      return { map: literal.entries.map(({ key, value }) => ({ key: literalValue(key), value: literalValue(value) })) };
    case "variant":
      return { tag: literal.tag, value: literal.value && literalValue(literal.value) };
    case "secret":
      return { alias: literal.alias, version: literal.version };
    default:
      return constantValue(literal);
  }
}

/** A slot as its own lens writes it; sugar is the authored JSON, unchanged. */
export function slotValueOf(slot: Slot): Encodable {
  switch (slot.lens) {
    case "expr":
      return exprValue(slot.expr);
    case "literal":
      return literalValue(slot.literal);
    case "sugar":
      return slot.json;
    default:
      return unreachable(slot);
  }
}
