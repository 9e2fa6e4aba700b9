// References inside a plan's expressions: what they name exists, and is there when the expression is evaluated.

import { suggestion, under, type Draft } from "./findings.ts";
import { segmentsOf, typeAt } from "./type-shape.ts";
import type { DefPlan, Expr, PlanStep, Slot } from "./types.ts";
import type { Tell } from "./validate-plan.ts";

/** Bound by correlation, never by a step. */
export const CORRELATION = "correlation_id";

/** Every ref inside an expression, with the pointer to its text. */
export function exprRefs(expr: Expr, pointer: string): readonly { readonly ref: string; readonly pointer: string }[] {
  switch (expr.kind) {
    case "ref":
      return [{ ref: expr.ref, pointer: under(pointer, "ref") }];
    case "op":
      return expr.args.flatMap((arg, index) => exprRefs(arg, under(pointer, "args", index)));
    case "record":
      return [...expr.fields].flatMap(([name, field]) => exprRefs(field, under(pointer, "record", name)));
    case "list":
    case "set":
      return expr.items.flatMap((item, index) => exprRefs(item, under(pointer, expr.kind, index)));
    case "map":
      return expr.entries.flatMap(({ key, value }, index) => [...exprRefs(key, under(pointer, "map", index, "key")), ...exprRefs(value, under(pointer, "map", index, "value"))]);
    case "variant":
      return expr.value === undefined ? [] : exprRefs(expr.value, under(pointer, "variant", "value"));
    default:
      return [];
  }
}

/** The variables a step binds. */
function boundBy(step: PlanStep): readonly string[] {
  switch (step.op) {
    case "emit_effect":
      return [step.bind.effect_id_as];
    case "await_receipt":
      return step.bind.status_as === undefined ? [step.bind.as] : [step.bind.as, step.bind.status_as];
    case "await_event":
    case "assign":
      return [step.bind.as];
    default:
      return [];
  }
}

/** The slots of a step that hold expressions, with their pointers inside the step. */
export function slotsOf(step: PlanStep): readonly { readonly slot: Slot; readonly pointer: string }[] {
  switch (step.op) {
    case "raise_event":
      return [{ slot: step.value, pointer: "/value" }];
    case "emit_effect":
      return [{ slot: step.params, pointer: "/params" }, ...(step.idempotency_key === undefined ? [] : [{ slot: step.idempotency_key, pointer: "/idempotency_key" }])];
    case "assign":
      return [{ slot: step.expr, pointer: "/expr" }];
    case "end":
      return step.result === undefined ? [] : [{ slot: step.result, pointer: "/result" }];
    default:
      return [];
  }
}

interface RefScope {
  readonly draft: Draft;
  readonly plan: DefPlan;
  /** Variables that may be there. */
  readonly names: ReadonlySet<string>;
  /** Schema of `@event`; undefined where no event is bound. */
  readonly event: string | undefined;
}

/**
 * Rules P11, P12 and D-29. A `where` sees only what steps before it bind; everything else sees any variable of the plan,
 * because the order of steps is the order of edges, not of the list.
 */
export function validatePlanRefs(draft: Draft, plan: DefPlan, tell: Tell): void {
  const bound = plan.steps.flatMap(boundBy);
  const everywhere: RefScope = { draft, plan, names: new Set([...bound, ...(plan.locals?.keys() ?? []), CORRELATION]), event: undefined };
  const earlier = new Set([...(plan.locals?.keys() ?? []), CORRELATION]);
  for (const [index, step] of plan.steps.entries()) {
    for (const { slot, pointer } of slotsOf(step)) {
      if (slot.lens === "expr") checkRefs(slot.expr, `/steps/${index}${pointer}`, { scope: everywhere, tell });
    }
    if (step.op === "await_event" && step.where !== undefined) {
      checkRefs(step.where, `/steps/${index}/where`, { scope: { ...everywhere, names: earlier, event: step.event }, tell });
    }
    for (const name of boundBy(step)) earlier.add(name);
  }
  for (const [index, { when }] of (plan.edges ?? []).entries()) {
    if (when !== undefined) checkRefs(when, `/edges/${index}/when`, { scope: everywhere, tell });
  }
  for (const [index, invariant] of (plan.invariants ?? []).entries()) checkRefs(invariant, `/invariants/${index}`, { scope: everywhere, tell });
}

function checkRefs(expr: Expr, at: string, { scope, tell }: { readonly scope: RefScope; readonly tell: Tell }): void {
  for (const { ref, pointer } of exprRefs(expr, at)) {
    if (ref.startsWith("@event") && scope.event === undefined) {
      tell("plan.event_ref", pointer, "`@event` exists only inside the `where` of an await_event", { hint: "bind the event with `bind.as` and refer to `@var:`" });
      continue;
    }
    const problem = refProblem(ref, scope);
    if (problem !== undefined) tell("plan.unknown_ref", pointer, problem.message, problem.hint === undefined ? {} : { hint: problem.hint });
  }
}

interface RefProblem {
  readonly message: string;
  readonly hint?: string;
}

function refProblem(ref: string, scope: RefScope): RefProblem | undefined {
  if (ref.startsWith("@plan.input")) return pathProblem(ref, { schema: scope.plan.input, path: ref.slice("@plan.input".length), scope });
  if (ref.startsWith("@event")) return pathProblem(ref, { schema: scope.event as string, path: ref.slice("@event".length), scope });
  if (ref.startsWith("@step:")) {
    const id = headOf(ref.slice("@step:".length));
    const ids = scope.plan.steps.map((step) => step.id);
    return ids.includes(id) ? undefined : { message: `\`${ref}\`: the plan has no step \`${id}\``, ...suggestion(id, ids) };
  }
  if (!ref.startsWith("@var:")) {
    return { message: `\`${ref}\` is not a reference`, hint: "a reference starts with @plan.input, @var:, @step: or @event" };
  }
  const whole = ref.slice("@var:".length);
  const name = headOf(whole);
  if (scope.names.has(whole) || scope.names.has(name)) return undefined;
  const binder = scope.plan.steps.find((step) => boundBy(step).includes(name));
  if (binder !== undefined) return { message: `\`${ref}\`: \`${name}\` is bound only by the later step \`${binder.id}\``, hint: `list step \`${binder.id}\` first` };
  return { message: `\`${ref}\`: nothing in the plan binds \`${name}\``, ...suggestion(name, scope.names) };
}

function pathProblem(ref: string, at: { readonly schema: string; readonly path: string; readonly scope: RefScope }): RefProblem | undefined {
  const type = at.scope.draft.schemas.get(at.schema)?.type;
  if (type === undefined) return undefined;
  const found = typeAt(at.scope.draft.schemas, type, segmentsOf(at.path));
  if (found.kind !== "absent") return undefined;
  return { message: `\`${ref}\`: \`${at.schema}\` has nothing at \`${found.segment}\``, ...suggestion(found.segment, found.choices) };
}

/** The part before the first dot. */
function headOf(text: string): string {
  const dot = text.indexOf(".");
  return dot < 0 ? text : text.slice(0, dot);
}
