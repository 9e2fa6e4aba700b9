import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chmod, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { initRepo, openRepo } from "@agentos/controller";
import { clientFolder, clientHooksOf, installClientHooks, uninstallClientHooks } from "./client-install.ts";
import { installServerHooks, serverHooksOf, uninstallServerHooks } from "./install.ts";
import { cloneOf, installHooks, removeTemplate } from "./testing/clone.ts";
import type { Clone } from "./testing/clone.ts";
import { ENTRY } from "./testing/site.ts";

Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });
after(removeTemplate);

async function hookAt(path: string, lines: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${lines}\n`);
  await chmod(path, 0o755);
}

/** Where another program keeps its hooks, and how git is told. */
const PLACES: readonly (readonly [what: string, folder: (clone: Clone) => string, tell: (clone: Clone) => Promise<void>, told: string | undefined])[] = [
  ["in the repository's own folder", ({ folder }) => join(folder, ".git", "hooks"), async () => undefined, undefined],
  ["in a folder of the files, as husky does", ({ folder }) => join(folder, ".husky", "_"), async (clone) => void (await clone.git("config", "core.hooksPath", ".husky/_")), ".husky/_"],
  ["in a folder elsewhere", ({ base }) => join(base, "team's hooks"), async (clone) => void (await clone.git("config", "core.hooksPath", join(clone.base, "team's hooks"))), "team's hooks"],
];

for (const [what, folder, tell, told] of PLACES)
  test(`client hooks: beside hooks ${what}: they run first, their no counts, others are handed on, and all is as it was after`, async (t) => {
    const clone = await cloneOf(t, "bare-handed");
    const theirs = folder(clone);
    const log = join(clone.base, "log");
    await hookAt(join(theirs, "pre-commit"), `echo before >> '${log}'\n[ ! -f '${clone.base}/no' ]`);
    await hookAt(join(theirs, "post-commit"), `echo after >> '${log}'`);
    await tell(clone);
    const before = await readdir(theirs);
    await installHooks(clone);
    const repo = await openRepo(clone.folder);
    assert.equal((await clientHooksOf(repo)).state, "in-force");
    await clone.git("switch", "--quiet", "-c", "work");
    await clone.git("commit", "--quiet", "--allow-empty", "-m", "One");
    assert.deepEqual([await readFile(log, "utf8"), await clone.git("log", "-1", "--format=%B")], ["before\nafter\n", "One\n\nProposal: work"]);
    await writeFile(join(clone.base, "no"), "");
    assert.notEqual((await clone.run(["commit", "--quiet", "--allow-empty", "-m", "Two"])).code, 0);
    await rm(join(clone.base, "no"));
    await installHooks(clone);
    await clone.git("commit", "--quiet", "--allow-empty", "-m", "Three");
    assert.equal(await readFile(log, "utf8"), "before\nafter\nbefore\nbefore\nafter\n", "installed again, each runs once");
    assert.deepEqual(await readdir(theirs), before);
    assert.equal(await uninstallClientHooks(repo), "removed");
    assert.equal(await uninstallClientHooks(repo), "absent");
    const { code, said } = await clone.run(["config", "--local", "core.hooksPath"]);
    assert.equal(code === 0 ? said.trimEnd().endsWith(told ?? "nowhere") : told === undefined, true, said);
    assert.equal((await clone.run(["config", "--local", "aos.hooksPathBefore"])).code, 1);
    await assert.rejects(readdir(clientFolder(repo)), { code: "ENOENT" });
    await clone.git("commit", "--quiet", "--allow-empty", "-m", "Four");
    assert.equal(await clone.git("log", "-1", "--format=%B"), "Four");
  });

test("client hooks: a person's own for all repositories: they run, their folder is not written to, theirs again after", async (t) => {
  const clone = await cloneOf(t, "bare-handed");
  const log = join(clone.base, "log");
  await hookAt(join(clone.base, "mine", "commit-msg"), `echo mine >> '${log}'`);
  await writeFile(join(clone.base, "config"), "[core]\n\thooksPath = ~/mine\n");
  const env = { GIT_CONFIG_GLOBAL: join(clone.base, "config"), HOME: clone.base };
  const saved = { ...process.env };
  Object.assign(process.env, env);
  try {
    await installHooks(clone);
    const committed = await clone.run(["commit", "--quiet", "--allow-empty", "-m", "One"], { env });
    assert.equal(committed.code, 0, committed.said);
    assert.deepEqual([await readFile(log, "utf8"), await readdir(join(clone.base, "mine"))], ["mine\n", ["commit-msg"]]);
    await uninstallClientHooks(await openRepo(clone.folder));
    await clone.run(["commit", "--quiet", "--allow-empty", "-m", "Two"], { env });
    assert.equal(await readFile(log, "utf8"), "mine\nmine\n");
  } finally {
    Object.assign(process.env, { GIT_CONFIG_GLOBAL: saved["GIT_CONFIG_GLOBAL"], HOME: saved["HOME"] });
  }
});

test("client hooks: a pre-push hook that was there and ours: both read the refs", async (t) => {
  const clone = await cloneOf(t, "bare-handed");
  await hookAt(join(clone.folder, ".git", "hooks", "pre-push"), `cat > '${join(clone.base, "refs")}'; echo "$1" >> '${join(clone.base, "refs")}'`);
  await installHooks(clone);
  await clone.git("init", "--quiet", "--bare", join(clone.base, "server.git"));
  await clone.git("remote", "add", "origin", join(clone.base, "server.git"));
  await clone.write("bad.txt", `${"ghp"}_${"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}\n`);
  await clone.git("add", "--all");
  await clone.git("commit", "--quiet", "-m", "Bad");
  const { code, said } = await clone.run(["push", "origin", "main"]);
  assert.notEqual(code, 0);
  assert.match(said, /bad\.txt:1: a GitHub token/);
  assert.match(await readFile(join(clone.base, "refs"), "utf8"), /^refs\/heads\/main [0-9a-f]{40} refs\/heads\/main 0{40}\norigin\n$/);
});

test("client hooks: the program gone: a commit is made, and it is said that nothing was checked", async (t) => {
  const clone = await cloneOf(t, "bare-handed");
  await installClientHooks(await openRepo(clone.folder), { nodePath: process.execPath, entry: join(clone.base, "gone.js") });
  const { code, said } = await clone.run(["commit", "--allow-empty", "-m", "One"]);
  assert.equal(code, 0);
  assert.match(said, /aos: pre-commit: the program is not where it was installed, so nothing is checked/);
});

test("client hooks: git told to look elsewhere since: passed over, and said so", async (t) => {
  const clone = await cloneOf(t);
  await clone.git("config", "core.hooksPath", ".husky/_");
  assert.deepEqual(await clientHooksOf(await openRepo(clone.folder)), { state: "passed-over", looksIn: join(clone.folder, ".husky", "_") });
});

test("client hooks: in a bare repository, beside the server's: both are found, and each goes without the other", async (t) => {
  const clone = await cloneOf(t, "bare-handed");
  const gitDir = join(clone.base, "bare.git");
  const repo = await initRepo(gitDir, { kind: "bare" });
  await installClientHooks(repo, { nodePath: process.execPath, entry: ENTRY });
  await installServerHooks({ gitDir, nodePath: process.execPath, entry: ENTRY });
  assert.deepEqual([(await clientHooksOf(repo)).state, await serverHooksOf(gitDir)], ["in-force", ["pre-receive", "post-receive"]]);
  const refused = await clone.run(["push", gitDir, "main:refs/heads/Main"]);
  assert.match(refused.said, /it looks like main and is not/, "handed on to the server's");
  await uninstallClientHooks(repo);
  assert.match((await clone.run(["push", gitDir, "main:refs/heads/Main"])).said, /it looks like main and is not/);
  assert.equal(await uninstallServerHooks(gitDir), "removed");
  assert.deepEqual(await serverHooksOf(gitDir), []);
});
