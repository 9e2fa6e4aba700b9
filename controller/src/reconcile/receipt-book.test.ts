import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonical, decodeRecord, encodeRecord, memoryJournal, ZERO_HASH, type Journal, type JournalRecord, type RecordedReceipt, type Seq } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { openBook, receiptBook, type KeptBook } from "./receipt-book.ts";

const STAMP = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };

/** A record that stands for any other, an intent, or the receipt of one. */
function recordAt(seq: number, of: "other" | "intent" | number): JournalRecord {
  const at = seq as Seq;
  if (of === "other") return { kind: "transition", seq: at, state: "held", detail: null, ...STAMP };
  if (of === "intent") {
    return {
      kind: "intent", seq: at, intent: ZERO_HASH, effect: "http.request", params: canonical({ seq }), cap: "http", idempotency_key: new Uint8Array(32), grant: ZERO_HASH, enforcer: "none", policy: "demo/p@1",
      origin: "plan", by: "demo/A@1", cause: Math.max(0, seq - 1),
    };
  }
  return {
    kind: "receipt", seq: at, intent: ZERO_HASH, intent_seq: of as Seq, adapter: "http", status: "ok", payload: canonical({ seq }), started_ns: 1n, finished_ns: 2n, signer: new Uint8Array(32), signature: new Uint8Array(64), ...STAMP,
  };
}

/** A journal, its whole book, how many records were read of it, and what appends to all of them. */
function journalWith(): { readonly journal: Journal; readonly whole: ReturnType<typeof receiptBook>; readonly read: () => number; add(of: readonly ("other" | "intent" | number)[], book?: KeptBook): Promise<void> } {
  const inner = memoryJournal();
  const whole = receiptBook();
  let count = 0;
  const journal: Journal = {
    get nextSeq() {
      return inner.nextSeq;
    },
    append: (turns) => inner.append(turns), close: () => inner.close(),
    async *read(from) {
      for await (const turn of inner.read(from)) {
        count += turn.records.length;
        yield turn;
      }
    },
  };
  return {
    journal, whole,
    read: () => {
      const now = count;
      count = 0;
      return now;
    },
    async add(of, book) {
      const firstSeq = inner.nextSeq;
      const bytes = of.map((one, index) => encodeRecord(recordAt(firstSeq + index, one)));
      await inner.append([{ firstSeq, records: bytes }]);
      const records = bytes.map(decodeRecord);
      whole.take(records);
      book?.take({ records, bytes });
    },
  };
}

async function placeIn(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  return join(folder, "receipts.json");
}

const open = (path: string, journal: Journal): Promise<KeptBook> => openBook(path, journal, { onProblem: (error) => assert.fail(String(error)) });
const seqs = (recorded: readonly RecordedReceipt[]): readonly (readonly number[])[] => recorded.map(({ intent, receipt }) => [intent.seq, receipt.seq]);

test("receipt book: written down and opened again at any turn: the receipts of the whole journal, read from where it was written", async (t) => {
  const path = await placeIn(t);
  const { journal, whole, read, add } = journalWith();
  await add(["other"]);
  let book = await open(path, journal);
  for (let round = 0; round < 40; round++) {
    const at = journal.nextSeq;
    await add(["intent", "other"], book);
    await add(round % 3 === 0 ? ["other"] : [at, "other"], book);
    const now = book.recorded();
    await add(["intent"], book);
    await add([journal.nextSeq - 1], book);
    assert.deepEqual(await book.recorded()(), whole.recorded);
    assert.deepEqual(seqs(await now()), seqs(whole.recorded).slice(0, -1), "as it was when it was asked for");
    if (round % 4 !== 0) continue;
    if (round % 8 === 0) await book.save();
    const unsaved = round % 8 === 0 ? 0 : journal.nextSeq;
    read();
    book = await open(path, journal);
    assert.ok(read() <= unsaved + 2, "the last record it covers, and what came after");
    assert.deepEqual(await book.recorded()(), whole.recorded);
  }
  assert.equal(whole.recorded.length, 66);
  assert.deepEqual(await readdir(join(path, "..")), ["receipts.json"]);
});

test("receipt book: more receipts than are kept: the latest, with a start that reads one record", async (t) => {
  const path = await placeIn(t);
  const { journal, whole, read, add } = journalWith();
  const book = await open(path, journal);
  for (let round = 0; round < 1_100; round++) await add(["intent", journal.nextSeq], book);
  await book.save();
  assert.deepEqual(seqs(await book.recorded()()), seqs(whole.recorded));
  read();
  const again = await open(path, journal);
  assert.ok(read() <= 2);
  assert.deepEqual(seqs(await again.recorded()()), seqs(whole.recorded));
  assert.equal(whole.recorded.length, 1_000);
  assert.ok(read() <= 2_002, "its receipts and intents, no more");
  assert.deepEqual(seqs(await again.recorded()()), seqs(whole.recorded));
  assert.equal(read(), 0, "they are kept");
});

test("receipt book: what was written down is damaged, or of another journal: read again from the start, and written anew", async (t) => {
  const path = await placeIn(t);
  const { journal, whole, read, add } = journalWith();
  const book = await open(path, journal);
  for (let round = 0; round < 300; round++) await add(["intent", journal.nextSeq], book);
  await book.save();
  const good = await readFile(path, "utf8");
  const other = journalWith();
  for (let round = 0; round < 300; round++) await other.add(["intent", other.journal.nextSeq, ...(round === 299 ? (["other"] as const) : [])]);
  const rows: readonly (readonly [what: string, text: string, on: typeof other])[] = [
    ["empty", "", other], ["cut", good.slice(0, 200), other], ["no JSON", "{", other], ["a list", "[]", other],
    ["a number changed", good.replace("[0,1]", "[0,3]"), other], ["a key more", good.replace("{", '{"a":1,'), other],
    ["of another journal", good.replace(/"last":"sha256:./, '"last":"sha256:x'), other],
  ];
  // Enough to be written down again at once.
  await other.add(Array.from({ length: 500 }, () => "other"));
  await other.add(["other"]);
  let rebuilt = 0;
  for (const [what, text, on] of rows) {
    await writeFile(path, text);
    on.read();
    const again = await open(path, on.journal);
    assert.ok(on.read() >= on.journal.nextSeq, what);
    assert.deepEqual(seqs(await again.recorded()()), seqs(on.whole.recorded), what);
    on.read();
    await open(path, on.journal);
    assert.ok(on.read() <= 3, `${what}: written anew`);
    rebuilt++;
  }
  assert.equal(rebuilt, 7);
  const shorter = journalWith();
  await shorter.add(["intent"]);
  await shorter.add([0]);
  await writeFile(path, good);
  assert.deepEqual(seqs(await (await open(path, shorter.journal)).recorded()()), [[0, 1]]);
  await writeFile(path, good);
  read();
  assert.deepEqual(seqs(await (await open(path, journal)).recorded()()), seqs(whole.recorded));
});

test("receipt book: a disk that refuses: told, and the book goes on", async (t) => {
  const path = join(await placeIn(t), "no", "such", "folder");
  const { journal, whole, add } = journalWith();
  const problems: unknown[] = [];
  const book = await openBook(path, journal, { onProblem: (error) => problems.push(error) });
  await add(["intent", 0], book);
  await book.save();
  assert.equal(problems.length, 1);
  assert.deepEqual(await book.recorded()(), whole.recorded);
});
