// A control plane came into force: is the commit what the record says, and does the decision follow from what is there (I5)?

import { artifactHashes, bundleOf, hashBytes, hashValue, jsonOf, readJson, type ControlPlane, type Hash, type JournalRecord } from "@agentos/kernel";
import { gatherDecision } from "../forge/gather.ts";
import type { RefView } from "../forge/forge.ts";
import { parseMergeMessage } from "../forge/merge.ts";
import { deriveAgain, recordedInputs, verifyRecordedSignatures } from "../governance/decision-value.ts";
import type { DecisionInputs } from "../governance/decision.ts";
import { signerOf } from "../governance/signer.ts";
import { keyId, type KeyId } from "../governance/ssh-key.ts";
import { MERGERS, parseTrust, trustHash, TRUST_PATH } from "../governance/trust.ts";
import { isOid, verifyCommit, type Oid } from "../git/objects.ts";
import { sshsigVerify } from "../git/sshsig.ts";
import { filesOfCommit } from "../world-files.ts";
import { loadWorld, requireControl } from "../world-source.ts";
import { noteFacts, noteLine } from "./applied-note.ts";
import { checkBrought } from "./verify-brought.ts";
import { unverified, type Checking } from "./verify-check.ts";

/**
 * Checks the record of a commit that came into force. The commit's trust file is in force from here on, also where something
 * else is wrong with the commit: what comes after is judged by what the journal says.
 *
 * @throws AosError `trust.*`, `applied.*`, `decision.*`, and as loadWorld
 */
export async function checkApplied(check: Checking, record: JournalRecord<"applied">): Promise<void> {
  const { commit } = record;
  const place = `applied seq ${record.seq} (commit ${commit.slice(0, 12)})`;
  if (!isOid(commit)) throw unverified("applied.commit", `${place}: ${JSON.stringify(commit)} is no commit`);
  const files = filesOfCommit(check.store, commit);
  const trustBytes = await files.read(TRUST_PATH);
  if (trustBytes === undefined) throw unverified("trust.missing", `${place}: there is no ${TRUST_PATH}`);
  const base = check.applied.at(-1);
  if (base === undefined && trustHash(trustBytes) !== check.trust) {
    throw unverified("trust.genesis", `${place}: its ${TRUST_PATH} has hash ${trustHash(trustBytes)}, pinned is ${check.trust}`);
  }
  check.applied.push(commit);
  check.trustNow = parseTrust(trustBytes);
  const control = requireControl(await loadWorld(files), files.place);
  if (control.manifestHash !== record.manifest) throw unverified("applied.manifest", `${place}: the commit holds manifest ${control.manifestHash}, the record says ${record.manifest}`);
  const bundle = hashBytes(bundleOf(control));
  if (bundle !== record.bundle) throw unverified("applied.bundle", `${place}: the commit makes bundle ${bundle}, the record says ${record.bundle}`);
  for (const hash of artifactHashes(control)) check.needed.set(hash, { what: `a module of ${place}`, seq: record.seq });
  check.needed.set(bundle, { what: `the bundle of ${place}`, seq: record.seq });
  if (record.base !== base) throw unverified("applied.base", `${place}: the record names base ${record.base ?? "none"}, in force was ${base ?? "nothing"}`);
  if (base !== undefined) await checkMerge(check, record, { base, commit, control, place });
}

interface Merge {
  readonly base: Oid;
  readonly commit: Oid;
  readonly control: ControlPlane;
  readonly place: string;
}

async function checkMerge(check: Checking, record: JournalRecord<"applied">, { base, commit, control, place }: Merge): Promise<void> {
  const merge = await check.store.readCommit(commit);
  const [first, head] = merge.parents;
  if (merge.parents.length !== 2 || first !== base || head === undefined) throw unverified("applied.parents", `${place}: it does not join a proposal to the commit applied before, ${base.slice(0, 12)}`);
  const inputs = recordedInputs(record.decision);
  const found = await readAgain(check, { base, head, inputs });
  if (found.tree !== merge.tree) throw unverified("applied.tree", `${place}: its tree is not the merge of its parents`);
  const signer = signerOf(found.trust, await commitKey(check, commit));
  if (!signer.known && found.trust.merges !== "forge") throw unverified("applied.signature", `${place}: the merge is not signed by a principal: ${signer.why}`);
  if (signer.known && !MERGERS.includes(signer.kind)) throw unverified("applied.signature", `${place}: the merge is signed by ${signer.name}: only persons and controllers merge`);
  const wrong = readAgainOf(inputs).find((field) => hashValue(jsonOf(sorted(inputs)[field])) !== hashValue(jsonOf(sorted(found)[field])));
  if (wrong !== undefined) throw unverified("decision.inputs", `${place}: its decision was made of another ${wrong} than the repository holds`);
  if (inputs.proposal !== (parseMergeMessage(merge.message)?.slug ?? "unnamed")) throw unverified("decision.inputs", `${place}: its decision was made of another proposal than the merge names`);
  if (inputs.manifestHash !== record.manifest) throw unverified("decision.inputs", `${place}: its decision was made of another manifestHash than what was applied`);
  const decision = deriveAgain(record.decision);
  verifyRecordedSignatures(record.decision, (blob, namespace, message) => sshsigVerify(blob, namespace, message)?.publicKey);
  for (const review of inputs.reviews) {
    // Notes of reviews may be absent here: what counts of them is in the record, signed. What is here must agree.
    const there = (await check.store.read(review.commit)) !== undefined;
    if (there && (await commitKey(check, review.commit)) !== review.commitKey) throw unverified("decision.commit", `${place}: commit ${review.commit.slice(0, 12)}, which brought a review by ${review.notes}, is not signed as its decision says`);
  }
  await checkBrought(check, record, inputs, { base, control, place });
  if (decision.verdict !== "approved") throw unverified("decision.refused", `${place}: its decision says ${decision.verdict}`);
  check.counts.decisions++;
  check.counts.reviews += inputs.reviews.length;
}

/** What a decision reads from the commits alone, so that every clone reads it again. */
const READ_AGAIN = ["world", "base", "head", "tree", "trust", "policy", "commits", "changed", "mergeProblem", "rulesProblem"] as const satisfies readonly (keyof DecisionInputs)[];

/** Records that do not list the files are judged without the list. */
function readAgainOf({ changes }: DecisionInputs): readonly (keyof DecisionInputs)[] {
  return changes === undefined ? READ_AGAIN : [...READ_AGAIN, "changes"];
}

const NO_REFS: RefView = { read: async () => undefined, list: async () => new Map() };

async function readAgain(check: Checking, from: { readonly base: Oid; readonly head: Oid; readonly inputs: DecisionInputs }): Promise<DecisionInputs> {
  const { manifestHash, consequencesHash, proposal } = from.inputs;
  if (manifestHash === null || consequencesHash === null) throw unverified("decision.inputs", `decision on ${proposal}: it names no manifest or no consequences`);
  const local = { repo: check.repo, store: check.store, refs: NO_REFS };
  return (await gatherDecision(local, { base: from.base, head: from.head, slug: proposal, world: check.trust, computed: { manifestHash, consequencesHash } })).inputs;
}

/** The order of commits with equal dates is git's business. */
function sorted(inputs: DecisionInputs): DecisionInputs {
  return { ...inputs, commits: [...inputs.commits].sort((a, b) => (a.commit < b.commit ? -1 : 1)) };
}

async function commitKey(check: Checking, oid: Oid): Promise<KeyId | null> {
  const object = await check.store.read(oid);
  const signer = object?.type === "commit" ? verifyCommit(object.bytes) : undefined;
  return signer === undefined ? null : keyId(signer.publicKey);
}

/**
 * Checks the note on a commit that came into force: its facts are the record's, and its report is one that the decision cites.
 * The sentences above them are for people and vouch for nothing.
 *
 * @throws AosError `note.facts`, `note.report`
 */
export function checkNote(record: JournalRecord<"applied">, note: string): void {
  const place = `note on ${record.commit.slice(0, 12)} (applied seq ${record.seq})`;
  for (const [word, expected] of noteFacts(record)) {
    if (noteLine(note, word) !== expected) throw unverified("note.facts", `${place}: its line ${word}: does not say what the record says`);
  }
  const report = noteLine(note, "Report");
  if (report === undefined) return;
  const cited = record.base === undefined ? [] : recordedInputs(record.decision).shadows.map(({ claim }) => claim.report);
  const said: Hash = hashValue(readJson(report, "Report").json);
  if (!cited.includes(said)) throw unverified("note.report", `${place}: its report ${said} is none that the decision cites`);
}

