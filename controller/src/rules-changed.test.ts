// Changes of the files that say who decides, by a merge and by a folder as it lies.

import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseOid, type Oid } from "./git/objects.ts";
import { gitIn, initRepo } from "./git/repo.ts";
import { openStore } from "./git/store.ts";
import { rulesChanged } from "./rules-changed.ts";
import { filesOfFolder } from "./world-files.ts";

test("rules changed: by a merge and by a folder: the same files below .aos, added, changed, taken away, made a link; no other", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "aos-rules-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const repo = await initRepo(folder, { kind: "worktree" });
  const store = openStore(repo.commonDir);
  t.after(() => store.close());
  const commit = async (message: string): Promise<Oid> => {
    await gitIn(repo, ["add", "--all"]);
    await gitIn(repo, ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--message", message]);
    return parseOid((await gitIn(repo, ["rev-parse", "HEAD"])).stdout.toString().trim());
  };
  await mkdir(join(folder, ".aos"));
  for (const name of ["gone", "kept", "policy", "turned"]) await writeFile(join(folder, ".aos", name), name);
  await writeFile(join(folder, "README"), "one");
  const base = await commit("base");
  const merged = (head: Oid): Promise<readonly string[]> => rulesChanged(repo, store, { base, head });
  const lying = (): Promise<readonly string[]> => rulesChanged(repo, store, { base, head: filesOfFolder(folder) });

  assert.deepEqual(await lying(), []);
  await writeFile(join(folder, "README"), "two");
  await writeFile(join(folder, ".aosx"), "no rule");
  assert.deepEqual([await lying(), await merged(await commit("no rules"))], [[], []]);

  await mkdir(join(folder, ".aos/deep"));
  await writeFile(join(folder, ".aos/deep/new"), "new");
  await writeFile(join(folder, ".aos/policy"), "other");
  await rm(join(folder, ".aos/gone"));
  await rm(join(folder, ".aos/turned"));
  await symlink("kept", join(folder, ".aos/turned"));
  await symlink("kept", join(folder, ".aos/link"));
  const expected = [".aos/deep/new", ".aos/gone", ".aos/link", ".aos/policy", ".aos/turned"];
  assert.deepEqual([await lying(), await merged(await commit("rules"))], [expected, expected]);
});
