import { test } from "node:test";
import assert from "node:assert/strict";
import { IDENTITY, T0, allowedSignersFile, startWriter, stock, stockGit, temporaryRepo, testKey } from "./fixture.ts";
import { readNotes } from "./notes.ts";
import { parseOid, verifyCommit } from "./objects.ts";
import type { Oid } from "./objects.ts";
import { cleanStaleLocks, readRef } from "./refs.ts";
import { appendSigned } from "./signed-ref.ts";
import type { Append } from "./signed-ref.ts";
import { cleanStalePacks } from "./store.ts";

const NOTES = "refs/notes/aos";
const NOTHING = { notes: new Map(), entries: new Map() };

test("appendSigned: seal after seal: a chain git verifies, dates that increase, all there is read back", async (t) => {
  const { folder, gitDir, store } = await temporaryRepo(t);
  const key = testKey(1);
  await stockGit(folder, "config", "gpg.ssh.allowedSignersFile", await allowedSignersFile(gitDir, [key], ["git"]));
  const asked = [T0, T0, T0 - 50, T0 + 10, T0 + 10];
  const given: number[] = [];
  let before: Oid | undefined;
  for (const [at, timeSeconds] of asked.entries()) {
    const entries = new Map([[`journal/d00/d00/s0${at}`, Buffer.from(`segment ${at}`)]]);
    const notes = before === undefined ? new Map() : new Map([[before, Buffer.from(`about ${at}\n`)]]);
    const done = await appendSigned({ store, ref: NOTES, key, identity: IDENTITY, message: `seal ${at}\n`, timeSeconds, changes: { notes, entries } });
    assert.ok(done.kind === "updated");
    assert.equal(await readRef(gitDir, NOTES), done.commit);
    const commit = await store.readCommit(done.commit);
    assert.deepEqual([commit.parents, commit.tree, commit.message], [before === undefined ? [] : [before], done.tree, `seal ${at}\n`]);
    assert.deepEqual(verifyCommit((await store.read(done.commit))?.bytes ?? Buffer.alloc(0)), { publicKey: key.publicKey });
    assert.equal((await stock("git", folder, ["verify-commit", done.commit])).code, 0);
    given.push(done.timeSeconds);
    before = done.commit;
  }
  assert.deepEqual(given, [T0, T0 + 1, T0 + 2, T0 + 10, T0 + 11]);
  assert.equal((await stock("git", folder, ["fsck", "--strict"])).code, 0);
  assert.equal((await readNotes(store, (await store.readCommit(before ?? ("" as Oid))).tree)).size, 4);
  assert.equal((await stockGit(folder, "ls-tree", "-r", "--name-only", NOTES, "journal")).split("\n").length, 5);
  assert.match(await stockGit(folder, "count-objects", "-v"), /^count: 0$.*^packs: 5$/ms);
});

test("appendSigned: another was first, or the ref is elsewhere: stale, the ref as the other left it", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const common: Omit<Append, "message"> = { store, ref: NOTES, key: testKey(1), identity: IDENTITY, timeSeconds: T0, changes: NOTHING };
  const first = await appendSigned({ ...common, message: "first\n", expected: null });
  assert.ok(first.kind === "updated");
  assert.deepEqual(await appendSigned({ ...common, message: "late\n", expected: null }), { kind: "stale", tip: first.commit });
  const second = await appendSigned({ ...common, message: "second\n", expected: first.commit });
  assert.ok(second.kind === "updated");
  assert.deepEqual(await appendSigned({ ...common, message: "late\n", expected: first.commit }), { kind: "stale", tip: second.commit });
  assert.equal(await readRef(gitDir, NOTES), second.commit);
  const racers = await Promise.all(Array.from({ length: 6 }, (_, at) => appendSigned({ ...common, message: `racer ${at}\n`, expected: second.commit })));
  assert.deepEqual(racers.map(({ kind }) => kind).toSorted(), ["stale", "stale", "stale", "stale", "stale", "updated"]);
});

test("appendSigned: files, a tree that exists, a merge of two: as asked; a tip left out of the parents: an invariant", async (t) => {
  const { folder, gitDir, store } = await temporaryRepo(t);
  const common = { store, key: testKey(1), identity: IDENTITY, timeSeconds: T0, message: "m\n" };
  const files = new Map([
    ["ab/run", { kind: "write", bytes: Buffer.from("#!"), mode: "100755" } as const],
    ["x", { kind: "write", bytes: Buffer.from("x"), mode: "100644" } as const],
  ]);
  const a = await appendSigned({ ...common, ref: "refs/aos/workspaces/a", changes: { files } });
  const b = await appendSigned({ ...common, ref: "refs/aos/workspaces/b", changes: { files: new Map([["y", { kind: "write", bytes: Buffer.from("y"), mode: "100644" }]]) } });
  assert.ok(a.kind === "updated" && b.kind === "updated");
  assert.equal(await stockGit(folder, "ls-tree", "-r", "--format=%(objectmode) %(path)", a.commit), "100755 ab/run\n100644 x");
  const merged = await appendSigned({ ...common, ref: "refs/aos/workspaces/a", parents: [a.commit, b.commit], changes: { tree: b.tree } });
  assert.ok(merged.kind === "updated");
  assert.deepEqual([merged.tree, (await store.readCommit(merged.commit)).parents], [b.tree, [a.commit, b.commit]]);
  await assert.rejects(appendSigned({ ...common, ref: "refs/aos/workspaces/a", parents: [b.commit], changes: NOTHING }), { name: "InvariantError" });
  await assert.rejects(appendSigned({ ...common, ref: "refs/aos/workspaces/a", changes: { tree: merged.commit } }), { code: "git.missing" });
  assert.equal(await readRef(gitDir, "refs/aos/workspaces/a"), merged.commit);
});

test("appendSigned: writers killed at any point: fsck is clean, the ref old or new, nothing acknowledged is lost", async (t) => {
  const { folder, gitDir, store } = await temporaryRepo(t);
  const acknowledged: Oid[] = [];
  let kills = 0;
  for (; kills < 10; kills++) {
    const writer = startWriter(t, "append", gitDir, NOTES);
    for (let at = 0; at < 2 + kills; at++) acknowledged.push(parseOid((await writer.next()) ?? "ended"));
    await new Promise((resolve) => setTimeout(resolve, kills * 0.7));
    await writer.kill();
    for (let line = await writer.next(); line !== undefined; line = await writer.next()) acknowledged.push(parseOid(line));
    await cleanStaleLocks(gitDir, { olderThanMs: 0 });
    await cleanStalePacks(gitDir, { olderThanMs: 0 });
    const fsck = await stock("git", folder, ["fsck", "--strict"]);
    assert.equal(fsck.code, 0, fsck.stderr);
    const tip = await readRef(gitDir, NOTES);
    assert.ok(tip !== undefined);
    // At most the one seal that was durable before it could be acknowledged.
    const near = [tip, ...(await store.readCommit(tip)).parents];
    assert.ok(near.some((oid) => oid === acknowledged.at(-1)), `${tip} after ${acknowledged.at(-1)}`);
    assert.ok(verifyCommit((await store.read(tip))?.bytes ?? Buffer.alloc(0)) !== undefined);
  }
  assert.equal(kills, 10);
  const chain = (await stockGit(folder, "rev-list", NOTES)).split("\n");
  assert.ok(acknowledged.length >= 65 && acknowledged.every((oid) => chain.includes(oid)));
  const segments = (await stockGit(folder, "ls-tree", "-r", "--name-only", NOTES, "journal")).split("\n").length;
  assert.equal(segments, chain.length);
});
