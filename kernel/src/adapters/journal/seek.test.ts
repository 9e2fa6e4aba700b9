import assert from "node:assert/strict";
import { mkdir, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { AosError } from "../../air/error.ts";
import type { Journal, JournalTurn } from "../../ports.ts";
import { folder } from "../../testing/folder.ts";
import { bytesRead } from "../../testing/file-handles.ts";
import { openFileJournal, repairJournal } from "./file.ts";
import { readPoints, SEEK_BYTES } from "./seek.ts";

const SEGMENT = "0000000000000000.aosj";
const INDEX = "0000000000000000.aosi";
const TURNS = 3000;

/** A turn of two records and about a kilobyte, unlike any other. */
function turnOf(index: number): JournalTurn {
  const head = Uint8Array.of(index >> 8, index & 255);
  return { firstSeq: 2 * index, records: [head, new Uint8Array(900 + (index % 200)).fill(index % 251)] };
}

async function journalIn(t: TestContext, options: { readonly segmentBytes?: number } = {}): Promise<string> {
  const dir = await folder(t);
  const journal = await openFileJournal({ dir, mode: "append", ...options });
  for (let index = 0; index < TURNS; index += 50) await journal.append(Array.from({ length: 50 }, (_, at) => turnOf(index + at)));
  await journal.close();
  return dir;
}

async function first(journal: Journal, seq: number): Promise<JournalTurn | undefined> {
  for await (const turn of journal.read(seq)) return turn;
  return undefined;
}

async function count(journal: Journal, fromSeq: number): Promise<number> {
  let turns = 0;
  for await (const turn of journal.read(fromSeq)) {
    assert.deepEqual(turn.records, turnOf(turn.firstSeq / 2).records);
    turns++;
  }
  return turns;
}

test("journal index: opening, one record and a tail of a journal of megabytes: kilobytes are read", async (t) => {
  const dir = await journalIn(t);
  const size = (await readFile(join(dir, SEGMENT))).length;
  const points = await readPoints(join(dir, SEGMENT));
  assert.ok(size > 40 * SEEK_BYTES && points.length > 30, `${points.length} points for ${size} bytes`);
  const taken = await bytesRead(t);
  const journal = await openFileJournal({ dir, mode: "append" });
  assert.equal(journal.nextSeq, 2 * TURNS);
  assert.ok(taken() < 3 * SEEK_BYTES, "opening reads the end");
  for (const seq of [0, 1, 2, 777, 2 * TURNS - 3, 2 * TURNS - 1]) {
    assert.deepEqual(await first(journal, seq), turnOf(seq >> 1), `seq ${seq}`);
    const bytes = taken();
    assert.ok(bytes < 3 * SEEK_BYTES, `seq ${seq}: ${bytes} bytes`);
  }
  assert.equal(await count(journal, 2 * (TURNS - 100)), 100);
  assert.ok(taken() < 5 * SEEK_BYTES, "a tail of 100 turns reads little more than them");
  await journal.close();
});

const harms: readonly { readonly what: string; readonly harm: (path: string) => Promise<void> }[] = [
  { what: "none", harm: (path) => rm(path) },
  { what: "an empty one", harm: (path) => writeFile(path, "") },
  { what: "noise", harm: (path) => writeFile(path, Buffer.alloc(4000, 0x5a)) },
  { what: "one cut inside of a point", harm: (path) => truncate(path, 16 * 20 + 7) },
  { what: "offsets of other places", harm: (path) => everyPoint(path, (point) => point.writeBigUInt64BE(point.readBigUInt64BE(8) + 1n, 8)) },
  { what: "seqs of other turns", harm: (path) => everyPoint(path, (point) => point.writeBigUInt64BE(point.readBigUInt64BE(0) + 2n, 0)) },
  { what: "offsets behind the end", harm: (path) => everyPoint(path, (point) => point.writeBigUInt64BE(point.readBigUInt64BE(8) + (1n << 40n), 8)) },
  { what: "a folder", harm: async (path) => void (await rm(path), await mkdir(path)) },
];
assert.equal(harms.length, 8);
for (const { what, harm } of harms) {
  test(`journal index: ${what} in its place: the same turns, appending goes on`, async (t) => {
    const dir = await journalIn(t);
    await harm(join(dir, INDEX));
    const reader = await openFileJournal({ dir, mode: "read" });
    for (const seq of [0, 1001, 2 * TURNS - 1]) assert.deepEqual(await first(reader, seq), turnOf(seq >> 1));
    if (what === "a folder") return;
    const journal = await openFileJournal({ dir, mode: "append" });
    await journal.append(Array.from({ length: 100 }, (_, at) => turnOf(TURNS + at)));
    assert.equal(await count(journal, 0), TURNS + 100);
    await journal.close();
    const points = await readPoints(join(dir, SEGMENT));
    assert.ok(points.length > (what === "one cut inside of a point" ? 20 : 35), `${points.length} points`);
    const taken = await bytesRead(t);
    await (await openFileJournal({ dir, mode: "append" })).close();
    assert.ok(taken() < 4 * SEEK_BYTES, "the index is whole again at its end");
  });
}

async function everyPoint(path: string, change: (point: Buffer) => unknown): Promise<void> {
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at += 16) change(bytes.subarray(at, at + 16));
  await writeFile(path, bytes);
}

test("journal index: a frame near the end damaged: refused as without an index, nothing changed", async (t) => {
  const dir = await journalIn(t);
  const path = join(dir, SEGMENT);
  const bytes = await readFile(path);
  const last = (await readPoints(path)).at(-1);
  assert.ok(last !== undefined);
  for (const at of [last.offset, last.offset + 30, bytes.length - 1, bytes.length - 2000]) {
    await writeFile(path, bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    await assert.rejects(openFileJournal({ dir, mode: "append" }), (error) => error instanceof AosError && error.code === "journal.corrupt", `byte ${at}`);
  }
  await writeFile(path, bytes);
  assert.equal((await openFileJournal({ dir, mode: "read" })).nextSeq, 2 * TURNS);
});

test("journal index: segments: one each, and none is left of what a repair cut", async (t) => {
  const dir = await journalIn(t, { segmentBytes: 600_000 });
  const names = (await readdir(dir)).sort();
  assert.equal(names.filter((name) => name.endsWith(".aosi")).length, names.length / 2, names.join());
  const segments = names.filter((name) => name.endsWith(".aosj"));
  const second = join(dir, segments[1] ?? "");
  const bytes = await readFile(second);
  await writeFile(second, bytes.map((byte, index) => (index === 400_000 ? byte ^ 1 : byte)));
  const { nextSeq } = await repairJournal({ dir });
  assert.deepEqual((await readdir(dir)).filter((name) => name.endsWith(".aosi")), [INDEX]);
  const journal = await openFileJournal({ dir, mode: "append" });
  assert.equal(journal.nextSeq, nextSeq);
  assert.equal(await count(journal, 0), nextSeq / 2);
  await journal.append([turnOf(nextSeq / 2)]);
  await journal.close();
  assert.ok((await readPoints(second)).length > 3, "the index is made anew");
});
