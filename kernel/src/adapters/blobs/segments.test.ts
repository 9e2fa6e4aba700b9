import assert from "node:assert/strict";
import { readdir, readFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { hashBytes, utf8 } from "../../air/hash.ts";
import type { Hash } from "../../air/value.ts";
import { folder } from "../../testing/folder.ts";
import { fileBlobs } from "./file.ts";
import { fileBlobStreams } from "./file-stream.ts";
import { blobSegments } from "./segments.ts";

async function* of(...blobs: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* blobs;
}

/** `count` blobs that no other `word` has. */
function texts(word: string, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, at) => utf8(`${word} ${at} ${"x".repeat(at % 50)}`));
}

async function segmentFiles(dir: string): Promise<readonly string[]> {
  return (await readdir(join(dir, "segments"))).map((name) => join(dir, "segments", name));
}

test("segments: many small blobs: one file, found by every store over the folder, those opened before too", async (t) => {
  const dir = await folder(t);
  const [streams, early] = [fileBlobStreams(dir), fileBlobs(dir)];
  assert.equal(await early.get(hashBytes(utf8("first 7 xxxxxxx"))), undefined);
  const blobs = [...texts("first", 1_000), new Uint8Array(0)];
  const hashes = await streams.writeAll(of(...blobs));
  assert.deepEqual(hashes, blobs.map(hashBytes));
  assert.equal((await segmentFiles(dir)).length, 1);
  assert.deepEqual(await readdir(dir), ["segments"]);
  for (const store of [early, fileBlobs(dir)]) {
    for (const [at, hash] of hashes.entries()) assert.deepEqual(await store.get(hash), blobs[at]);
  }
  const absent = hashBytes(utf8("absent"));
  assert.deepEqual([await streams.size(hashes[7] as Hash), await streams.size(absent)], [blobs[7]?.length, undefined]);
  assert.deepEqual(await streams.missing([absent, ...hashes, absent]), [absent]);
  const pieces: Uint8Array[] = [];
  for await (const piece of streams.read(hashes[9] as Hash)) pieces.push(piece);
  assert.deepEqual(pieces, [blobs[9]]);
});

test("segments: blobs that are stored already, alone or together: nothing is written; what is handed out may be changed", async (t) => {
  const dir = await folder(t);
  const [streams, store] = [fileBlobStreams(dir), fileBlobs(dir)];
  const blobs = texts("known", 40);
  const alone = utf8("alone");
  await store.put(alone);
  await streams.writeAll(of(...blobs));
  const before = (await readdir(dir, { recursive: true })).sort();
  await streams.writeAll(of(...blobs, alone));
  for (const blob of blobs) assert.equal(await store.put(blob), hashBytes(blob));
  assert.deepEqual((await readdir(dir, { recursive: true })).sort(), before);
  const hash = hashBytes(blobs[3] as Uint8Array);
  (await store.get(hash))?.fill(0);
  assert.deepEqual(await store.get(hash), blobs[3]);
});

test("segments: large blobs and one that comes alone: files of their own", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const large = new Uint8Array((1 << 20) + 1).fill(7);
  await streams.writeAll(of(large, utf8("small")));
  assert.deepEqual((await readdir(dir, { recursive: true })).filter((name) => name.length > 60).length, 2);
  await streams.writeAll(of(large, utf8("small"), utf8("a"), utf8("b")));
  assert.equal((await segmentFiles(dir)).length, 1);
  assert.deepEqual(await fileBlobs(dir).get(hashBytes(large)), large);
});

test("segments: many small segments: put together, and a reader of before goes on", async (t) => {
  const dir = await folder(t);
  const [streams, reader] = [fileBlobStreams(dir), fileBlobs(dir)];
  const all: Uint8Array[] = [];
  let most = 0;
  for (let round = 0; round < 130; round++) {
    const blobs = texts(`round ${round}`, 3);
    all.push(...blobs);
    await streams.writeAll(of(...blobs));
    assert.deepEqual(await reader.get(hashBytes(blobs[0] as Uint8Array)), blobs[0]);
    most = Math.max(most, (await segmentFiles(dir)).length);
  }
  assert.equal(most, 63);
  for (const blob of all) assert.deepEqual(await reader.get(hashBytes(blob)), blob);
  assert.deepEqual(await streams.missing(all.map(hashBytes)), []);
});

test("segments: many that write at once, by one store and by two: all are there, put together or not", async (t) => {
  const dir = await folder(t);
  const stores = [fileBlobStreams(dir), fileBlobStreams(dir)] as const;
  const all: Uint8Array[] = [];
  for (let round = 0; round < 4; round++) {
    await Promise.all(Array.from({ length: 40 }, async (_, at) => {
      const blobs = texts(`round ${round} ${at}`, 2);
      all.push(...blobs);
      await stores[at % 8 === 0 ? 1 : 0].writeAll(of(...blobs));
    }));
  }
  const reader = fileBlobs(dir);
  for (const blob of all) assert.deepEqual(await reader.get(hashBytes(blob)), blob);
  assert.equal(all.length, 320);
  assert.ok((await segmentFiles(dir)).length < 160);
});

test("segments: a broken disk: told, never handed out; putting the bytes again mends it", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const blobs = texts("whole", 10);
  const [first, last] = (await streams.writeAll(of(...blobs))).filter((_, at) => at === 0 || at === 9) as [Hash, Hash];
  const [path = assert.fail()] = await segmentFiles(dir);
  const bytes = await readFile(path);
  await writeFile(path, Buffer.concat([Buffer.from("Whole 0"), bytes.subarray(7)]));
  await assert.rejects(fileBlobs(dir).get(first), { code: "blob.corrupt" });
  assert.deepEqual(await fileBlobs(dir).get(last), blobs[9]);
  await fileBlobs(dir).put(blobs[0] as Uint8Array);
  assert.deepEqual(await fileBlobs(dir).get(first), blobs[0]);
  // The list of what is in it: nothing of it is found, and that is told apart from a blob that was never stored.
  await truncate(path, bytes.length - 1);
  const store = fileBlobs(dir);
  await assert.rejects(store.get(last), { code: "blob.corrupt" });
  assert.deepEqual(await store.get(first), blobs[0]);
  await streams.write(last, of(blobs[9] as Uint8Array), { bytesMax: 100 });
  assert.deepEqual(await store.get(last), blobs[9]);
});

test("segments: drafts of a write that was cut off: not looked at, and gone with the next write once they are old", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  await streams.writeAll(of(...texts("there", 2)));
  const [old, fresh] = [".draft-0011", ".draft-0022"].map((name) => join(dir, "segments", name)) as [string, string];
  for (const path of [old, fresh]) await writeFile(path, "half");
  const before = new Date(Date.now() - 2 * 3_600_000);
  await utimes(old, before, before);
  const segments = blobSegments(dir);
  segments.refresh();
  assert.equal(segments.damaged(), undefined);
  assert.ok(segments.find(hashBytes(utf8("there 0 "))) !== undefined);
  await streams.writeAll(of(...texts("more", 2)));
  const left = await readdir(join(dir, "segments"));
  assert.deepEqual(left.filter((name) => name.startsWith(".")), [".draft-0022"], "somebody may be writing it");
  assert.equal(left.length, 3);
});
