// An empty bare repository as plain files, for tests: what `git init --bare` makes, without hooks to copy and a process to start.

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Repo } from "./repo.ts";

/** Makes the folder a bare repository whose HEAD is the branch `main`. */
export async function bareRepo(folder: string): Promise<Repo> {
  const gitDir = resolve(folder);
  for (const name of ["objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks", "info"]) await mkdir(join(gitDir, name), { recursive: true });
  await writeFile(join(gitDir, "HEAD"), "ref: refs/heads/main\n");
  await writeFile(join(gitDir, "config"), "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n");
  return { gitDir, commonDir: gitDir, workTree: undefined, bare: true, env: {} };
}
