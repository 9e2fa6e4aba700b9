import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stock, stockGit, temporaryFolder, temporaryRepo } from "./fixture.ts";
import { parseOid } from "./objects.ts";
import type { Oid } from "./objects.ts";
import { configAdd, configGet, configSet, configureAuthoritative, firstParents, initRepo, isAncestor, mergeBase, mergeTree, openRepo, resolveCommit, status } from "./repo.ts";

/** Commits files on a branch (made from `from` where it is new); the commit's id. */
async function commitOn(folder: string, branch: string, files: Readonly<Record<string, string | null>>, from = "HEAD"): Promise<Oid> {
  const exists = (await stock("git", folder, ["rev-parse", "-q", "--verify", branch])).code === 0;
  const unborn = (await stock("git", folder, ["rev-parse", "-q", "--verify", "HEAD"])).code !== 0;
  if (!unborn) await stockGit(folder, "checkout", "-q", ...(exists ? [branch] : ["-b", branch, from]));
  for (const [name, text] of Object.entries(files)) {
    if (text === null) await rm(join(folder, name));
    else {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), text);
    }
  }
  await stockGit(folder, "add", "-A");
  await stockGit(folder, "commit", "-q", "--allow-empty", "-m", `${branch} ${Object.keys(files).join(" ")}`);
  return parseOid(await stockGit(folder, "rev-parse", "HEAD"));
}

test("openRepo: bare, ordinary, from a folder inside, linked: where everything is", async (t) => {
  const bare = await temporaryRepo(t);
  assert.deepEqual(bare.repo, { gitDir: bare.folder, commonDir: bare.folder, workTree: undefined, bare: true, env: {} });
  const { folder } = await temporaryRepo(t, { kind: "worktree" });
  const expected = { gitDir: `${folder}/.git`, commonDir: `${folder}/.git`, workTree: folder, bare: false, env: {} };
  await mkdir(`${folder}/a/b`, { recursive: true });
  assert.deepEqual(await openRepo(`${folder}/a/b`), expected);
  await commitOn(folder, "main", { f: "1" });
  await stockGit(folder, "worktree", "add", "-q", "-b", "side", `${folder}-side`);
  assert.deepEqual(await openRepo(`${folder}-side`), { gitDir: `${folder}/.git/worktrees/repo-side`, commonDir: `${folder}/.git`, workTree: `${folder}-side`, bare: false, env: {} });
});

test("openRepo: no repository, no folder, SHA-256 ids, a broken one: each says so", async (t) => {
  const folder = await temporaryFolder(t);
  await stockGit(folder, "init", "-q", "--object-format=sha256", "sha256");
  await stockGit(folder, "init", "-q", "broken");
  await writeFile(join(folder, "broken/.git/config"), "[core\n");
  await mkdir(join(folder, "plain"));
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ["plain", "git.norepo", /not in a Git repository/],
    ["none", "git.absent", /cannot be started/],
    ["sha256", "git.format", /sha256 object ids/],
    ["broken", "git.norepo", /bad config line/],
  ];
  for (const [name, code, message] of rows) await assert.rejects(openRepo(join(folder, name)), { code, message }, name);
  assert.equal(rows.length, 4);
});

test("initRepo and configureAuthoritative: run twice: the settings once, nothing lost", async (t) => {
  const { folder, repo } = await temporaryRepo(t);
  await configureAuthoritative(repo);
  await configureAuthoritative(await initRepo(folder, { kind: "bare" }));
  assert.equal(await configGet(repo, "receive.fsckObjects"), "true");
  assert.equal((await stockGit(folder, "config", "--get-all", "core.fsync")), "all");
  assert.equal(await stockGit(folder, "symbolic-ref", "HEAD"), "refs/heads/main");
});

test("configGet, configSet, configAdd: values with blanks and several of one name: kept as given", async (t) => {
  const { folder, repo } = await temporaryRepo(t);
  assert.equal(await configGet(repo, "aos.none"), undefined);
  await configSet(repo, "aos.text", " two\nlines; # ");
  assert.equal(await configGet(repo, "aos.text"), " two\nlines; # ");
  await configSet(repo, "aos.text", "");
  assert.equal(await configGet(repo, "aos.text"), "");
  for (const value of ["a", "b", "a"]) await configAdd(repo, "remote.origin.fetch", value);
  assert.equal(await stockGit(folder, "config", "--get-all", "remote.origin.fetch"), "a\nb");
  await assert.rejects(configSet(repo, "nosection", "x"), { code: "git.failed" });
});

test("status: every kind of change: where it belongs; clean and detached: said", async (t) => {
  const { folder, repo } = await temporaryRepo(t, { kind: "worktree" });
  assert.deepEqual(await status(repo), { branch: "main", head: undefined, clean: true, changed: [], untracked: [], conflicted: [] });
  const head = await commitOn(folder, "main", { "a b": "1\n2\n3\n4\n", gone: "x", same: "y", ".gitignore": "ignored\n" });
  assert.deepEqual(await status(repo), { branch: "main", head, clean: true, changed: [], untracked: [], conflicted: [] });
  await stockGit(folder, "mv", "a b", "moved é");
  await rm(join(folder, "gone"));
  await mkdir(join(folder, "new"));
  await writeFile(join(folder, "new/file"), "");
  await writeFile(join(folder, "ignored"), "");
  const { clean, changed, untracked } = await status(repo);
  assert.deepEqual([clean, changed, untracked], [false, ["moved é", "gone"].toSorted(), ["new/file"]]);
  await stockGit(folder, "reset", "-q", "--hard");
  await commitOn(folder, "side", { same: "side" });
  await commitOn(folder, "main", { same: "main" });
  await stock("git", folder, ["merge", "side"]);
  assert.deepEqual((await status(repo)).conflicted, ["same"]);
  await stockGit(folder, "merge", "--abort");
  await stockGit(folder, "checkout", "-q", "--detach");
  assert.equal((await status(repo)).branch, undefined);
});

test("mergeTree: clean: the tree git merge makes; conflicts: git.conflict with the files; nothing else moves", async (t) => {
  const { folder, repo } = await temporaryRepo(t, { kind: "worktree" });
  await commitOn(folder, "main", { one: "1\n", "d/two": "2\n", long: "a\nb\nc\nd\ne\nf\n" });
  const side = await commitOn(folder, "side", { one: "side\n", "d/two": "side\n", "s t": "new\n", long: null, renamed: "a\nb\nc\nd\ne\nF\n" });
  const clash = await commitOn(folder, "clash", { one: "clash\n", "d/two": "clash\n" }, "main");
  const main = await commitOn(folder, "main", { "m/new": "m\n", long: "A\nb\nc\nd\ne\nf\n" });
  const tree = await mergeTree(repo, main, side);
  const before = await stockGit(folder, "for-each-ref");
  await assert.rejects(mergeTree(repo, clash, side), (error: unknown) => {
    assert.ok(error instanceof Error && "code" in error && "data" in error && "class" in error);
    assert.deepEqual([error.code, error.class, error.data], ["git.conflict", "refused", { files: ["d/two", "one"] }]);
    return true;
  });
  assert.equal(await stockGit(folder, "for-each-ref"), before);
  assert.equal((await status(repo)).clean, true);
  await stockGit(folder, "checkout", "-q", "-b", "merged", "main");
  await stockGit(folder, "merge", "-q", "--no-edit", "side");
  assert.equal(await stockGit(folder, "rev-parse", "HEAD^{tree}"), tree);
  const stranger = parseOid(await stockGit(folder, "commit-tree", "-m", "x", tree));
  await assert.rejects(mergeTree(repo, main, stranger), { code: "git.failed" });
});

test("mergeTree: attributes and configuration of one clone: do not change what is merged", async (t) => {
  const { folder, repo } = await temporaryRepo(t, { kind: "worktree" });
  await commitOn(folder, "main", { f: "1\n", dir: "x" });
  const side = await commitOn(folder, "side", { f: "side\n" });
  const main = await commitOn(folder, "main", { f: "main\n" });
  await writeFile(join(folder, ".gitattributes"), "* merge=union\n");
  await stockGit(folder, "config", "merge.default", "union");
  assert.equal((await stock("git", folder, ["merge-tree", "--write-tree", main, side])).code, 0); // plain git is swayed
  await assert.rejects(mergeTree(repo, main, side), { code: "git.conflict" });
});

test("history: merge base, ancestry, first parents, revisions: as the graph is", async (t) => {
  const { folder, repo } = await temporaryRepo(t, { kind: "worktree" });
  const root = await commitOn(folder, "main", { a: "1" });
  const side = await commitOn(folder, "side", { b: "1" });
  const second = await commitOn(folder, "main", { a: "2" });
  await stockGit(folder, "merge", "-q", "--no-ff", "--no-edit", "side");
  const merge = parseOid(await stockGit(folder, "rev-parse", "HEAD"));
  const stranger = parseOid(await stockGit(folder, "commit-tree", "-m", "x", `${root}^{tree}`));
  assert.equal(await mergeBase(repo, second, side), root);
  assert.equal(await mergeBase(repo, second, stranger), undefined);
  const rows: readonly (readonly [Oid, Oid, boolean])[] = [[root, merge, true], [side, merge, true], [merge, merge, true], [merge, root, false], [side, second, false], [stranger, merge, false]];
  for (const [ancestor, descendant, expected] of rows) assert.equal(await isAncestor(repo, ancestor, descendant), expected);
  assert.equal(rows.length, 6);
  await assert.rejects(isAncestor(repo, parseOid("f".repeat(40)), merge), { code: "git.failed" });
  assert.deepEqual(await firstParents(repo, null, merge), [root, second, merge]);
  assert.deepEqual(await firstParents(repo, root, merge), [second, merge]);
  assert.deepEqual(await firstParents(repo, merge, merge), []);
  assert.equal(await resolveCommit(repo, "main"), merge);
  assert.equal(await resolveCommit(repo, "main~1"), second);
  for (const none of ["nothing", "main:a", "--all", "", "f".repeat(40)]) assert.equal(await resolveCommit(repo, none), undefined, none);
});
