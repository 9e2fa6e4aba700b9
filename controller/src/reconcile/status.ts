// What a controller says of itself, in the words of kstatus.

import { trieSize, type Hash, type World } from "@agentos/kernel";
import { approvalsOf, effectsOf, plansOf, type ApprovalRow, type EffectRow, type PlanRow } from "../control/views.ts";
import type { Publisher } from "../publish/publisher.ts";
import type { Act, Observed } from "./next-act.ts";
import type { HostingStatus } from "./hosting.ts";
import type { Memory } from "./observe.ts";
import type { Suspension } from "./suspension.ts";

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
  /** While no merge is applied, because somebody said so. */
  readonly suspended?: Suspension;
  readonly openIntents: readonly EffectRow[];
  /** Effects that wait for a person. */
  readonly approvals: readonly ApprovalRow[];
  /** How many plan instances there are; the oldest of them are in `plans`. */
  readonly planCount: number;
  readonly plans: readonly PlanRow[];
  readonly proposals: readonly { readonly slug: string; readonly head: string; readonly shadow: "done" | "pending" | "failed"; readonly why?: string; readonly ci?: readonly string[] }[];
  /** Of a world on GitHub. */
  readonly github?: HostingStatus;
}

export interface StatusInput {
  readonly principal: string;
  readonly world: World;
  readonly seen: Observed | undefined;
  readonly act: Act | undefined;
  readonly attempted: string | undefined;
  readonly memory: Memory;
  /** By head: what CI reported on it that is not true. */
  readonly ci: ReadonlyMap<string, readonly string[]>;
  readonly publisher: Publisher["state"];
  readonly hosting: HostingStatus | undefined;
  /** Why the last look at the repository failed. */
  readonly problem: string | undefined;
}

/** Plan instances that a status lists; `aos plan ls` lists all. */
const PLANS_MAX = 50;

export function statusOf(input: StatusInput): WorldStatus {
  const { world, seen, act, memory, publisher } = input;
  const held = [...memory.held].map(([commit, reason]) => ({ commit, reason }));
  const stalled = stall(held);
  return {
    world: world.id, principal: input.principal,
    ready: world.control === undefined ? no("Waiting", "no control plane is in force yet") : stalled === undefined ? yes("Applied", `${short(world.commit)} is in force`) : no(stalled.reason, stalled.message),
    reconciling: progress(input.problem, stalled === undefined ? seen : undefined),
    stalled: stalled ?? no("", ""),
    published: publishing(publisher),
    ...(seen?.main === undefined ? {} : { observedRevision: seen.main }), ...(input.attempted === undefined ? {} : { attemptedRevision: input.attempted }),
    ...(world.commit === undefined ? {} : { appliedRevision: world.commit }), ...(world.control === undefined ? {} : { manifest: world.control.manifestHash }),
    seq: world.nextSeq, sealedSeq: publisher.sealed, held, ...(memory.suspended === undefined ? {} : { suspended: memory.suspended }),
    openIntents: effectsOf(world), approvals: approvalsOf(world),
    planCount: trieSize(world.plans), plans: plansOf(world).slice(0, PLANS_MAX),
    proposals: (seen?.proposals ?? []).map(({ slug, head, shadowed, failed }) => ({ slug, head, shadow: shadowed ? "done" : failed === undefined ? "pending" : "failed", ...(failed === undefined ? {} : { why: failed }), ...ciOf(input.ci, head) })),
    ...(input.hosting === undefined ? {} : { github: input.hosting }),
  };

  function stall(holds: typeof held): Condition | undefined {
    const [hold] = holds;
    if (publisher.fenced) return yes("Fenced", publisher.problem ?? "another controller writes here");
    if (act?.kind === "freeze") return yes("Frozen", act.why);
    return hold === undefined ? undefined : yes("Held", `${short(hold.commit)}: ${hold.reason}`);
  }
}

function ciOf(found: StatusInput["ci"], head: string): { readonly ci?: readonly string[] } {
  const ci = found.get(head);
  return ci === undefined ? {} : { ci };
}

function publishing(publisher: Publisher["state"]): Condition {
  if (publisher.fenced) return no("Fenced", publisher.problem ?? "another controller writes here");
  const [first] = publisher.rejected;
  if (first !== undefined && publisher.problem === undefined) {
    return no("Rejected", `the remote does not take ${publisher.rejected.map(({ ref }) => ref).join(", ")}: ${first.reason}`);
  }
  if (publisher.behind) return no("Behind", publisher.problem ?? "a seal or push is due");
  return yes("UpToDate", `sealed up to seq ${publisher.sealed}`);
}

function progress(problem: string | undefined, seen: Observed | undefined): Condition {
  if (problem !== undefined) return yes("ProgressingWithRetry", problem);
  const [next] = seen?.ahead ?? [];
  if (seen?.suspended !== undefined && (next !== undefined || seen.applied === undefined)) return yes(SUSPENDED, `${short(next ?? seen.main)} waits: ${seen.suspended}`);
  const waits = next === undefined ? undefined : seen?.waiting.get(next);
  if (waits !== undefined) return yes(WAITING_FOR_WINDOW, waits);
  return next === undefined ? no("Idle", "") : yes("Progressing", "a merge waits to be applied");
}

/** Reasons of `reconciling`: the next merge waits for its time, or for somebody who suspended the world. */
export const WAITING_FOR_WINDOW = "WaitingForWindow";
export const SUSPENDED = "Suspended";

function yes(reason: string, message: string): Condition {
  return { status: "True", reason, message };
}
function no(reason: string, message: string): Condition {
  return { status: "False", reason, message };
}
function short(commit: string | undefined): string {
  return commit?.slice(0, 12) ?? "nothing";
}
