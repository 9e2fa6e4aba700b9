// Which of the files that say who decides a proposal changes. A shadow report speaks of the world alone: these are judged apart from it.

import { bytesEqual } from "@agentos/kernel";
import { fileChanges, isRulesPath } from "./forge/file-changes.ts";
import type { Oid } from "./git/objects.ts";
import { mergeTree, type Repo } from "./git/repo.ts";
import type { ObjectStore } from "./git/store.ts";
import { filesOfCommit, type WorldFiles } from "./world-files.ts";

const RULES_DIR = ".aos";

/**
 * The files below `.aos` that a merge into `base` would change, or that lie in a folder other than in `base`; sorted by path. Of a merge of
 * more files than a decision lists only the folder is named.
 *
 * @throws AosError `git.conflict`
 */
export async function rulesChanged(repo: Repo, store: ObjectStore, change: { readonly base: Oid; readonly head: Oid | WorldFiles }): Promise<readonly string[]> {
  const { base, head } = change;
  if (typeof head !== "string") return differing(filesOfCommit(store, base), head);
  const { changed, changes } = await fileChanges(repo, base, await mergeTree(repo, base, head));
  if (changes === null) return changed.governance > 0 ? [RULES_DIR] : [];
  return changes.map(({ path }) => path).filter(isRulesPath);
}

async function differing(was: WorldFiles, is: WorldFiles): Promise<readonly string[]> {
  const links = [was, is].map(async (files) => (await files.passedOver(RULES_DIR)).map(({ path }) => path));
  const [there, here, linkedThere = [], linkedHere = []] = await Promise.all([was.list(RULES_DIR), is.list(RULES_DIR), ...links]);
  const changed: string[] = [];
  for (const path of new Set([...there, ...here])) {
    const [before, after] = await Promise.all([there.includes(path) ? was.read(path) : undefined, here.includes(path) ? is.read(path) : undefined]);
    if (before === undefined || after === undefined || !bytesEqual(before, after)) changed.push(path);
  }
  const linked = linkedHere.filter((path) => !linkedThere.includes(path));
  return [...new Set([...changed, ...linked])].sort();
}
