// Names of refs: those a world has, and those that only look like one of them.

import { MAIN_REF, PROPOSALS_PREFIX, readSymbolicRef } from "@agentos/controller";
import { isPublished } from "./published-rule.ts";

const NAME_BYTES_MAX = 512;
const BRANCHES = "refs/heads/";
const TAGS = "refs/tags/";
/** What git would take for something else than a branch or tag of that name, where somebody names it in short. */
const CONFUSING = /^(?:HEAD|@|FETCH_HEAD|ORIG_HEAD|MERGE_HEAD|[0-9a-f]{40}|(?:refs|heads|tags|notes|remotes)(?:\/.*)?)$/i;
/** Names in whose place a tag would be taken: git looks for tags before branches. */
const GUARDED_SHORT = /^(?:main|aos|proposals)(?:\/|$)/i;

/**
 * @param gitDir - of the repository that is pushed to
 * @returns why no push may move a ref of this name, undefined when its rule shall judge
 */
export async function faultOfName(gitDir: string, ref: string): Promise<string | undefined> {
  if (Buffer.byteLength(ref, "utf8") > NAME_BYTES_MAX) return `a name of more than ${NAME_BYTES_MAX} bytes`;
  if (/\p{Cf}/u.test(ref)) return "a name with invisible characters";
  if (ref.split("/").some((part) => part.startsWith("-"))) return "a name that commands would read as an option";
  if ((await readSymbolicRef(gitDir, ref)) !== undefined) return "a symbolic ref: push to the ref it names";
  if (isPublished(ref) || ref === MAIN_REF) return undefined;
  if (ref.startsWith(TAGS)) return faultOfTag(ref.slice(TAGS.length));
  return ref.startsWith(BRANCHES) ? faultOfBranch(ref.slice(BRANCHES.length)) : "not a ref of a world: only branches, tags, refs/notes/aos* and refs/aos/ are taken";
}

function faultOfTag(name: string): string | undefined {
  if (CONFUSING.test(name)) return "a name that git takes for something else";
  return GUARDED_SHORT.test(plain(name)) ? "a tag of that name would be taken for the branch" : undefined;
}

function faultOfBranch(name: string): string | undefined {
  if (CONFUSING.test(name)) return "a name that git takes for something else";
  const looks = plain(name);
  if (looks === "main") return "it looks like main and is not";
  if (looks.startsWith("main/") || looks === "aos" || looks === "proposals") return "it stands in the way of a ref of the world";
  if (looks.startsWith("aos/")) return "not a ref of a world: of refs/heads/aos/ only notes is taken";
  return looks.startsWith("proposals/") && !name.startsWith(PROPOSALS_PREFIX.slice(BRANCHES.length)) ? "it looks like a proposal and is not" : undefined;
}

/** As a file system that folds letters, or a person, reads it. */
function plain(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
