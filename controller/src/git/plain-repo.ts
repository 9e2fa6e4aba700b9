// A repository as `git init` and `git clone` leave it, read without a process: most commands of a person begin with opening one, and
// git's own start is a good part of such a command's time.

import { lstat, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";

interface PlainRepo {
  /** Absolute, without links. */
  readonly gitDir: string;
  readonly workTree: string;
}

const HEAD = /^(?:ref: refs\/[!-~]+|[0-9a-f]{40})\n$/;
const SECTION = /^[ \t]*\[([A-Za-z0-9.-]+)(?:[ \t]+"[^"\\]*")?\]$/;
const SETTING = /^[ \t]*([A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*([^"\\#;]*?)[ \t]*$/;
const IGNORED = /^[ \t]*(?:[#;].*)?$/;
/** Sections that take in settings from elsewhere, or say that the repository is of another kind. */
const ELSEWHERE: readonly string[] = ["include", "includeif", "extensions"];

/**
 * The repository whose working tree's top is this folder; undefined for whatever is not plain, which git is to be asked about: a
 * linked worktree, a submodule, a bare one, settings that say where things are, files of another user, which git does not open.
 *
 * @param user - whose files it must be; on a system without users nothing is plain
 */
export async function plainRepo(path: string, user = process.geteuid?.()): Promise<PlainRepo | undefined> {
  if (user === undefined) return undefined;
  try {
    const workTree = await realpath(path);
    const gitDir = join(workTree, ".git");
    const [folder, own, objects, refs, head] = await Promise.all([workTree, gitDir, join(gitDir, "objects"), join(gitDir, "refs"), join(gitDir, "HEAD")].map((one) => lstat(one)));
    const plain = [own, objects, refs].every((stats) => stats?.isDirectory()) && head?.isFile() === true && [folder, own].every((stats) => stats?.uid === user);
    const shared = await lstat(join(gitDir, "commondir")).catch(() => undefined);
    if (!plain || shared !== undefined) return undefined;
    const [ref, config] = await Promise.all(["HEAD", "config"].map((name) => readFile(join(gitDir, name), "utf8")));
    return HEAD.test(ref ?? "") && isPlain(config ?? "") ? { gitDir, workTree } : undefined;
  } catch {
    return undefined;
  }
}

/** Is every line of a configuration understood, and says it in one place each that the repository is of the first format, and not bare? */
function isPlain(config: string): boolean {
  let section = "";
  const core: string[] = [];
  for (const line of config.split("\n")) {
    const [, named] = SECTION.exec(line) ?? [];
    const [, name = "", value = ""] = SETTING.exec(line) ?? [];
    if (named !== undefined) section = named.toLowerCase();
    else if (name === "" && !IGNORED.test(line)) return false;
    else if (section === "core" && ["repositoryformatversion", "bare", "worktree"].includes(name.toLowerCase())) core.push(`${name.toLowerCase()} ${value}`);
    if (ELSEWHERE.includes(section)) return false;
  }
  return core.sort().join() === "bare false,repositoryformatversion 0";
}
