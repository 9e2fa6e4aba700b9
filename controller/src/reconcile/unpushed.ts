// Branches that plans made and the remote does not have yet: each is marked by a ref of its own, so that no fetch and no crash loses one.

import type { Oid } from "../git/objects.ts";
import { casRef, deleteRef, listRefs, readRef } from "../git/refs.ts";
import type { Repo } from "../git/repo.ts";

const HEADS = "refs/heads/";
/** In the controller's own clone alone; never pushed. */
const MARKS = "refs/aos/unpushed/";

function markOf(branch: string): string {
  return MARKS + branch.slice(HEADS.length);
}

/** Marks a branch that is about to be made. */
export async function markUnpushed(repo: Repo, branch: string, head: Oid): Promise<void> {
  const mark = markOf(branch);
  await casRef(repo.commonDir, mark, (await readRef(repo.commonDir, mark)) ?? null, head);
}

/** Marked branches, and the commits that were to be pushed. A fetch leaves them out, else it prunes them. */
export async function unpushedBranches(repo: Repo): Promise<ReadonlyMap<string, Oid>> {
  const marks = await listRefs(repo.commonDir, MARKS);
  return new Map([...marks].map(([mark, head]) => [HEADS + mark.slice(MARKS.length), head]));
}

/**
 * Makes marked branches again where a fetch that had begun before pruned them, and takes the mark off those that are pushed.
 *
 * @param isDue - is this branch still to be pushed?
 */
export async function keepUnpushed(repo: Repo, isDue: (branch: string) => boolean): Promise<void> {
  for (const [branch, head] of await unpushedBranches(repo)) {
    if (isDue(branch)) await casRef(repo.commonDir, branch, null, head);
    // One that is not there is in the making, or was when the process died: a start makes it.
    else if ((await readRef(repo.commonDir, branch)) !== undefined) await deleteRef(repo.commonDir, markOf(branch), head);
  }
}
