// What a controller says of itself, in the words of kstatus.

import { trieEntries, type Hash, type World } from "@agentos/kernel";
import type { Publisher } from "../publish/publisher.ts";
import type { Act, Observed } from "./next-act.ts";
import type { Memory } from "./observe.ts";

export interface Condition {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}
export interface WorldStatus {
  readonly world: Hash;
  readonly principal: string;
  readonly ready: Condition;
  readonly reconciling: Condition;
  readonly stalled: Condition;
  readonly published: Condition;
  readonly observedRevision?: string;
  readonly attemptedRevision?: string;
  readonly appliedRevision?: string;
  readonly manifest?: Hash;
  readonly seq: number;
  readonly sealedSeq: number;
  readonly held: readonly { readonly commit: string; readonly reason: string }[];
  readonly openIntents: readonly { readonly seq: number; readonly effect: string; readonly by: string }[];
  readonly plans: readonly { readonly id: number; readonly plan: string; readonly waitsFor: readonly string[]; readonly sinceSeq: number }[];
  readonly proposals: readonly { readonly slug: string; readonly head: string; readonly shadow: "done" | "pending" | "failed"; readonly why?: string }[];
}

export interface StatusInput {
  readonly principal: string;
  readonly world: World;
  readonly seen: Observed | undefined;
  readonly act: Act | undefined;
  readonly attempted: string | undefined;
  readonly memory: Memory;
  readonly publisher: Publisher["state"];
  /** Why the last look at the repository failed. */
  readonly problem: string | undefined;
}

export function statusOf(input: StatusInput): WorldStatus {
  const { world, seen, act, memory, publisher } = input;
  const held = [...memory.held].map(([commit, reason]) => ({ commit, reason }));
  const stalled = stall(held);
  return {
    world: world.id, principal: input.principal,
    ready: world.control === undefined ? no("Waiting", "no control plane is in force yet") : stalled === undefined ? yes("Applied", `${short(world.commit)} is in force`) : no(stalled.reason, stalled.message),
    reconciling: progress(input.problem, (seen?.ahead?.length ?? 0) > 0 && stalled === undefined),
    stalled: stalled ?? no("", ""),
    published: publishing(publisher),
    ...(seen?.main === undefined ? {} : { observedRevision: seen.main }), ...(input.attempted === undefined ? {} : { attemptedRevision: input.attempted }),
    ...(world.commit === undefined ? {} : { appliedRevision: world.commit }), ...(world.control === undefined ? {} : { manifest: world.control.manifestHash }),
    seq: world.nextSeq, sealedSeq: publisher.sealed, held,
    openIntents: [...trieEntries(world.intents)].map(([, intent]) => ({ seq: intent.seq, effect: intent.effect, by: intent.origin.kind === "plan" ? intent.origin.plan : intent.origin.reducer })).sort((a, b) => a.seq - b.seq),
    plans: plansOf(world),
    proposals: (seen?.proposals ?? []).map(({ slug, head, shadowed, failed }) => ({ slug, head, shadow: shadowed ? "done" : failed === undefined ? "pending" : "failed", ...(failed === undefined ? {} : { why: failed }) })),
  };

  function stall(holds: typeof held): Condition | undefined {
    const [hold] = holds;
    if (publisher.fenced) return yes("Fenced", publisher.problem ?? "another controller writes here");
    if (act?.kind === "freeze") return yes("Frozen", act.why);
    if (hold !== undefined) return yes("Held", `${short(hold.commit)}: ${hold.reason}`);
    return memory.suspended ? yes("Suspended", "suspended by the operator") : undefined;
  }
}

function publishing(publisher: Publisher["state"]): Condition {
  if (publisher.fenced) return no("Fenced", publisher.problem ?? "another controller writes here");
  if (publisher.behind) return no("Behind", publisher.problem ?? "a seal or push is due");
  return yes("UpToDate", `sealed up to seq ${publisher.sealed}`);
}

function progress(problem: string | undefined, waiting: boolean): Condition {
  if (problem !== undefined) return yes("ProgressingWithRetry", problem);
  return waiting ? yes("Progressing", "a merge waits to be applied") : no("Idle", "");
}

function plansOf(world: World): WorldStatus["plans"] {
  const plans = [...trieEntries(world.plans)].map(([, plan]) => plan).sort((a, b) => a.id - b.id);
  return plans.map((plan) => {
    const waits = [...plan.waits];
    const waitsFor = waits.map(([step, wait]) => (wait.kind === "receipt" ? `${step}: the receipt of ${wait.handle}` : `${step}: an event ${wait.schema}`));
    return { id: plan.id, plan: plan.def.name, waitsFor, sinceSeq: waits.reduce((least, [, wait]) => Math.min(least, wait.since), world.nextSeq) };
  });
}

function yes(reason: string, message: string): Condition {
  return { status: "True", reason, message };
}
function no(reason: string, message: string): Condition {
  return { status: "False", reason, message };
}
function short(commit: string | undefined): string {
  return commit?.slice(0, 12) ?? "nothing";
}
