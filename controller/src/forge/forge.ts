// Proposals, reviews and reports as they are read from a repository, whichever forge they came by, and the question of a decision.

import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import type { Repo } from "../git/repo.ts";
import type { ObjectStore } from "../git/store.ts";
import type { Decision, DecisionInputs } from "../governance/decision.ts";
import type { ShadowEntry } from "../governance/shadow-claim.ts";
import type { ReviewInput } from "../governance/signer.ts";
import type { KeyId } from "../governance/ssh-key.ts";

/** Where refs point: on disk, or as they would be after a push. Names are full. */
export interface RefView {
  read(ref: string): Promise<Oid | undefined>;
  /** Those whose name starts with `prefix`, by name. */
  list(prefix: string): Promise<ReadonlyMap<string, Oid>>;
}

/** A repository at hand: where it is, its objects, its refs. */
export interface Local {
  readonly repo: Repo;
  readonly store: ObjectStore;
  readonly refs: RefView;
}

export interface ProposalRef {
  /** The branch's name without `refs/heads/proposals/`. */
  readonly slug: string;
  readonly ref: string;
  readonly head: Oid;
  /** `merged`: main has its head. */
  readonly state: "open" | "merged";
}
export interface Proposal extends ProposalRef {
  /** Where main is. */
  readonly base: Oid;
  /** As the newest commit made to describe it says; else the first line of its oldest commit's message. */
  readonly title: string;
  /** What that message says further. */
  readonly body: string;
  /** The commits that main does not have, oldest first, and whose they are: a principal's name, or why nobody's. */
  readonly commits: readonly { readonly commit: Oid; readonly author: string | undefined; readonly why: string | undefined }[];
  /** The principals that signed them, sorted. */
  readonly authors: readonly string[];
}

/** A shadow report as it was found; a null key is a signature that does not hold. */
export interface ShadowFound extends ShadowEntry {
  readonly key: KeyId | null;
}
export interface ShadowsRead {
  readonly entries: readonly ShadowFound[];
  /** Sentences about what stands in the note and is no report. */
  readonly faults: readonly string[];
}

export interface Question {
  /** The commit of main whose rules judge. */
  readonly base: Oid;
  readonly head: Oid;
  readonly slug: string;
  readonly world: Hash;
  /**
   * What the caller has computed itself. Without it the hashes are those of the last report of a controller on this merge
   * result, else of the last one of a CI.
   */
  readonly computed?: { readonly manifestHash: Hash; readonly consequencesHash: Hash };
  /** A report that is not written down: on a merge that is only foreseen. */
  readonly foreseen?: ShadowFound;
  /** When it is judged, in seconds since 1970; by default the clock of now. It matters where the policy has windows. */
  readonly timeSeconds?: number;
}
export interface Answer {
  readonly inputs: DecisionInputs;
  readonly decision: Decision;
  /** Of the merge; null when it is not possible. */
  readonly tree: Oid | null;
  /** Lines in notes that are no reviews or reports, and reports of CI that are not true, as sentences. They count for nothing and are not recorded. */
  readonly faults: readonly string[];
}

/** Everything in notes that speaks of a proposal, as it goes into a decision. */
export interface ReviewLines {
  readonly lines: readonly ReviewInput[];
  readonly faults: readonly { readonly notes: string; readonly why: string }[];
  /** Notes whose history cannot be read. */
  readonly unreadable: readonly { readonly notes: string; readonly why: string }[];
}
