// What a decision is made of, and what it says: plain values, recorded as they are.

import type { Hash, Json } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { Policy } from "./policy.ts";
import type { ReviewInput, TrustInput } from "./signer.ts";
import type { KeyId } from "./ssh-key.ts";

/** What a shadow report says, without the report: what ran, on what, and what came of it. */
export interface ShadowClaim {
  readonly v: 1;
  readonly world: Hash;
  readonly head: Oid;
  readonly base: Oid;
  /** The tree of the merge that was run. */
  readonly tree: Oid;
  /** policyHash of the base. */
  readonly policy: Hash;
  readonly manifest: Hash;
  readonly consequences: Hash;
  readonly report: Hash;
}
export interface ShadowInput {
  readonly claim: ShadowClaim;
  readonly key: KeyId | null;
  /** Base64 of the SSHSIG blob. */
  readonly sig: string;
}
/** A file that a merge changes in main. */
export interface FileChange {
  readonly path: string;
  /** Mode and object id as git writes them, `100644 <oid>`; null for a file that is removed. */
  readonly now: string | null;
}
/** What an approval was given on that is no longer what is proposed: a controller's report on it, and what it brought. */
export interface Carried extends ShadowInput {
  /** The value whose hash the claim names. */
  readonly consequences: Json;
  /** Of the merge that was run, against the base that the claim names. */
  readonly changes: readonly FileChange[];
}
/** How the run of a report went. */
export interface RunFacts {
  readonly report: Hash;
  /** Steps that were undone. */
  readonly failures: number;
  /** Effects that were refused. */
  readonly denials: number;
  /** Cells that do not fit the new control plane. */
  readonly misfits: number;
}
export interface DecisionInputs {
  readonly world: Hash;
  /** The proposal's slug. */
  readonly proposal: string;
  readonly base: Oid;
  readonly head: Oid;
  /** What main would hold; null when the merge is not possible. */
  readonly tree: Oid | null;
  /** Why the merge is not possible, as in "conflicts in air/manifest.json". */
  readonly mergeProblem: string | null;
  /** Of the base commit, as the trust is. */
  readonly policy: Policy;
  readonly trust: TrustInput;
  /** The commits that the base does not have, oldest first. */
  readonly commits: readonly { readonly commit: Oid; readonly key: KeyId | null }[];
  /** How many files the merge changes: below `.aos`, and others. */
  readonly changed: { readonly governance: number; readonly other: number };
  /** The files, by path. Null where there are too many to list; absent in records from before they were listed. */
  readonly changes?: readonly FileChange[] | null;
  /** What is wrong with the rules that the merge would bring; null when nothing is, or when it brings none. */
  readonly rulesProblem: string | null;
  /** Of the control plane proposed; null while no shadow report says. */
  readonly manifestHash: Hash | null;
  readonly consequencesHash: Hash | null;
  /** What that is the hash of. Null while no report says; absent in records from before it was written down. */
  readonly consequences?: Json | null;
  /** Of the report that says so. Absent as `consequences` is. */
  readonly run?: RunFacts | null;
  readonly shadows: readonly ShadowInput[];
  readonly reviews: readonly ReviewInput[];
  /** What persons approved whose last word was given on something else; absent where nobody's was, or nothing says on what. */
  readonly carried?: readonly Carried[];
  /** Notes of principals that could not be read whole. */
  readonly unreadable: readonly { readonly notes: string; readonly why: string }[];
  /** When it was judged, in seconds since 1970, by the clock of who judged; only where the policy has windows. */
  readonly time?: number;
}

export interface Reason {
  readonly rule: "commits" | "merge" | "rules" | "widening" | "window" | "shadow" | "evidence" | "objections" | "policy" | "approvals";
  /** Which rule of the policy, for `policy`. */
  readonly name?: string;
  readonly holds: boolean;
  /** A sentence for people. */
  readonly text: string;
}
export interface Approval {
  readonly principal: string;
  readonly head: Oid;
  readonly time: number;
  /** Why it still counts although what is proposed changed. */
  readonly kept?: string;
}
export interface Decision {
  readonly verdict: "approved" | "refused";
  /** What an approval must name to count; null when there is nothing that could be merged. */
  readonly cid: Hash | null;
  /** The principals that signed commits of the proposal, sorted. */
  readonly authors: readonly string[];
  readonly required: number;
  readonly reasons: readonly Reason[];
  /** The approvals that count, one a person, sorted. */
  readonly counted: readonly Approval[];
  /** Who or what does not count, and why. */
  readonly ignored: readonly { readonly principal: string; readonly why: string }[];
}
