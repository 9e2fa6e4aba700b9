import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AosError } from "../../air/error.ts";
import { hashBytes } from "../../air/hash.ts";
import { folder } from "../../testing/folder.ts";
import { blobsContract } from "../../testing/blobs-contract.ts";
import { fileBlobs } from "./file.ts";

const bytes = new TextEncoder().encode("hello");
const digits = hashBytes(bytes).slice("sha256:".length);

blobsContract("file", async (t) => fileBlobs(join(await folder(t), "not", "there", "yet")));

test("blobs file: a blob: one file, named by two and 62 hex digits, and no draft left", async (t) => {
  const dir = await folder(t);
  await fileBlobs(dir).put(bytes);
  assert.deepEqual(await readdir(dir, { recursive: true }), [digits.slice(0, 2), join(digits.slice(0, 2), digits.slice(2))]);
  assert.deepEqual(await readFile(join(dir, digits.slice(0, 2), digits.slice(2))), Buffer.from(bytes));
});

test("blobs file: every byte changed: blob.corrupt, and a put mends it", async (t) => {
  const dir = await folder(t);
  const blobs = fileBlobs(dir);
  const hash = await blobs.put(bytes);
  const path = join(dir, digits.slice(0, 2), digits.slice(2));
  const damaged = [...bytes.keys()].map((at) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));
  damaged.push(bytes.slice(1), new Uint8Array());
  for (const content of damaged) {
    await writeFile(path, content);
    await assert.rejects(blobs.get(hash), (error) => error instanceof AosError && error.code === "blob.corrupt" && error.class === "unverified" && error.at?.file === path);
    assert.equal(await blobs.put(bytes), hash);
    assert.deepEqual(await blobs.get(hash), bytes);
  }
  assert.equal(damaged.length, 7);
});

test("blobs file: another store over the same folder: sees the blob", async (t) => {
  const dir = await folder(t);
  const hash = await fileBlobs(dir).put(bytes);
  assert.deepEqual(await fileBlobs(dir).get(hash), bytes);
});

test("blobs file: a folder that is a file: blob.io, for the outside to mend", async (t) => {
  const dir = join(await folder(t), "taken");
  await writeFile(dir, "");
  await assert.rejects(fileBlobs(dir).put(bytes), (error) => error instanceof AosError && error.code === "blob.io" && error.class === "outside");
  await assert.rejects(fileBlobs(dir).get(hashBytes(bytes)), (error) => error instanceof AosError && error.code === "blob.io");
});
