// A plan instance in the world: stored, or ended with the record that says how.

import { trieDelete, trieSet } from "./trie.ts";
import { brief, record, type Turn } from "./turn.ts";
import type { PlanInstance } from "./world.ts";

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
  turn.world = { ...turn.world, plans: trieSet(turn.world.plans, String(plan.id), plan) };
}

export function endPlan(turn: Turn, plan: PlanInstance, end: PlanEnd, cause: number): void {
  turn.world = { ...turn.world, plans: trieDelete(turn.world.plans, String(plan.id)) };
  const message = end.message === undefined ? {} : { message: brief(end.message) };
  record(turn, { kind: "plan_ended", plan: plan.def.name, instance: plan.id, ...end, ...message, cause });
}
