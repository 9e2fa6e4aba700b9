// What to do next, from what is seen: pure. The loop asks again after every act.

import type { Oid } from "../git/objects.ts";

/** The repository and the world, as seen at one moment. */
export interface Observed {
  /** The commit of main in force; undefined before the world's first. */
  readonly applied: Oid | undefined;
  readonly main: Oid | undefined;
  /** First-parent commits after `applied` up to `main`, oldest first; undefined when `applied` is not among main's first parents. */
  readonly ahead: readonly Oid[] | undefined;
  readonly proposals: readonly ProposalSeen[];
  /** Commits this controller holds back, and why; forgotten when refs move. */
  readonly held: ReadonlyMap<Oid, string>;
  /** Merges whose time has not come, and until when. */
  readonly waiting: ReadonlyMap<Oid, string>;
  /** Why nothing is applied for now, if so. */
  readonly suspended: string | undefined;
}
export interface ProposalSeen {
  readonly slug: string;
  readonly head: Oid;
  /** Does a shadow report of this head on the main of now exist? */
  readonly shadowed: boolean;
  /** Why the last shadow of this head could not be made. */
  readonly failed: string | undefined;
}

export type Act =
  | { readonly kind: "idle" }
  | { readonly kind: "wait"; readonly why: string }
  /** Main was rewound or rewritten: the last applied commit stays in force. */
  | { readonly kind: "freeze"; readonly why: string }
  | { readonly kind: "begin"; readonly commit: Oid }
  | { readonly kind: "apply"; readonly commit: Oid }
  | { readonly kind: "shadow"; readonly slug: string; readonly head: Oid };

/**
 * Merges are applied in the order of main; proposals are shadowed when no merge waits or is held: a report on a main that is not in
 * force would be of nothing that runs.
 */
export function nextAct(seen: Observed): Act {
  if (seen.main === undefined) return { kind: "wait", why: "main does not exist yet" };
  if (seen.applied === undefined) return seen.suspended === undefined ? { kind: "begin", commit: seen.main } : { kind: "wait", why: seen.suspended };
  if (seen.ahead === undefined) return { kind: "freeze", why: `main (${seen.main.slice(0, 12)}) does not descend from the applied commit ${seen.applied.slice(0, 12)}` };
  const [next] = seen.ahead;
  if (next !== undefined) {
    const why = seen.suspended ?? seen.held.get(next) ?? seen.waiting.get(next);
    return why === undefined ? { kind: "apply", commit: next } : { kind: "wait", why };
  }
  const proposal = seen.proposals.find(({ shadowed, failed }) => !shadowed && failed === undefined);
  if (proposal !== undefined) return { kind: "shadow", slug: proposal.slug, head: proposal.head };
  return { kind: "idle" };
}
