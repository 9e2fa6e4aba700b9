// Walks what is published from the first seal to the tip: each commit only adds, and adds what its records account for (I9).

import { AosError, bytesEqual, compareBytes, decodeRecord, fromUtf8, hashBytes, rawToHash, receiptFacts, receiptMessage, type Hash, type JournalRecord } from "@agentos/kernel";
import { keyId } from "../governance/ssh-key.ts";
import type { Trust } from "../governance/trust.ts";
import { parseCommit, verifyCommit, type Commit, type GitObject, type Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { sshsigBlob, sshsigVerify } from "../git/sshsig.ts";
import { mentionedBlobs } from "./mentions.ts";
import { blobPath, NOTES_REF, type Seal } from "./published.ts";
import { receiptLines } from "./receipt-lines.ts";
import { parseSealMessage, type Checkpoint } from "./seal-message.ts";
import { decodeSegment, segmentHash, segmentPath, type Segment } from "./segment.ts";
import { treeChanges, type TreeChange } from "./tree-changes.ts";
import { guarded, nameOf, principalAt, report, unverified, type Checking, type Problem } from "./verify-check.ts";
import { checkApproval, checkApproved } from "./verify-approval.ts";
import { checkApplied, checkNote } from "./verify-merge.ts";

/** A commit of the published line, of which a long history keeps no more than this. `fault` says why it is no seal. */
interface LineCommit {
  readonly oid: Oid;
  readonly tree: Oid;
  readonly time: number;
  /** Undefined: not signed, or its signature does not hold. */
  readonly signer: Uint8Array | undefined;
  readonly checkpoint: Checkpoint | undefined;
  readonly fault: Problem | undefined;
}
interface SealCommit extends LineCommit {
  readonly checkpoint: Checkpoint;
}

/** What the next seal must follow. */
interface Tail {
  readonly tree: Oid | null;
  /** SHA-256 of the last segment. */
  readonly head: Uint8Array;
  readonly number: number;
  readonly nextSeq: number;
  readonly time: number;
  readonly epoch: number;
}
const START: Tail = { tree: null, head: new Uint8Array(32), number: 0, nextSeq: 0, time: -1, epoch: 0 };

/**
 * Checks every commit from the first to the tip. Costs a fixed number of reads a seal, whatever is published by then.
 *
 * @returns the seals up to the first whose segment cannot be read
 * @throws AosError `verify.empty` when nothing is published
 */
export async function checkSeals(check: Checking): Promise<readonly Pick<Seal, "oid" | "checkpoint">[]> {
  const line = await guarded(check, {}, () => readLine(check));
  const seals: SealCommit[] = [];
  let tail = START;
  for (const item of line ?? []) {
    const changes = await guarded(check, { commit: item.oid }, () => treeChanges(check.store, tail.tree, item.tree));
    if (changes === undefined) return seals;
    for (const change of changes) if (change.before !== undefined) await reportRewritten(check, item, change);
    if (item.fault !== undefined) report(check, item.fault);
    if (item.time <= tail.time) report(check, { commit: item.oid, code: "seal.time", message: `${placeOf(item)}: dated ${item.time}, not after the seal before it` });
    tail = { ...tail, tree: item.tree, time: item.time };
    if (item.checkpoint === undefined) continue;
    const seal: SealCommit = { ...item, checkpoint: item.checkpoint };
    const checked = await checkSeal(check, seal, { tail, added: changes.filter(({ before }) => before === undefined) });
    if (checked === undefined) return seals;
    seals.push(seal);
    tail = { ...tail, head: checked.head, number: tail.number + 1, nextSeq: tail.nextSeq + checked.segment.records.length, epoch: seal.checkpoint.epoch };
    if (check.trustNow === undefined) return seals;
  }
  return seals;
}

/** The commits from the first to the tip; a commit with several parents is followed along the first. */
async function readLine({ store, notesRef }: Checking): Promise<readonly LineCommit[]> {
  const line: LineCommit[] = [];
  let oid = await readRef(store.gitDir, notesRef ?? NOTES_REF);
  if (oid === undefined) throw new AosError("verify.empty", `${NOTES_REF}: nothing is published here`, { class: "outside", hint: "fetch it: git fetch origin 'refs/notes/*:refs/notes/*'" });
  while (oid !== undefined) {
    const object: GitObject | undefined = await store.read(oid);
    if (object?.type !== "commit") throw new AosError("git.missing", `commit ${oid} is not there`, { class: "unverified", hint: "fetch all of history: a shallow clone cannot be verified" });
    const commit: Commit = parseCommit(object.bytes);
    line.push({ oid, tree: commit.tree, time: commit.committer.time, signer: verifyCommit(object.bytes)?.publicKey, ...readCheckpoint(oid, commit) });
    oid = commit.parents[0];
  }
  return line.reverse();
}

function readCheckpoint(oid: Oid, commit: Commit): Pick<LineCommit, "checkpoint" | "fault"> {
  if (commit.parents.length > 1) {
    return { checkpoint: undefined, fault: { commit: oid, code: "seal.merge", message: `commit ${oid}: it has ${commit.parents.length} parents; seals stand in one line` } };
  }
  try {
    return { checkpoint: parseSealMessage(commit.message, oid), fault: undefined };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { checkpoint: undefined, fault: { commit: oid, code: error.code, message: error.message } };
  }
}

/** Something that was published is not any more what it was. For records and receipts, says which one. */
async function reportRewritten(check: Checking, { oid }: LineCommit, change: TreeChange): Promise<void> {
  const { path: file, before, after } = change;
  const what = after === undefined ? "was taken out" : "was changed";
  const found = before === undefined || after === undefined ? undefined : await guarded(check, { commit: oid, file }, () => firstDifference(check, file, { before: before.oid, after: after.oid }));
  const name = found === undefined ? "" : `${found.name}: `;
  report(check, { ...(found === undefined ? {} : { seq: found.seq }), commit: oid, file, code: "published.changed", message: `${name}${file} ${what} after it was published, by commit ${oid} (I9)` });
}

async function firstDifference(check: Checking, path: string, { before, after }: { readonly before: Oid; readonly after: Oid }): Promise<{ readonly name: string; readonly seq: number } | undefined> {
  const [was, is] = [await check.store.readBlob(before), await check.store.readBlob(after)];
  if (path.startsWith("journal/")) {
    const [old, now] = [decodeSegment(was, { check: "shape" }), decodeSegment(is, { check: "shape" })];
    const index = old.records.findIndex((bytes, at) => !bytesEqual(bytes, now.records[at] ?? new Uint8Array(0)));
    const record = old.records[index];
    return record === undefined ? undefined : { name: nameOf(decodeRecord(record)), seq: old.firstSeq + index };
  }
  if (!path.startsWith("receipts/")) return undefined;
  const [old, now] = [fromUtf8(was).split("\n"), Buffer.from(is).toString("utf8").split("\n")];
  return nameOfLine(old.find((text, at) => text !== now[at]));
}

/** `receipt seq N (intent …)` of a line of a receipts file. */
function nameOfLine(line: string | undefined): { readonly name: string; readonly seq: number } | undefined {
  const [, seq, intent] = /^\{"seq":(\d{1,15}),"intent":"(sha256:[0-9a-f]{64})"/.exec(line ?? "") ?? [];
  return seq === undefined ? undefined : { name: `receipt seq ${seq} (intent ${intent})`, seq: Number(seq) };
}

interface Added {
  readonly tail: Tail;
  readonly added: readonly TreeChange[];
}

/** One seal: its records first, since a record that does not hold says the most; then the bytes, the files, the signature. */
async function checkSeal(check: Checking, seal: SealCommit, { tail, added }: Added): Promise<{ readonly segment: Segment; readonly head: Uint8Array } | undefined> {
  check.counts.seals++;
  const { checkpoint, oid } = seal;
  const at = { commit: oid, file: checkpoint.segment };
  const path = segmentPath("journal", tail.number);
  if (checkpoint.segment !== path) report(check, { ...at, code: "segment.number", message: `${placeOf(seal)}: names ${checkpoint.segment}, where ${path} is next` });
  const entry = added.find((change) => change.path === checkpoint.segment);
  const bytes = await guarded(check, at, () => check.store.readPath(seal.tree, checkpoint.segment));
  if (bytes === undefined || entry === undefined) {
    report(check, { ...at, code: "segment.missing", message: `${placeOf(seal)}: ${checkpoint.segment} is not in it` });
    return undefined;
  }
  const segment = await guarded(check, at, () => decodeSegment(bytes, { check: "shape" }));
  if (segment === undefined || !isNext(check, seal, { segment, tail })) return undefined;
  const before = check.trustNow;
  const records = await checkRecords(check, seal, segment);
  if (check.trustNow === undefined) {
    if (!records.some(({ kind }) => kind === "applied")) report(check, { ...at, code: "trust.none", message: `${placeOf(seal)}: it puts no control plane in force, so nobody's key counts` });
    return { segment, head: tail.head };
  }
  checkSegmentBytes(check, seal, { segment, bytes, tail });
  checkTrailers(check, seal, { records, count: segment.records.length, epoch: tail.epoch });
  await checkFiles(check, seal, { number: tail.number, records, added });
  checkSignature(check, seal, [before, check.trustNow]);
  return { segment, head: Buffer.from(segmentHash(bytes).slice(7), "hex") };
}

/** Is it the segment that must come here? If not, its records say nothing. */
function isNext(check: Checking, seal: SealCommit, { segment, tail }: { readonly segment: Segment; readonly tail: Tail }): boolean {
  const at = { seq: tail.nextSeq, commit: seal.oid, file: seal.checkpoint.segment };
  const wrong =
    segment.number !== tail.number ? { code: "segment.number", message: `holds segment ${segment.number}, not ${tail.number}` }
    : segment.firstSeq !== tail.nextSeq ? { code: "segment.seq", message: `begins at seq ${segment.firstSeq}, where ${tail.nextSeq} is next (I1)` }
    : segment.records.length === 0 ? { code: "segment.empty", message: "holds no records" }
    : undefined;
  if (wrong === undefined) return true;
  report(check, { ...at, code: wrong.code, message: `${seal.checkpoint.segment} ${wrong.message}` });
  return false;
}

async function checkRecords(check: Checking, seal: SealCommit, segment: Segment): Promise<readonly JournalRecord[]> {
  const at = { commit: seal.oid, file: seal.checkpoint.segment };
  const records: JournalRecord[] = [];
  let inOrder = true;
  for (const [index, bytes] of segment.records.entries()) {
    const seq = segment.firstSeq + index;
    const record = await guarded(check, { ...at, seq }, () => readRecord(bytes, seq));
    if (record === undefined) continue;
    check.counts.records++;
    if (inOrder && record.seq !== seq) report(check, { ...at, seq, code: "record.seq", message: `seq ${seq}: the record there says it is seq ${record.seq} (I1)` });
    inOrder &&= record.seq === seq;
    await checkRecord(check, record, at);
    records.push(record);
    if (record.kind === "applied" && check.trustNow === undefined) break;
  }
  return records;
}

function readRecord(bytes: Uint8Array, seq: number): JournalRecord {
  try {
    return decodeRecord(bytes);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    throw unverified(error.code, `record seq ${seq}: ${error.message}`);
  }
}

async function checkRecord(check: Checking, record: JournalRecord, at: Omit<Problem, "code" | "message">): Promise<void> {
  const { seq } = record;
  if ((record.kind === "genesis") !== (seq === 0)) report(check, { ...at, seq, code: "record.genesis", message: `${nameOf(record)}: a journal begins with its genesis record and holds no other` });
  switch (record.kind) {
    case "genesis":
      check.sandbox = record.sandbox;
      if (record.world !== check.trust) report(check, { ...at, seq, code: "world.other", message: `genesis seq ${seq}: the journal is of world ${record.world}, pinned is ${check.trust}` });
      return;
    case "applied":
      return void (await guarded(check, { ...at, seq }, () => checkApplied(check, record)));
    case "intent":
      checkApproved(check, record, at);
      return void check.open.set(seq, record.intent);
    case "held":
      return void check.held.set(seq, record.intent);
    case "withdrawn":
      check.held.delete(record.intent_seq);
      return void check.open.delete(record.intent_seq);
    case "approval":
      return checkApproval(check, record, at);
    case "receipt":
      return checkReceipt(check, record, at);
    default:
      return;
  }
}

function checkReceipt(check: Checking, receipt: JournalRecord<"receipt">, at: Omit<Problem, "code" | "message">): void {
  check.counts.receipts++;
  const wrong = (code: string, message: string): void => report(check, { ...at, seq: receipt.seq, code, message: `${nameOf(receipt)}: ${message}` });
  const blob = sshsigBlob({ publicKey: receipt.signer, namespace: "aos-receipt", signature: receipt.signature });
  const signer = sshsigVerify(blob, "aos-receipt", receiptMessage(receiptFacts(check.trust, receipt)));
  const principal = check.trustNow === undefined ? undefined : principalAt(check.trustNow, receipt.signer, receipt.seq);
  if (signer === undefined) wrong("receipt.signature", "its signature does not hold");
  else if (principal?.kind !== "controller") wrong("receipt.signer", `signed by ${whoIs(principal, receipt.signer)}`);
  if (check.open.get(receipt.intent_seq) !== receipt.intent) wrong("receipt.intent", `no such intent is open at seq ${receipt.intent_seq} (I3)`);
  check.open.delete(receipt.intent_seq);
}

function checkSegmentBytes(check: Checking, seal: SealCommit, { segment, bytes, tail }: { readonly segment: Segment; readonly bytes: Uint8Array; readonly tail: Tail }): void {
  const { segment: file, journalHead } = seal.checkpoint;
  const wrong = (code: string, message: string): void => report(check, { seq: segment.firstSeq, commit: seal.oid, file, code, message: `${file} ${message}` });
  if (segmentHash(bytes) !== journalHead) wrong("segment.head", `is not what its seal vouched for (Journal-Head)`);
  else if (!holdsMerkle(bytes)) wrong("segment.merkle", "names another Merkle root than that of its records");
  if (compareBytes(segment.previous, tail.head) !== 0) wrong("segment.chain", `follows another segment (${rawToHash(segment.previous)}) than the one before it`);
}

function holdsMerkle(bytes: Uint8Array): boolean {
  try {
    return decodeSegment(bytes).records.length > 0;
  } catch (error) {
    if (error instanceof AosError) return false;
    throw error;
  }
}

/** The checkpoint's words about its own segment. */
function checkTrailers(check: Checking, seal: SealCommit, held: { readonly records: readonly JournalRecord[]; readonly count: number; readonly epoch: number }): void {
  const { checkpoint } = seal;
  const receipts = held.records.filter(({ kind }) => kind === "receipt").length;
  const lastSeq = (held.records[0]?.seq ?? checkpoint.firstSeq) + held.count - 1;
  const rows = [
    ["Seq", `${checkpoint.firstSeq}-${checkpoint.lastSeq}`, `${held.records[0]?.seq ?? checkpoint.firstSeq}-${lastSeq}`],
    ["Receipts", String(checkpoint.receipts), String(receipts)],
    ["World", checkpoint.world, check.applied.at(-1) ?? "none"],
    ["Epoch", String(checkpoint.epoch), String(Math.max(checkpoint.epoch, held.epoch))],
  ] as const;
  for (const [name, said, found] of rows) {
    if (said !== found) report(check, { seq: checkpoint.lastSeq, commit: seal.oid, file: checkpoint.segment, code: "seal.checkpoint", message: `${placeOf(seal)}: it says ${name}: ${said}, its records give ${found}` });
  }
}

interface Files {
  readonly number: number;
  readonly records: readonly JournalRecord[];
  readonly added: readonly TreeChange[];
}

/** What the seal adds beside the segment: derived from the records, or spoken of by them; nothing else. */
async function checkFiles(check: Checking, seal: SealCommit, { number, records, added }: Files): Promise<void> {
  const left = new Map(added.map((change) => [change.path, change]));
  const take = async (path: string): Promise<Uint8Array | undefined> => {
    const entry = left.get(path)?.after;
    left.delete(path);
    return entry?.mode !== "100644" ? undefined : guarded(check, { commit: seal.oid, file: path }, () => check.store.readBlob(entry.oid));
  };
  left.delete(seal.checkpoint.segment);
  const receipts = segmentPath("receipts", number);
  checkReceiptFile(check, seal, { path: receipts, expected: receiptLines(check.trust, records), found: (await take(receipts)) ?? new Uint8Array(0) });
  await takeBlobs(check, seal, { number, records, left, take });
  for (const record of records) {
    if (record.kind !== "applied") continue;
    const path = `${record.commit.slice(0, 2)}/${record.commit.slice(2)}`;
    const note = await take(path);
    await guarded(check, { seq: record.seq, commit: seal.oid, file: path }, () => {
      if (note === undefined) throw unverified("note.missing", `${nameOf(record)}: there is no note on it`);
      checkNote(record, fromUtf8(note));
    });
  }
  for (const file of left.keys()) report(check, { commit: seal.oid, file, code: "published.stray", message: `${file}: nothing in segment ${number} accounts for it` });
}

function checkReceiptFile(check: Checking, seal: SealCommit, { path, expected, found }: { readonly path: string; readonly expected: Uint8Array; readonly found: Uint8Array }): void {
  if (bytesEqual(expected, found)) return;
  const [lines, now] = [Buffer.from(expected).toString("utf8").split("\n"), Buffer.from(found).toString("utf8").split("\n")];
  const named = nameOfLine(lines.find((text, index) => text !== now[index]));
  report(check, {
    ...(named === undefined ? {} : { seq: named.seq }), commit: seal.oid, file: path, code: "receipts.file",
    message: `${named === undefined ? "" : `${named.name}: `}${path} does not say what the segment's receipts say`,
  });
}

async function takeBlobs(check: Checking, seal: SealCommit, from: Pick<Files, "number" | "records"> & { readonly left: Map<string, TreeChange>; readonly take: (path: string) => Promise<Uint8Array | undefined> }): Promise<void> {
  const brought = new Map<Hash, Uint8Array>();
  const at = { commit: seal.oid, file: seal.checkpoint.segment };
  const bring = async (hash: Hash): Promise<Uint8Array | undefined> => {
    const path = blobPath(from.number, hash);
    if (!from.left.has(path)) return brought.get(hash);
    const bytes = await from.take(path);
    if (bytes === undefined || hashBytes(bytes) !== hash) report(check, { commit: seal.oid, file: path, code: "blob.corrupt", message: `${path}: the bytes have another hash than its name says` });
    else brought.set(hash, bytes);
    return bytes;
  };
  for (const record of from.records) {
    const mentioned = await guarded(check, { ...at, seq: record.seq }, () => mentionedBlobs(record, bring));
    for (const hash of mentioned ?? []) await bring(hash);
  }
  for (const hash of brought.keys()) check.blobs.add(hash);
  for (const [hash, { what, seq }] of check.needed) if (!check.blobs.has(hash)) report(check, { ...at, seq, code: "blob.missing", message: `${hash}, ${what}, is not published` });
  check.needed.clear();
}

/** A seal is signed by a controller: one by the rules before its records, or by those that its records put in force. */
function checkSignature(check: Checking, { oid, signer, checkpoint }: SealCommit, trusts: readonly (Trust | undefined)[]): void {
  const principals = trusts.map((trust) => (trust === undefined || signer === undefined ? undefined : principalAt(trust, signer, checkpoint.lastSeq)));
  if (principals.some((principal) => principal?.kind === "controller")) return;
  const who = signer === undefined ? "it is not signed, or its signature does not hold" : `it is signed by ${whoIs(principals.find((found) => found !== undefined), signer)}`;
  report(check, { seq: checkpoint.firstSeq, commit: oid, file: checkpoint.segment, code: "seal.signature", message: `${placeOf({ oid, checkpoint })}: ${who}` });
}

function whoIs(principal: { readonly name: string; readonly kind: string } | undefined, publicKey: Uint8Array): string {
  return principal === undefined ? `a key that is nobody's there, or retired (${keyId(publicKey)})` : `${principal.name}, who is no controller`;
}

function placeOf({ oid, checkpoint }: { readonly oid: Oid; readonly checkpoint: Checkpoint | undefined }): string {
  return checkpoint === undefined ? `commit ${oid}` : `seal of seq ${checkpoint.firstSeq}-${checkpoint.lastSeq} (commit ${oid.slice(0, 12)})`;
}

