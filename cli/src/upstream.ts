// Where proposals and main are kept: on the remote `origin`, seen through what was fetched of it, or in this repository.

import { AosError, nearest } from "@agentos/kernel";
import {
  configGet, fetch, isAncestor, listProposals, listRefs, lsRemote, MAIN_REF, PROPOSALS_PREFIX, readProposal, readRef, refView,
  type Local, type ObjectStore, type Oid, type Proposal, type ProposalRef, type RefView, type Repo,
} from "@agentos/controller";
import type { Output } from "./output.ts";
import { withProgress } from "./progress.ts";
import { placeOf, withStore } from "./world.ts";

const REMOTE = "origin";
const HEADS = "refs/heads/";
const NOTES = "refs/notes/aos";

export interface Upstream {
  /** Name of the remote; undefined where this repository itself is where people look. */
  readonly remote: string | undefined;
  readonly local: Local;
  readonly main: Oid;
}

/** As it was fetched last, or fetched first, with a line there that says so when it takes long. */
export type Freshness = "as-is" | { readonly fetch: Pick<Output, "mode" | "quiet"> };

export async function withUpstream<T>(repo: Repo, freshness: Freshness, use: (upstream: Upstream) => Promise<T>): Promise<T> {
  const remote = (await configGet(repo, `remote.${REMOTE}.url`)) === undefined ? undefined : REMOTE;
  if (remote !== undefined && freshness !== "as-is") await withProgress(freshness.fetch, `fetching from ${remote}`, () => fetchUpstream(repo, remote));
  return withStore(repo, async (store) => use(await look(repo, store, remote)));
}

async function look(repo: Repo, store: ObjectStore, remote: string | undefined): Promise<Upstream> {
  const refs = remote === undefined ? refView(repo.commonDir, new Map()) : trackingView(repo, remote);
  const main = await refs.read(MAIN_REF);
  if (main === undefined) {
    throw new AosError("world.main", `${remote ?? placeOf(repo)}: there is no branch main`, { hint: remote === undefined ? "begin a world with `aos init DIR`" : `push the world's first commit: git push ${remote} main` });
  }
  return { remote, local: { repo, store, refs }, main };
}

/**
 * Branches as they are there, what is gone pruned. Notes only ever grow: they are moved forward, never overwritten, so a
 * remote that rewrote its history is noticed here.
 */
async function fetchUpstream(repo: Repo, remote: string): Promise<void> {
  await fetch(repo, remote, { refspecs: [`+${HEADS}*:refs/remotes/${remote}/*`], gone: "prune" });
  await fetch(repo, remote, { refspecs: [`${NOTES}*:${NOTES}*`] }).catch(async (cause: unknown) => {
    if (!(cause instanceof AosError) || cause.code !== "git.failed") throw cause;
    // Git refuses too where this clone has what the remote does not have yet, as a controller's has between a seal and its push.
    if (!(await continuesHere(repo, remote))) {
      throw new AosError("git.rewritten", `${remote}: its notes do not continue the ones of this clone`, {
        class: "unverified", cause, hint: "somebody rewrote refs/notes/aos*, there or here: compare both before you trust either",
      });
    }
  });
}

/** Is each of the remote's notes refs part of the one here, or goes on from it? Only refs that a fetch brought are judged. */
async function continuesHere(repo: Repo, remote: string): Promise<boolean> {
  for (const [ref, there] of await lsRemote(repo, remote, { patterns: [`${NOTES}*`] })) {
    const here = await readRef(repo.commonDir, ref);
    if (here === undefined || here === there) continue;
    const inLine = await inOneLine(repo, here, there).catch((cause: unknown) => {
      // A commit that is not here was pushed after the fetch: the next one judges it.
      if (cause instanceof AosError && cause.code === "git.failed") return true;
      throw cause;
    });
    if (!inLine) return false;
  }
  return true;
}

async function inOneLine(repo: Repo, a: Oid, b: Oid): Promise<boolean> {
  return (await isAncestor(repo, a, b)) || isAncestor(repo, b, a);
}

/** Branches are those of the remote, under the names they have there; everything else is as it is here. */
function trackingView(repo: Repo, remote: string): RefView {
  const tracking = `refs/remotes/${remote}/`;
  const here = (ref: string): string => (ref.startsWith(HEADS) ? tracking + ref.slice(HEADS.length) : ref);
  return {
    read: (ref) => readRef(repo.commonDir, here(ref)),
    async list(prefix) {
      const found = await listRefs(repo.commonDir, here(prefix));
      return new Map([...found].map(([ref, oid]) => [ref.startsWith(tracking) ? HEADS + ref.slice(tracking.length) : ref, oid]));
    },
  };
}

/** All proposals, whose state is judged by the upstream's main. */
export async function proposalsOf({ local, main }: Upstream): Promise<readonly ProposalRef[]> {
  const found = await listProposals(local);
  return Promise.all(found.map(async (ref) => ({ ...ref, state: (await isAncestor(local.repo, ref.head, main)) ? ("merged" as const) : ("open" as const) })));
}

/** One open proposal. @throws AosError `proposal.unknown`, `proposal.merged` */
export async function openProposal(upstream: Upstream, slug: string): Promise<Proposal> {
  const refs = await proposalsOf(upstream);
  const ref = refs.find((one) => one.slug === slug);
  const found = ref === undefined ? undefined : await readProposal(upstream.local, slug);
  if (ref === undefined || found === undefined) {
    const open = refs.filter(({ state }) => state === "open").map((one) => one.slug);
    const meant = nearest(slug, open);
    const hint = meant !== undefined ? `did you mean ${meant}?` : open.length === 0 ? "there are no open proposals; make one with `aos propose`" : `open proposals: ${open.join(", ")}`;
    throw new AosError("proposal.unknown", `${slug}: there is no such proposal${upstream.remote === undefined ? "" : ` on ${upstream.remote}`}`, { hint });
  }
  if (ref.state === "merged") throw new AosError("proposal.merged", `${slug}: main has it already (${ref.head.slice(0, 12)})`, { hint: "to go on, propose from a new branch" });
  return found;
}

/** The full name of a proposal's branch. */
export function proposalRef(slug: string): string {
  return PROPOSALS_PREFIX + slug;
}
