// The plan engine: runs an instance's ready steps until nothing moves, then says what it waits for.

import { canonical } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { evaluate, slotToX, xStrict, xToValue, type Env, type XValue } from "../air/expr.ts";
import { hashToRaw, isHash } from "../air/hash.ts";
import type { PlanStep } from "../air/types.ts";
import { enqueue } from "./effect.ts";
import { raise } from "./reducer.ts";
import { typeOf } from "./machine.ts";
import { endPlan, putPlan, type PlanEnd } from "./plan-state.ts";
import { trieGet } from "./trie.ts";
import { OVER_LIMIT, overLimit, save, undoButDenials, type Turn } from "./turn.ts";
import type { PlanInstance, StepState, Wait } from "./world.ts";

/** An instance while one task runs it: the maps are its own copies. */
interface Running {
  readonly turn: Turn;
  /** As it is stored. */
  plan: PlanInstance;
  readonly vars: Map<string, XValue>;
  readonly steps: Map<string, StepState>;
  readonly outputs: Map<string, XValue>;
  readonly handles: Map<string, number>;
  readonly waits: Map<string, Wait>;
  readonly cause: number;
  end: PlanEnd | "elsewhere" | undefined;
}

/** Runs an instance to where it waits or ends. An instance that ended since it was queued is passed over. */
export function runPlan(turn: Turn, id: number, cause: number): void {
  const plan = trieGet(turn.world.plans, String(id));
  if (plan === undefined) return;
  const run: Running = {
    turn, plan, cause, end: undefined, vars: new Map(plan.vars), steps: new Map(plan.steps), outputs: new Map(plan.outputs),
    handles: new Map(plan.handles), waits: new Map(plan.waits),
  };
  while (run.end === undefined && sweep(run)) {
    // Each sweep that moved something may have made further steps ready.
  }
  if (run.end === undefined && [...run.steps.values()].every((state) => state !== "pending")) run.end = { status: "ok" };
  if (run.end === "elsewhere") return;
  if (run.end !== undefined) return endPlan(turn, run.plan, run.end, cause);
  assert(run.waits.size > 0, "a plan that did not end waits for something");
  store(run);
}

function store(run: Running): void {
  const { vars, steps, outputs, handles, waits } = run;
  run.plan = { ...run.plan, vars: new Map(vars), steps: new Map(steps), outputs: new Map(outputs), handles: new Map(handles), waits: new Map(waits) };
  putPlan(run.turn, run.plan);
}

/** One pass over the steps in their order; true when one moved. */
function sweep(run: Running): boolean {
  let moved = false;
  for (const step of run.plan.def.steps) {
    if (run.end !== undefined) return true;
    if (run.steps.get(step.id) !== "pending") continue;
    const point = save(run.turn);
    try {
      moved = tryStep(run, step) || moved;
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
      undoButDenials(run.turn, point);
      run.end = { status: "error", code: error.code, message: error.message, step: step.id };
    }
  }
  return moved;
}

function tryStep(run: Running, step: PlanStep): boolean {
  const readiness = readinessOf(run, step.id);
  if (readiness === "blocked") return false;
  if (readiness === "inactive") {
    run.steps.set(step.id, "skipped");
    return true;
  }
  run.turn.planSteps++;
  if (overLimit(run.turn)) throw new AosError(OVER_LIMIT.code, OVER_LIMIT.message);
  if (!execute(run, step)) return false;
  run.steps.set(step.id, "done");
  run.waits.delete(step.id);
  checkInvariants(run, step.id);
  return true;
}

/** Ready when every predecessor is done or skipped and an incoming edge is active; an edge from a skipped step is not. */
function readinessOf(run: Running, id: string): "ready" | "blocked" | "inactive" {
  const incoming = (run.plan.def.edges ?? []).filter((edge) => edge.to === id);
  if (incoming.length === 0) return "ready";
  if (incoming.some((edge) => run.steps.get(edge.from) === "pending")) return "blocked";
  const active = incoming.some((edge) => run.steps.get(edge.from) === "done" && (edge.when === undefined || truth(evaluate(edge.when, envOf(run)), `guard ${edge.from} → ${id}`)));
  return active ? "ready" : "inactive";
}

/** Runs a ready step; false when it must wait. */
function execute(run: Running, step: PlanStep): boolean {
  switch (step.op) {
    case "assign":
      return bind(run, step.id, step.bind.as, slotToX(step.expr, envOf(run)));
    case "emit_effect":
      return emit(run, step);
    case "await_receipt":
      return awaitReceipt(run, step);
    case "await_event": {
      const event = run.plan.events.get(step.id);
      if (event !== undefined) return bind(run, step.id, step.bind.as, event);
      return wait(run, step.id, { kind: "event", schema: step.event, since: run.turn.world.nextSeq });
    }
    case "raise_event":
      return raiseEvent(run, step);
    case "end":
      run.end = { status: "ok", ...result(run, step) };
      return true;
  }
}

/** The instance is stored first: the event may be one that it waits for itself. */
function raiseEvent(run: Running, step: Extract<PlanStep, { op: "raise_event" }>): boolean {
  const value = strict(run, slotToX(step.value, envOf(run)), step.event);
  run.outputs.set(step.id, recordX({ schema: { kind: "text", value: step.event }, value }));
  store(run);
  const { id, def } = run.plan;
  raise(run.turn, { schema: step.event, value: canonical(xToValue(value)), key: undefined }, { by: def.name, instance: id, step: step.id, cause: run.cause });
  const stored = trieGet(run.turn.world.plans, String(id));
  if (stored === undefined) run.end = "elsewhere";
  else run.plan = stored;
  return true;
}

function emit(run: Running, step: Extract<PlanStep, { op: "emit_effect" }>): boolean {
  const env = envOf(run);
  const params = slotToX(step.params, env);
  const idempotencyKey = step.idempotency_key === undefined ? undefined : keyBytes(slotToX(step.idempotency_key, env));
  const origin = { kind: "plan", plan: run.plan.def.name, instance: run.plan.id, step: step.id } as const;
  const got = enqueue(run.turn, { effect: step.effect, params: xToValue(params), cap: step.cap, idempotencyKey, origin }, run.cause);
  if (got.kind === "denied") throw new AosError(`denied:${got.code}`, got.message);
  const handle: XValue = { kind: "text", value: step.bind.effect_id_as };
  run.handles.set(step.bind.effect_id_as, got.seq);
  run.vars.set(step.bind.effect_id_as, handle);
  run.outputs.set(step.id, recordX({ handle, intent_hash: { kind: "bytes", value: hashToRaw(got.intent) }, params }));
  return true;
}

function awaitReceipt(run: Running, step: Extract<PlanStep, { op: "await_receipt" }>): boolean {
  const handle = evaluate(step.for, envOf(run));
  if (handle.kind !== "text" || !run.handles.has(handle.value)) throw new AosError("plan.handle", `${step.id}: not the handle of an effect`);
  const answer = run.plan.answers.get(handle.value);
  if (answer === undefined) return wait(run, step.id, { kind: "receipt", handle: handle.value, since: run.turn.world.nextSeq });
  if (step.bind.status_as !== undefined) run.vars.set(step.bind.status_as, { kind: "text", value: answer.status });
  else if (answer.status !== "ok") {
    throw new AosError(answer.status === "timeout" ? "effect_timeout" : "effect_error", `${step.id}: the receipt of ${handle.value} says ${answer.status}`);
  }
  return bind(run, step.id, step.bind.as, answer.value);
}

function bind(run: Running, step: string, name: string, value: XValue): true {
  run.vars.set(name, value);
  run.outputs.set(step, value);
  return true;
}

function wait(run: Running, step: string, what: Wait): false {
  if (!run.waits.has(step)) run.waits.set(step, what);
  return false;
}

function result(run: Running, step: Extract<PlanStep, { op: "end" }>): { readonly output?: string; readonly result?: Uint8Array } {
  const { output } = run.plan.def;
  if ((output === undefined) !== (step.result === undefined)) throw new AosError("plan.result", `${step.id}: a result goes with a declared output, and only with one`);
  if (output === undefined || step.result === undefined) return {};
  const value = strict(run, slotToX(step.result, envOf(run)), output);
  run.outputs.set(step.id, value);
  return { output, result: canonical(xToValue(value)) };
}

function checkInvariants(run: Running, step: string): void {
  for (const [index, invariant] of (run.plan.def.invariants ?? []).entries()) {
    if (!boundBy(run, invariant)) continue;
    if (truth(evaluate(invariant, envOf(run)), `invariant ${index}`)) continue;
    run.end = { status: "error", code: "invariant_violation", message: `invariant ${index} does not hold after ${step}`, step };
  }
}

/** An invariant is judged from the moment everything it names is bound. */
function boundBy(run: Running, expr: Parameters<typeof evaluate>[0]): boolean {
  switch (expr.kind) {
    case "ref": {
      const [head = ""] = expr.ref.slice(expr.ref.indexOf(":") + 1).split(".");
      if (expr.ref.startsWith("@var:")) return run.vars.has(expr.ref.slice(5)) || run.vars.has(head);
      return !expr.ref.startsWith("@step:") || run.outputs.has(head);
    }
    case "op":
      return expr.args.every((arg) => boundBy(run, arg));
    case "record":
      return [...expr.fields.values()].every((field) => boundBy(run, field));
    case "list":
    case "set":
      return expr.items.every((item) => boundBy(run, item));
    case "map":
      return expr.entries.every((entry) => boundBy(run, entry.key) && boundBy(run, entry.value));
    case "variant":
      return expr.value === undefined || boundBy(run, expr.value);
    default:
      return true;
  }
}

function envOf(run: Running): Env {
  return { planInput: run.plan.input, vars: run.vars, steps: run.outputs };
}

function strict(run: Running, value: XValue, schema: string): XValue {
  return xStrict(value, typeOf(run.plan.control, schema), run.plan.control.schemas);
}

function truth(value: XValue, what: string): boolean {
  if (value.kind !== "bool") throw new AosError("expr.type", `${what}: expected bool, got ${value.kind}`);
  return value.value;
}

/** An idempotency key: a hash, its text, or 32 bytes. */
function keyBytes(value: XValue): Uint8Array {
  if (value.kind === "bytes" && value.value.length === 32) return value.value;
  if ((value.kind === "hash" || value.kind === "text") && isHash(value.value)) return hashToRaw(value.value);
  throw new AosError("idempotency.invalid", "an idempotency key is a hash or 32 bytes");
}

function recordX(fields: { readonly [name: string]: XValue }): XValue {
  return { kind: "record", fields: new Map(Object.entries(fields)) };
}
