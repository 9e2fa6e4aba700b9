// The repository as git shows it to a client hook: by the variables it sets, or by the folder alone.

import { isAbsolute, resolve } from "node:path";
import { git, gitIn, quarantine } from "@agentos/controller";
import type { Repo } from "@agentos/controller";

/** git sets some of these for hooks, relative to where it starts them; an editor that runs git may set all. */
const PATH_VARIABLES = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] as const;

/**
 * @param cwd - where git started the hook: the top of the working tree, or a bare repository's folder
 * @returns the repository; its commands read and write the index that is being committed
 */
export async function clientRepo(cwd: string): Promise<Repo> {
  const env: Record<string, string> = { ...quarantine() };
  for (const name of PATH_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined && value !== "") env[name] = isAbsolute(value) ? value : resolve(cwd, value);
  }
  const found = await git(cwd, ["rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir", "--is-bare-repository", "--is-inside-work-tree"], { env });
  const [gitDir = "", commonDir = "", bare, inside] = found.stdout.toString("utf8").split("\n");
  return { gitDir, commonDir, workTree: inside === "true" ? cwd : undefined, bare: bare === "true", env };
}

/** The lines or NUL-ended fields that a git command prints. */
export async function fieldsOf(repo: Repo, args: readonly string[], options: { readonly stdin?: string; readonly end?: "\n" | "\0" } = {}): Promise<readonly string[]> {
  const { stdout } = await gitIn(repo, args, options.stdin === undefined ? {} : { stdin: options.stdin });
  return stdout.toString("utf8").split(options.end ?? "\n").filter((field) => field !== "");
}
