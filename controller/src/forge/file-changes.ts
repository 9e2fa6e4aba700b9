// The files in which two trees differ, as decisions record them.

import { isUtf8 } from "node:buffer";
import type { Oid } from "../git/objects.ts";
import { gitIn } from "../git/repo.ts";
import type { Repo } from "../git/repo.ts";
import type { DecisionInputs, FileChange } from "../governance/decision-types.ts";

/** A merge that changes more files is not listed file by file. */
const LISTED_MAX = 1000;
/** The mode of what is not there. */
const NOTHING = "000000";

export interface Changes {
  readonly changed: DecisionInputs["changed"];
  /** By path; null where there are too many. */
  readonly changes: readonly FileChange[] | null;
}

/** A file in which two trees differ. */
export interface TreeChange extends FileChange {
  readonly was: "absent" | "there";
}

/** What a tree changes in a base commit. */
export async function fileChanges(repo: Repo, base: Oid, tree: Oid): Promise<Changes> {
  const changes = (await treeChanges(repo, base, tree)).map(({ path, now }) => ({ path, now }));
  const governance = changes.filter(({ path }) => isRulesPath(path)).length;
  return { changed: { governance, other: changes.length - governance }, changes: changes.length > LISTED_MAX ? null : changes };
}

/** Is this one of the files that say who decides? */
export function isRulesPath(path: string): boolean {
  return path === ".aos" || path.startsWith(".aos/");
}

/** However many they are. @param from - a tree or a commit, as `to` */
export async function treeChanges(repo: Repo, from: Oid, to: Oid): Promise<readonly TreeChange[]> {
  const { stdout } = await gitIn(repo, ["diff-tree", "-r", "-z", "--no-renames", `${from}^{tree}`, `${to}^{tree}`]);
  return parseDiff(stdout);
}

/** `:<mode> <mode> <oid> <oid> <status>\0<path>\0` for each. */
function parseDiff(diff: Buffer): readonly TreeChange[] {
  const changes: TreeChange[] = [];
  for (let at = 0; at < diff.length; ) {
    const head = diff.indexOf(0, at);
    const end = diff.indexOf(0, head + 1);
    const [before = "", mode = "", , oid = ""] = diff.toString("latin1", at + 1, head).split(" ");
    changes.push({ path: pathText(diff.subarray(head + 1, end)), was: before === NOTHING ? "absent" : "there", now: mode === NOTHING ? null : `${mode} ${oid}` });
    at = end + 1;
  }
  return changes;
}

/** Two paths never read the same: what is not UTF-8 stands as its bytes in hex, behind a character that paths cannot hold. */
function pathText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString("utf8") : `\0${bytes.toString("hex")}`;
}
