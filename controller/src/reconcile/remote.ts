// The authoritative remote: what is fetched from it where, and what is never overwritten by it.

import { AosError } from "@agentos/kernel";
import { casRef, listRefs, readRef } from "../git/refs.ts";
import { isAncestor, type Repo } from "../git/repo.ts";
import { fetch } from "../git/transport.ts";

/** The refs this controller is the writer of; the remote's are kept apart until they are looked at. */
const OWN_REFS: readonly string[] = ["refs/notes/aos", "refs/notes/aos-shadow"];

function trackingPrefix(remote: string): string {
  return `refs/remotes/${remote}/notes/`;
}

/** Fetches branches and reviews as they are on the remote, and the remote's published notes beside the own ones. */
export async function fetchAll(repo: Repo, remote: string): Promise<void> {
  const refspecs = ["+refs/heads/*:refs/heads/*", "+refs/notes/aos-reviews-*:refs/notes/aos-reviews-*", `+refs/notes/*:${trackingPrefix(remote)}*`];
  await fetch(repo, remote, { refspecs, gone: "prune" });
}

/**
 * Moves the own refs forward to what the remote has, where it is ahead: a fresh clone begins from what is published.
 *
 * @throws AosError `world.fenced` when the remote holds what this controller did not write
 */
export async function adoptPublished(repo: Repo, remote: string): Promise<void> {
  const tracked = await listRefs(repo.commonDir, trackingPrefix(remote));
  for (const ref of OWN_REFS) {
    const theirs = tracked.get(`${trackingPrefix(remote)}${ref.slice("refs/notes/".length)}`);
    const ours = await readRef(repo.commonDir, ref);
    if (theirs === undefined || theirs === ours) continue;
    if (ours !== undefined && (await isAncestor(repo, theirs, ours))) continue;
    if (ours !== undefined && !(await isAncestor(repo, ours, theirs))) {
      throw new AosError("world.fenced", `${ref}: ${remote} has ${theirs.slice(0, 12)}, which this controller did not write`, { class: "refused", hint: "another controller writes here; stop one of them" });
    }
    if ((await casRef(repo.commonDir, ref, ours ?? null, theirs)) === "stale") throw new AosError("world.fenced", `${ref}: moved while it was read`, { class: "refused" });
  }
}
