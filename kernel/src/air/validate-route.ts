// Rules of what an event sets off: routes to reducers, keys of cells, triggers of plans, correlation.

import { MANIFEST, requireSchema, suggestion, unresolved, type Draft, type Owner, type Report } from "./findings.ts";
import { resolveType, sameType, segmentsOf, typeAt, typeText } from "./type-shape.ts";
import type { DefModule, DefPlan, RoutingEvent, Trigger, TypeExpr } from "./types.ts";
import { isMember, RECEIPT_EVENTS } from "./validate-module.ts";
import { CORRELATION, exprRefs } from "./validate-plan-refs.ts";

const RECEIPTS: ReadonlySet<string> = new Set(RECEIPT_EVENTS.values());

/** Rules M3 to M9, K2. */
export function validateRouting(draft: Draft, report: Report): void {
  const covered = new Map<string, string>();
  for (const [index, route] of (draft.manifest.routing?.events ?? []).entries()) {
    const at = `/routing/events/${index}`;
    requireSchema(draft, route.event, { owner: MANIFEST, pointer: `${at}/event`, report });
    const module = findReducer(draft, route.reducer, { pointer: `${at}/reducer`, report });
    if (module === undefined) continue;
    validateFamilyMember(draft, { route, module, at }, report);
    validateKeyField(draft, { route, module, at }, report);
    reportOverlap(draft, { route, module, at, covered }, report);
  }
  for (const [index, inbox] of (draft.manifest.routing?.inboxes ?? []).entries()) {
    findReducer(draft, inbox.reducer, { pointer: `/routing/inboxes/${index}/reducer`, report });
  }
}

function findReducer(draft: Draft, name: string, { pointer, report }: { readonly pointer: string; readonly report: Report }): DefModule | undefined {
  const module = draft.modules.get(name);
  if (module === undefined) {
    const problem = unresolved(draft, { kind: "defmodule", name, what: "reducer", among: draft.modules.keys() });
    if (problem !== undefined) report(MANIFEST, { code: "route.unknown_reducer", pointer, ...problem });
    return undefined;
  }
  if (module.abi.reducer !== undefined) return module;
  report(MANIFEST, { code: "route.not_reducer", pointer, message: `module \`${name}\` has no reducer ABI, so it takes no events` });
  return undefined;
}

interface PlacedRoute {
  readonly route: RoutingEvent;
  readonly module: DefModule;
  readonly at: string;
}

function eventOf(module: DefModule): string {
  return module.abi.reducer?.event ?? "";
}

function validateFamilyMember(draft: Draft, { route, module, at }: PlacedRoute, report: Report): void {
  const event = eventOf(module);
  const family = draft.schemas.get(event)?.type;
  if (family === undefined || !draft.schemas.has(route.event) || route.event === event || isMember(family, route.event)) return;
  report(MANIFEST, {
    code: "route.event_family",
    pointer: `${at}/event`,
    message: `reducer \`${route.reducer}\` takes \`${event}\`, and \`${route.event}\` is neither that nor an arm of it`,
    hint: `route \`${event}\`, or add an arm that refers to \`${route.event}\``,
  });
}

function validateKeyField(draft: Draft, { route, module, at }: PlacedRoute, report: Report): void {
  if (module.key_schema === undefined) {
    if (route.key_field !== undefined) {
      report(MANIFEST, {
        code: "route.key_field_unexpected",
        pointer: `${at}/key_field`,
        message: `reducer \`${route.reducer}\` has no key_schema, so its events carry no key`,
        hint: "leave `key_field` out, or give the module a `key_schema`",
      });
    }
    return;
  }
  if (route.key_field === undefined) {
    if (RECEIPTS.has(route.event)) return;
    report(MANIFEST, {
      code: "route.key_field_missing",
      pointer: at,
      message: `reducer \`${route.reducer}\` has cells keyed by \`${module.key_schema}\`, and the route does not say where the key is`,
      hint: "add `key_field`, the path of the key inside the event",
    });
    return;
  }
  checkKeyType(draft, { route, key: module.key_schema, field: route.key_field, pointer: `${at}/key_field` }, report);
}

function checkKeyType(
  draft: Draft,
  { route, key, field, pointer }: { readonly route: RoutingEvent; readonly key: string; readonly field: string; readonly pointer: string },
  report: Report,
): void {
  const event = draft.schemas.get(route.event)?.type;
  const keyType = draft.schemas.get(key)?.type;
  if (event === undefined || keyType === undefined) return;
  const found = keyTypeAt(draft, event, segmentsOf(field));
  if (found === undefined) return;
  if (typeof found === "string") {
    report(MANIFEST, { code: "route.key_field", pointer, message: `\`${route.event}\` has no key at \`${field}\`: ${found}` });
  } else if (!sameType(draft.schemas, found, keyType)) {
    report(MANIFEST, {
      code: "route.key_type",
      pointer,
      message: `\`${field}\` of \`${route.event}\` is ${typeText(found)}, the key schema \`${key}\` is ${typeText(keyType)}`,
    });
  }
}

/**
 * The type of the key field, or why there is none; undefined where a schema on the way is missing, which is reported elsewhere.
 * In a variant every arm that is routed this way must have the field, with one type.
 */
function keyTypeAt(draft: Draft, type: TypeExpr, path: readonly string[]): TypeExpr | string | undefined {
  const event = resolveType(draft.schemas, type);
  if (path.length === 0) return "the path is empty";
  if (event?.kind !== "variant") return fieldAt(draft, type, path);
  if (path[0] !== "$value" || path.length < 2) return "in a variant the path starts with `$value.`";
  let common: TypeExpr | undefined;
  for (const [tag, arm] of event.arms) {
    if (arm.kind === "ref" && RECEIPTS.has(arm.name)) continue;
    const found = fieldAt(draft, arm, path.slice(1));
    if (found === undefined) return undefined;
    if (typeof found === "string") return `arm \`${tag}\`: ${found}`;
    if (common !== undefined && !sameType(draft.schemas, common, found)) return `arm \`${tag}\` has another type there than the arms before it`;
    common = found;
  }
  return common ?? "no arm carries it";
}

function fieldAt(draft: Draft, type: TypeExpr, path: readonly string[]): TypeExpr | string | undefined {
  let at = type;
  for (const segment of path) {
    const here = resolveType(draft.schemas, at);
    if (here === undefined) return undefined;
    if (here.kind !== "record") return `\`${segment}\` is not inside a record`;
    const field = here.fields.get(segment);
    if (field === undefined) return `there is no field \`${segment}\``;
    at = field;
  }
  return at;
}

/** Two routes that lead the same event to one reducer deliver it twice. */
function reportOverlap(
  draft: Draft,
  { route, module, at, covered }: PlacedRoute & { readonly covered: Map<string, string> },
  report: Report,
): void {
  const family = route.event === eventOf(module) ? draft.schemas.get(route.event)?.type : undefined;
  const members = family?.kind === "ref" ? [family.name] : [];
  if (family?.kind === "variant") {
    for (const arm of family.arms.values()) if (arm.kind === "ref" && !(route.key_field !== undefined && RECEIPTS.has(arm.name))) members.push(arm.name);
  }
  for (const event of new Set([route.event, ...members])) {
    const id = `${event} ${route.reducer}`;
    const first = covered.get(id);
    if (first === undefined) {
      covered.set(id, at);
      continue;
    }
    report(MANIFEST, {
      code: "route.overlap",
      severity: "warning",
      pointer: at,
      message: `\`${event}\` reaches \`${route.reducer}\` by the route at ${first} already, so it is delivered twice`,
    });
  }
}

/** Rules M16, C1, C2, and that the plan takes the event. */
export function validateTriggers(draft: Draft, report: Report): void {
  const correlated = new Map<string, string>();
  const uncorrelated = new Set<string>();
  const seen = new Set<string>();
  for (const [index, trigger] of (draft.manifest.triggers ?? []).entries()) {
    const at = `/triggers/${index}`;
    requireSchema(draft, trigger.event, { owner: MANIFEST, pointer: `${at}/event`, report });
    if (trigger.correlate_by === undefined) uncorrelated.add(trigger.plan);
    else correlated.set(trigger.plan, trigger.correlate_by);
    const id = `${trigger.event} ${trigger.plan}`;
    if (seen.has(id)) {
      report(MANIFEST, { code: "trigger.duplicate", severity: "warning", pointer: at, message: `\`${trigger.event}\` starts \`${trigger.plan}\` already, so it starts twice` });
    }
    seen.add(id);
    validateTrigger(draft, { trigger, at }, report);
  }
  for (const plan of draft.plans.values()) {
    const key = correlated.get(plan.name);
    if (key !== undefined) validateCorrelation(plan, key, report);
    if (key === undefined || uncorrelated.has(plan.name)) reportUnbound(plan, report);
  }
}

function validateTrigger(draft: Draft, { trigger, at }: { readonly trigger: Trigger; readonly at: string }, report: Report): void {
  const plan = draft.plans.get(trigger.plan);
  if (plan === undefined) {
    const problem = unresolved(draft, { kind: "defplan", name: trigger.plan, what: "plan", among: draft.plans.keys() });
    if (problem !== undefined) report(MANIFEST, { code: "trigger.unknown_plan", pointer: `${at}/plan`, ...problem });
    return;
  }
  const event = draft.schemas.get(trigger.event)?.type;
  const input = draft.schemas.get(plan.input)?.type;
  if (event === undefined || input === undefined) return;
  if (trigger.event !== plan.input && !sameType(draft.schemas, event, input)) {
    report(MANIFEST, {
      code: "trigger.input",
      pointer: `${at}/event`,
      message: `plan \`${plan.name}\` takes \`${plan.input}\`, which has another type than \`${trigger.event}\``,
    });
  }
  if (trigger.correlate_by === undefined) return;
  const found = typeAt(draft.schemas, input, segmentsOf(trigger.correlate_by));
  if (found.kind !== "absent" && segmentsOf(trigger.correlate_by).length > 0) return;
  report(MANIFEST, {
    code: "trigger.correlate_by",
    pointer: `${at}/correlate_by`,
    message: `plan input \`${plan.input}\` has nothing at \`${trigger.correlate_by}\``,
    ...(found.kind === "absent" ? suggestion(found.segment, found.choices) : {}),
  });
}

/** An instance with a correlation must take only its own events. */
function validateCorrelation(plan: DefPlan, key: string, report: Report): void {
  const owner: Owner = { kind: "defplan", name: plan.name };
  const hint = `compare the event with \`@var:${CORRELATION}\``;
  for (const [index, step] of plan.steps.entries()) {
    if (step.op !== "await_event") continue;
    if (step.where === undefined) {
      report(owner, { code: "await.where_missing", pointer: `/steps/${index}`, message: `the plan is correlated by \`${key}\`, so the event awaited by \`${step.id}\` needs a \`where\``, hint });
      continue;
    }
    const correlates = exprRefs(step.where, "").some(({ ref }) => ref === `@var:${CORRELATION}` || (ref.startsWith("@event") && leadsTo(ref.slice("@event".length), key)));
    if (correlates) continue;
    report(owner, { code: "await.where_correlation", pointer: `/steps/${index}/where`, message: `the plan is correlated by \`${key}\`, and this \`where\` does not look at it`, hint });
  }
}

/** Whether a path begins with the correlation key: its first segment is the key, or its segments begin with those of the key. */
function leadsTo(path: string, key: string): boolean {
  const segments = segmentsOf(path);
  return segments[0] === key || segmentsOf(key).every((segment, index) => segments[index] === segment);
}

/** `@var:correlation_id` is bound by a trigger with `correlate_by` alone. */
function reportUnbound(plan: DefPlan, report: Report): void {
  const wheres = plan.steps.flatMap((step, index) => (step.op === "await_event" && step.where !== undefined ? [{ where: step.where, index }] : []));
  for (const { where, index } of wheres) {
    for (const { ref, pointer } of exprRefs(where, `/steps/${index}/where`)) {
      if (ref !== `@var:${CORRELATION}`) continue;
      report({ kind: "defplan", name: plan.name }, {
        code: "await.uncorrelated",
        severity: "warning",
        pointer,
        message: `\`${ref}\` is bound only when the trigger says \`correlate_by\`, and one that starts this plan does not`,
      });
    }
  }
}
