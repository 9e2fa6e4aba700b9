import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { aos, eventually, git, json, ok, startAos, temporaryFolder } from "./testing/aos.ts";

/** A world, the guarded repository it is pushed to, and its controller beside it, which looks again only when it is told to. */
async function shared(t: TestContext): Promise<{ readonly folder: string; readonly author: string; readonly controller: Awaited<ReturnType<typeof startAos>> }> {
  const folder = await temporaryFolder(t);
  const trust = String(json(await aos(["init", "author", "--name", "shared", "--json"], { cwd: folder }))["trust"]);
  const author = join(folder, "author");
  await git(folder, "init", "--quiet", "--bare", "server.git");
  const guarded = json(await aos(["hooks", "install", "--server", "server.git", "--trust", trust, "--controller", "controller.git", "--json"], { cwd: folder }));
  assert.deepEqual(guarded["hooks"], ["pre-receive", "post-receive"]);
  await git(author, "remote", "add", "origin", join(folder, "server.git"));
  await git(author, "push", "--quiet", "--set-upstream", "origin", "main");
  const words = ["controller", "--repo", "server.git", "--dir", "controller.git", "--key", "author/.git/aos/keys/controller", "--trust", trust, "--poll-ms", "3600000"];
  const controller = await startAos(t, words, { cwd: folder, ready: /the world begins/ });
  await eventually(async () => ((await git(join(folder, "server.git"), "for-each-ref", "refs/notes/aos")) === "" ? undefined : true), "the first seal is pushed");
  return { folder, author, controller };
}

async function proposal(author: string, name: string): Promise<void> {
  await git(author, "switch", "--quiet", "-c", name, "main");
  await writeFile(join(author, `${name}.txt`), "words\n");
  await git(author, "add", "--all");
  await git(author, "commit", "--quiet", "-m", `Add ${name}`);
  ok(await aos(["propose"], { cwd: author }));
}

test("aos hooks: a server with a controller that never looks by itself: a push is seen because it was told; without it, the server rehearses", async (t) => {
  const { folder, author, controller } = await shared(t);
  await proposal(author, "first");
  await eventually(async () => ((await git(join(folder, "server.git"), "for-each-ref", "refs/notes/aos-shadow")) === "" ? undefined : true), "the controller's report of it");
  assert.equal(await controller.stop(), 0, controller.output());
  await proposal(author, "second");
  const report = join(folder, "server.git", "aos", "shadows", "reports", "second.md");
  assert.match(await eventually(() => readFile(report, "utf8").catch(() => undefined), "the server's own report"), /^#/);
  await assert.rejects(readFile(report.replace("second", "first")), { code: "ENOENT" });
  await eventually(async () => ((await readdir(join(report, "..", ".."))).includes("lock") ? undefined : true), "the end of its work");
});

test("aos hooks: in a clone: installed, in force, a broken change refused, taken away again", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--quiet"], { cwd: folder }));
  const at = { cwd: join(folder, "world") };
  assert.match(ok(await aos(["hooks", "status"], at)).stdout, /clone {3}not installed\n {2}server {2}not guarded/);
  assert.match(ok(await aos(["hooks", "install"], at)).stdout, /^installed {2}pre-commit, commit-msg, pre-push; hooks in .* run first, as before$/m);
  assert.deepEqual((json(await aos(["hooks", "status", "--json"], at))["client"] as { state: string }).state, "in-force");
  await writeFile(join(at.cwd, "air", "broken.air.json"), "{");
  await git(at.cwd, "add", "--all");
  await assert.rejects(git(at.cwd, "commit", "-m", "Break"), /aos: air\/broken\.air\.json:1:2: /);
  assert.equal(json(await aos(["hooks", "uninstall", "--json"], at))["outcome"], "removed");
  assert.equal(json(await aos(["hooks", "uninstall", "--json"], at))["outcome"], "absent");
  await git(at.cwd, "commit", "--quiet", "-m", "Break");
});

const WRONG: readonly (readonly [what: string, words: readonly string[], code: string])[] = [
  ["a trust hash for a clone", ["install", "--trust", `sha256:${"0".repeat(64)}`], "cli.usage"],
  ["a controller for a clone", ["install", "--controller", "x"], "cli.usage"],
  ["a trust hash that is none", ["install", "--server", ".", "--trust", "x"], "cli.trust"],
  ["no repository", ["install"], "git.norepo"],
  ["no repository to ask about", ["status"], "git.norepo"],
  ["a server that is not there", ["status", "--server", "nowhere.git"], "hooks.server"],
  ["a server that is not there, to free", ["uninstall", "--server", "nowhere.git"], "hooks.server"],
];

test("aos hooks: wrong input: exit 2, the code, a hint", async (t) => {
  const folder = await temporaryFolder(t);
  let rows = 0;
  for (const [what, words, code] of WRONG) {
    const ran = await aos(["hooks", ...words, "--json"], { cwd: folder });
    const { error } = JSON.parse(ran.stdout) as { readonly error: { readonly code: string; readonly hint?: string } };
    assert.deepEqual([ran.code, error.code, typeof error.hint], [2, code, "string"], what);
    rows++;
  }
  assert.equal(rows, 7);
});
