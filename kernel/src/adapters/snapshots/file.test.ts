import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AosError } from "../../air/error.ts";
import { folder } from "../../testing/folder.ts";
import { snapshotsContract } from "../../testing/snapshots-contract.ts";
import { dropSnapshots, fileSnapshots } from "./file.ts";

async function* bytes(...values: readonly number[]): AsyncGenerator<Uint8Array> {
  yield Uint8Array.from(values);
}

snapshotsContract("file", async (t) => fileSnapshots(join(await folder(t), "new", "snapshots")));

test("snapshot files: names: the seq, and whether it is full; other files and drafts are no snapshots", async (t) => {
  const dir = await folder(t);
  const store = fileSnapshots(dir);
  await store.write(84, bytes(1));
  await store.write(85, bytes(1, 2));
  await writeFile(join(dir, "0000000000000050.aoss.draft"), "half");
  await writeFile(join(dir, "notes.txt"), "mine");
  assert.deepEqual(await store.list(), [{ file: 84, bytes: 1 }, { file: 85, bytes: 2 }]);
  await store.write(86, bytes(3));
  assert.deepEqual((await readdir(dir)).sort(), ["0000000000000042.aoss", "0000000000000042.full.aoss", "0000000000000043.aoss", "notes.txt"]);
  await store.close();
});

test("snapshot files: beyond the end of a journal that was cut: dropped, those at its end stay", async (t) => {
  const dir = await folder(t);
  const store = fileSnapshots(dir);
  for (const file of [20, 21, 22, 23]) await store.write(file, bytes(file));
  await store.close();
  assert.deepEqual(await dropSnapshots(dir, { beyondSeq: 10 }), [join(dir, "0000000000000011.aoss"), join(dir, "0000000000000011.full.aoss")]);
  assert.deepEqual(await dropSnapshots(dir, { beyondSeq: 10 }), []);
  assert.deepEqual((await store.list()).map(({ file }) => file), [20, 21]);
  assert.deepEqual(await dropSnapshots(join(dir, "nowhere"), { beyondSeq: 0 }), []);
});

test("snapshot files: a folder that is a file: snapshot.io for the outside", async (t) => {
  const dir = join(await folder(t), "taken");
  await writeFile(dir, "");
  const isIo = (error: unknown): boolean => error instanceof AosError && error.code === "snapshot.io" && error.class === "outside";
  await assert.rejects(fileSnapshots(dir).write(2, bytes(1)), isIo);
  await assert.rejects(fileSnapshots(dir).list(), isIo);
});
