// A held effect comes to its end: granted and checked again, denied, expired, or withdrawn with its plan.

import { decode } from "../air/cbor.ts";
import { assert } from "../air/error.ts";
import { bytesEqual } from "../air/hash.ts";
import { release } from "./budget.ts";
import { judge, open, recordDenial, refusal, type EffectWish, type Refusal } from "./effect.ts";
import { endPlan, putPlan, type PlanEnd } from "./plan-state.ts";
import type { Input } from "./record.ts";
import { trieDelete, trieGet } from "./trie.ts";
import { record, writable, type Turn } from "./turn.ts";
import type { HeldEffect, PlanInstance } from "./world.ts";

/**
 * A person has decided. What is granted is judged again under the control plane in force, since grant, budget and policy may have
 * changed meanwhile, and becomes an intent; what is denied, by the person or by that judgement, ends its plan with `denied:<code>`.
 */
export function takeApproval(turn: Turn, input: Input<"approval">, seq: number): void {
  const held = takeHeld(turn, input.held_seq);
  const said = input.reason === undefined ? input.by : `${input.by}: ${input.reason}`;
  if (input.decision !== "grant") return deny(turn, held, decided(held, "approval.denied", `denied by ${said}`), seq);
  const wish: EffectWish = { effect: held.effect, params: decode(held.params), cap: held.cap, idempotencyKey: held.idempotencyKey, origin: held.origin };
  const verdict = judge(turn, wish);
  if (verdict.kind === "refused") return deny(turn, held, verdict, seq);
  if (!bytesEqual(verdict.params, held.params)) {
    return deny(turn, held, decided(held, "approval.changed", "its params read differently now than when they were shown"), seq);
  }
  const intent = open(turn, wish, verdict, { cause: seq, approved: seq });
  const plan = planOf(turn, held);
  if (plan !== undefined) putPlan(turn, { ...plan, handles: new Map([...plan.handles].map(([handle, at]) => [handle, at === held.seq ? intent : at])) });
}

/** The time a person had is over. */
export function expireHeld(turn: Turn, heldSeq: number, seq: number): void {
  const held = takeHeld(turn, heldSeq);
  deny(turn, held, decided(held, "approval.expired", `nobody decided before ${held.expiresNs ?? 0n}`), seq);
}

/** Ends an instance from outside and takes back what it asked for: receipts of its open intents count no more. */
export function stopPlan(turn: Turn, plan: PlanInstance, end: PlanEnd, cause: number): void {
  endPlan(turn, plan, end, cause);
  for (const seq of [...plan.handles.values()].sort((a, b) => a - b)) withdraw(turn, seq, cause);
}

function withdraw(turn: Turn, seq: number, cause: number): void {
  const key = String(seq);
  const { intents, held } = turn.world;
  const effect = trieGet(intents, key) ?? trieGet(held, key);
  if (effect === undefined) return;
  writable(turn).intents = trieDelete(intents, key);
  writable(turn).held = trieDelete(held, key);
  release(turn, effect);
  record(turn, { kind: "withdrawn", intent_seq: seq, cause });
}

/** Takes a held effect out of the world; its budget is free again. */
function takeHeld(turn: Turn, seq: number): HeldEffect {
  const held = trieGet(turn.world.held, String(seq));
  assert(held !== undefined, "a decision is about an effect that is held");
  writable(turn).held = trieDelete(turn.world.held, String(seq));
  release(turn, held);
  return held;
}

function decided(held: HeldEffect, code: string, message: string): Refusal {
  const { intent, params, policy, rule } = held;
  return refusal("approval", code, message, { intent, params, policy, rule });
}

/** Where a reducer asked, the record is all; a plan that lives ends, whatever it waits for. */
function deny(turn: Turn, held: HeldEffect, denial: Refusal, cause: number): void {
  recordDenial(turn, held, denial, cause);
  const plan = planOf(turn, held);
  if (plan === undefined || held.origin.kind !== "plan") return;
  endPlan(turn, plan, { status: "error", code: `denied:${denial.code}`, message: denial.message, step: held.origin.step }, cause);
}

function planOf(turn: Turn, held: HeldEffect): PlanInstance | undefined {
  return held.origin.kind === "plan" ? trieGet(turn.world.plans, String(held.origin.instance)) : undefined;
}
