// Tamperings with what was decided, with main, and with what only a replay can know; all sealed again by the controller's key.

import assert from "node:assert/strict";
import { canonical, decode, decodeRecord, encodeBase64, encodeRecord, hashBytes, hashValue, isInput, rawToHash, utf8, type Hash, type Json, type JournalRecord, type Value } from "@agentos/kernel";
import { decide, type DecisionInputs } from "../governance/decision.ts";
import { decisionValue, recordedInputs } from "../governance/decision-value.ts";
import { reviewBytes, REVIEW_NAMESPACE } from "../governance/review.ts";
import { keyId } from "../governance/ssh-key.ts";
import { TRUST_PATH } from "../governance/trust.ts";
import { sshsigSign } from "../git/sshsig.ts";
import { appliedNote } from "../publish/applied-note.ts";
import type { PublishedWorld } from "./published-world.ts";
import { edited, flipped, type SealDraft, type Tampering } from "./tamper.ts";
import { resealed, sealWith, type Row } from "./tamper-journal.ts";

type Applied = JournalRecord<"applied">;
const MAIN = "refs/heads/main";
const PLACES = ["seq", "commit", "file"] as const;

/** The merge's record with another decision; the note says what the record says. */
function decided(change: (decision: Value, record: Applied) => Value): (t: Tampering) => Promise<unknown> {
  return applied((record) => ({ ...record, decision: change(record.decision, record) }));
}

function applied(change: (record: Applied) => Applied, which = 1): (t: Tampering) => Promise<unknown> {
  return resealed("applied", (draft) => withNote(edited(draft, "applied", change)), which);
}

/** Makes the note's lines say what the record says: an attacker who has the key would. */
function withNote(draft: SealDraft): SealDraft {
  const record = draft.records.map(decodeRecord).find((one) => one.kind === "applied");
  assert.ok(record !== undefined);
  const files = new Map([...draft.files].filter(([path]) => !/^[0-9a-f]{2}\//.test(path)));
  files.set(`${record.commit.slice(0, 2)}/${record.commit.slice(2)}`, utf8(appliedNote(record, { title: "follow up", report: undefined })));
  return { ...draft, files };
}

/** Changes one place inside the decision, where the path leads. */
function at(path: readonly (string | number)[], change: (value: Value) => Value): (decision: Value) => Value {
  return (decision) => {
    const [step, ...rest] = path;
    if (step === undefined) return change(decision);
    if (typeof step === "number") {
      assert.ok(Array.isArray(decision));
      return (decision as readonly Value[]).map((item, index) => (index === step ? at(rest, change)(item) : item));
    }
    assert.ok(decision instanceof Map && decision.has(step), `${step} is recorded`);
    return new Map([...decision].map(([key, value]) => [key, key === step ? at(rest, change)(value) : value]));
  };
}

/** Other inputs, with the decision that follows from them. */
function rederived(change: (inputs: DecisionInputs, world: PublishedWorld) => DecisionInputs) {
  return (t: Tampering, world: PublishedWorld): Promise<unknown> =>
    decided((decision) => {
      const inputs = change(recordedInputs(decision), world);
      return decode(canonical(decisionValue(inputs, decide(inputs))));
    })(t);
}

const toText = (text: string) => (): Value => text;

const decisions: readonly Row[] = [
  { name: "how many approvals were required", tamper: decided(at(["decision", "required"], () => 0)), code: "decision.differs", says: /its inputs give approved, with other words or another result/, names: PLACES },
  { name: "the policy, and all that follows from it", tamper: rederived((inputs) => ({ ...inputs, policy: { ...inputs.policy, approvals: 0 } })), code: "decision.inputs", says: /made of another policy than the repository holds/, names: PLACES },
  { name: "what a review approves", tamper: decided(at(["inputs", "reviews", 0, "review", "cid"], toText(`sha256:${"3".repeat(64)}`))), code: "decision.differs", says: /its inputs give refused/, names: PLACES },
  { name: "a review taken out", tamper: decided(at(["inputs", "reviews"], () => [])), code: "decision.differs", says: /its inputs give refused/, names: PLACES },
  { name: "a review taken out, and all that follows from it", tamper: rederived((inputs) => ({ ...inputs, reviews: [] })), code: "decision.refused", says: /its decision says refused/, names: PLACES },
  { name: "a byte of a review's signature", tamper: decided(at(["inputs", "reviews", 0, "sig"], (sig) => encodeBase64(flipped(Buffer.from(String(sig), "base64"), -1)))), code: "decision.signature", says: /review by SHA256:.*: the signature is by nobody/, names: PLACES },
  { name: "a byte of a shadow report's signature", tamper: decided(at(["inputs", "shadows", 0, "sig"], (sig) => encodeBase64(flipped(Buffer.from(String(sig), "base64"), -1)))), code: "decision.signature", says: /shadow report by SHA256:.*: the signature is by nobody/, names: PLACES },
  { name: "what was proposed, as the decision has it", tamper: decided(at(["inputs", "proposal"], toText("other"))), code: "decision.inputs", says: /another proposal than the merge names/, names: PLACES },
  { name: "another world, as the decision has it", tamper: rederived((inputs) => ({ ...inputs, world: `sha256:${"4".repeat(64)}` as Hash })), code: "decision.inputs", says: /another world/, names: PLACES },
  { name: "the author's key as a reviewer's, approving itself", tamper: rederived(selfApproval), code: "decision.inputs", says: /another trust/, names: PLACES },
  { name: "the proposal's commit left out, so that it has no author", tamper: rederived((inputs) => ({ ...inputs, commits: [...inputs.commits, ...inputs.commits] })), code: "decision.inputs", says: /another commits/, names: PLACES },
  { name: "how many files changed", tamper: rederived((inputs) => ({ ...inputs, changed: { ...inputs.changed, other: 0 } })), code: "decision.inputs", says: /another changed/, names: PLACES },
  { name: "which files changed", tamper: rederived((inputs) => ({ ...inputs, changes: (inputs.changes ?? []).slice(1) })), code: "decision.inputs", says: /another changes/, names: PLACES },
  { name: "what the change brings, not as its hash", tamper: rederived((inputs) => ({ ...inputs, consequences: new Map() })), code: "decision.inputs", says: /other consequences than the ones it names by hash/, names: PLACES },
  { name: "which definitions changed", tamper: rederived(without("definitions")), code: "decision.inputs", says: /other definitions than the merge changes/, names: PLACES },
  { name: "whose authority changed", tamper: rederived(without("authority")), code: "decision.inputs", says: /other changes of authority than the merge brings/, names: PLACES },
  { name: "when it was judged", tamper: rederived((inputs) => ({ ...inputs, time: 1 })), code: "decision.time", says: /it was recorded at \d+, and says that it was judged at 1/, names: PLACES },
  { name: "what somebody approved before", tamper: rederived(approvedMore), code: "decision.carried", says: /what was approved at [0-9a-f]{12} changes other files than its decision says/, names: PLACES },
  { name: "who brought a review, as the decision has it", tamper: rederived((inputs, { world }) => ({ ...inputs, reviews: inputs.reviews.map((review) => ({ ...review, commitKey: keyId(world.keys.author.publicKey) })) })), code: "decision.commit", says: /which brought a review by reviewer, is not signed as its decision says/, names: PLACES },
  { name: "the manifest, as the record has it", tamper: applied((record) => ({ ...record, manifest: `sha256:${"5".repeat(64)}` as Hash })), code: "applied.manifest", says: /the commit holds manifest/, names: PLACES },
  { name: "the bundle, as the record has it", tamper: applied((record) => ({ ...record, bundle: hashBytes(utf8("x")) })), code: "applied.bundle", says: /the commit makes bundle/, names: PLACES },
  { name: "the base, as the record has it", tamper: applied((record) => ({ ...record, base: "6".repeat(40) })), code: "applied.base", says: /the record names base 6666/, names: PLACES },
  { name: "a commit that is not there", tamper: applied((record) => ({ ...record, commit: "7".repeat(40) })), code: "git.missing", says: /7777/, names: PLACES },
  { name: "no commit at all", tamper: noCommit, code: "applied.commit", says: /is no commit/, names: PLACES },
  { name: "no decision at all", tamper: decided(() => null), code: "decision.invalid", says: /decision/, names: PLACES },
];

/** Consequences that speak of no definition, hash and all. */
function without(field: string): (inputs: DecisionInputs) => DecisionInputs {
  return (inputs) => {
    assert.ok(inputs.consequences instanceof Map && inputs.consequences.size > 0);
    const consequences: Json = new Map<string, Json>([...(inputs.consequences as ReadonlyMap<string, Json>), [field, []]]);
    return { ...inputs, consequences, consequencesHash: hashValue(consequences) };
  };
}

/** The report on what was merged, as if it had been on fewer files. */
function approvedMore(inputs: DecisionInputs): DecisionInputs {
  const [shadow] = inputs.shadows;
  assert.ok(shadow !== undefined && inputs.consequences !== undefined && inputs.consequences !== null);
  return { ...inputs, carried: [{ ...shadow, consequences: inputs.consequences, changes: [] }] };
}

function selfApproval(inputs: DecisionInputs, { world }: PublishedWorld): DecisionInputs {
  const author = keyId(world.keys.author.publicKey);
  const principals = inputs.trust.principals.map((one) => (one.name === "reviewer" ? { ...one, keys: [author] } : one.name === "author" ? { ...one, keys: [] } : one));
  const reviews = inputs.reviews.map((one) => ({ ...one, key: author, commitKey: author, sig: encodeBase64(sshsigSign(world.keys.author, REVIEW_NAMESPACE, reviewBytes(one.review))) }));
  return { ...inputs, trust: { ...inputs.trust, principals }, commits: inputs.commits.map((one) => ({ ...one, key: null })), reviews };
}

/** The record alone: no note can be on what is no commit. */
function noCommit(t: Tampering): Promise<unknown> {
  return t.reseal((drafts) => {
    const index = sealWith(drafts, "applied", 1);
    return drafts.map((draft, number) => (number === index ? edited(draft, "applied", (record) => ({ ...record, commit: "main" })) : draft));
  });
}

/** The merge commit made again with a change, on main and in the journal. */
async function otherMerge(t: Tampering, change: { readonly files?: ReadonlyMap<string, Uint8Array>; readonly signer?: "author" | "helper" | "nobody"; readonly parents?: (parents: readonly string[]) => readonly string[] }): Promise<void> {
  const parents = (await t.git(["rev-parse", `${MAIN}^1`, `${MAIN}^2`])).split("\n");
  const tree = change.files === undefined ? await t.git(["rev-parse", `${MAIN}^{tree}`]) : await t.tree(`${MAIN}^{tree}`, change.files);
  const message = await t.git(["log", "-1", "--format=%B", MAIN]);
  const merge = await t.commit({ tree, parents: change.parents?.(parents) ?? parents, message, signer: change.signer ?? "author" });
  await t.setRef(MAIN, merge);
  await t.reseal((drafts) => {
    const from = sealWith(drafts, "applied", 1);
    return drafts.map((draft, index) => {
      if (index < from) return draft;
      const moved = { ...draft, world: merge };
      return index === from ? withNote(edited(moved, "applied", (record) => ({ ...record, commit: merge }))) : moved;
    });
  });
}

const main: readonly Row[] = [
  { name: "a merge whose tree is not the merge of its parents", tamper: (t) => otherMerge(t, { files: new Map([["smuggled.txt", utf8("x")]]) }), code: "applied.tree", says: /its tree is not the merge of its parents/, names: PLACES },
  { name: "a merge that is not signed", tamper: (t) => otherMerge(t, { signer: "nobody" }), code: "applied.signature", says: /the merge is not signed by a principal/, names: PLACES },
  { name: "a merge that an agent signed", tamper: (t) => otherMerge(t, { signer: "helper" }), code: "applied.signature", says: /the merge is signed by helper: only persons and controllers merge/, names: PLACES },
  { name: "a merge that leaves the proposal out of its parents", tamper: (t) => otherMerge(t, { parents: ([base]) => [base ?? ""] }), code: "applied.parents", says: /does not join a proposal to the commit applied before/, names: PLACES },
  { name: "a merge the other way round", tamper: (t) => otherMerge(t, { parents: ([base, head]) => [head ?? "", base ?? ""] }), code: "applied.parents", says: /does not join/, names: PLACES },
  {
    name: "another trust file at genesis", code: "trust.genesis", says: /has hash sha256:[0-9a-f]{64}, pinned is sha256:/, names: PLACES,
    tamper: async (t) => {
      const genesis = await t.git(["rev-list", "--max-parents=0", MAIN]);
      const tree = await t.tree(`${genesis}^{tree}`, new Map([[TRUST_PATH, Uint8Array.from([...(await t.bytesAt(genesis, TRUST_PATH)), 10])]]));
      const other = await t.commit({ tree, parents: [], message: "Begin\n", signer: "author" });
      await applied((record) => ({ ...record, commit: other }), 0)(t);
    },
  },
  { name: "main rewound", tamper: (t) => t.git(["update-ref", MAIN, `${MAIN}^1`]), code: "main.rewound", says: /refs\/heads\/main ends at [0-9a-f]{12}, before [0-9a-f]{12}, which was applied/, names: ["commit"] },
  {
    name: "main rewritten", code: "main.history", says: /refs\/heads\/main holds [0-9a-f]{12} where [0-9a-f]{12} was applied/, names: ["commit"],
    tamper: async (t) => t.setRef(MAIN, await t.commit({ tree: await t.git(["rev-parse", `${MAIN}^{tree}`]), parents: [await t.git(["rev-parse", `${MAIN}^1`])], message: "mine\n", signer: "author" })),
  },
  {
    name: "main begun anew", code: "main.history", says: /refs\/heads\/main holds/, names: ["commit"],
    tamper: async (t) => t.setRef(MAIN, await t.commit({ tree: await t.git(["rev-parse", `${MAIN}^{tree}`]), parents: [], message: "mine\n", signer: "author" })),
  },
  { name: "main deleted", tamper: (t) => t.git(["update-ref", "-d", MAIN]), code: "main.missing", says: /refs\/heads\/main is not there/, names: [] },
];

/** Turns one hash inside a record. */
function otherHash(hash: Hash): Hash {
  return rawToHash(flipped(Buffer.from(hash.slice(7), "hex"), 0));
}

/** After everything that a test records. */
const LATER_NS = 2n ** 62n;

const replayed: readonly Row[] = [
  { name: "the state root that a seal cites", tamper: resealed("receipt", (draft) => ({ ...draft, stateRoot: otherHash(draft.stateRoot) })), code: "replay.root", says: /replay to seq \d+ gives state root sha256:[0-9a-f]{64}, the seal says sha256:/, names: PLACES, foundBy: "replay" },
  { name: "the state that a reducer came to", tamper: resealed("stepped", (draft) => edited(draft, "stepped", (record) => ({ ...record, ...(record.state === undefined ? {} : { state: otherHash(record.state) }) }))), code: "replay.divergence", says: /^seq \d+: replay makes stepped, the journal holds stepped/, names: PLACES, foundBy: "replay" },
  { name: "the fuel that a reducer used", tamper: resealed("stepped", (draft) => edited(draft, "stepped", (record) => ({ ...record, fuel: record.fuel + 1 }))), code: "replay.divergence", says: /^seq \d+: /, names: PLACES, foundBy: "replay" },
  { name: "how a plan ended", tamper: resealed("plan_ended", (draft) => edited(draft, "plan_ended", (record) => ({ ...record, status: "error" }))), code: "replay.divergence", says: /replay makes plan_ended/, names: PLACES, foundBy: "replay" },
  { name: "an event nobody sent", tamper: addedInput((seq) => ({ kind: "event", seq, schema: "demo/SafeUpgradeEvent@1", value: canonical({ $tag: "NotifyComplete", $value: { primary_status: 1, follow_status: 1, request_count: 1 } }), event_hash: hashBytes(utf8("x")), sender: "control", now_ns: LATER_NS, logical_ns: LATER_NS, entropy: new Uint8Array(32) })), code: "replay.divergence", says: /^seq \d+: the event has another hash/, names: PLACES, foundBy: "replay" },
  { name: "an event from before the others", tamper: addedInput((seq) => ({ kind: "event", seq, schema: "demo/SafeUpgradeEvent@1", value: canonical(null), event_hash: hashBytes(utf8("x")), sender: "control", now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) })), code: "replay.divergence", says: /^seq \d+: logical time goes back/, names: PLACES, foundBy: "replay" },
  { name: "an input without entropy", tamper: addedInput((seq) => ({ kind: "rejected", seq, schema: "x", value_hash: hashBytes(utf8("x")), code: "x", message: "x", sender: "x", now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(3) })), code: "replay.divergence", says: /32 bytes of entropy/, names: PLACES, foundBy: "replay" },
];

/** One more input at the journal's end. */
function addedInput(make: (seq: JournalRecord["seq"]) => JournalRecord) {
  return (t: Tampering): Promise<unknown> =>
    t.reseal((drafts) => {
      const count = drafts.reduce((sum, { records }) => sum + records.length, 0);
      const record = make(count as JournalRecord["seq"]);
      assert.ok(isInput(record));
      return drafts.map((draft, index) => (index === drafts.length - 1 ? { ...draft, records: [...draft.records, encodeRecord(record)] } : draft));
    });
}

export const DECISION_ROWS: readonly Row[] = [...decisions, ...main, ...replayed];
