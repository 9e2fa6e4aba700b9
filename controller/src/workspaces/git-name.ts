// Names of a workspace as names in a Git tree: the file's real name where git can hold it, else the workspace's own behind a mark.

import { AosError, decodeName, encodeName, isSegment } from "@agentos/kernel";
import { isEntryName } from "../git/objects.ts";

/** The file of a folder that holds what git has no place for. */
export const ANNOTATIONS_FILE = ".aos-annotations.json";
/** What follows is a workspace name as it is: one that stands for no file name, or for one that git refuses. */
const MARK = "~aos-";

/** The name that an entry of a workspace tree has in git. Every name has one of its own. */
export function gitNameOf(name: string): string {
  const real = realName(name);
  return real === undefined || isReserved(real) ? MARK + name : real;
}

/** The name in a workspace of an entry in git. @throws AosError `workspace.git_name` for one that `gitNameOf` does not give */
export function nameOfGit(name: string): string {
  const found = name.startsWith(MARK) ? name.slice(MARK.length) : encoded(name);
  if (found !== undefined && isSegment(found) && gitNameOf(found) === name) return found;
  throw new AosError("workspace.git_name", `${JSON.stringify(name)}: a workspace cannot have a file of that name`, { hint: "rename it: names in a workspace are UTF-8, and those that git itself reads stay out" });
}

function realName(name: string): string | undefined {
  return name.startsWith("~") ? attempt(() => decodeName(name)) : name;
}

function encoded(name: string): string | undefined {
  return attempt(() => encodeName(name));
}

function attempt(make: () => string): string | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** Characters that HFS+ passes over when it compares names. */
const IGNORABLE = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;
/** What git reads, and the short names under which Windows would find it. */
const GIT_READS = /^(?:\.git|git~\d+|\.gitmodules|g[a-z0-9]{0,6}~\d+)$/;

/** Is this a name that git refuses or acts upon on any system, or one of ours? */
function isReserved(name: string): boolean {
  if (!isEntryName(name) || name === ANNOTATIONS_FILE || name.startsWith(MARK)) return true;
  return name.replaceAll(IGNORABLE, "").split(/[\\:]/).some((part) => GIT_READS.test(part.replace(/[ .]+$/, "").toLowerCase()));
}
