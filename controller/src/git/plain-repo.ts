// A repository as `git init` and `git clone` leave it, read without a process: most commands of a person begin with opening one, and
// git's own start is a good part of such a command's time.

import { lstat, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";

interface PlainRepo {
  /** Absolute, without links. */
  readonly gitDir: string;
  readonly workTree: string;
}

/** What may stand in the configuration of one that is read here: all else may move its files or objects elsewhere. */
const FORMAT = /^[ \t]*repositoryformatversion[ \t]*=[ \t]*0[ \t]*$/im;
const NOT_BARE = /^[ \t]*bare[ \t]*=[ \t]*false[ \t]*$/im;
const ELSEWHERE = /worktree|include|extensions|refstorage|objectformat|\\\r?\n/i;

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
    if (!plain || (await isThere(join(gitDir, "commondir")))) return undefined;
    const config = await readFile(join(gitDir, "config"), "utf8");
    return FORMAT.test(config) && NOT_BARE.test(config) && !ELSEWHERE.test(config) ? { gitDir, workTree } : undefined;
  } catch {
    return undefined;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(() => true, () => false);
}
