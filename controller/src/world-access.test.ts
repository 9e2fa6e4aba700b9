import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, open, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createModuleRunner, fileBlobs, fileSnapshots, openFileJournal, openHost, SANDBOX_VERSION, stateRoot, systemClock, systemEntropy, type JournalRecord,
} from "@agentos/kernel";
import { parseOid } from "./git/objects.ts";
import { initRepo, openRepo } from "./git/repo.ts";
import { openStore } from "./git/store.ts";
import { serveControl } from "./control/server.ts";
import { readSeals } from "./publish/published.ts";
import { markRestoring, stateFolder, writeRunFile } from "./reconcile/state-folder.ts";
import { publishedWorld, type PublishedWorld } from "./testing/published-world.ts";
import { filesOfFolder } from "./world-files.ts";
import { connectWorld } from "./control/connect.ts";
import { readWorldOffline, shadowLocally, type OfflineWorld } from "./world-access.ts";

let published: PublishedWorld;
let empty: string;
before(async () => {
  published = await publishedWorld();
  empty = await mkdtemp(join(tmpdir(), "aos-access-"));
}, { timeout: 120_000 });
after(async () => {
  await published.remove();
  await rm(empty, { recursive: true, force: true });
});

async function recordsOf(world: OfflineWorld): Promise<readonly JournalRecord[]> {
  const all: JournalRecord[] = [];
  for await (const record of world.records()) all.push(record);
  return all;
}

test("world offline: from the local journal, from a clone: the same world, record for record, as the last seal says", async () => {
  const modules = createModuleRunner();
  const local = await readWorldOffline(await openRepo(`${published.world.folder}/world`), { modules });
  const repo = await openRepo(published.folder);
  const clone = await readWorldOffline(repo, { modules });
  assert.deepEqual([local.from, clone.from], ["local", "published"]);
  const folder = await stateFolder(await openRepo(`${published.world.folder}/world`));
  await markRestoring(folder, "begun");
  assert.equal((await readWorldOffline(await openRepo(`${published.world.folder}/world`), { modules })).from, "published", "a local journal that is being rebuilt is not looked at");
  await markRestoring(folder, "done");
  assert.equal(stateRoot(local.world), stateRoot(clone.world));
  const [ours, theirs] = [await recordsOf(local), await recordsOf(clone)];
  assert.ok(ours.length >= 20);
  assert.deepEqual(ours.map(({ seq, kind }) => [seq, kind]), theirs.map(({ seq, kind }) => [seq, kind]));
  assert.deepEqual([local.recorded.length, clone.recorded.length], [3, 3]);
  const store = openStore(repo.commonDir);
  try {
    assert.equal((await readSeals(store)).at(-1)?.checkpoint.stateRoot, stateRoot(clone.world));
  } finally {
    await store.close();
  }
});

test("world offline: neither here nor published: said so, with a way out", async () => {
  const repo = await initRepo(join(empty, "none"), { kind: "bare" });
  await assert.rejects(readWorldOffline(repo, { modules: createModuleRunner() }), { code: "world.none", message: /has not run here, and nothing is published/, hint: /aos run/ });
  await mkdir(join(repo.commonDir, "aos", "journal"), { recursive: true });
  await assert.rejects(readWorldOffline(repo, { modules: createModuleRunner() }), { code: "world.none" });
});

test("world offline: a local journal that is damaged: an error, not the published world instead", async () => {
  const path = await published.copy();
  await cp(join(published.world.folder, "world", ".git", "aos", "journal"), join(path, "aos", "journal"), { recursive: true });
  const segment = (await readdir(join(path, "aos", "journal"))).find((name) => name.endsWith(".aosj")) ?? "";
  const file = await open(join(path, "aos", "journal", segment), "r+");
  await file.write(Buffer.from("XXXX"), 0, 4, 200);
  await file.close();
  await assert.rejects(readWorldOffline(await openRepo(path), { modules: createModuleRunner() }), { code: "journal.corrupt", class: "unverified" });
});

test("shadow locally: a head and the same files in a folder: the same consequences; nothing is written to the world", async () => {
  const { world } = published;
  const repo = await openRepo(`${world.folder}/world`);
  const before = await world.git("for-each-ref");
  const main = parseOid(await world.git("rev-parse", "main"));
  await world.git("reset", "--quiet", "--hard", "main");
  const modules = createModuleRunner();
  const head = await shadowLocally(repo, { base: main, head: parseOid(await world.git("rev-parse", "main")), modules });
  const folder = await shadowLocally(repo, { base: main, head: filesOfFolder(`${world.folder}/world`), modules });
  assert.equal(head.consequences, folder.consequences);
  assert.ok(head.markdown.length > 0);
  assert.equal(await world.git("for-each-ref"), before);
});

test("shadow locally: from a snapshot, whole or damaged: the report that a replay from the start gives, of scenarios and of a window", async (t) => {
  const { world } = published;
  const repo = await openRepo(`${world.folder}/world`);
  const main = parseOid(await world.git("rev-parse", "main"));
  const modules = createModuleRunner();
  const options = { base: main, head: main, modules };
  const reports = async (): Promise<readonly unknown[]> => [(await shadowLocally(repo, options)).json, (await shadowLocally(repo, { ...options, window: { last: 2 } })).json];
  const replayed = await reports();
  const folder = await stateFolder(repo);
  t.after(() => rm(folder.snapshots, { recursive: true, force: true }));
  const host = await openHost({
    journal: await openFileJournal({ dir: folder.journal, mode: "read" }), blobs: fileBlobs(folder.blobs), snapshots: fileSnapshots(folder.snapshots), clock: systemClock(),
    entropy: systemEntropy(), signer: world.keys.author, modules, adapters: [], sandbox: SANDBOX_VERSION, world: world.trust,
  });
  await host.snapshot();
  await host.stop();
  const [name] = await readdir(folder.snapshots);
  const offline = await readWorldOffline(repo, { modules, from: "snapshot" });
  assert.equal(stateRoot(offline.world), stateRoot((await readWorldOffline(repo, { modules })).world));
  await offline.close();
  assert.deepEqual(await reports(), replayed);
  await truncate(join(folder.snapshots, name ?? ""), 40);
  assert.deepEqual(await reports(), replayed);
});

test("connect: nobody runs, a socket that is gone, a live one: only the live one is a world", async () => {
  const repo = await initRepo(join(empty, "run"), { kind: "bare" });
  assert.equal(await connectWorld(repo), undefined);
  const folder = await stateFolder(repo);
  const run = { pid: process.pid, principal: "ctl", since: "2030-01-01T00:00:00Z" };
  await writeRunFile(folder, { ...run, socket: join(folder.path, "gone.sock") });
  assert.equal(await connectWorld(repo), undefined, "the pid lives, but nobody listens");
  const server = await serveControl(folder.path, async () => "fine");
  await writeRunFile(folder, { ...run, socket: server.socket });
  assert.equal(await (await connectWorld(repo))?.ask("GET", "/x"), "fine");
  await server.close();
  assert.equal(await connectWorld(repo), undefined);
});
