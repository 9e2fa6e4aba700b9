// The heart: one input makes one turn. Pure, synchronous, total over the closed union of inputs.

import { decode } from "../air/cbor.ts";
import { AosError, assert, unreachable } from "../air/error.ts";
import { xFromReceipt, type XValue } from "../air/expr.ts";
import { dropLedgers, settleBudget } from "./budget.ts";
import { expireHeld, stopPlan, takeApproval } from "./held.ts";
import { migrateCells, takeover } from "./migrate.ts";
import { routeEvent } from "./route.ts";
import { ingest } from "./ingest.ts";
import { machineOf, typeOf } from "./machine.ts";
import { runPlan } from "./plan.ts";
import { endPlan, putPlan } from "./plan-state.ts";
import { raise, runReducer } from "./reducer.ts";
import { receiptEvent } from "./receipt-event.ts";
import { placeInput, stampOf, type Input, type JournalRecord } from "./record.ts";
import { trieDelete, trieGet } from "./trie.ts";
import { addTask, beginTurn, brief, machine, nextTask, OVER_LIMIT, overLimit, record, recordPlaced, save, undoButDenials, writable, type Dependencies, type Task, type Turn } from "./turn.ts";
import { blankWorld, type OpenIntent, type PlanInstance, type World } from "./world.ts";

export interface Stepped {
  readonly world: World;
  /** The turn: the input first, then everything it led to, each with its seq. Append them together (I2). */
  readonly records: readonly JournalRecord[];
}

/**
 * Folds one input into a world and runs it to idle.
 *
 * @param world - undefined before the genesis record
 * @throws InvariantError when the input could not have been admitted: nothing may be appended then
 */
export function step(world: World | undefined, input: Input, deps: Dependencies): Stepped {
  const before = world ?? (input.kind === "genesis" ? blankWorld(input.world, input.sandbox) : undefined);
  assert(before !== undefined, "a journal begins with its genesis record");
  assert((world === undefined) === (input.kind === "genesis"), "only the first record is a genesis");
  const turn = beginTurn(before, stampOf(input), deps);
  writable(turn).logicalNs = later(before.logicalNs, input.logical_ns);
  const seq = recordPlaced(turn, placeInput(input, before.nextSeq));
  take(turn, input, seq);
  drain(turn);
  assert(turn.world.nextSeq === before.nextSeq + turn.records.length, "a record's seq is the number of records before it (I1)");
  return { world: turn.world, records: turn.records };
}

function take(turn: Turn, input: Input, seq: number): void {
  switch (input.kind) {
    case "genesis":
    case "receipt_refused":
    case "rejected":
    case "transition":
      return;
    case "applied":
      return takeApplied(turn, input, seq);
    case "event":
      return takeEvent(turn, input, seq);
    case "receipt":
      return takeReceipt(turn, input, seq);
    case "approval":
      return takeApproval(turn, input, seq);
    case "cancelled":
      return stopPlan(turn, liveInstance(turn, input.instance), { status: "error", code: "cancelled", message: saidBy(input) }, seq);
    case "due":
      return takeDue(turn, input, seq);
    default:
      return unreachable(input);
  }
}

/** Cells first: a control plane that cannot take them all over is not admitted. */
function takeApplied(turn: Turn, input: Input<"applied">, seq: number): void {
  const control = turn.deps.control(input.bundle);
  assert(control.manifestHash === input.manifest, "an applied record names the manifest its bundle holds (I5)");
  machineOf(control);
  const { migrated, misfits } = takeover(turn.world, control, turn.deps.modules);
  assert(misfits.length === 0, "a control plane in force takes over every cell");
  writable(turn).control = control;
  writable(turn).bundle = input.bundle;
  writable(turn).commit = input.commit;
  migrateCells(turn, migrated, seq);
  dropLedgers(turn, control);
}

function takeDue(turn: Turn, input: Input<"due">, seq: number): void {
  if (input.what === "approval") return expireHeld(turn, input.id, seq);
  const plan = liveInstance(turn, input.id);
  stopPlan(turn, plan, { status: "error", code: "plan_deadline", message: `it was to end before ${plan.deadlineNs ?? 0n}` }, seq);
}

function liveInstance(turn: Turn, id: number): PlanInstance {
  const plan = trieGet(turn.world.plans, String(id));
  assert(plan !== undefined, "an instance that is ended from outside lives");
  return plan;
}

function saidBy({ by, reason }: Input<"cancelled">): string {
  return reason === undefined ? by : `${by}: ${reason}`;
}

function takeEvent(turn: Turn, input: Input<"event">, seq: number): void {
  const point = save(turn);
  const event = { schema: input.schema, value: input.value, key: input.key, hash: input.event_hash };
  try {
    ingest(turn, event, routeEvent(machine(turn), event), seq);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    undoButDenials(turn, point);
    record(turn, { kind: "step_failed", by: input.schema, code: error.code, message: brief(error.message), cause: seq });
  }
}

function takeReceipt(turn: Turn, input: Input<"receipt">, seq: number): void {
  const open = trieGet(turn.world.intents, String(input.intent_seq));
  assert(open !== undefined && open.intent === input.intent, "a receipt answers exactly one open intent (I3)");
  writable(turn).intents = trieDelete(turn.world.intents, String(open.seq));
  settleBudget(turn, open, input, seq);
  if (open.origin.kind === "reducer") return answerReducer(turn, open, { receipt: input, seq });
  const plan = trieGet(turn.world.plans, String(open.origin.instance));
  const handle = plan === undefined ? undefined : [...plan.handles].find(([, at]) => at === open.seq)?.[0];
  if (plan === undefined || handle === undefined) return;
  putPlan(turn, { ...plan, answers: new Map(plan.answers).set(handle, answerOf(turn, open, input)) });
  addTask(turn, { kind: "plan", instance: plan.id, cause: seq });
}

/**
 * A receipt as plans see it: its payload by the receipt schema in force, null where there is none. A payload that does not fit,
 * since the schema changed while the effect ran, is no answer: null, and an `ok` of it an `error`.
 */
function answerOf(turn: Turn, open: OpenIntent, receipt: Input<"receipt">): { readonly status: string; readonly value: XValue } {
  const value = decode(receipt.payload);
  const { control } = machine(turn);
  const schema = control.effects.get(open.effect)?.receipt_schema;
  const nothing: XValue = { kind: "null" };
  if (value === null || schema === undefined) return { status: receipt.status, value: nothing };
  try {
    return { status: receipt.status, value: xFromReceipt(value, typeOf(control, schema), control.schemas) };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { status: receipt.status === "ok" ? "error" : receipt.status, value: nothing };
  }
}

/** A reducer hears of its effect as an event, `sys/TimerFired@1` and the like (runtime sheet 6.3). */
function answerReducer(turn: Turn, open: OpenIntent, answer: { readonly receipt: Input<"receipt">; readonly seq: number }): void {
  const point = save(turn);
  try {
    raise(turn, receiptEvent(open, answer.receipt), { by: answer.receipt.adapter, cause: answer.seq });
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    undoButDenials(turn, point);
    record(turn, { kind: "step_failed", by: open.effect, code: error.code, message: brief(error.message), cause: answer.seq });
  }
}

/** Runs the queue to idle, first in first out. Past the turn's limits the rest is refused, task by task. */
function drain(turn: Turn): void {
  for (let task = nextTask(turn); task !== undefined; task = nextTask(turn)) {
    if (overLimit(turn)) refuse(turn, task);
    else if (task.kind === "deliver") runReducer(turn, task.delivery, task.cause);
    else runPlan(turn, task.instance, task.cause);
  }
}

function refuse(turn: Turn, task: Task): void {
  if (task.kind === "deliver") {
    record(turn, { kind: "step_failed", by: task.delivery.reducer.def.name, ...OVER_LIMIT, cause: task.cause });
    return;
  }
  const plan = trieGet(turn.world.plans, String(task.instance));
  if (plan !== undefined) endPlan(turn, plan, { status: "error", ...OVER_LIMIT }, task.cause);
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
