import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openRepo, parseOid, readRef, type Oid } from "@agentos/controller";
import { placeProposal } from "./offering.ts";
import { withUpstream } from "./upstream.ts";

const NOTES = "refs/notes/aos";
const QUIET = { fetch: { mode: "text", quiet: true } } as const;

interface Two {
  readonly there: string;
  readonly here: string;
  /** The one commit that both have. */
  readonly first: string;
  git(at: string, ...args: readonly string[]): string;
  commit(at: string, said: string, ...parents: readonly string[]): string;
}

/** A bare repository with a main, and a bare clone of it. */
async function two(t: TestContext): Promise<Two> {
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
  return { there, here, first, git, commit };
}

test("upstream: fetching notes: behind is brought, ahead stays as it is, what was rewritten is told", { timeout: 120_000 }, async (t) => {
  const { there, here, first, git, commit } = await two(t);
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

test("upstream: a proposal in the place of another: the server says no to the new commit: the old one is where it was", { timeout: 120_000 }, async (t) => {
  const { there, here, first, git, commit } = await two(t);
  const [before, refused, taken] = ["before", "refused", "taken"].map((said) => parseOid(commit(here, said, first))) as [Oid, Oid, Oid];
  await writeFile(join(there, "hooks", "pre-receive"), `#!/bin/sh\n! grep -q " ${refused} "\n`, { mode: 0o755 });
  const repo = await openRepo(here);
  const place = (head: Oid): Promise<string> => withUpstream(repo, QUIET, (upstream) => placeProposal(upstream, { slug: "x", head, replace: true }));
  const ref = "refs/heads/proposals/x";
  assert.deepEqual([await place(before), git(there, "rev-parse", ref)], ["made", before]);
  await assert.rejects(place(refused), { code: "git.rejected" });
  assert.deepEqual([git(there, "rev-parse", ref), git(here, "rev-parse", "refs/remotes/origin/proposals/x")], [before, before]);
  assert.deepEqual([await place(taken), git(there, "rev-parse", ref)], ["replaced", taken]);
});
