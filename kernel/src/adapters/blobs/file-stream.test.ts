import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { hashBytes, utf8 } from "../../air/hash.ts";
import { folder } from "../../testing/folder.ts";
import { fileBlobs } from "./file.ts";
import { fileBlobStreams } from "./file-stream.ts";

async function* of(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

async function files(dir: string): Promise<readonly string[]> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test("blob streams: written in pieces: the blob that fileBlobs has, and read in pieces again", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const bytes = new Uint8Array(300_000).map((_, at) => at % 251);
  const hash = hashBytes(bytes);
  assert.equal(await streams.size(hash), undefined);
  assert.deepEqual(await streams.write(hash, of(bytes.subarray(0, 1), bytes.subarray(1, 200_000), bytes.subarray(200_000)), { bytesMax: bytes.length }), { size: bytes.length });
  assert.deepEqual(await fileBlobs(dir).get(hash), bytes);
  assert.equal(await streams.size(hash), bytes.length);
  assert.ok((await all(streams.read(hash))).equals(bytes));
  await assert.rejects(all(streams.read(hashBytes(utf8("x")))), { code: "blob.missing" });
});

test("blob streams: other bytes than the name says, too many, or a source that fails: refused, nothing is left", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const hash = hashBytes(utf8("right"));
  await assert.rejects(streams.write(hash, of(utf8("wrong")), { bytesMax: 10 }), { code: "blob.hash" });
  await assert.rejects(streams.write(hash, of(utf8("ri"), utf8("ght")), { bytesMax: 4 }), { code: "blob.too_large" });
  const failing = (async function* () {
    yield utf8("ri");
    throw new Error("cut off");
  })();
  await assert.rejects(streams.write(hash, failing, { bytesMax: 10 }), /cut off/);
  assert.deepEqual(await files(dir), []);
});

test("blob streams: many at once: all there, in order, also those given twice; few waits for the disk; a broken one is mended by write", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const blobs = Array.from({ length: 1_500 }, (_, at) => utf8(`blob ${at % 1_400}`));
  const hashes = await streams.writeAll(of(...blobs));
  assert.deepEqual(hashes, blobs.map(hashBytes));
  assert.equal((await files(dir)).length, 1);
  const store = fileBlobs(dir);
  for (const at of [0, 700, 1_399]) assert.deepEqual(await store.get(hashes[at] ?? assert.fail()), blobs[at]);
  const first = await store.put(utf8("alone"));
  await writeFile(join(dir, first.slice(7, 9), first.slice(9)), "broken");
  await assert.rejects(store.get(first), { code: "blob.corrupt" });
  await streams.write(first, of(utf8("alone")), { bytesMax: 100 });
  assert.deepEqual(await store.get(first), utf8("alone"));
});

test("blob streams: more than are held at a time, however small: in two segments, all of them there", async (t) => {
  const dir = await folder(t);
  const streams = fileBlobStreams(dir);
  const blobs = Array.from({ length: 16_400 }, (_, at) => Uint8Array.of(at & 255, at >> 8));
  const hashes = await streams.writeAll(of(...blobs));
  assert.equal((await files(dir)).length, 2);
  assert.deepEqual(await streams.missing(hashes), []);
});
