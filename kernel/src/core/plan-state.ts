// A plan instance in the world: stored, or ended with the record that says how.

import { trieDelete, trieGet, trieSet } from "./trie.ts";
import { brief, record, writable, type Turn } from "./turn.ts";
import { eventsAwaited, type PlanInstance } from "./world.ts";

/** How a plan ended. */
export interface PlanEnd {
  readonly status: "ok" | "error";
  readonly code?: string;
  readonly message?: string;
  readonly step?: string;
  readonly output?: string;
  readonly result?: Uint8Array;
}

export function putPlan(turn: Turn, plan: PlanInstance): void {
  const before = trieGet(turn.world.plans, String(plan.id));
  writable(turn).plans = trieSet(turn.world.plans, String(plan.id), plan);
  if (before?.waits !== plan.waits) listWaits(turn, plan.id, { before: awaited(before), after: eventsAwaited(plan) });
}

export function endPlan(turn: Turn, plan: PlanInstance, end: PlanEnd, cause: number): void {
  const stored = trieGet(turn.world.plans, String(plan.id));
  writable(turn).plans = trieDelete(turn.world.plans, String(plan.id));
  listWaits(turn, plan.id, { before: awaited(stored), after: NOTHING });
  turn.carried += end.result?.length ?? 0;
  const message = end.message === undefined ? {} : { message: brief(end.message) };
  record(turn, { kind: "plan_ended", plan: plan.def.name, instance: plan.id, ...end, ...message, cause });
}

const NOTHING: ReadonlySet<string> = new Set();

function awaited(plan: PlanInstance | undefined): ReadonlySet<string> {
  return plan === undefined ? NOTHING : eventsAwaited(plan);
}

/** Keeps `World.waiting` in step with what one instance waits for. */
function listWaits(turn: Turn, id: number, waits: { readonly before: ReadonlySet<string>; readonly after: ReadonlySet<string> }): void {
  let { waiting } = turn.world;
  for (const schema of waits.after) {
    if (!waits.before.has(schema)) waiting = trieSet(waiting, schema, withId(trieGet(waiting, schema) ?? [], id));
  }
  for (const schema of waits.before) {
    if (waits.after.has(schema)) continue;
    const left = (trieGet(waiting, schema) ?? []).filter((other) => other !== id);
    waiting = left.length === 0 ? trieDelete(waiting, schema) : trieSet(waiting, schema, left);
  }
  if (waiting !== turn.world.waiting) writable(turn).waiting = waiting;
}

/** Ids ascend; most that come are the greatest. */
function withId(ids: readonly number[], id: number): readonly number[] {
  const last = ids[ids.length - 1];
  return last === undefined || last < id ? [...ids, id] : [...ids, id].sort((a, b) => a - b);
}
