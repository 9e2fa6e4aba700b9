// Every version of every note on a ref: what no later commit can take back.

import { isOid, parseOid } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { gitIn } from "../git/repo.ts";
import type { Repo } from "../git/repo.ts";

/** A note as one commit left it. */
export interface NoteVersion {
  readonly commit: Oid;
  /** What it annotates. */
  readonly target: Oid;
  readonly blob: Oid;
}

/**
 * The versions of all notes, or of those on one object, oldest first. Merges add nothing by themselves: what they bring stands
 * in the commits they merge.
 *
 * @param options.after - leave out this commit and what it reaches
 */
export async function noteHistory(repo: Repo, tip: Oid, options: { readonly target?: Oid; readonly after?: Oid } = {}): Promise<readonly NoteVersion[]> {
  const paths = options.target === undefined ? [] : ["--", ...fanOuts(options.target)];
  const after = options.after === undefined ? [] : [`^${options.after}`];
  const commits = await gitIn(repo, ["rev-list", "--topo-order", "--reverse", tip, ...after, ...paths]);
  if (commits.stdout.length === 0) return [];
  const diff = await gitIn(repo, ["diff-tree", "--stdin", "--root", "-r", "-z", "--no-renames", ...paths], { stdin: commits.stdout });
  return parseDiff(diff.stdout.toString("latin1"));
}

/** The paths at which git may keep a note. Deeper ones need more than 16 million notes. */
function fanOuts(target: Oid): readonly string[] {
  return [0, 2, 4, 6].map((depth) => `${target.slice(0, depth).replace(/../g, "$&/")}${target.slice(depth)}`);
}

/** `<commit>\0` then `:<mode> <mode> <blob> <blob> <status>\0<path>\0` for each change. */
function parseDiff(text: string): readonly NoteVersion[] {
  const versions: NoteVersion[] = [];
  const fields = text.split("\0");
  let commit: Oid | undefined;
  for (let at = 0; at < fields.length; at++) {
    const field = (fields[at] ?? "").trim();
    if (!field.startsWith(":")) {
      if (isOid(field)) commit = field;
      continue;
    }
    const [, mode = "", , blob = ""] = field.split(" ");
    const target = (fields[++at] ?? "").replaceAll("/", "");
    if (commit !== undefined && /^100(644|755)$/.test(mode) && isOid(target)) versions.push({ commit, target, blob: parseOid(blob) });
  }
  return versions;
}
