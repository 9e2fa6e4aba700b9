// A proposal that stands on its base in one line, found by reading its commits: git need not walk or merge anything.

import type { ObjectStore } from "./store.ts";
import { parseCommit } from "./objects.ts";
import type { Oid } from "./objects.ts";

/** Longer lines are left to git. */
const LINE_MAX = 64;

interface StraightLine {
  /** The commits after the base, oldest first: what `git rev-list --reverse head ^base` prints. None when head is the base. */
  readonly commits: readonly Oid[];
  /** The head's tree. It is the merge of base and head as well, since the base has changed nothing beside it. */
  readonly tree: Oid;
}

/**
 * Follows only parents from `head` down to `base`.
 *
 * @returns undefined where a commit has several parents or none, where one is not there, and for a line of more than 64 commits
 * @throws AosError `git.object` for a commit that is not as git writes it
 */
export async function straightLine(store: Pick<ObjectStore, "read">, base: Oid, head: Oid): Promise<StraightLine | undefined> {
  const commits: Oid[] = [];
  let tree: Oid | undefined;
  for (let at = head; ; ) {
    const object = await store.read(at);
    if (object?.type !== "commit") return undefined;
    const commit = parseCommit(object.bytes);
    tree ??= commit.tree;
    if (at === base) return { commits: commits.reverse(), tree };
    const [parent, ...others] = commit.parents;
    if (parent === undefined || others.length > 0 || commits.length === LINE_MAX) return undefined;
    commits.push(at);
    at = parent;
  }
}
