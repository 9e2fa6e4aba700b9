import { test } from "node:test";
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { chmod, readFile, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stock, stockGit, temporaryFolder, temporaryRepo } from "./fixture.ts";
import { blobObject, treeObject } from "./objects.ts";
import type { GitObject, Oid } from "./objects.ts";
import { cleanStalePacks, openStore } from "./store.ts";

/** Blobs whose sizes stand at the edges of the pack's size encoding; pseudo-random, so that zlib cannot shrink them away. */
function blobs(count: number): readonly GitObject[] {
  const sizes = [0, 1, 15, 16, 17, 2047, 2048, 2049, 262_143, 262_144, 3_000_000];
  return Array.from({ length: count }, (_, at) => {
    const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, at), Buffer.alloc(16, at >> 8));
    return blobObject(stream.update(Buffer.alloc(sizes[at] ?? (at % 300) + 20)));
  });
}

/** The children of this process that run `git cat-file` for a repository. */
async function readersOf(gitDir: string): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "latin1")).trim().split(" ");
  const found: number[] = [];
  for (const pid of children) {
    const command = pid === "" ? "" : await readFile(`/proc/${pid}/cmdline`, "utf8");
    if (command.includes("cat-file") && command.includes(gitDir)) found.push(Number(pid));
  }
  return found;
}

test("writePack: objects of all sizes: fsck and verify-pack are content, git and we read them back", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const objects = blobs(1500);
  const tree = treeObject(objects.slice(0, 700).map(({ oid }, at) => ({ mode: "100644", name: `f${at}`, oid })));
  const pack = await store.writePack([...objects, tree, ...objects.slice(0, 10)]);
  assert.equal((await stock("git", gitDir, ["fsck", "--strict", "--full"])).code, 0);
  const verified = await stock("git", gitDir, ["verify-pack", "-v", `objects/pack/${pack.names[0]}.pack`]);
  assert.equal(verified.code, 0, verified.stderr);
  assert.equal(verified.stdout.split("\n").filter((line) => /^[0-9a-f]{40} /.test(line)).length, 1501);
  const read = await Promise.all(objects.map(({ oid }) => store.readBlob(oid)));
  assert.deepEqual(read.map((bytes) => blobObject(bytes).oid), objects.map(({ oid }) => oid));
  assert.equal(read.length, 1500);
  assert.deepEqual((await store.readTree(tree.oid)).length, 700);
  const again = await stock("git", gitDir, ["index-pack", "--strict", "-o", "again.idx", `objects/pack/${pack.names[0]}.pack`]);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await readFile(join(gitDir, "again.idx")), await readFile(join(gitDir, "objects", "pack", `${pack.names[0]}.idx`)));
  await pack.release();
});

test("writePack: until release: a .keep guards what nothing points to yet", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [blob] = blobs(1);
  assert.ok(blob !== undefined);
  const pack = await store.writePack([blob]);
  await stockGit(gitDir, "repack", "-a", "-d", "-q");
  await stockGit(gitDir, "gc", "-q", "--prune=now");
  assert.equal(await stockGit(gitDir, "cat-file", "-t", blob.oid), "blob");
  await pack.release();
  await stockGit(gitDir, "gc", "-q", "--prune=now");
  assert.notEqual((await stock("git", gitDir, ["cat-file", "-t", blob.oid])).code, 0);
});

test("writePack: more than a pack takes: several packs, each sound, all of them kept until they are released; one object more than that: a pack of its own", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const store = openStore(gitDir, { packBytes: 300_000 });
  const objects = blobs(30);
  const pack = await store.writePack(objects);
  assert.equal(pack.names.length, 4, "the large one, what comes before it in two, what comes after it");
  assert.equal((await readdir(join(gitDir, "objects", "pack"))).filter((name) => name.endsWith(".keep")).length, 4);
  for (const name of pack.names) assert.equal((await stock("git", gitDir, ["verify-pack", `objects/pack/${name}.pack`])).code, 0);
  for (const { oid, bytes } of objects) assert.deepEqual(Buffer.from(await store.readBlob(oid)), Buffer.from(bytes));
  await pack.release();
  assert.equal((await readdir(join(gitDir, "objects", "pack"))).filter((name) => name.endsWith(".keep")).length, 0);
  await store.close();
});

test("writePack: nothing: no pack", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const pack = await store.writePack([]);
  await pack.release();
  assert.deepEqual(pack.names, []);
  assert.deepEqual(await readdir(join(gitDir, "objects", "pack")), []);
});

test("writePack: a folder that cannot be written: git.write, nothing left behind", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const packDir = join(gitDir, "objects", "pack");
  // Root may write anywhere, so the folder is a file here.
  await stock("sh", gitDir, ["-c", "rmdir objects/pack && touch objects/pack"]);
  await assert.rejects(openStore(gitDir).writePack(blobs(1)), { code: "git.write", class: "outside" });
  assert.equal((await stat(packDir)).isFile(), true);
});

test("read: objects that come later, through repacks and killed readers: always found", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const objects = blobs(60).slice(20);
  let rounds = 0;
  for (const object of objects) {
    assert.equal(await store.read(object.oid), undefined);
    const pack = await store.writePack([object, treeObject([{ mode: "100644", name: "f", oid: object.oid }])]);
    await stockGit(gitDir, "update-ref", `refs/aos/x${rounds}`, object.oid);
    await pack.release();
    if (rounds % 20 === 10) await stockGit(gitDir, "repack", "-a", "-d", "-q");
    if (rounds % 10 === 5) {
      const pids = await readersOf(gitDir);
      assert.equal(pids.length, 1);
      for (const pid of pids) process.kill(pid, "SIGKILL");
    }
    const all = await Promise.all(objects.slice(0, rounds + 1).map(({ oid }) => store.read(oid)));
    assert.ok(all.every((found) => found !== undefined));
    rounds++;
  }
  assert.equal(rounds, 40);
});

test("read: a folder that is no repository: git.failed, not for ever", async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(openStore(folder).read("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" as Oid), { code: "git.failed" });
});

test("read: bytes under a wrong id: git.corrupt; a damaged pack: an error, never bytes", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const [one, two, three] = blobs(14).slice(11);
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  await (await store.writePack([{ ...one, oid: two.oid }])).release();
  await assert.rejects(store.read(two.oid), { code: "git.corrupt", class: "unverified" });
  const pack = await store.writePack([three]);
  const path = join(gitDir, "objects", "pack", `${pack.names[0]}.pack`);
  const bytes = await readFile(path);
  bytes[25] = (bytes[25] ?? 0) ^ 0xff;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
  await assert.rejects(store.read(three.oid), (error: unknown) => error instanceof Error && "code" in error && ["git.corrupt", "git.failed"].includes(String(error.code)));
});

test("readTree, readCommit, readBlob, readPath, listTree: a working tree's commit: as git shows it", async (t) => {
  const { folder, store } = await temporaryRepo(t, { kind: "worktree" });
  await stock("sh", folder, ["-c", "mkdir -p a/b 'd é' && echo 1 >a/b/c && echo 2 >a/x && echo 3 >'d é/y' && ln -s a link && echo 4 >run && chmod +x run && git add . && git commit -qm first"]);
  const head = (await stockGit(folder, "rev-parse", "HEAD")) as Oid;
  const listed = await store.listTree(head, { depth: "all" });
  const shown = await stockGit(folder, "-c", "core.quotePath=false", "ls-tree", "-r", "--format=%(objectmode) %(objectname) %(path)", head);
  assert.deepEqual(listed.map(({ mode, oid, path }) => `${mode} ${oid} ${path}`), shown.split("\n"));
  assert.equal(listed.length, 5);
  assert.deepEqual((await store.listTree(head, { depth: "one" })).map(({ path }) => path), ["a", "d é", "link", "run"]);
  const text = async (path: string): Promise<string | undefined> => {
    const bytes = await store.readPath(head, path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  };
  const rows: readonly (readonly [string, string | undefined])[] = [["a/b/c", "1\n"], ["d é/y", "3\n"], ["link", "a"], ["a", undefined], ["a/b/c/d", undefined], ["none", undefined], ["", undefined]];
  for (const [path, expected] of rows) assert.equal(await text(path), expected, path);
  assert.equal(rows.length, 7);
  const { tree } = await store.readCommit(head);
  assert.equal((await store.readPath(tree, "a/x"))?.length, 2);
  await assert.rejects(store.readCommit(tree), { code: "git.object" });
  await assert.rejects(store.readBlob(head), { code: "git.object" });
  await assert.rejects(store.readTree("00000000000000000000000000000000000000ff" as Oid), { code: "git.missing" });
});

test("cleanStalePacks: what a killed writer leaves: goes once it is old, other files stay", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const packDir = join(gitDir, "objects", "pack");
  const [one, two] = blobs(14).slice(12);
  assert.ok(one !== undefined && two !== undefined);
  const abandoned = await store.writePack([one]);
  const leftovers = [`${abandoned.names[0]}.keep`, `tmp_idx_${"a".repeat(40)}`, `tmp_pack_${"b".repeat(40)}`];
  const others = [`pack-${"c".repeat(40)}.keep`, "tmp_pack_gitown"];
  for (const name of [...leftovers.slice(1), ...others]) await writeFile(join(packDir, name), "a person's reason\n");
  assert.deepEqual(await cleanStalePacks(gitDir, { olderThanMs: 3_600_000 }), []);
  const longAgo = new Date(0);
  for (const name of [...leftovers, ...others]) await utimes(join(packDir, name), longAgo, longAgo);
  const young = await store.writePack([two]);
  assert.deepEqual(await cleanStalePacks(gitDir, { olderThanMs: 3_600_000 }), leftovers.map((name) => join(packDir, name)));
  const left = await readdir(packDir);
  assert.ok([...others, `${young.names[0]}.keep`, `${abandoned.names[0]}.pack`].every((name) => left.includes(name)));
  await young.release();
});
