// A clone and a pinned trust hash become a verdict: every signature, every decision, every byte, and on request every step.

import {
  AosError, compareBytes, controlShelf, decodeRecord, fold, receiptFacts, receiptMessage, stateRoot, turnsOf, SANDBOX_VERSION,
  type Hash, type JournalRecord, type ModuleRunner, type World,
} from "@agentos/kernel";
import { deriveAgain, recordedInputs, verifyRecordedSignatures } from "../governance/decision-value.ts";
import { parseTrust, principalOfKey, trustHash, TRUST_PATH, type Trust } from "../governance/trust.ts";
import { keyId } from "../governance/ssh-key.ts";
import { isOid, verifyCommit, type Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import { firstParents, mergeTree, type Repo } from "../git/repo.ts";
import { sshsigBlob, sshsigVerify } from "../git/sshsig.ts";
import type { ObjectStore } from "../git/store.ts";
import { filesOfCommit, loadWorld, requireControl } from "../world-source.ts";
import { NOTES_REF, publishedBlobs, readSeals, type Seal } from "./published.ts";
import { receiptLines } from "./receipt-lines.ts";
import { decodeSegment, segmentHash, segmentPath } from "./segment.ts";

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly seq?: number;
  readonly commit?: string;
  readonly file?: string;
}
export interface VerifyReport {
  readonly ok: boolean;
  readonly checked: { readonly seals: number; readonly records: number; readonly receipts: number; readonly decisions: number; readonly reviews: number };
  readonly replayed?: { readonly stateRoot: Hash; readonly seq: number };
  /** Merges on main that no published record has applied yet: not wrong, but not in force. */
  readonly pending: readonly string[];
  readonly problems: readonly Problem[];
}
export interface VerifyOptions {
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** Hash of the genesis trust file, got by another way than this repository. */
  readonly trust: Hash;
  /** Runs the modules of a replay; undefined: no replay. */
  readonly replay: ModuleRunner | undefined;
  /** The ref that is main here; a clone may only have the remote-tracking one. */
  readonly mainRef: string;
}

/** Problems after this many are not listed. */
const PROBLEMS_MAX = 100;

interface Checking extends VerifyOptions {
  readonly problems: Problem[];
  readonly counts: { seals: number; records: number; receipts: number; decisions: number; reviews: number };
  /** Commits the journal applied, in order. */
  readonly applied: Oid[];
  trustNow: Trust | undefined;
}

/** Checks everything that is published. What does not hold is listed, the first failure first; it throws only when it cannot look. */
export async function verifyPublished(options: VerifyOptions): Promise<VerifyReport> {
  const check: Checking = { ...options, problems: [], counts: { seals: 0, records: 0, receipts: 0, decisions: 0, reviews: 0 }, applied: [], trustNow: undefined };
  const seals = await guarded(check, { commit: NOTES_REF }, () => readSeals(options.store));
  if (seals !== undefined && seals.length === 0) throw new AosError("verify.empty", `${NOTES_REF}: nothing is published here`, { hint: "fetch it: git fetch origin 'refs/notes/*:refs/notes/*'" });
  const records = seals === undefined ? [] : await checkSeals(check, seals);
  const pending = seals === undefined ? [] : await checkMain(check);
  const world = seals === undefined || options.replay === undefined || check.problems.length > 0 ? undefined : await replay(check, { seals, records, modules: options.replay });
  const replayed = world === undefined ? {} : { replayed: { stateRoot: stateRoot(world), seq: world.nextSeq } };
  return { ok: check.problems.length === 0, checked: check.counts, ...replayed, pending, problems: check.problems.slice(0, PROBLEMS_MAX) };
}

/** Walks the seals in order: chain, signatures, immutability; and with each record what that record claims. */
async function checkSeals(check: Checking, seals: readonly Seal[]): Promise<readonly (readonly Uint8Array[])[]> {
  const tip = seals.at(-1);
  const segments: (readonly Uint8Array[])[] = [];
  let previous: { readonly head: Uint8Array; readonly nextSeq: number; readonly time: number } = { head: new Uint8Array(32), nextSeq: 0, time: -1 };
  for (const [number, seal] of seals.entries()) {
    check.counts.seals++;
    const at = { commit: seal.oid, file: seal.checkpoint.segment };
    const bytes = await check.store.readPath(tip?.oid ?? seal.oid, seal.checkpoint.segment);
    const own = await check.store.findPath(seal.oid, seal.checkpoint.segment);
    const now = await check.store.findPath(tip?.oid ?? seal.oid, seal.checkpoint.segment);
    if (bytes === undefined || own === undefined) {
      report(check, { ...at, code: "segment.missing", message: `${seal.checkpoint.segment} is gone from the published tree` });
      break;
    }
    const tampered = checkSegmentBytes(check, seal, { bytes, sealed: own.oid === now?.oid });
    const segment = await guarded(check, at, () => decodeSegment(bytes, { check: tampered ? "shape" : "merkle" }));
    if (segment === undefined) continue;
    if (seal.checkpoint.segment !== segmentPath("journal", number) || segment.number !== number) report(check, { ...at, code: "segment.number", message: `seal ${number} names another segment` });
    if (compareBytes(segment.previous, previous.head) !== 0) report(check, { ...at, code: "segment.chain", message: `segment ${number} does not follow the segment before it` });
    if (segment.firstSeq !== previous.nextSeq || seal.checkpoint.firstSeq !== segment.firstSeq) report(check, { ...at, code: "segment.seq", message: `segment ${number} begins at seq ${segment.firstSeq}, expected ${previous.nextSeq}` });
    if (seal.commit.committer.time <= previous.time) report(check, { ...at, code: "seal.time", message: "committer dates of seals must increase" });
    const records = await checkRecords(check, seal, segment.records);
    await checkSealSignature(check, seal);
    await checkReceiptFile(check, { number, tree: tip?.oid ?? seal.oid, records, seal });
    segments.push(segment.records);
    previous = { head: rawHash(segmentHash(bytes)), nextSeq: segment.firstSeq + segment.records.length, time: seal.commit.committer.time };
  }
  return segments;
}

/** True when the bytes are not those the seal vouched for: then the records are still looked at, to say which one differs. */
function checkSegmentBytes(check: Checking, seal: Seal, found: { readonly bytes: Uint8Array; readonly sealed: boolean }): boolean {
  const at = { commit: seal.oid, file: seal.checkpoint.segment };
  if (segmentHash(found.bytes) === seal.checkpoint.journalHead && found.sealed) return false;
  report(check, { ...at, code: "segment.head", message: `${seal.checkpoint.segment} is not what its seal vouched for (Journal-Head)` });
  return true;
}

async function checkRecords(check: Checking, seal: Seal, bytes: readonly Uint8Array[]): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (const [index, raw] of bytes.entries()) {
    const seq = seal.checkpoint.firstSeq + index;
    const record = await guarded(check, { seq, commit: seal.oid, file: seal.checkpoint.segment }, () => decodeRecord(raw));
    if (record === undefined) continue;
    check.counts.records++;
    if (record.seq !== seq) report(check, { seq, commit: seal.oid, file: seal.checkpoint.segment, code: "record.seq", message: `record ${seq} says it is ${record.seq} (I1)` });
    if (record.kind === "genesis" && record.world !== check.trust) report(check, { seq, code: "world.other", message: `the journal is of world ${record.world}, not ${check.trust}` });
    if (record.kind === "applied") await guarded(check, { seq, commit: record.commit }, () => checkApplied(check, record));
    if (record.kind === "receipt") checkReceipt(check, seal, record);
    records.push(record);
  }
  return records;
}

async function checkSealSignature(check: Checking, seal: Seal): Promise<void> {
  const signer = await commitSigner(check, seal.oid);
  const principal = signer === undefined || check.trustNow === undefined ? undefined : principalOfKey(check.trustNow, signer.publicKey);
  if (principal?.kind === "controller") return;
  const who = signer === undefined ? "is not signed, or its signature does not hold" : `is signed by ${principal === undefined ? `an unknown key (${keyId(signer.publicKey)})` : `${principal.name}, who is no controller`}`;
  report(check, { commit: seal.oid, code: "seal.signature", message: `the seal ${who}` });
}

function checkReceipt(check: Checking, seal: Seal, receipt: JournalRecord<"receipt">): void {
  check.counts.receipts++;
  const at = { seq: receipt.seq, commit: seal.oid, file: seal.checkpoint.segment };
  const blob = sshsigBlob({ publicKey: receipt.signer, namespace: "aos-receipt", signature: receipt.signature });
  const signer = sshsigVerify(blob, "aos-receipt", receiptMessage(receiptFacts(check.trust, receipt)));
  const principal = check.trustNow === undefined ? undefined : principalOfKey(check.trustNow, receipt.signer);
  const name = `receipt seq ${receipt.seq} (intent ${receipt.intent})`;
  if (signer === undefined) report(check, { ...at, code: "receipt.signature", message: `${name}: its signature does not hold` });
  else if (principal?.kind !== "controller") report(check, { ...at, code: "receipt.signer", message: `${name}: signed by ${keyId(receipt.signer)}, which is no controller's key` });
}

async function checkReceiptFile(check: Checking, of: { readonly number: number; readonly tree: Oid; readonly records: readonly JournalRecord[]; readonly seal: Seal }): Promise<void> {
  const expected = receiptLines(check.trust, of.records);
  const path = segmentPath("receipts", of.number);
  const found = (await check.store.readPath(of.tree, path)) ?? new Uint8Array(0);
  if (compareBytes(expected, found) !== 0) report(check, { commit: of.seal.oid, file: path, code: "receipts.file", message: `${path} does not say what the segment's receipts say` });
}

/** A control plane came into force: the commit is what the record says, and the decision follows from its inputs (I5). */
async function checkApplied(check: Checking, record: JournalRecord<"applied">): Promise<void> {
  const { commit } = record;
  if (!isOid(commit)) throw unverified("applied.commit", `seq ${record.seq}: ${JSON.stringify(commit)} is no commit`);
  const files = filesOfCommit(check.store, commit);
  const trustBytes = await files.read(TRUST_PATH);
  if (trustBytes === undefined) throw unverified("trust.missing", `${commit}: no ${TRUST_PATH}`);
  const control = requireControl(await loadWorld(files), files.place);
  if (control.manifestHash !== record.manifest) throw unverified("applied.manifest", `seq ${record.seq}: the commit holds manifest ${control.manifestHash}, the record says ${record.manifest}`);
  const base = check.applied.at(-1);
  if (base === undefined) {
    if (trustHash(trustBytes) !== check.trust) throw unverified("trust.genesis", `${commit}: its ${TRUST_PATH} has hash ${trustHash(trustBytes)}, pinned is ${check.trust}`);
  } else {
    await checkMerge(check, record, base, commit);
  }
  check.applied.push(commit);
  check.trustNow = parseTrust(trustBytes);
}

async function checkMerge(check: Checking, record: JournalRecord<"applied">, base: Oid, commit: Oid): Promise<void> {
  const place = `seq ${record.seq}: merge ${commit.slice(0, 12)}`;
  const merge = await check.store.readCommit(commit);
  const [first, head] = merge.parents;
  if (merge.parents.length !== 2 || first !== base || head === undefined) throw unverified("applied.parents", `${place} does not join a proposal to the commit applied before`);
  const inputs = recordedInputs(record.decision);
  const decision = deriveAgain(record.decision);
  verifyRecordedSignatures(record.decision, verifyBlob);
  if (decision.verdict !== "approved") throw unverified("decision.refused", `${place}: its decision says ${decision.verdict}`);
  const baseTrust = await check.store.readPath(base, TRUST_PATH);
  const facts: readonly (readonly [string, boolean])[] = [
    ["world", inputs.world === check.trust], ["base", inputs.base === base], ["head", inputs.head === head], ["tree", inputs.tree === merge.tree],
    ["trust", baseTrust !== undefined && trustHash(baseTrust) === inputs.trust.hash], ["manifest", inputs.manifestHash === record.manifest],
  ];
  const wrong = facts.find(([, holds]) => !holds);
  if (wrong !== undefined) throw unverified("decision.inputs", `${place}: its decision was made of another ${wrong[0]}`);
  if ((await mergeTree(check.repo, base, head)) !== merge.tree) throw unverified("applied.tree", `${place}: its tree is not the merge of its parents`);
  for (const { commit: oid, key } of inputs.commits) {
    const signer = await commitSigner(check, oid);
    if ((signer === undefined ? null : keyId(signer.publicKey)) !== key) throw unverified("decision.commit", `${place}: commit ${oid.slice(0, 12)} is not signed by ${key ?? "nobody"}, as its decision says`);
  }
  check.counts.decisions++;
  check.counts.reviews += inputs.reviews.length;
}

/** Main's first-parent history is the applied history; what is beyond it is pending. */
async function checkMain(check: Checking): Promise<readonly string[]> {
  const main = await readRef(check.store.gitDir, check.mainRef);
  const [genesis] = check.applied;
  if (main === undefined || genesis === undefined) return [];
  const line = await firstParents(check.repo, genesis, main);
  const expected = check.applied.slice(1);
  for (const [index, commit] of expected.entries()) {
    if (line[index] === commit) continue;
    if (line.length < expected.length && index >= line.length) break;
    report(check, { commit, code: "main.history", message: `main holds ${line[index]?.slice(0, 12) ?? "nothing"} where ${commit.slice(0, 12)} was applied` });
    return [];
  }
  return line.slice(expected.length);
}

async function replay(check: Checking, from: { readonly seals: readonly Seal[]; readonly records: readonly (readonly Uint8Array[])[]; readonly modules: ModuleRunner }): Promise<World | undefined> {
  const tip = from.seals.at(-1);
  if (tip === undefined) return undefined;
  const shelf = controlShelf(from.modules, await publishedBlobs(check.store, tip.oid));
  let world: World | undefined;
  for (const [index, seal] of from.seals.entries()) {
    const before = world;
    const folded = await guarded(check, { commit: seal.oid, file: seal.checkpoint.segment }, () => fold(turnsOf(from.records[index] ?? []), shelf, before));
    if (folded === undefined) return undefined;
    world = folded;
    if (world.sandbox !== SANDBOX_VERSION) report(check, { code: "sandbox.version", message: `the world pins sandbox ${world.sandbox}, this build is ${SANDBOX_VERSION}` });
    const root = stateRoot(world);
    if (root !== seal.checkpoint.stateRoot) report(check, { commit: seal.oid, code: "replay.root", message: `replay to seq ${seal.checkpoint.lastSeq} gives state root ${root}, the seal says ${seal.checkpoint.stateRoot}` });
  }
  return world;
}

/** Runs a check; what it finds wrong with what is published becomes a problem, with the place. */
async function guarded<T>(check: Checking, at: Omit<Problem, "code" | "message">, act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AosError) || error.class === "outside") throw error;
    const seq = error.at?.seq ?? at.seq;
    report(check, { ...at, ...(seq === undefined ? {} : { seq }), code: error.code, message: error.message });
    return undefined;
  }
}

async function commitSigner(check: Checking, oid: Oid): Promise<{ readonly publicKey: Uint8Array } | undefined> {
  const object = await check.store.read(oid);
  return object?.type === "commit" ? verifyCommit(object.bytes) : undefined;
}

function verifyBlob(blob: Uint8Array, namespace: string, message: Uint8Array): Uint8Array | undefined {
  return sshsigVerify(blob, namespace, message)?.publicKey;
}

function report(check: Checking, problem: Problem): void {
  check.problems.push(problem);
}

function unverified(code: string, message: string): AosError {
  return new AosError(code, message, { class: "unverified" });
}

function rawHash(hash: Hash): Uint8Array {
  return Uint8Array.from(Buffer.from(hash.slice(7), "hex"));
}
