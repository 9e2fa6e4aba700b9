import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openRepo, readRef } from "@agentos/controller";
import { withUpstream } from "./upstream.ts";

const NOTES = "refs/notes/aos";
const QUIET = { fetch: { mode: "text", quiet: true } } as const;

test("upstream: fetching notes: behind is brought, ahead stays as it is, what was rewritten is told", { timeout: 120_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "aos-upstream-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [there, here] = [join(folder, "there.git"), join(folder, "here.git")];
  const git = (at: string, ...args: readonly string[]): string =>
    execFileSync("git", ["-C", at, "-c", "user.name=x", "-c", "user.email=x@x", ...args], { encoding: "utf8", input: "", stdio: ["pipe", "pipe", "pipe"] }).trim();
  git(folder, "init", "--quiet", "--bare", there);
  const tree = git(there, "mktree");
  const commit = (at: string, said: string, ...parents: readonly string[]): string => git(at, "commit-tree", "-m", said, ...parents.flatMap((parent) => ["-p", parent]), tree);
  const first = commit(there, "first");
  git(there, "update-ref", "refs/heads/main", first);
  git(there, "update-ref", NOTES, first);
  git(folder, "clone", "--quiet", "--bare", there, here);
  const repo = await openRepo(here);
  const fetched = async (): Promise<string | undefined> => {
    await withUpstream(repo, QUIET, () => Promise.resolve());
    return readRef(repo.commonDir, NOTES);
  };
  assert.equal(await fetched(), first);
  const ahead = commit(here, "sealed, not pushed yet", first);
  git(here, "update-ref", NOTES, ahead);
  assert.equal(await fetched(), ahead);
  git(there, "update-ref", NOTES, commit(there, "another history", first));
  await assert.rejects(fetched(), { code: "git.rewritten", class: "unverified" });
  assert.equal(await readRef(repo.commonDir, NOTES), ahead);
});
