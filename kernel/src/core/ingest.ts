// An event enters the world: plans that wait for it wake, plans it triggers start, reducers it routes to are queued.

import { decode } from "../air/cbor.ts";
import { evaluate, xFromValue, type XValue } from "../air/expr.ts";
import { AosError, assert } from "../air/error.ts";
import { canonical } from "../air/cbor.ts";
import { taggedValue } from "../air/expr.ts";
import type { PlanStep, Trigger } from "../air/types.ts";
import { addTask, machine, record, writable, type DomainEvent, type Turn } from "./turn.ts";
import { planOf, typeOf } from "./machine.ts";
import type { Routed } from "./route.ts";
import { endPlan, putPlan } from "./plan-state.ts";
import { waitingFor, type PlanInstance } from "./world.ts";

const NO_TRIGGERS: readonly Trigger[] = [];

/** Takes an event that is recorded at `cause` and routed. */
export function ingest(turn: Turn, event: DomainEvent, routed: Routed, cause: number): void {
  const keyed = event.key === routed.key ? event : { schema: event.schema, value: event.value, key: routed.key };
  for (const plan of waitingFor(turn.world, event.schema)) offer(turn, plan, keyed, cause);
  for (const trigger of machine(turn).triggers.get(event.schema) ?? NO_TRIGGERS) startPlan(turn, trigger, keyed, cause);
  for (const delivery of routed.deliveries) addTask(turn, { kind: "deliver", delivery, cause });
}

/** Offers the event to each step of the instance that waits for its schema. */
function offer(turn: Turn, plan: PlanInstance, event: DomainEvent, cause: number): void {
  const value = xFromValue(decode(event.value), typeOf(plan.control, event.schema), plan.control.schemas);
  let woken = plan;
  for (const step of plan.def.steps) {
    if (step.op !== "await_event" || step.event !== event.schema || plan.waits.get(step.id)?.kind !== "event" || plan.events.has(step.id)) continue;
    try {
      if (accepts(step, plan, value)) woken = { ...woken, events: new Map(woken.events).set(step.id, value) };
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
      endPlan(turn, plan, { status: "error", code: error.code, message: error.message, step: step.id }, cause);
      return;
    }
  }
  if (woken === plan) return;
  putPlan(turn, woken);
  addTask(turn, { kind: "plan", instance: plan.id, cause });
}

function accepts(step: Extract<PlanStep, { op: "await_event" }>, plan: PlanInstance, event: XValue): boolean {
  if (step.where === undefined) return true;
  const verdict = evaluate(step.where, { planInput: plan.input, vars: plan.vars, steps: plan.outputs, event });
  if (verdict.kind !== "bool") throw new AosError("expr.type", `${step.id}.where: expected bool, got ${verdict.kind}`);
  return verdict.value;
}

function startPlan(turn: Turn, trigger: Trigger, event: DomainEvent, cause: number): void {
  const { control } = machine(turn);
  const { bundle } = turn.world;
  assert(bundle !== undefined, "a control plane in force has its bundle");
  const def = planOf(control, trigger.plan);
  const input = xFromValue(decode(event.value), typeOf(control, def.input), control.schemas);
  const correlation = trigger.correlate_by === undefined ? undefined : pick(input, trigger.correlate_by);
  const id = turn.world.nextInstance;
  writable(turn).nextInstance = id + 1;
  const mark = correlation === undefined ? {} : { correlation: canonical(taggedValue(correlation)) };
  const deadlineNs = def.deadline_ns === undefined ? undefined : turn.world.logicalNs + def.deadline_ns;
  const startedSeq = record(turn, { kind: "plan_started", plan: def.name, instance: id, ...mark, cause });
  putPlan(turn, {
    id, def, control, bundle, startedSeq, input, deadlineNs, correlated: correlation !== undefined,
    vars: new Map(correlation === undefined ? [] : [["correlation_id", correlation]]),
    steps: new Map(def.steps.map((step) => [step.id, "pending" as const])),
    outputs: new Map(), handles: new Map(), answers: new Map(), events: new Map(), waits: new Map(),
  });
  addTask(turn, { kind: "plan", instance: id, cause: startedSeq });
}

/** The value at a dotted path of records; undefined when a segment is missing. */
function pick(value: XValue, path: string): XValue | undefined {
  let at: XValue | undefined = value;
  for (const segment of path.split(".").filter((part) => part !== "")) {
    at = at?.kind === "record" ? at.fields.get(segment) : undefined;
  }
  return at;
}
