// Carries out one act: begin a world, apply a merge, shadow a proposal. What must not happen is held back with the reason.

import { AosError, canonical, decode, type JournalRecord } from "@agentos/kernel";
import { gatherDecision } from "../forge/gather.ts";
import type { Local } from "../forge/forge.ts";
import { refView } from "../forge/open-local.ts";
import { readShadowNote } from "../forge/local-shadow.ts";
import { parseMergeMessage } from "../forge/merge.ts";
import { readRules } from "../forge/rules.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { DecisionInputs } from "../governance/decision.ts";
import { decisionValue } from "../governance/decision-value.ts";
import { windowOpens } from "../governance/judge-policy.ts";
import { MERGERS, principalOfKey, trustHash, TRUST_PATH } from "../governance/trust.ts";
import { parseOid, verifyCommit, type Oid } from "../git/objects.ts";
import { mergeTree, type Repo } from "../git/repo.ts";
import type { ObjectStore } from "../git/store.ts";
import { appliedNote } from "../publish/applied-note.ts";
import { filesOfCommit } from "../world-files.ts";
import { loadWorld, requireControl } from "../world-source.ts";
import type { Parts } from "./controller.ts";
import type { Act, Observed } from "./next-act.ts";
import { shadowMark, type Memory } from "./observe.ts";
import { ownReportsOn, writeOwnReport } from "./own-report.ts";
import type { KeptBook } from "./receipt-book.ts";
import { rehearse } from "./rehearse.ts";

interface Seen {
  readonly seen: Observed;
  readonly memory: Memory;
  readonly book: KeptBook;
}

export async function act(parts: Parts, what: Extract<Act, { kind: "begin" | "apply" | "shadow" }>, around: Seen): Promise<void> {
  switch (what.kind) {
    case "begin":
      return begin(parts, what.commit, around.memory);
    case "apply":
      return apply(parts, what.commit, around);
    case "shadow":
      return shadowProposal(parts, { slug: what.slug, head: what.head }, around);
  }
}

/** The first control plane: nothing decides it but the pinned trust file. */
async function begin(parts: Parts, commit: Oid, memory: Memory): Promise<void> {
  const { store, host, options, publisher, log } = parts;
  const files = filesOfCommit(store, commit);
  const trust = await files.read(TRUST_PATH);
  if (trust === undefined || trustHash(trust) !== options.trust) {
    throw new AosError("trust.genesis", `main (${commit.slice(0, 12)}): its ${TRUST_PATH} is not the pinned one (${options.trust})`, { hint: "is this the world you meant, and has it begun yet?" });
  }
  const loaded = await loadWorld(files);
  const control = requireControl(loaded, files.place);
  await host.apply({ control, artifacts: [...loaded.artifacts.values()], commit, base: undefined, decision: decode(canonical({ genesis: options.trust })) });
  await publisher.flush();
  memory.shadowed.clear();
  log("info", "the world begins", { commit, manifest: control.manifestHash });
}

/** Applies a merge of main, if it is what was decided and still has the consequences that were decided on. */
async function apply(parts: Parts, commit: Oid, around: Seen): Promise<void> {
  const { memory } = around;
  try {
    await applyMerge(parts, commit, around);
    memory.held.clear();
    memory.shadowed.clear();
  } catch (error) {
    if (error instanceof AosError && error.code === "merge.window") {
      memory.waiting.set(commit, { why: error.message, untilMs: Number(error.data["untilMs"]) });
      parts.log("info", "waits", { commit, why: error.message });
      return;
    }
    // What the outside or git did is retried by the loop; everything else is this commit's fault: it is held until refs move.
    if (!(error instanceof AosError) || isPassing(error)) throw error;
    memory.held.set(commit, error.message);
    parts.log("error", "held", { commit, code: error.code, problem: error.message });
    await parts.host.transition("held", decode(canonical({ code: error.code, reason: error.message.slice(0, 1000) })), commit);
  }
}

async function applyMerge(parts: Parts, commit: Oid, { book }: Seen): Promise<void> {
  const { store, host, options, publisher, log } = parts;
  const merge = await store.readCommit(commit);
  const [base, head] = merge.parents;
  const { world } = host;
  if (base === undefined || head === undefined || merge.parents.length !== 2 || base !== world.commit) {
    throw held("merge.parents", `${commit.slice(0, 12)} is not a merge of a proposal into the commit in force`);
  }
  await checkSigner(parts, commit, base);
  await checkOwnKey(parts, commit);
  const slug = parseMergeMessage(merge.message)?.slug ?? "unnamed";
  const rehearsal = await rehearse(filesOfCommit(store, commit), { world, recorded: book.recorded(), shelf: host.shelf, commit: head });
  const local = localOf(options.repo, store);
  const computed = { manifestHash: rehearsal.control.manifestHash, consequencesHash: rehearsal.consequences };
  // Main moved between its report and its merge, as in a line of merges at once: the report is made again on what main was then, so
  // that approvals are compared with it.
  const place = { base, head, tree: merge.tree };
  if ((await ownReportsOn(local, place, options.key)) === "another") await writeOwnReport(parts, local, { merge: place, rehearsal });
  const answer = await gatherDecision(local, { base, head, slug, world: options.trust, computed });
  if (answer.tree !== merge.tree) throw held("merge.tree", `${commit.slice(0, 12)}: its tree is not the merge of its parents`);
  const failing = answer.decision.reasons.filter(({ holds }) => !holds).map(({ text }) => text);
  // Nothing but the time is wrong: it is asked again until changes have their time.
  const early = answer.decision.reasons.every(({ rule, holds }) => holds || rule === "window");
  if (answer.decision.verdict !== "approved" && early) throw outsideOfWindow(commit, answer.inputs, failing);
  if (answer.decision.verdict !== "approved") throw held("merge.refused", `${commit.slice(0, 12)} is not approved: ${failing.join("; ")}`);

  const decision = decode(canonical(decisionValue(answer.inputs, answer.decision)));
  await host.apply({ control: rehearsal.control, artifacts: [...rehearsal.loaded.artifacts.values()], commit, base, decision });
  await publisher.flush();
  log("info", "applied", { commit, proposal: slug, manifest: rehearsal.control.manifestHash, seq: host.world.nextSeq - 1 });
}

function outsideOfWindow(commit: Oid, { policy, time }: DecisionInputs, failing: readonly string[]): AosError {
  const untilMs = windowOpens(policy, time ?? Math.floor(Date.now() / 1000)) * 1000;
  const until = new Date(untilMs).toISOString().replace(".000Z", "Z");
  return new AosError("merge.window", `${commit.slice(0, 12)} waits until ${until}: ${failing.join("; ")}`, { class: "outside", data: { untilMs } });
}

/** The merge itself must be signed by somebody whom the base knows and who may merge; a forge's key is unknown where the base leaves merging to it. */
async function checkSigner(parts: Parts, commit: Oid, base: Oid): Promise<void> {
  const object = await parts.store.read(commit);
  const signer = object === undefined ? undefined : verifyCommit(object.bytes);
  const { trust } = await readRules(parts.store, base);
  const principal = signer === undefined ? undefined : principalOfKey(trust, signer.publicKey);
  if (principal !== undefined && !MERGERS.includes(principal.kind)) throw held("merge.kind", `${commit.slice(0, 12)} is signed by ${principal.name}: only persons and controllers merge`);
  if (trust.merges === "forge") return;
  if (signer === undefined) throw held("merge.signature", `${commit.slice(0, 12)} is not signed, or its signature does not hold`);
  if (principal === undefined) throw held("merge.signer", `${commit.slice(0, 12)} is signed by an unknown key (${keyId(signer.publicKey)})`);
}

/** Nobody could seal after a merge that ends the key of who applies it: the next key must be in force before this one goes. */
async function checkOwnKey({ store, options }: Parts, commit: Oid): Promise<void> {
  const { trust } = await readRules(store, commit);
  if (principalOfKey(trust, options.key.publicKey)?.kind === "controller") return;
  throw new AosError("trust.self", `${commit.slice(0, 12)} takes this controller's key (${keyId(options.key.publicKey)}) out of force`, {
    class: "refused", hint: "start the controller with a key that is in force before and after this merge",
  });
}

/** Worth another try as it is: the outside, or git that could not run to its end. */
function isPassing(error: AosError): boolean {
  return error.class === "outside" || error.code === "git.failed" || error.code === "git.absent";
}

/** Rehearses what main would be with the proposal in it, and puts the signed report on the proposal's head. */
async function shadowProposal(parts: Parts, proposal: { readonly slug: string; readonly head: Oid }, { seen, memory, book }: Seen): Promise<void> {
  const { store, host, options, log } = parts;
  const main = seen.main;
  if (main === undefined || main !== host.world.commit) return;
  const mark = shadowMark(proposal.head, main);
  const local = localOf(options.repo, store);
  try {
    const tree = await mergeTree(options.repo, main, proposal.head);
    const merge = { base: main, head: proposal.head, tree };
    if ((await ownReportsOn(local, merge, options.key)) !== "this") {
      const rehearsal = await rehearse(filesOfCommit(store, tree), { world: host.world, recorded: book.recorded(), shelf: host.shelf, commit: proposal.head });
      await writeOwnReport(parts, local, { merge, rehearsal });
      log("info", "shadowed", { proposal: proposal.slug, head: proposal.head, report: rehearsal.reportHash, effects: rehearsal.report.effects.length });
    }
    memory.shadowed.add(mark);
  } catch (error) {
    if (!(error instanceof AosError) || isPassing(error)) throw error;
    memory.failed.set(mark, error.message);
    log("warn", "cannot shadow", { proposal: proposal.slug, head: proposal.head, code: error.code, problem: error.message });
  }
}

/** The note on a commit that came into force, made of what is recorded and published, so that it can be made again. */
export async function noteOf({ repo, store }: { readonly repo: Repo; readonly store: ObjectStore }, record: JournalRecord<"applied">): Promise<string> {
  const merge = await store.readCommit(parseOid(record.commit));
  const head = merge.parents[1];
  const title = merge.message.split("\n")[0] ?? "";
  if (record.base === undefined || head === undefined) return appliedNote(record, { title, report: undefined });
  const { entries } = await readShadowNote(localOf(repo, store), head);
  return appliedNote(record, { title, report: entries.findLast(({ claim }) => claim.base === record.base && claim.manifest === record.manifest)?.report });
}

function localOf(repo: Repo, store: ObjectStore): Local {
  return { repo, store, refs: refView(repo.commonDir, new Map()) };
}

function held(code: string, message: string): AosError {
  return new AosError(code, message, { class: "refused" });
}
