// What running plans wait for, and how far one has come: read from the world alone.

import { xToValue, type XValue } from "../air/expr.ts";
import { compareText } from "../air/text.ts";
import type { PlanStep } from "../air/types.ts";
import type { Hash, Value } from "../air/value.ts";
import { trieEntries, trieGet } from "./trie.ts";
import type { OpenIntent, PlanInstance, StepState, Wait, World } from "./world.ts";

export interface PlanWait {
  readonly step: string;
  /** `approval`: the effect is held until a person decides; `receipt`: it is open; `event`: an event of the schema `what`. */
  readonly kind: "receipt" | "event" | "approval";
  /** The event's schema, or `<effect> under <grant>`. */
  readonly what: string;
  /** The seq of the intent or held record, where it waits for one. */
  readonly seq?: number;
  /** The seq the next record had when it began to wait. */
  readonly since: number;
}
export interface InstanceWaits {
  readonly instance: number;
  readonly plan: string;
  readonly startedSeq: number;
  readonly deadlineNs?: bigint;
  /** By step; never empty: a plan that waits for nothing has ended. */
  readonly waits: readonly PlanWait[];
}

/** Every running instance and what it waits for, the oldest first. */
export function waitsOf(world: World): readonly InstanceWaits[] {
  return [...trieEntries(world.plans)].map(([, plan]) => instanceWaits(world, plan)).sort((a, b) => a.instance - b.instance);
}

function instanceWaits(world: World, plan: PlanInstance): InstanceWaits {
  const waits = [...plan.waits].map(([step, wait]) => planWait(world, plan, { step, wait })).sort((a, b) => compareText(a.step, b.step));
  return { instance: plan.id, plan: plan.def.name, startedSeq: plan.startedSeq, ...deadline(plan), waits };
}

function planWait(world: World, plan: PlanInstance, { step, wait }: { readonly step: string; readonly wait: Wait }): PlanWait {
  const { since } = wait;
  if (wait.kind === "event") return { step, kind: "event", what: wait.schema, since };
  const seq = plan.handles.get(wait.handle);
  const [held, open] = [trieGet(world.held, String(seq)), trieGet(world.intents, String(seq))];
  const what = (effect: OpenIntent | undefined): string => (effect === undefined ? wait.handle : `${effect.effect} under ${effect.cap}`);
  return { step, kind: held === undefined ? "receipt" : "approval", what: what(held ?? open), ...(seq === undefined ? {} : { seq }), since };
}

export interface StepView {
  readonly step: string;
  readonly op: PlanStep["op"];
  readonly state: StepState | "waiting";
  readonly wait?: PlanWait;
  /** What it gave, once it is done. */
  readonly output?: Value;
}
/** One running instance, values as AIR values. Secrets are references in it, never values. */
export interface InstanceView extends InstanceWaits {
  /** The control plane it started with. */
  readonly manifest: Hash;
  readonly input: Value;
  readonly vars: ReadonlyMap<string, Value>;
  /** In the order of the definition. */
  readonly steps: readonly StepView[];
}

/** Undefined when the instance has ended, or never was. */
export function instanceView(world: World, id: number): InstanceView | undefined {
  const plan = trieGet(world.plans, String(id));
  if (plan === undefined) return undefined;
  const summary = instanceWaits(world, plan);
  const waits = new Map(summary.waits.map((wait) => [wait.step, wait]));
  const steps = plan.def.steps.map((step): StepView => {
    const [wait, output] = [waits.get(step.id), plan.outputs.get(step.id)];
    const state = wait === undefined ? (plan.steps.get(step.id) ?? "pending") : "waiting";
    return { step: step.id, op: step.op, state, ...(wait === undefined ? {} : { wait }), ...(output === undefined ? {} : { output: xToValue(output) }) };
  });
  return { ...summary, manifest: plan.control.manifestHash, input: xToValue(plan.input), vars: valuesOf(plan.vars), steps };
}

function valuesOf(values: ReadonlyMap<string, XValue>): ReadonlyMap<string, Value> {
  return new Map([...values].map(([name, value]) => [name, xToValue(value)]));
}

function deadline({ deadlineNs }: PlanInstance): { readonly deadlineNs?: bigint } {
  return deadlineNs === undefined ? {} : { deadlineNs };
}
