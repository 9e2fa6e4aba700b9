// Tamperings with what is published: records, segments, seals and files, and what verification must say first of each.

import assert from "node:assert/strict";
import { canonical, decodeRecord, encodeRecord, receiptFacts, RECEIPT_NAMESPACE, receiptMessage, sshsigBytes, utf8, type JournalRecord } from "@agentos/kernel";
import { NOTES_REF } from "../publish/published.ts";
import { encodeSegment } from "../publish/segment.ts";
import type { PublishedWorld } from "./published-world.ts";
import { edited, flipped, type SealDraft, type Signer, type Tampering } from "./tamper.ts";

export interface Row {
  readonly name: string;
  readonly tamper: (t: Tampering, world: PublishedWorld) => Promise<unknown>;
  /** The code of the first problem. */
  readonly code: string;
  /** What its message says. */
  readonly says: RegExp;
  /** Which places it names. */
  readonly names: readonly ("seq" | "commit" | "file")[];
  /** Only a replay finds it: without one the copy verifies. */
  readonly foundBy?: "replay";
}

const RECEIPT = /^receipt seq \d+ \(intent sha256:[0-9a-f]{64}\)/;

/** The first seal that holds a record of a kind. */
export function sealWith(drafts: readonly SealDraft[], kind: JournalRecord["kind"], which = 0): number {
  const found = drafts.map((draft, index) => ({ index, holds: draft.records.some((bytes) => decodeRecord(bytes).kind === kind) })).filter(({ holds }) => holds);
  const index = found[which]?.index;
  assert.ok(index !== undefined, `a seal holds a ${kind}`);
  return index;
}

/** Edits the first seal with a record of a kind, and makes every hash and signature after it again. */
export function resealed(kind: JournalRecord["kind"], edit: (draft: SealDraft) => SealDraft, which = 0) {
  return (t: Tampering): Promise<unknown> => t.reseal((drafts) => {
    const at = sealWith(drafts, kind, which);
    return drafts.map((draft, index) => (index === at ? edit(draft) : draft));
  });
}

function payloadFlipped(receipt: JournalRecord<"receipt">): JournalRecord {
  return { ...receipt, payload: flipped(receipt.payload, -1) };
}

/** The tip's seal with other bytes at one of its own paths: same words, same parents. */
async function amendTip(t: Tampering, signer: Signer, change: (draft: SealDraft, bytes: Uint8Array) => Uint8Array): Promise<void> {
  const tip = (await t.seals()).at(-1);
  assert.ok(tip !== undefined);
  const bytes = change(tip.draft, await t.bytesAt(tip.oid, tip.checkpoint.segment));
  const tree = await t.tree(tip.tree, new Map([[tip.checkpoint.segment, bytes]]));
  await t.setRef(NOTES_REF, await t.commit({ tree, parents: tip.parents, message: tip.message, time: tip.time, signer }));
}

/** Turns a byte inside the payload of the receipt that the tip's segment holds. */
function inReceipt(draft: SealDraft, bytes: Uint8Array): Uint8Array {
  const receipt = draft.records.map(decodeRecord).find((record) => record.kind === "receipt");
  assert.ok(receipt !== undefined, "the tip seals a receipt");
  const at = Buffer.from(bytes).indexOf(receipt.payload);
  assert.ok(at > 0);
  return flipped(bytes, at + receipt.payload.length - 1);
}

/** A commit on top of the tip that changes files which are published already. */
async function onTop(t: Tampering, signer: Signer, path: RegExp, change: (bytes: Uint8Array) => Uint8Array | null): Promise<void> {
  const tip = (await t.seals()).at(-1);
  assert.ok(tip !== undefined);
  const file = (await t.git(["ls-tree", "-r", "--name-only", tip.oid])).split("\n").find((name) => path.test(name));
  assert.ok(file !== undefined, `${path} is published`);
  const tree = await t.tree(tip.tree, new Map([[file, change(await t.bytesAt(tip.oid, file))]]));
  await t.setRef(NOTES_REF, await t.commit({ tree, parents: [tip.oid], message: "fix\n", time: tip.time + 5, signer }));
}

function spliced<T>(list: readonly T[], at: number, count: number, ...items: readonly T[]): readonly T[] {
  return [...list.slice(0, at), ...items, ...list.slice(at + count)];
}

/** Gives records the seqs of their places. */
function renumbered(records: readonly Uint8Array[], first: number): readonly Uint8Array[] {
  return records.map((bytes, index) => encodeRecord({ ...decodeRecord(bytes), seq: (first + index) as JournalRecord["seq"] }));
}

function signedBy(t: PublishedWorld, key: Exclude<Signer, "nobody">) {
  return (receipt: JournalRecord<"receipt">): JournalRecord => {
    const signer = t.world.keys[key];
    const signature = signer.sign(sshsigBytes(RECEIPT_NAMESPACE, receiptMessage(receiptFacts(t.world.trust, receipt))));
    return { ...receipt, signer: signer.publicKey, signature };
  };
}

const records: readonly Row[] = [
  { name: "a byte of a receipt's payload, not signed", tamper: (t) => amendTip(t, "nobody", inReceipt), code: "receipt.signature", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a byte of a receipt's payload, signed by the author", tamper: (t) => amendTip(t, "author", inReceipt), code: "receipt.signature", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a byte of a receipt's payload, all hashes and seals made again by the controller's key", tamper: resealed("receipt", (draft) => edited(draft, "receipt", payloadFlipped)), code: "receipt.signature", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a byte of a receipt's signature", tamper: resealed("receipt", (draft) => edited(draft, "receipt", (receipt) => ({ ...receipt, signature: flipped(receipt.signature, 5) }))), code: "receipt.signature", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a receipt's status", tamper: resealed("receipt", (draft) => edited(draft, "receipt", (receipt) => ({ ...receipt, status: "error" }))), code: "receipt.signature", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a receipt signed by the author", tamper: (t, p) => resealed("receipt", (draft) => edited(draft, "receipt", signedBy(p, "author")))(t), code: "receipt.signer", says: /signed by author, who is no controller/, names: ["seq", "commit", "file"] },
  {
    name: "a receipt given twice", code: "receipt.intent", says: RECEIPT, names: ["seq", "commit", "file"],
    tamper: (t) => t.reseal((drafts) => {
      const at = sealWith(drafts, "receipt");
      const receipt = drafts[at]?.records.find((bytes) => decodeRecord(bytes).kind === "receipt");
      assert.ok(receipt !== undefined);
      let next = 0;
      return drafts.map((draft, index) => {
        const list = index === drafts.length - 1 ? [...draft.records, receipt] : draft.records;
        const made = { ...draft, records: renumbered(list, next) };
        next += list.length;
        return index === drafts.length - 1 ? made : draft;
      });
    }),
  },
  { name: "a record dropped", tamper: resealed("receipt", (draft) => ({ ...draft, records: spliced(draft.records, 0, 1) })), code: "record.seq", says: /the record there says it is seq \d+ \(I1\)/, names: ["seq", "commit", "file"] },
  { name: "two records swapped", tamper: resealed("intent", (draft) => ({ ...draft, records: spliced(draft.records, 0, 2, ...draft.records.slice(0, 2).reverse()) })), code: "record.seq", says: /\(I1\)/, names: ["seq", "commit", "file"] },
  { name: "a record added", tamper: resealed("intent", (draft) => ({ ...draft, records: spliced(draft.records, 1, 0, ...draft.records.slice(0, 1)) })), code: "record.seq", says: /\(I1\)/, names: ["seq", "commit", "file"] },
  { name: "a record of an unknown kind", tamper: resealed("event", (draft) => ({ ...draft, records: spliced(draft.records, 0, 1, canonical({ kind: "gift", seq: decodeRecord(draft.records[0] ?? new Uint8Array()).seq })) })), code: "record.invalid", says: /^record seq \d+: unknown kind "gift"/, names: ["seq", "commit", "file"] },
  { name: "a record that is not canonical", tamper: resealed("event", (draft) => ({ ...draft, records: spliced(draft.records, 0, 1, Uint8Array.from([...(draft.records[0] ?? []), 0])) })), code: "record.invalid", says: /^record seq \d+: /, names: ["seq", "commit", "file"] },
  { name: "a second genesis", tamper: resealed("event", (draft) => ({ ...draft, records: spliced(draft.records, 0, 1, genesisAt(decodeRecord(draft.records[0] ?? new Uint8Array()).seq)) })), code: "record.genesis", says: /^genesis seq \d+: a journal begins with its genesis record and holds no other/, names: ["seq", "commit", "file"] },
];

function genesisAt(seq: JournalRecord["seq"]): Uint8Array {
  return encodeRecord({ kind: "genesis", seq, world: `sha256:${"1".repeat(64)}` as JournalRecord<"genesis">["world"], sandbox: "x", limits: null, now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) });
}

const segments: readonly Row[] = [
  { name: "a segment replaced by an earlier one", tamper: (t) => t.reseal((drafts) => drafts.map((draft, index) => (index === 2 ? { ...draft, bytes: () => encodeSegment({ number: 0, firstSeq: 0, previous: new Uint8Array(32), records: drafts[0]?.records ?? [] }) } : draft))), code: "segment.number", says: /s02 holds segment 0, not 2/, names: ["seq", "commit", "file"] },
  { name: "a segment that follows another one", tamper: resealed("receipt", (draft) => ({ ...draft, bytes: (segment) => flipped(segment, 40) })), code: "segment.chain", says: /follows another segment/, names: ["seq", "commit", "file"] },
  { name: "a segment with another Merkle root", tamper: resealed("receipt", (draft) => ({ ...draft, bytes: (segment) => flipped(segment, 70) })), code: "segment.merkle", says: /Merkle root/, names: ["seq", "commit", "file"] },
  { name: "a segment that begins later", tamper: resealed("receipt", (draft) => ({ ...draft, bytes: (segment) => flipped(segment, 23) })), code: "segment.seq", says: /begins at seq \d+, where \d+ is next \(I1\)/, names: ["seq", "commit", "file"] },
  { name: "a segment with flags", tamper: resealed("receipt", (draft) => ({ ...draft, bytes: (segment) => flipped(segment, 31) })), code: "segment.invalid", says: /unknown flags/, names: ["commit", "file"] },
  { name: "a segment cut short", tamper: resealed("receipt", (draft) => ({ ...draft, bytes: (segment) => segment.slice(0, -1) })), code: "segment.invalid", says: /runs past the end/, names: ["commit", "file"] },
  { name: "a segment that is not what the seal vouches for", tamper: resealed("receipt", (draft) => ({ ...draft, says: { journalHead: draft.stateRoot } })), code: "segment.head", says: /Journal-Head/, names: ["seq", "commit", "file"] },
  { name: "a segment left out", tamper: (t) => t.reseal((drafts) => drafts.map((draft, index) => (index === 1 ? { ...draft, instead: new Map([["journal/d00/d00/s01", null]]) } : draft))), code: "segment.missing", says: /s01 is not in it/, names: ["commit", "file"] },
  { name: "an older segment changed by a later commit, not signed", tamper: (t) => onTop(t, "nobody", /^journal\/.*s01$/, (bytes) => flipped(bytes, -40)), code: "published.changed", says: /seq \d+.*s01 was changed after it was published.*\(I9\)/, names: ["seq", "commit", "file"] },
  { name: "an older segment taken out by a later commit of the controller's key", tamper: (t) => onTop(t, "controller", /^journal\/.*s01$/, () => null), code: "published.changed", says: /s01 was taken out after it was published/, names: ["commit", "file"] },
];

const seals: readonly Row[] = [
  {
    name: "a seal removed from the middle", code: "segment.number", says: /names journal\/.*s02, where journal\/.*s01 is next/, names: ["commit", "file"],
    tamper: async (t) => {
      const all = await t.seals();
      let parent = all[0]?.oid;
      let tree = all[0]?.tree;
      for (const seal of all.slice(2)) {
        assert.ok(parent !== undefined && tree !== undefined);
        const files = new Map([[seal.checkpoint.segment, await t.bytesAt(seal.oid, seal.checkpoint.segment)], ...seal.draft.files]);
        tree = await t.tree(tree, files);
        parent = await t.commit({ tree, parents: [parent], message: seal.message, time: seal.time, signer: "controller" });
      }
      await t.setRef(NOTES_REF, parent ?? "");
    },
  },
  { name: "a seal dated before the one before it", tamper: resealed("receipt", (draft) => ({ ...draft, time: draft.time - 1_000_000 })), code: "seal.time", says: /not after the seal before it/, names: ["commit"] },
  {
    name: "two lines of seals merged, as git notes merge would", code: "seal.merge", says: /it has 2 parents; seals stand in one line/, names: ["commit"],
    tamper: async (t) => {
      const [tip, before] = (await t.seals()).slice(-2).reverse();
      assert.ok(tip !== undefined && before !== undefined);
      await t.setRef(NOTES_REF, await t.commit({ tree: tip.tree, parents: [tip.oid, before.oid], message: tip.message, time: tip.time + 5, signer: "controller" }));
    },
  },
  { name: "a seal not signed", tamper: resealed("receipt", (draft) => ({ ...draft, signer: "nobody" })), code: "seal.signature", says: /it is not signed, or its signature does not hold/, names: ["seq", "commit", "file"] },
  { name: "a seal signed by a reviewer", tamper: resealed("receipt", (draft) => ({ ...draft, signer: "reviewer" })), code: "seal.signature", says: /signed by reviewer, who is no controller/, names: ["seq", "commit", "file"] },
  { name: "a seal that counts other receipts", tamper: resealed("receipt", (draft) => ({ ...draft, says: { receipts: 7 } })), code: "seal.checkpoint", says: /it says Receipts: 7, its records give 1/, names: ["seq", "commit", "file"] },
  { name: "a seal that names another commit in force", tamper: resealed("receipt", (draft) => ({ ...draft, says: { world: "1".repeat(40) as SealDraft["world"] } })), code: "seal.checkpoint", says: /it says World: 1111/, names: ["seq", "commit", "file"] },
  { name: "a seal that ends at another seq", tamper: resealed("receipt", (draft) => ({ ...draft, says: { lastSeq: 900 } })), code: "seal.checkpoint", says: /it says Seq: \d+-900/, names: ["seq", "commit", "file"] },
  { name: "a seal of a lower epoch", tamper: (t) => t.reseal((drafts) => drafts.map((draft, index) => (index === 1 ? { ...draft, says: { epoch: 3 } } : draft))), code: "seal.checkpoint", says: /it says Epoch: 1, its records give 3/, names: ["seq", "commit", "file"] },
  { name: "a note by hand, as git notes add writes it", tamper: (t) => t.git(["-c", "user.name=x", "-c", "user.email=x@x", "notes", "--ref=aos", "append", "-m", "all is well", "refs/heads/main"]), code: "published.changed", says: /after it was published/, names: ["commit", "file"] },
  {
    name: "a fresh history of notes", code: "seal.message", says: /the seal has no valid Seq/, names: ["commit"],
    tamper: async (t) => {
      await t.git(["update-ref", "-d", NOTES_REF]);
      await t.git(["-c", "user.name=x", "-c", "user.email=x@x", "notes", "--ref=aos", "add", "-m", "Applied: nothing", "refs/heads/main"]);
    },
  },
  { name: "the whole journal sealed again by the author's key", tamper: (t) => t.reseal((drafts) => drafts.map((draft) => ({ ...draft, signer: "author" }))), code: "seal.signature", says: /signed by author, who is no controller/, names: ["seq", "commit", "file"] },
];

const files: readonly Row[] = [
  { name: "a receipts file changed by a later commit", tamper: (t) => onTop(t, "controller", /^receipts\//, (bytes) => flipped(bytes, 150)), code: "published.changed", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a receipts file that says something else", tamper: (t) => receiptsInstead(t, (line) => line.replace('"ok"', '"no"')), code: "receipts.file", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a receipts file left out", tamper: (t) => receiptsInstead(t, () => null), code: "receipts.file", says: RECEIPT, names: ["seq", "commit", "file"] },
  { name: "a blob changed by a later commit", tamper: (t) => onTop(t, "controller", /^blobs\//, (bytes) => flipped(bytes, 0)), code: "published.changed", says: /^blobs\/.* was changed/, names: ["commit", "file"] },
  { name: "a blob with other bytes from the start", tamper: resealed("receipt", (draft) => ({ ...draft, files: new Map([...draft.files].map(([path, bytes]) => [path, path.startsWith("blobs/") ? utf8("{}") : bytes])) })), code: "blob.corrupt", says: /^blobs\/d00\/d00\/s\d+\/[0-9a-f]{64}: the bytes have another hash/, names: ["commit", "file"] },
  { name: "the bundle of a merge left out", tamper: resealed("applied", (draft) => ({ ...draft, files: new Map([...draft.files].filter(([path]) => !path.startsWith("blobs/"))) }), 1), code: "blob.missing", says: /^sha256:[0-9a-f]{64}, the bundle of applied seq \d+/, names: ["seq", "commit", "file"] },
  { name: "the module of the world left out", tamper: resealed("applied", (draft) => ({ ...draft, files: withoutModule(draft) })), code: "blob.missing", says: /^sha256:[0-9a-f]{64}, a module of applied seq 1/, names: ["seq", "commit", "file"] },
  { name: "a file that no record accounts for", tamper: resealed("receipt", (draft) => ({ ...draft, files: new Map([...draft.files, ["journal/readme", utf8("x")]]) })), code: "published.stray", says: /^journal\/readme: nothing in segment \d+ accounts for it/, names: ["commit", "file"] },
  { name: "a blob that no record speaks of", tamper: resealed("receipt", (draft) => ({ ...draft, files: new Map([...draft.files, [`blobs/d00/d00/s01/${"2".repeat(64)}`, utf8("x")]]) })), code: "published.stray", says: /^blobs\//, names: ["commit", "file"] },
  { name: "a note on a commit that was not applied", tamper: resealed("receipt", (draft) => ({ ...draft, files: new Map([...draft.files, [`ab/${"c".repeat(38)}`, utf8("Applied: me")]]) })), code: "published.stray", says: /^ab\//, names: ["commit", "file"] },
  { name: "no note on the applied merge", tamper: resealed("applied", (draft) => noteInstead(draft, () => null), 1), code: "note.missing", says: /there is no note on it/, names: ["seq", "commit", "file"] },
  { name: "another decision in the note", tamper: resealed("applied", (draft) => noteInstead(draft, (note) => note.replace('"required":1', '"required":0')), 1), code: "note.facts", says: /its line Decision: does not say what the record says/, names: ["seq", "commit", "file"] },
  { name: "another report in the note", tamper: resealed("applied", (draft) => noteInstead(draft, (note) => note.replace(/^Report: .*$/m, 'Report: {"effects":[]}')), 1), code: "note.report", says: /none that the decision cites/, names: ["seq", "commit", "file"] },
  { name: "the note of a merge changed by a later commit", tamper: (t) => onTop(t, "controller", /^[0-9a-f]{2}\//, (bytes) => flipped(bytes, 3)), code: "published.changed", says: /^[0-9a-f]{2}\/[0-9a-f]{38} was changed/, names: ["commit", "file"] },
];

function receiptsInstead(t: Tampering, change: (line: string) => string | null): Promise<unknown> {
  return t.seals().then(async (all) => {
    const seal = all.find(({ checkpoint }) => checkpoint.receipts > 0);
    assert.ok(seal !== undefined);
    const path = seal.checkpoint.segment.replace("journal", "receipts");
    const changed = change(Buffer.from(await t.bytesAt(seal.oid, path)).toString("utf8"));
    const index = all.indexOf(seal);
    await t.reseal((drafts) => drafts.map((draft, at) => (at === index ? { ...draft, instead: new Map([[path, changed === null ? null : utf8(changed)]]) } : draft)));
  });
}

function noteInstead(draft: SealDraft, change: (note: string) => string | null): SealDraft {
  const all = [...draft.files].map(([path, bytes]) => {
    if (bytes === null || !/^[0-9a-f]{2}\//.test(path)) return [path, bytes] as const;
    const before = Buffer.from(bytes).toString("utf8");
    const after = change(before);
    assert.notEqual(after, before);
    return [path, after === null ? null : utf8(after)] as const;
  });
  return { ...draft, files: new Map(all.filter(([, bytes]) => bytes !== null)) };
}

/** The blobs of the first seal are a bundle, which its record names, and a module. */
function withoutModule(draft: SealDraft): SealDraft["files"] {
  const applied = draft.records.map(decodeRecord).find((record) => record.kind === "applied");
  const modules = [...draft.files.keys()].filter((path) => path.startsWith("blobs/") && !path.endsWith(applied?.bundle.slice(7) ?? ""));
  assert.equal(modules.length, 1);
  return new Map([...draft.files].filter(([path]) => path !== modules[0]));
}

export const JOURNAL_ROWS: readonly Row[] = [...records, ...segments, ...seals, ...files];
