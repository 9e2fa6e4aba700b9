// What a shadow run found, in a form that is its own JSON; and the part of it that a reviewer answers for.

import type { AuthorityChange, DefChange, SectionChange } from "../air/diff.ts";
import { hashValue } from "../air/hash.ts";
import { jsonOf } from "../air/json.ts";
import { compareText } from "../air/text.ts";
import type { Json } from "../air/types.ts";
import type { Hash } from "../air/value.ts";
import type { ReceiptStatus } from "./receipt.ts";
import type { AnswerSource } from "./shadow-answer.ts";

/**
 * Everything a shadow run says. Only text, integers, booleans, null, lists and maps with text keys, so it is its own JSON;
 * absent fields are absent. Bytes inside values of the world are `{"$bytes": base64}` (`valueToJson`).
 */
export interface ShadowReport {
  readonly version: 1;
  /** The recorded state it ran on; `seq` is the number of records before it. No commit and manifest before the first apply. */
  readonly base: { readonly commit?: string; readonly manifest?: Hash; readonly seq: number; readonly state_root: Hash };
  readonly head: { readonly commit: string; readonly manifest: Hash };
  /** Whether the runs went to their ends: `none` without a control plane in force, `skipped` when cells do not fit. */
  readonly runs: { readonly baseline: "none" | RunState; readonly candidate: RunState };
  readonly scenarios: readonly { readonly file: string; readonly name?: string; readonly events: number }[];
  readonly definitions: readonly DefChange[];
  readonly sections: readonly SectionChange[];
  readonly authority: readonly AuthorityChange[];
  /** Cells whose state or key the new control plane cannot take over; while there are any, an apply is refused. */
  readonly misfits: readonly MisfitRow[];
  /** Effects of the candidate run, in order. */
  readonly effects: readonly EffectRow[];
  /** Effects of the baseline run that the candidate run did not have, in order. */
  readonly removed: readonly RemovedRow[];
  readonly denied: readonly DeniedRow[];
  readonly plans: readonly PlanRow[];
  /** Cells that the candidate run leaves otherwise than they are recorded, by reducer and key. */
  readonly cells: readonly CellRow[];
  readonly failures: readonly FailureRow[];
  readonly rejected: readonly RejectedRow[];
  /** Units of the sandbox used in the candidate run: by reducers, migrations and the enforcers of grants. */
  readonly fuel: number;
  /** What recorded receipts say that the answers of the candidate run cost, in cents. Absent where that is nothing. */
  readonly cost_cents?: number;
  /** Cells that the apply itself carries over, by migration module. Absent where there are none. */
  readonly migrated?: readonly MigratedRow[];
  /** The recorded traffic both runs were fed: `inputs` turns from `from_seq` up to, not with, `to_seq`. The baseline is what was recorded. */
  readonly window?: { readonly from_seq: number; readonly to_seq: number; readonly state_root: Hash; readonly inputs: number };
  /** Where the candidate run of a window is not what was recorded. */
  readonly divergence?: {
    readonly turns: number;
    readonly first_seq?: number;
    /** Recorded inputs that had no place in the candidate run. */
    readonly left_out: number;
    readonly rows: readonly DivergenceRow[];
  };
}

export interface MigratedRow {
  readonly reducer: string;
  readonly module: string;
  readonly cells: number;
}

/** A recorded input after which something else happened: what was recorded and did not come, and what came instead. */
export interface DivergenceRow {
  readonly seq: number;
  readonly input: string;
  readonly recorded: readonly string[];
  readonly candidate: readonly string[];
}

/** `cut`: the limit of effects was reached and what was left did not run. */
type RunState = "complete" | "cut" | "skipped";

/** What is the same of an effect whatever its details: `METHOD scheme://host[:port]` for HTTP, else the grant. */
interface EffectTarget {
  readonly kind: string;
  readonly target: string;
}

export interface EffectRow {
  readonly effect: string;
  readonly cap: string;
  readonly target: string;
  readonly intent: Hash;
  /** Name of the plan or reducer, and the plan's step. */
  readonly by: string;
  readonly step?: string;
  /** `none` where nothing answered: it waits, was refused by a person, stays open as it did, or the run was cut before. */
  readonly answered_by: AnswerSource | "none";
  readonly status?: ReceiptStatus;
  /** Why the answer has no payload; `receipt.invalid` when a scenario's does not fit the receipt schema; `approval.*` of an effect that no person wanted. */
  readonly code?: string;
  /** A policy holds it until a person has seen it, or its time is past the window; nothing answered it here. */
  readonly waits_for?: "approval" | "timer";
  /** Whether the baseline run had the same intent; of several equal ones as many as it had. */
  readonly in_baseline: boolean;
}
export type RemovedRow = Pick<EffectRow, "effect" | "cap" | "target" | "intent" | "by" | "step">;

export interface DeniedRow {
  readonly effect: string;
  readonly cap: string;
  /** The grant where the effect was refused before its params were read. */
  readonly target: string;
  readonly stage: string;
  readonly code: string;
  readonly message: string;
  readonly by: string;
  readonly step?: string;
  /** Whether the baseline run was denied an effect of this kind under this grant too: by the rules, or for want of a person's yes, as here. */
  readonly in_baseline: boolean;
}

export interface PlanRow {
  readonly plan: string;
  readonly instance: number;
  readonly status: "ok" | "error" | "waiting";
  readonly code?: string;
  readonly message?: string;
  readonly step?: string;
  /** What a waiting plan waits for, by step. */
  readonly waits?: readonly string[];
}

export interface CellRow {
  readonly reducer: string;
  readonly key?: Json;
  readonly change: "added" | "changed" | "removed";
  readonly before?: Json;
  readonly after?: Json;
}

interface MisfitRow {
  readonly reducer: string;
  readonly key?: Json;
  readonly reason: string;
}

/** A step of the candidate run that was undone. */
interface FailureRow {
  readonly by: string;
  readonly code: string;
  readonly message: string;
}

/** What the candidate run did not let in: of a scenario, `event` its index there; of a window, `file` is `journal` and `event` the seq. */
export interface RejectedRow {
  readonly file: string;
  readonly event: number;
  readonly schema: string;
  readonly code: string;
  readonly message: string;
}

/** The report as a value: what is hashed, stored and shown with `--json`. */
export function reportValue(report: ShadowReport): Json {
  return jsonOf(report);
}

/** The same inputs give the same hash on every machine. */
export function reportHash(report: ShadowReport): Hash {
  return hashValue(reportValue(report));
}

/**
 * What a reviewer answers for. It says what may happen and to whom, not with which numbers: as long as only the world's
 * state moves on, it stays the same. All lists are sorted.
 */
export interface Consequences {
  readonly definitions: readonly { readonly kind: string; readonly name: string; readonly change: string; readonly after?: Hash }[];
  readonly authority: readonly { readonly effect: string; readonly subject: string; readonly text: string }[];
  readonly effects_added: readonly EffectTarget[];
  readonly effects_removed: readonly EffectTarget[];
  /** Denied to the candidate run and not to the baseline. */
  readonly effects_denied: readonly EffectTarget[];
  /** Reducers with cells that must migrate, or do. */
  readonly migrations: readonly string[];
  /** `effects`: the candidate run was cut at that limit, so the lists may be short. Absent where no run was cut. */
  readonly limits?: readonly "effects"[];
}

export function consequencesOf(report: ShadowReport): Consequences {
  const predicted = report.effects.map(targetOf);
  const baseline = [...report.effects.filter((row) => row.in_baseline), ...report.removed].map(targetOf);
  return {
    definitions: report.definitions.map(({ kind, name, change, after }) => ({ kind, name, change, ...(after === undefined ? {} : { after }) })),
    authority: report.authority.map(({ effect, subject, text }) => ({ effect, subject, text })).sort(compareAuthority),
    effects_added: without(predicted, baseline),
    effects_removed: without(baseline, predicted),
    effects_denied: without(report.denied.filter((row) => !row.in_baseline).map(targetOf), []),
    migrations: [...new Set([...report.misfits, ...(report.migrated ?? [])].map(({ reducer }) => reducer))].sort(compareText),
    ...(report.runs.candidate === "cut" ? { limits: ["effects"] as const } : {}),
  };
}

/** What an approval binds to, beside the merged tree and the policy. */
export function consequencesHash(consequences: Consequences): Hash {
  return hashValue(jsonOf(consequences));
}

function targetOf({ effect, target }: { readonly effect: string; readonly target: string }): EffectTarget {
  return { kind: effect, target };
}

/** Those of `list` that are not in `other`, each once, sorted. */
function without(list: readonly EffectTarget[], other: readonly EffectTarget[]): readonly EffectTarget[] {
  const id = ({ kind, target }: EffectTarget): string => JSON.stringify([kind, target]);
  const known = new Set(other.map(id));
  const left = new Map(list.filter((one) => !known.has(id(one))).map((one) => [id(one), one]));
  return [...left.values()].sort((a, b) => compareText(a.kind, b.kind) || compareText(a.target, b.target));
}

function compareAuthority(a: Consequences["authority"][number], b: Consequences["authority"][number]): number {
  return compareText(a.effect, b.effect) || compareText(a.subject, b.subject) || compareText(a.text, b.text);
}
