import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hash } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { isRestoring, markRestoring, pinTrust, readPinnedTrust, readRunFile, removeRunFile, stateFolder, stateFolderAt, writeRunFile } from "./state-folder.ts";

async function repoIn(t: TestContext): Promise<Repo> {
  const folder = await temporaryFolder(t);
  return initRepo(folder, { kind: "worktree" });
}

const run = { pid: process.pid, socket: "/x/control.sock", principal: "ctl", since: "2030-01-01T00:00:00Z" };

test("state folder: made or found: only its owner may enter; git does not see it", async (t) => {
  const repo = await repoIn(t);
  await mkdir(stateFolderAt(repo).path);
  await chmod(stateFolderAt(repo).path, 0o755);
  const folder = await stateFolder(repo);
  assert.equal((await stat(folder.path)).mode & 0o777, 0o700);
  assert.deepEqual(folder, stateFolderAt(repo));
  await writeFile(join(folder.path, "x"), "x");
  assert.equal((await gitIn(repo, ["status", "--porcelain", "--ignored"])).stdout.length, 0);
});

test("run file: written, read, removed: by a live process only; nothing half-written is ever there", async (t) => {
  const folder = await stateFolder(await repoIn(t));
  assert.equal(await readRunFile(folder), undefined);
  await writeRunFile(folder, run);
  assert.deepEqual(await readRunFile(folder), run);
  assert.deepEqual(await readdir(folder.path), ["run.json"]);
  assert.equal((await stat(join(folder.path, "run.json"))).mode & 0o777, 0o600);
  await removeRunFile(folder);
  await removeRunFile(folder);
  assert.equal(await readRunFile(folder), undefined);
});

test("run file: of a dead process, cut off, or not one at all: nobody runs", async (t) => {
  const folder = await stateFolder(await repoIn(t));
  const rows = [
    JSON.stringify({ ...run, pid: 2 ** 22 + 1 }), JSON.stringify({ ...run, pid: -1 }), JSON.stringify({ ...run, pid: 0 }), JSON.stringify({ ...run, pid: 1.5 }), JSON.stringify({ ...run, pid: "1" }),
    JSON.stringify({ pid: process.pid }), JSON.stringify(run).slice(0, -3), "", "null", "[]", "7",
  ];
  for (const text of rows) {
    await writeFile(join(folder.path, "run.json"), text);
    assert.equal(await readRunFile(folder), undefined, text);
  }
  assert.equal(rows.length, 11);
});

test("restoring: marked until it is done", async (t) => {
  const folder = await stateFolder(await repoIn(t));
  assert.equal(await isRestoring(folder), false);
  await markRestoring(folder, "begun");
  assert.equal(await isRestoring(folder), true);
  await markRestoring(folder, "done");
  await markRestoring(folder, "done");
  assert.equal(await isRestoring(folder), false);
});

test("pinned trust: the first stays; another one or something else is refused with a way out", async (t) => {
  const repo = await repoIn(t);
  const [first, other] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`] as [Hash, Hash];
  assert.equal(await readPinnedTrust(repo), undefined);
  await pinTrust(repo, first);
  await pinTrust(repo, first);
  assert.equal(await readPinnedTrust(repo), first);
  await assert.rejects(pinTrust(repo, other), { code: "trust.pin", message: /is pinned to world sha256:1+, not sha256:2+/, hint: /git config --unset aos\.trust/ });
  assert.equal(await readPinnedTrust(repo), first);
  await gitIn(repo, ["config", "aos.trust", "sha256:xyz"]);
  await assert.rejects(readPinnedTrust(repo), { code: "trust.pin", message: /not a hash/ });
});
