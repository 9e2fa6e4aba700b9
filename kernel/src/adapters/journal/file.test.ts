import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { AosError, InvariantError } from "../../air/error.ts";
import type { JournalTurn } from "../../ports.ts";
import { folder } from "../../testing/folder.ts";
import { handleMethods } from "../../testing/file-handles.ts";
import { journalContract, turnAt, turnsFrom } from "../../testing/journal-contract.ts";
import { SYNCED } from "../durable.ts";
import { openFileJournal, repairJournal, type FileJournal } from "./file.ts";
import { HEADER_BYTES, encodeFrames, journalHeader } from "./format.ts";

/** A turn as one frame. */
function frameOf(turn: JournalTurn): Uint8Array {
  return encodeFrames([turn]).bytes;
}

const turns = [turnAt(0, 2), turnAt(2, 1), turnAt(3, 3), turnAt(6, 1)];
const FIRST = "0000000000000000.aosj";

/** A journal folder written as a run would: one call a turn, a new segment whenever one is longer than `segmentBytes`. */
async function written(dir: string, content: readonly JournalTurn[], options: { readonly segmentBytes?: number } = {}): Promise<void> {
  const journal = await openFileJournal({ dir, mode: "append", ...options });
  for (const turn of content) await journal.append([turn]);
  await journal.close();
}

/** A journal of one turn, open, and what writes it. */
async function begun(t: TestContext): Promise<{ readonly dir: string; readonly journal: FileJournal; readonly handles: FileHandle }> {
  const dir = await folder(t);
  const journal = await openFileJournal({ dir, mode: "append" });
  await journal.append([turnAt(0, 1)]);
  return { dir, journal, handles: await handleMethods() };
}

async function contentOf(dir: string): Promise<readonly JournalTurn[]> {
  const journal = await openFileJournal({ dir, mode: "read" });
  return turnsFrom(journal, 0);
}

/** The turns that a journal tells, and the error that ends them. */
async function readUntilError(journal: FileJournal): Promise<{ readonly found: readonly JournalTurn[]; readonly failure: unknown }> {
  const found: JournalTurn[] = [];
  try {
    for await (const turn of journal.read(0)) found.push(turn);
  } catch (failure) {
    return { found, failure };
  }
  return { found, failure: undefined };
}

function isError(code: string, check: (error: AosError) => boolean = () => true): (error: unknown) => boolean {
  return (error) => error instanceof AosError && error.code === code && check(error);
}

journalContract("file", async (t) => openFileJournal({ dir: join(await folder(t), "new", "journal"), mode: "append" }));
journalContract("file of one-turn segments", async (t) => openFileJournal({ dir: await folder(t), mode: "append", segmentBytes: 1 }));

test("journal file: closed and opened again: goes on where it ended", async (t) => {
  const dir = await folder(t);
  for (const turn of turns) await written(dir, [turn]);
  assert.deepEqual(await contentOf(dir), turns);
  assert.deepEqual(await readdir(dir), [FIRST]);
});

test("journal file: one call: one durable write, whatever the number of turns", async (t) => {
  const { journal, handles } = await begun(t);
  const [write, sync] = [t.mock.method(handles, "write"), t.mock.method(handles, "datasync")];
  await journal.append([turnAt(1, 2), turnAt(3, 1), turnAt(4, 1)]);
  assert.deepEqual([write.mock.callCount(), sync.mock.callCount()], [1, SYNCED === 0 ? 1 : 0]);
  await journal.close();
});

test("journal file: longer than a segment: new files, named by the seq they begin with, read as one", async (t) => {
  const dir = await folder(t);
  const frameBytes = turns.map((turn) => frameOf(turn).length);
  const segmentBytes = HEADER_BYTES + (frameBytes[0] ?? 0) + (frameBytes[1] ?? 0);
  await written(dir, turns, { segmentBytes });
  assert.deepEqual(await readdir(dir), [FIRST, "0000000000000003.aosj", "0000000000000006.aosj"]);
  assert.deepEqual(await contentOf(dir), turns);
  const journal = await openFileJournal({ dir, mode: "read" });
  for (const [fromSeq, index] of [0, 0, 1, 2, 2, 2, 3, 4].entries()) assert.deepEqual(await turnsFrom(journal, fromSeq), turns.slice(index), `from ${fromSeq}`);
});

test("journal file: opened for read: shows the turns of that moment, changes nothing, appends nothing", async (t) => {
  const dir = await folder(t);
  await written(dir, turns);
  await truncate(join(dir, FIRST), (await stat(join(dir, FIRST))).size - 1);
  const before = await readFile(join(dir, FIRST));
  const reader = await openFileJournal({ dir, mode: "read" });
  assert.equal(reader.nextSeq, 6);
  assert.equal(reader.repaired, undefined);
  await assert.rejects(reader.append([turnAt(6, 1)]), InvariantError);
  assert.deepEqual(await readFile(join(dir, FIRST)), before);
  await written(dir, [turnAt(6, 4)]);
  assert.deepEqual(await turnsFrom(reader, 0), turns.slice(0, 3));
});

test("journal file: no folder: read refuses, append makes it", async (t) => {
  const dir = join(await folder(t), "a", "b");
  await assert.rejects(openFileJournal({ dir, mode: "read" }), isError("journal.missing", (error) => error.class === "input"));
  await assert.rejects(repairJournal({ dir }), isError("journal.missing"));
  await written(dir, turns);
  assert.deepEqual(await contentOf(dir), turns);
});

test("journal file: torn at any byte of its last two frames: the turns before are there, the rest is kept, appending goes on (I2)", async (t) => {
  const source = await folder(t);
  await written(source, turns);
  const bytes = await readFile(join(source, FIRST));
  const ends = turns.map((_, index) => HEADER_BYTES + Buffer.concat(turns.slice(0, index + 1).map(frameOf)).length);
  const from = ends[1] ?? 0;
  let cuts = 0;
  for (let length = from; length < bytes.length; length++, cuts++) {
    const dir = join(source, String(length));
    await mkdir(dir);
    await writeFile(join(dir, FIRST), bytes.subarray(0, length));
    const whole = ends.filter((end) => end <= length).length;
    const goodBytes = ends[whole - 1] ?? 0;
    const nextSeq = turns[whole]?.firstSeq ?? 0;
    const journal = await openFileJournal({ dir, mode: "append" });
    assert.equal(journal.nextSeq, nextSeq, `cut at ${length}`);
    if (length === goodBytes) {
      assert.equal(journal.repaired, undefined);
    } else {
      const kept = join(dir, `torn-${nextSeq}-0.bin`);
      assert.deepEqual(journal.repaired, { droppedBytes: length - goodBytes, afterSeq: nextSeq - 1, kept });
      assert.deepEqual(await readFile(kept), bytes.subarray(goodBytes, length));
    }
    await journal.append([turnAt(nextSeq, 2)]);
    await journal.close();
    assert.deepEqual(await contentOf(dir), [...turns.slice(0, whole), turnAt(nextSeq, 2)], `cut at ${length}`);
  }
  assert.equal(cuts, bytes.length - from);
  assert.ok(cuts > 50);
});

test("journal file: a new segment torn at any byte: it begins again with the seq of its name", async (t) => {
  const source = await folder(t);
  await written(source, turns, { segmentBytes: 1 });
  const last = "0000000000000006.aosj";
  const bytes = await readFile(join(source, last));
  let cuts = 0;
  for (let length = 0; length < bytes.length; length++, cuts++) {
    await writeFile(join(source, last), bytes.subarray(0, length));
    const journal = await openFileJournal({ dir: source, mode: "append" });
    assert.equal(journal.nextSeq, 6);
    assert.equal(journal.repaired?.droppedBytes ?? 0, length > HEADER_BYTES ? length - HEADER_BYTES : length === HEADER_BYTES ? 0 : length);
    await journal.append([turnAt(6, 1)]);
    await journal.close();
    assert.deepEqual(await contentOf(source), turns);
  }
  assert.equal(cuts, bytes.length);
});

test("journal file: any byte of the last frame flipped: refused with file, byte and seq, nothing changed, no record lost or wrong", async (t) => {
  const dir = await folder(t);
  await written(dir, turns);
  const path = join(dir, FIRST);
  const bytes = await readFile(path);
  const offset = bytes.length - frameOf(turnAt(6, 1)).length;
  let flips = 0;
  for (let at = offset; at < bytes.length; at++, flips++) {
    const damaged = bytes.map((byte, i) => (i === at ? byte ^ 0x40 : byte));
    await writeFile(path, damaged);
    for (const mode of ["append", "read"] as const) {
      await assert.rejects(
        openFileJournal({ dir, mode }),
        isError("journal.corrupt", (error) => error.class === "unverified" && error.at?.file === path && error.at.seq === 6 && error.data["offset"] === offset && /aos journal repair/.test(error.hint ?? "")),
        `byte ${at}`,
      );
    }
    assert.deepEqual(await readFile(path), Buffer.from(damaged));
  }
  assert.equal(flips, bytes.length - offset);
  assert.deepEqual(await readdir(dir), [FIRST]);
});

test("journal file: an earlier segment damaged: opening for append does not read it, reading stops before it", async (t) => {
  const dir = await folder(t);
  await written(dir, turns, { segmentBytes: 1 });
  const path = join(dir, "0000000000000002.aosj");
  const good = await readFile(path);
  let flips = 0;
  for (let at = 0; at < good.length; at++, flips++) {
    await writeFile(path, good.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    const journal = await openFileJournal({ dir, mode: "append" });
    assert.equal(journal.nextSeq, 7);
    const { found, failure } = await readUntilError(journal);
    assert.ok(isError("journal.corrupt", (error) => error.at?.file === path && error.at.seq === 2)(failure), `byte ${at}`);
    assert.deepEqual(found, turns.slice(0, 1));
    assert.deepEqual(await turnsFrom(journal, 3), turns.slice(2));
    await journal.close();
  }
  assert.equal(flips, good.length);
});

const gaps: readonly { readonly what: string; readonly lose: (dir: string) => Promise<void>; readonly seen: number }[] = [
  { what: "a segment in the middle is missing", lose: (dir) => rm(join(dir, "0000000000000002.aosj")), seen: 1 },
  { what: "the first segment is missing", lose: (dir) => rm(join(dir, FIRST)), seen: 0 },
  { what: "a segment lost its frames", lose: (dir) => truncate(join(dir, "0000000000000003.aosj"), HEADER_BYTES), seen: 2 },
];
assert.equal(gaps.length, 3);
for (const { what, lose, seen } of gaps) {
  test(`journal file: ${what}: journal.gap when the reader gets there`, async (t) => {
    const dir = await folder(t);
    await written(dir, turns, { segmentBytes: 1 });
    await lose(dir);
    const journal = await openFileJournal({ dir, mode: "read" });
    const { found, failure } = await readUntilError(journal);
    assert.ok(isError("journal.gap", (error) => error.class === "unverified")(failure), String(failure));
    assert.equal(found.length, seen);
  });
}

test("journal file: a frame skips a seq: journal.gap, both seqs told, nothing changed", async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, FIRST), Buffer.concat([journalHeader(), frameOf(turnAt(0, 1)), frameOf(turnAt(2, 1))]));
  await assert.rejects(
    openFileJournal({ dir, mode: "append" }),
    isError("journal.gap", (error) => error.data["expected"] === 1 && error.data["found"] === 2),
  );
  assert.deepEqual(await readdir(dir), [FIRST]);
});

test("journal file: the disk refuses a write: journal.write for the outside, the same turn can be appended again", async (t) => {
  const { dir, journal, handles } = await begun(t);
  const write = t.mock.method(handles, "write", async () => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  });
  await assert.rejects(journal.append([turnAt(1, 2)]), isError("journal.write", (error) => error.class === "outside" && /EIO/.test(error.message)));
  write.mock.restore();
  assert.equal(journal.nextSeq, 1);
  await journal.append([turnAt(1, 1)]);
  await journal.close();
  assert.deepEqual(await contentOf(dir), [turnAt(0, 1), turnAt(1, 1)]);
});

test("journal file: a failed write that cannot be undone at once: nothing is written before it is", async (t) => {
  const { dir, journal, handles } = await begun(t);
  const broken = async (): Promise<never> => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  };
  const { write: writeAll } = handles;
  // The bytes are in the file, and not known to be durable.
  const write = t.mock.method(handles, "write", async function (this: FileHandle, ...args: Parameters<typeof writeAll>) {
    await writeAll.apply(this, args);
    return broken();
  });
  const cut = t.mock.method(handles, "truncate", broken);
  await assert.rejects(journal.append([turnAt(1, 3)]), isError("journal.write"));
  write.mock.restore();
  await assert.rejects(journal.append([turnAt(1, 1)]), isError("journal.write"));
  cut.mock.restore();
  await journal.append([turnAt(1, 1)]);
  await journal.close();
  assert.deepEqual(await contentOf(dir), [turnAt(0, 1), turnAt(1, 1)]);
});

test("journal file: the disk is full in the middle of a write, in an old segment and in a new one: nothing of the turn stays, appending goes on", async (t) => {
  const dir = await folder(t);
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const child = `
    const { openFileJournal } = await import(${JSON.stringify(new URL(`./file.${extension}`, import.meta.url).href)});
    const codes = [];
    for (const [dir, segmentBytes] of [["old", 1 << 30], ["new", 1]]) {
      const journal = await openFileJournal({ dir: ${JSON.stringify(dir)} + "/" + dir, mode: "append", segmentBytes });
      const small = (seq) => ({ firstSeq: seq, records: [Uint8Array.of(seq)] });
      await journal.append([small(0)]);
      await journal.append([{ firstSeq: 1, records: [new Uint8Array(1_000_000)] }]).catch((error) => codes.push(error.code, error.cause.code));
      await journal.append([small(1), small(2)]);
      codes.push(journal.nextSeq);
      await journal.close();
    }
    console.log(JSON.stringify(codes));
  `;
  // A limit on the length of a file makes a write end half-way, as a full disk does.
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", 'ulimit -f 256; exec "$0" --input-type=module -e "$1"', process.execPath, child]);
  assert.deepEqual(JSON.parse(stdout), ["journal.write", "EFBIG", 3, "journal.write", "EFBIG", 3]);
  const expected = [0, 1, 2].map((seq) => ({ firstSeq: seq, records: [Uint8Array.of(seq)] }));
  for (const name of ["old", "new"]) assert.deepEqual(await contentOf(join(dir, name)), expected, name);
});

test("journal file: a folder that is a file: journal.io for the outside", async (t) => {
  const dir = join(await folder(t), "taken");
  await writeFile(dir, "");
  await assert.rejects(openFileJournal({ dir, mode: "append" }), isError("journal.io", (error) => error.class === "outside"));
});

interface RepairCase {
  readonly what: string;
  readonly harm: (dir: string) => Promise<void>;
  readonly droppedTurns: number;
  readonly stays: number;
}
const flip = async (path: string, at: number): Promise<void> => {
  const bytes = await readFile(path);
  await writeFile(path, bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));
};
const repairs: readonly RepairCase[] = [
  { what: "a frame damaged in the first segment", harm: (dir) => flip(join(dir, FIRST), HEADER_BYTES + 30), droppedTurns: 4, stays: 0 },
  { what: "a frame damaged in the middle", harm: (dir) => flip(join(dir, "0000000000000002.aosj"), HEADER_BYTES + 30), droppedTurns: 3, stays: 1 },
  { what: "a header damaged", harm: (dir) => flip(join(dir, "0000000000000003.aosj"), 3), droppedTurns: 2, stays: 2 },
  { what: "a segment missing", harm: (dir) => rm(join(dir, "0000000000000003.aosj")), droppedTurns: 1, stays: 2 },
  { what: "the last frame damaged", harm: (dir) => flip(join(dir, "0000000000000006.aosj"), HEADER_BYTES), droppedTurns: 1, stays: 3 },
  { what: "the last frame torn", harm: (dir) => truncate(join(dir, "0000000000000006.aosj"), HEADER_BYTES + 26), droppedTurns: 0, stays: 3 },
];
assert.equal(repairs.length, 6);
for (const { what, harm, droppedTurns, stays } of repairs) {
  test(`journal repair: ${what}: cut there, all that was cut is kept, appending goes on`, async (t) => {
    const dir = await folder(t);
    await written(dir, turns, { segmentBytes: 1 });
    await harm(dir);
    const names = (await readdir(dir)).sort();
    const before = Buffer.concat(await Promise.all(names.map((name) => readFile(join(dir, name)))));
    const nextSeq = turns[stays]?.firstSeq ?? 0;
    const keptFile = join(dir, `cut-${nextSeq}-0.bin`);
    assert.deepEqual(await repairJournal({ dir }), { droppedTurns, keptFile, nextSeq });
    const after = (await readdir(dir)).filter((name) => name.endsWith(".aosj")).sort();
    const left = await Promise.all(after.map((name) => readFile(join(dir, name))));
    assert.deepEqual(Buffer.concat([...left, await readFile(keptFile)]), before);
    await written(dir, [turnAt(nextSeq, 1)]);
    assert.deepEqual(await contentOf(dir), [...turns.slice(0, stays), turnAt(nextSeq, 1)]);
  });
}

test("journal repair: a good journal: stays as it is", async (t) => {
  const dir = await folder(t);
  await written(dir, turns, { segmentBytes: 1 });
  assert.deepEqual(await repairJournal({ dir }), { droppedTurns: 0, keptFile: undefined, nextSeq: 7 });
  assert.deepEqual(await contentOf(dir), turns);
  assert.equal((await readdir(dir)).length, 4);
});
