// The authoritative remote: what is fetched from it where, and what is never overwritten by it.

import { AosError } from "@agentos/kernel";
import { REVIEWS_PREFIX } from "../forge/local-reviews.ts";
import { SHADOW_REF } from "../forge/local-shadow.ts";
import type { Oid } from "../git/objects.ts";
import { casRef, deleteRef, listRefs, readRef } from "../git/refs.ts";
import { configAdd, configSet, isAncestor, type Repo } from "../git/repo.ts";
import { fetch } from "../git/transport.ts";
import { NOTES_REF } from "../publish/published.ts";

const FETCH_TIMEOUT_MS = 120_000;

/** Where the remote's value of a ref of notes is kept. */
export function trackingRef(remote: string, ref: string): string {
  return `refs/remotes/${remote}/notes/${ref.slice("refs/notes/".length)}`;
}

/**
 * Sets what the clone follows of its remote. A clone made for people puts the remote's notes over the own ones, and not only at a
 * fetch: a push too writes what it pushed to the ref that tracks it, over a seal made meanwhile.
 */
export async function followBeside(repo: Repo, remote: string): Promise<void> {
  const key = `remote.${remote}.fetch`;
  await configSet(repo, key, "+refs/heads/*:refs/heads/*");
  await configAdd(repo, key, `+refs/notes/*:${trackingRef(remote, "refs/notes/*")}`);
}

export interface FetchOptions {
  /** Further refspecs, and patterns of what is not fetched. */
  readonly also?: readonly string[];
  /** Refs of reviews that are written here: where they go beyond the remote's they stay. None unless told. */
  readonly isOwn?: (ref: string) => boolean;
}

/**
 * Fetches branches and reviews as they are on the remote, and the remote's published notes beside the own ones, these refs
 * alone: what the clone's configuration says could put the remote's notes over the own ones.
 */
export async function fetchAll(repo: Repo, remote: string, { also = [], isOwn = () => false }: FetchOptions = {}): Promise<void> {
  const refspecs = ["+refs/heads/*:refs/heads/*", "+refs/aos/inbox/*:refs/aos/inbox/*", `+refs/notes/*:${trackingRef(remote, "refs/notes/*")}`, ...also];
  await fetch(repo, remote, { refspecs, gone: "prune", tags: "leave", housekeeping: "leave", timeoutMs: FETCH_TIMEOUT_MS });
  await takeReviews(repo, remote, isOwn);
}

/** Puts the reviews where they are read. A decision may rest on one that the remote does not have yet: no fetch takes it away. */
async function takeReviews(repo: Repo, remote: string, isOwn: (ref: string) => boolean): Promise<void> {
  const here = await listRefs(repo.commonDir, REVIEWS_PREFIX);
  const there = new Map([...(await listRefs(repo.commonDir, trackingRef(remote, REVIEWS_PREFIX)))].map(([ref, oid]) => [`refs/notes/${ref.slice(trackingRef(remote, "refs/notes/").length)}`, oid]));
  for (const [ref, ours] of here) if (!there.has(ref) && !isOwn(ref)) await deleteRef(repo.commonDir, ref, ours);
  for (const [ref, theirs] of there) {
    const ours = here.get(ref);
    if (ours === theirs || (ours !== undefined && isOwn(ref) && (await isAncestor(repo, theirs, ours)))) continue;
    await casRef(repo.commonDir, ref, ours ?? null, theirs).catch((error: unknown) => {
      // A name that stands in the way of another's: nobody's reviews are there.
      if (!(error instanceof AosError) || error.code !== "git.ref") throw error;
    });
  }
}

/** The published journal on the remote, as last fetched, where it is not what this repository has. */
export async function publishedElsewhere(repo: Repo, remote: string): Promise<{ readonly ours: Oid | undefined; readonly theirs: Oid } | undefined> {
  const theirs = await readRef(repo.commonDir, trackingRef(remote, NOTES_REF));
  const ours = await readRef(repo.commonDir, NOTES_REF);
  if (theirs === undefined || theirs === ours) return undefined;
  if (ours !== undefined && (await isAncestor(repo, theirs, ours))) return undefined;
  return { ours, theirs };
}

/**
 * Takes over the journal that the remote has, for a controller without one of its own.
 *
 * @param options.journal - whether there is a local journal
 * @throws AosError `world.fenced` when the remote holds what this controller did not write: nothing is changed then
 */
export async function adoptPublished(repo: Repo, remote: string, options: { readonly journal: "empty" | "kept" }): Promise<void> {
  const found = await publishedElsewhere(repo, remote);
  if (found === undefined) return;
  const { ours, theirs } = found;
  const forward = ours === undefined || (await isAncestor(repo, ours, theirs));
  if (options.journal === "kept" || !forward) {
    throw new AosError("world.fenced", `${NOTES_REF}: ${remote} has ${theirs.slice(0, 12)}, which this controller did not write`, {
      class: "refused", hint: "another controller writes this world: stop one of them. To go on here, take up what is published (docs/operations.md); unpublished records of this one are in its local journal only",
    });
  }
  if ((await casRef(repo.commonDir, NOTES_REF, ours ?? null, theirs)) === "stale") throw new AosError("world.fenced", `${NOTES_REF}: moved while it was read`, { class: "refused", hint: "try again" });
}

/**
 * Takes over the shadow notes of the remote where CI, or a controller before this one, has written there. Own reports that are
 * not there are made again: they are derived.
 *
 * @returns whether the own ref moved, or is ahead of the remote's
 */
export async function adoptShadows(repo: Repo, remote: string): Promise<"moved" | "ahead" | "same"> {
  const theirs = await readRef(repo.commonDir, trackingRef(remote, SHADOW_REF));
  const ours = await readRef(repo.commonDir, SHADOW_REF);
  if (theirs === ours) return "same";
  if (theirs === undefined || (ours !== undefined && (await isAncestor(repo, theirs, ours)))) return "ahead";
  return (await casRef(repo.commonDir, SHADOW_REF, ours ?? null, theirs)) === "updated" ? "moved" : "same";
}
