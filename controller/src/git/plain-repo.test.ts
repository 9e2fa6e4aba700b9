import { test } from "node:test";
import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stockGit, temporaryFolder } from "./fixture.ts";
import { plainRepo } from "./plain-repo.ts";

/** What stock git says of a folder. */
async function asGit(folder: string): Promise<readonly string[]> {
  return (await stockGit(folder, "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir", "--show-toplevel", "--is-bare-repository")).split("\n");
}

test("plainRepo: as git init and git clone leave it, or by way of a link: what git says, without git", async (t) => {
  const folder = await temporaryFolder(t);
  await stockGit(folder, "init", "-q", "made");
  await stockGit(join(folder, "made"), "commit", "-q", "--allow-empty", "-m", "one");
  await stockGit(folder, "clone", "-q", "made", "cloned");
  await stockGit(join(folder, "cloned"), "config", "user.name", "somebody");
  await symlink("made", join(folder, "linked"));
  let looked = 0;
  for (const name of ["made", "cloned", "linked"]) {
    const found = await plainRepo(join(folder, name));
    assert.ok(found !== undefined, name);
    assert.deepEqual([found.gitDir, found.gitDir, found.workTree, "false"], await asGit(join(folder, name)), name);
    looked++;
  }
  assert.equal(looked, 3);
});

type Change = (at: { readonly repo: string; readonly folder: string }) => Promise<unknown>;
const config = (...words: readonly string[]): Change => ({ repo }) => stockGit(repo, "config", ...words);

/** Each makes another repository of a plain one; the name is of the folder to open. */
const OTHERS: readonly (readonly [what: string, change: Change, open?: string])[] = [
  ["a folder in it", ({ repo }) => mkdir(join(repo, "inner")), "repo/inner"],
  ["its git folder", async () => undefined, "repo/.git"],
  ["a linked worktree", ({ repo }) => stockGit(repo, "worktree", "add", "-q", "-b", "side", "../side"), "side"],
  ["a git folder elsewhere", ({ repo }) => stockGit(repo, "init", "-q", "--separate-git-dir", "../elsewhere")],
  ["a git folder behind a link", async ({ repo, folder }) => {
    await rename(join(repo, ".git"), join(folder, "moved"));
    await symlink("../moved", join(repo, ".git"));
  }],
  ["files elsewhere by its settings", async (at) => {
    await mkdir(join(at.folder, "files"));
    await config("core.worktree", join(at.folder, "files"))(at);
  }],
  ["settings of another file", async (at) => {
    await writeFile(join(at.folder, "more"), "[core]\n\tbare = true\n");
    await config("include.path", join(at.folder, "more"))(at);
  }],
  ["one that says it is bare", config("core.bare", "true")],
  ["extensions", async (at) => {
    await config("core.repositoryformatversion", "1")(at);
    await config("extensions.worktreeConfig", "true")(at);
  }],
  ["a name broken over two lines", ({ repo }) => appendFile(join(repo, ".git/config"), "[core]\n\tlogallrefupdates = \\\ntrue\n")],
  ["no format", async ({ repo }) => {
    const path = join(repo, ".git/config");
    await writeFile(path, (await readFile(path, "utf8")).replace(/.*repositoryformatversion.*\n/, ""));
  }],
  ["a HEAD that is cut off", ({ repo }) => writeFile(join(repo, ".git/HEAD"), "")],
  ["a HEAD that names nothing", ({ repo }) => writeFile(join(repo, ".git/HEAD"), "garbage\n")],
  ["bare further down", ({ repo }) => appendFile(join(repo, ".git/config"), "[core]\n\tbare = true\n")],
  ["not bare in another section alone", async ({ repo }) => {
    const path = join(repo, ".git/config");
    await writeFile(path, `${(await readFile(path, "utf8")).replace(/.*bare.*\n/, "")}[other]\n\tbare = false\n`);
  }],
  ["another format further down", ({ repo }) => appendFile(join(repo, ".git/config"), "[core]\n\trepositoryformatversion = 5\n")],
  ["a line that is no setting", ({ repo }) => appendFile(join(repo, ".git/config"), "[co\n")],
  ["no settings", ({ repo }) => rm(join(repo, ".git/config"))],
  ["no objects", ({ repo }) => rm(join(repo, ".git/objects"), { recursive: true })],
  ["a common folder", ({ repo }) => writeFile(join(repo, ".git/commondir"), "../.git\n")],
  ["no repository", ({ repo }) => rm(join(repo, ".git"), { recursive: true })],
  ["no folder", async () => undefined, "none"],
];

test("plainRepo: whatever is not plain: left to git", async (t) => {
  let looked = 0;
  for (const [what, change, open = "repo"] of OTHERS) {
    const folder = await temporaryFolder(t);
    const repo = join(folder, "repo");
    await stockGit(folder, "init", "-q", "repo");
    await stockGit(repo, "commit", "-q", "--allow-empty", "-m", "one");
    assert.ok((await plainRepo(repo)) !== undefined, what);
    await change({ repo, folder });
    assert.equal(await plainRepo(join(folder, open)), undefined, what);
    looked++;
  }
  assert.equal(looked, 22);
});

test("plainRepo: files of another user, left to git", async (t) => {
  const folder = await temporaryFolder(t);
  await stockGit(folder, "init", "-q", "repo");
  const repo = join(folder, "repo");
  assert.ok((await plainRepo(repo)) !== undefined);
  assert.equal(await plainRepo(repo, (process.geteuid?.() ?? 0) + 1), undefined);
});
