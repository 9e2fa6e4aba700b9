import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { decodeRecord, encodeRecord, hashBytes, memoryBlobs, memoryJournal, turnsOf, type Journal, type JournalTurn } from "@agentos/kernel";
import type { ObjectStore } from "../git/store.ts";
import { sealedTurns, type SealedTurns } from "../testing/small-turns.ts";
import { publishedBlobs, readSeals, readTip, type Seal } from "./published.ts";
import { checkPublished, restore } from "./restore.ts";

let sealed: SealedTurns;
let store: ObjectStore;
let records: readonly Uint8Array[];
let tip: Seal | undefined;
before(async () => {
  sealed = await sealedTurns();
  ({ store, records } = sealed);
  tip = await readTip(store);
});
after(() => sealed.remove());

/** A journal in memory of these records. */
async function journalOf(bytes: readonly Uint8Array[]): Promise<Journal> {
  const journal = memoryJournal();
  const turns: JournalTurn[] = [...turnsOf(bytes)].map((turn) => ({ firstSeq: decodeRecord(turn[0] ?? new Uint8Array()).seq, records: turn }));
  await journal.append(turns);
  return journal;
}

function hexOf(list: readonly Uint8Array[]): readonly string[] {
  return list.map((bytes) => Buffer.from(bytes).toString("hex"));
}

async function bytesOf(journal: Journal): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const turn of journal.read(0)) all.push(...turn.records);
  return all;
}

test("restore: nothing local: the journal, turn by turn, and every blob", async () => {
  const [journal, blobs] = [memoryJournal(), memoryBlobs()];
  assert.equal(await restore(store, { journal, blobs }), records.length);
  assert.deepEqual(hexOf(await bytesOf(journal)), hexOf(records));
  const turns: number[] = [];
  for await (const turn of journal.read(0)) turns.push(turn.firstSeq);
  assert.deepEqual(turns, [...turnsOf(records)].map((turn) => decodeRecord(turn[0] ?? new Uint8Array()).seq));
  const hashes = (await publishedBlobs(store, tip?.oid ?? assert.fail())).all();
  assert.deepEqual(hashes, [sealed.body]);
  for (const hash of hashes) assert.equal(hashBytes((await blobs.get(hash)) ?? new Uint8Array()), hash);
  await checkPublished(store, journal, { place: "place", tip, fromSeq: 0 });
});

test("restore: cut short at any turn: it goes on from there", async () => {
  const starts = [...turnsOf(records)].map((turn) => decodeRecord(turn[0] ?? new Uint8Array()).seq);
  assert.ok(starts.length >= 6);
  for (const start of starts) {
    const journal = await journalOf(records.slice(0, start));
    assert.equal(await restore(store, { journal, blobs: memoryBlobs() }), records.length);
    assert.deepEqual(hexOf(await bytesOf(journal)), hexOf(records));
  }
});

/** The record at a seq with another stamp: still a record. */
function changedAt(seq: number): readonly Uint8Array[] {
  return records.map((bytes, index) => {
    if (index !== seq) return bytes;
    const record = decodeRecord(bytes);
    return encodeRecord("now_ns" in record ? { ...record, now_ns: record.now_ns + 1n } : "cause" in record ? { ...record, cause: record.cause + 1 } : record);
  });
}

test("check published: a local journal that goes on from what is published: nothing to say", async () => {
  const more = encodeRecord({ ...decodeRecord(records[2] ?? new Uint8Array()), seq: records.length as never });
  await checkPublished(store, await journalOf(records), { place: "place", tip, fromSeq: 0 });
  await checkPublished(store, await journalOf([...records, more]), { place: "place", tip, fromSeq: 0 });
});

test("check published: a local journal that is shorter: refused, with what to do", async () => {
  let rows = 0;
  for (const length of [0, 1, 2, records.length - 1]) {
    const journal = await journalOf(records.slice(0, length));
    await assert.rejects(checkPublished(store, journal, { place: "/w/aos/journal", tip, fromSeq: 5 }), {
      code: "journal.behind", class: "unverified", message: new RegExp(`^/w/aos/journal: the local journal ends before seq ${length}, the published one goes to seq ${records.length - 1}$`), hint: /move \/w\/aos\/journal away/,
    });
    rows++;
  }
  assert.equal(rows, 4);
});

test("check published: a local journal with any one record changed: refused, naming its seq", async () => {
  let rows = 0;
  for (const seq of records.keys()) {
    const journal = await journalOf(changedAt(seq));
    await assert.rejects(checkPublished(store, journal, { place: "place", tip, fromSeq: 0 }), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error && "at" in error && "hint" in error);
      assert.equal(error.code, "journal.other");
      assert.deepEqual(error.at, { seq });
      assert.match(String(error.hint), /move place away/);
      return true;
    });
    rows++;
  }
  assert.equal(rows, records.length);
});

test("check published: from a seq on: the segments from the one that holds it are compared, the last one always, and no more is read", async () => {
  const seals = (await readSeals(store)).map(({ checkpoint }) => checkpoint);
  assert.ok(seals.length >= 4);
  let [refused, passed] = [0, 0];
  for (const fromSeq of [0, ...seals.slice(1).flatMap(({ firstSeq, lastSeq }) => [firstSeq, lastSeq]), records.length, records.length + 9]) {
    const first = seals.findLast(({ firstSeq }) => firstSeq <= fromSeq)?.firstSeq ?? assert.fail();
    let readFrom: number | undefined;
    for (const seq of records.keys()) {
      const inner = await journalOf(changedAt(seq));
      const journal = { nextSeq: inner.nextSeq, read: (from: number) => inner.read((readFrom = from)) };
      const check = checkPublished(store, journal, { place: "place", tip, fromSeq });
      if (seq < first) {
        await check;
        passed++;
      } else {
        await assert.rejects(check, { code: "journal.other", at: { seq } });
        refused++;
      }
      assert.equal(readFrom, first);
    }
  }
  assert.ok(refused > 20 && passed > 20, `${refused} refused, ${passed} passed`);
});
