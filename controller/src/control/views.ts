// What a world waits for, as JSON for people and scripts: plan instances, effects without a receipt, effects that wait for a person.

import { decode, instanceView, trieEntries, waitsOf, type CallState, type HeldEffect, type InstanceWaits, type IntentOrigin, type OpenIntent, type PlanWait, type StepView, type World } from "@agentos/kernel";
import { plainJson } from "./record-json.ts";

/** Times of records by their seq, nanoseconds since 1970; those that cannot be told are missing. */
export type Times = (seqs: readonly number[]) => Promise<ReadonlyMap<number, bigint>>;

/** One thing a plan step waits for; see PlanWait. */
export interface WaitRow extends Omit<PlanWait, "since"> {
  /** The record that it began with. */
  readonly sinceSeq: number;
  /** RFC 3339. */
  readonly since?: string;
}
export interface PlanRow {
  readonly id: number;
  readonly plan: string;
  readonly startedSeq: number;
  readonly started?: string;
  /** When it ends by itself. */
  readonly deadline?: string;
  readonly waits: readonly WaitRow[];
}
export interface PlanDetail extends PlanRow {
  /** Hash of the manifest it started with. */
  readonly manifest: string;
  readonly input: unknown;
  readonly vars: Readonly<Record<string, unknown>>;
  /** In the order of the definition; what a step gave is there once it is done. */
  readonly steps: readonly (Pick<StepView, "step" | "op" | "state"> & { readonly output?: unknown })[];
}
export interface EffectRow {
  readonly seq: number;
  readonly intent: string;
  readonly effect: string;
  readonly cap: string;
  /** The plan or the reducer that wants it. */
  readonly by: string;
  readonly instance?: number;
  readonly step?: string;
  readonly since?: string;
  /** Where its call stands in a running world: with which adapter, and whether it was sent. */
  readonly adapter?: string;
  readonly state?: CallState["state"];
}
export interface ApprovalRow extends Omit<EffectRow, "adapter" | "state"> {
  readonly params: unknown;
  /** The policy, and the index of its rule that asks for a person. */
  readonly policy: string;
  readonly rule: number;
  /** When it is denied by itself. */
  readonly expires?: string;
}

/** RFC 3339 of nanoseconds since 1970. */
export function timeText(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString();
}

/** Every running instance, the oldest first. */
export function plansOf(world: World): readonly PlanRow[] {
  return waitsOf(world).map(planRow);
}

/** Undefined when the instance has ended, or never was. */
export function planDetail(world: World, id: number): PlanDetail | undefined {
  const found = instanceView(world, id);
  if (found === undefined) return undefined;
  return {
    ...planRow(found), manifest: found.manifest, input: plainJson(found.input), vars: Object.fromEntries([...found.vars].map(([name, value]) => [name, plainJson(value)])),
    steps: found.steps.map(({ step, op, state, output }) => ({ step, op, state, ...(output === undefined ? {} : { output: plainJson(output) }) })),
  };
}

function planRow({ instance, plan, startedSeq, deadlineNs, waits }: InstanceWaits): PlanRow {
  return {
    id: instance, plan, startedSeq, ...(deadlineNs === undefined ? {} : { deadline: timeText(deadlineNs) }),
    // A world marks a wait with the seq of the record after it.
    waits: waits.map(({ since, ...wait }) => ({ ...wait, sinceSeq: Math.max(0, since - 1) })),
  };
}

/** @param stateOf - where a call stands; a world at rest has none */
export function effectsOf(world: World, stateOf?: (seq: number) => CallState | undefined): readonly EffectRow[] {
  return bySeq([...trieEntries(world.intents)].map(([, intent]) => ({ ...effectRow(intent), ...callOf(stateOf?.(intent.seq)) })));
}

export function approvalsOf(world: World): readonly ApprovalRow[] {
  return bySeq([...trieEntries(world.held)].map(([, held]) => approvalRow(held)));
}

/** The rows with the times of their records. */
export async function withSince<R extends { readonly seq: number }>(rows: readonly R[], times: Times): Promise<readonly (R & { readonly since?: string })[]> {
  const found = await times(rows.map(({ seq }) => seq));
  return rows.map((row) => ({ ...row, ...timed("since", found.get(row.seq)) }));
}

/** The instances with the times they started and have waited since. */
export async function withPlanTimes<P extends PlanRow>(plans: readonly P[], times: Times): Promise<readonly P[]> {
  const found = await times(plans.flatMap(({ startedSeq, waits }) => [startedSeq, ...waits.map(({ sinceSeq }) => sinceSeq)]));
  return plans.map((plan) => ({
    ...plan, ...timed("started", found.get(plan.startedSeq)), waits: plan.waits.map((wait) => ({ ...wait, ...timed("since", found.get(wait.sinceSeq)) })),
  }));
}

function timed<F extends string>(field: F, ns: bigint | undefined): { readonly [field in F]?: string } {
  return ns === undefined ? {} : ({ [field]: timeText(ns) } as { readonly [field in F]: string });
}

function callOf(call: CallState | undefined): Pick<EffectRow, "adapter" | "state"> {
  return call === undefined ? {} : { state: call.state, ...(call.adapter === undefined ? {} : { adapter: call.adapter }) };
}

function effectRow(intent: OpenIntent): Omit<EffectRow, "adapter" | "state"> {
  return { seq: intent.seq, intent: intent.intent, effect: intent.effect, cap: intent.cap, ...originOf(intent.origin) };
}

function approvalRow(held: HeldEffect): ApprovalRow {
  return {
    ...effectRow(held), params: plainJson(decode(held.params)), policy: held.policy, rule: held.rule,
    ...(held.expiresNs === undefined ? {} : { expires: timeText(held.expiresNs) }),
  };
}

function originOf(origin: IntentOrigin): Pick<EffectRow, "by" | "instance" | "step"> {
  return origin.kind === "plan" ? { by: origin.plan, instance: origin.instance, step: origin.step } : { by: origin.reducer };
}

function bySeq<R extends { readonly seq: number }>(rows: readonly R[]): readonly R[] {
  return [...rows].sort((a, b) => a.seq - b.seq);
}
