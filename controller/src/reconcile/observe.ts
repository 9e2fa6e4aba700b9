// Looks at the repository: where main is, what lies ahead of the applied commit, which proposals lack a report.

import type { World } from "@agentos/kernel";
import { MAIN_REF, PROPOSALS_PREFIX } from "../forge/local.ts";
import { isOid, type Oid } from "../git/objects.ts";
import { listRefs, readRef } from "../git/refs.ts";
import { firstParents, isAncestor, resolveCommit, type Repo } from "../git/repo.ts";
import { REVIEWS_PREFIX } from "../forge/local-reviews.ts";
import type { Observed, ProposalSeen } from "./next-act.ts";
import { suspensionText, type Suspension } from "./suspension.ts";

export interface Memory {
  /** Commits held back, and why. */
  readonly held: Map<Oid, string>;
  /** Merges whose time has not come, and when it does, in milliseconds since 1970. */
  readonly waiting: Map<Oid, { readonly why: string; readonly untilMs: number }>;
  /** What somebody said of applying nothing. */
  suspended: Suspension | undefined;
  /** `<head> <main>` → why no shadow could be made of it. */
  readonly failed: Map<string, string>;
  /** `<head> <main>` of reports that were made or found. */
  readonly shadowed: Set<string>;
}

export function blankMemory(): Memory {
  return { held: new Map(), waiting: new Map(), suspended: undefined, failed: new Map(), shadowed: new Set() };
}

/** The refs that people and forges move, as one text: while it stays the same there is nothing new to look at. */
export async function refsOf(repo: Repo): Promise<string> {
  const refs = [...(await listRefs(repo.commonDir, "refs/heads/")), ...(await listRefs(repo.commonDir, REVIEWS_PREFIX))];
  return refs.map(([ref, oid]) => `${ref} ${oid}`).join("\n");
}

export async function observe(repo: Repo, world: World, memory: Memory): Promise<Observed> {
  const main = await readRef(repo.commonDir, MAIN_REF);
  const applied = world.commit !== undefined && isOid(world.commit) ? world.commit : undefined;
  return {
    applied, main, held: memory.held, suspended: memory.suspended === undefined ? undefined : `suspended ${suspensionText(memory.suspended)}`, waiting: new Map([...memory.waiting].map(([commit, { why }]) => [commit, why])),
    ahead: main === undefined ? undefined : applied === undefined ? [] : await commitsAhead(repo, applied, main),
    proposals: main === undefined ? [] : await proposalsSeen(repo, main, memory),
  };
}

/** First-parent commits after `applied`; undefined when main's first-parent history does not hold it. */
export async function commitsAhead(repo: Repo, applied: Oid, main: Oid): Promise<readonly Oid[] | undefined> {
  if (applied === main) return [];
  if (!(await isAncestor(repo, applied, main))) return undefined;
  const ahead = await firstParents(repo, applied, main);
  const [next] = ahead;
  // Reachable is not enough: a merge that has the applied commit as its second parent leaves it out of main's own line.
  return next !== undefined && (await parentOf(repo, next)) === applied ? ahead : undefined;
}

async function parentOf(repo: Repo, commit: Oid): Promise<Oid | undefined> {
  return resolveCommit(repo, `${commit}^1`);
}

async function proposalsSeen(repo: Repo, main: Oid, memory: Memory): Promise<readonly ProposalSeen[]> {
  const seen: ProposalSeen[] = [];
  for (const [ref, head] of await listRefs(repo.commonDir, PROPOSALS_PREFIX)) {
    if (await isAncestor(repo, head, main)) continue;
    const mark = shadowMark(head, main);
    seen.push({ slug: ref.slice(PROPOSALS_PREFIX.length), head, shadowed: memory.shadowed.has(mark), failed: memory.failed.get(mark) });
  }
  return seen;
}

/** A report holds for one head on one main. */
export function shadowMark(head: Oid, main: Oid): string {
  return `${head} ${main}`;
}
