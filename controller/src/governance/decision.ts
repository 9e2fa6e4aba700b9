// The verdict on a proposal: a pure function of recorded inputs, so that anyone can derive it again, years later.

import { hashValue } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { byName } from "./order.ts";
import { policyHash } from "./policy.ts";
import type { Policy } from "./policy.ts";
import { collapseReviews } from "./review.ts";
import type { Attributed, Review } from "./review.ts";
import { article, attribute, short, signerOf } from "./signer.ts";
import type { ReviewInput, TrustInput } from "./signer.ts";
import type { KeyId } from "./ssh-key.ts";

/** What a shadow report says, without the report: what ran, on what, and what came of it. */
export interface ShadowClaim {
  readonly v: 1;
  readonly world: Hash;
  readonly head: Oid;
  readonly base: Oid;
  /** The tree of the merge that was run. */
  readonly tree: Oid;
  /** policyHash of the base. */
  readonly policy: Hash;
  readonly manifest: Hash;
  readonly consequences: Hash;
  readonly report: Hash;
}
export interface ShadowInput {
  readonly claim: ShadowClaim;
  readonly key: KeyId | null;
  /** Base64 of the SSHSIG blob. */
  readonly sig: string;
}
export interface DecisionInputs {
  readonly world: Hash;
  /** The proposal's slug. */
  readonly proposal: string;
  readonly base: Oid;
  readonly head: Oid;
  /** What main would hold; null when the merge is not possible. */
  readonly tree: Oid | null;
  /** Why the merge is not possible, as in "conflicts in air/manifest.json". */
  readonly mergeProblem: string | null;
  /** Of the base commit, as the trust is. */
  readonly policy: Policy;
  readonly trust: TrustInput;
  /** The commits that the base does not have, oldest first. */
  readonly commits: readonly { readonly commit: Oid; readonly key: KeyId | null }[];
  /** How many files the merge changes: below `.aos`, and others. */
  readonly changed: { readonly governance: number; readonly other: number };
  /** What is wrong with the rules that the merge would bring; null when nothing is, or when it brings none. */
  readonly rulesProblem: string | null;
  /** Of the control plane proposed; null while no shadow report says. */
  readonly manifestHash: Hash | null;
  readonly consequencesHash: Hash | null;
  readonly shadows: readonly ShadowInput[];
  readonly reviews: readonly ReviewInput[];
  /** Notes of principals that could not be read whole. */
  readonly unreadable: readonly { readonly notes: string; readonly why: string }[];
}

export interface Reason {
  readonly rule: "commits" | "merge" | "rules" | "widening" | "shadow" | "evidence" | "objections" | "approvals";
  readonly holds: boolean;
  /** A sentence for people. */
  readonly text: string;
}
export interface Decision {
  readonly verdict: "approved" | "refused";
  /** What an approval must name to count; null when there is nothing that could be merged. */
  readonly cid: Hash | null;
  /** The principals that signed commits of the proposal, sorted. */
  readonly authors: readonly string[];
  readonly required: number;
  readonly reasons: readonly Reason[];
  /** The approvals that count, one a person, sorted. */
  readonly counted: readonly { readonly principal: string; readonly head: Oid; readonly time: number }[];
  /** Who or what does not count, and why. */
  readonly ignored: readonly { readonly principal: string; readonly why: string }[];
}

/** What approvals bind to: content and its consequences, not a commit. The hashes are null while no shadow report names them. */
export function cidOf(parts: {
  readonly policyHash: Hash;
  readonly tree: Oid;
  readonly manifestHash: Hash | null;
  readonly consequencesHash: Hash | null;
}): Hash {
  const { tree, manifestHash, consequencesHash } = parts;
  return hashValue({ policyHash: parts.policyHash, tree, manifestHash, consequencesHash });
}

/** Does a review speak of this proposal: by name, by commit, or by content? */
export function concerns(review: Review, subject: { readonly proposal: string; readonly head: Oid; readonly cid: Hash | null }): boolean {
  return review.proposal === subject.proposal || review.head === subject.head || review.cid === subject.cid;
}

/** Judges a proposal. Whatever it says, it says from the inputs alone. */
export function decide(inputs: DecisionInputs): Decision {
  const { tree, manifestHash, consequencesHash } = inputs;
  const cid = tree === null ? null : cidOf({ policyHash: policyHash(inputs.policy), tree, manifestHash, consequencesHash });
  const authors = authorsOf(inputs);
  const heard = hearReviews(inputs, { cid, authors });
  const shadow = judgeShadow(inputs);
  const widening = inputs.changed.governance > 0 && personCount(inputs.trust) > 1;
  const required = inputs.policy.approvals + (widening ? 1 : 0);
  const reasons = [
    judgeCommits(inputs),
    judgeMerge(inputs),
    ...judgeGovernance(inputs),
    shadow.reason,
    ...judgeEvidence(inputs),
    judgeObjections(heard.objecting),
    judgeApprovals({ policy: inputs.policy, widening, required }, heard.counted.map(({ principal }) => principal)),
  ];
  return {
    verdict: reasons.every(({ holds }) => holds) ? "approved" : "refused",
    cid,
    authors,
    required,
    reasons,
    counted: heard.counted,
    ignored: unique([...heard.ignored, ...shadow.ignored, ...inputs.unreadable.map(({ notes, why }) => ({ principal: notes, why: `reviews that cannot be read: ${why}` }))]),
  };
}

function authorsOf({ commits, trust }: Pick<DecisionInputs, "commits" | "trust">): readonly string[] {
  const signers = commits.map(({ key }) => signerOf(trust, key));
  return names(signers.flatMap((signer) => (signer.known ? [signer.name] : [])));
}

function judgeCommits({ commits, trust }: DecisionInputs): Reason {
  const rule = "commits";
  if (commits.length === 0) return { rule, holds: false, text: "nothing to merge: main already has this head" };
  for (const { commit, key } of commits) {
    const signer = signerOf(trust, key);
    if (!signer.known) return { rule, holds: false, text: `commit ${short(commit)} is not signed by a principal: ${signer.why}` };
  }
  return { rule, holds: true, text: `${count(commits.length, "commit")} signed by ${listed(authorsOf({ commits, trust }))}` };
}

function judgeMerge({ tree, mergeProblem }: DecisionInputs): Reason {
  if (tree !== null) return { rule: "merge", holds: true, text: "merges into main without conflicts" };
  return { rule: "merge", holds: false, text: `does not merge into main: ${mergeProblem ?? "the reason is not recorded"}` };
}

/** A change of the rules stands alone, so that it is read as one, and leaves rules that work. */
function judgeGovernance({ changed, rulesProblem }: DecisionInputs): readonly Reason[] {
  if (changed.governance === 0) return [];
  const files = `${count(changed.governance, "file")} of .aos`;
  const alone = changed.other === 0;
  return [
    {
      rule: "widening",
      holds: alone,
      text: alone ? `changes ${files} and nothing else` : `changes ${files} together with ${count(changed.other, "other file")}: a change of the rules stands alone`,
    },
    { rule: "rules", holds: rulesProblem === null, text: rulesProblem === null ? "the new rules can be read" : `the new rules cannot stand: ${rulesProblem}` },
  ];
}

interface ShadowJudgement {
  readonly reason: Reason;
  readonly ignored: Decision["ignored"];
}

function judgeShadow(inputs: DecisionInputs): ShadowJudgement {
  const judged = inputs.shadows.map(({ claim, key }) => ({ signer: signerOf(inputs.trust, key), why: shadowFault(inputs, claim, key) }));
  const ignored = judged.flatMap(({ signer, why }) => (why === undefined ? [] : [{ principal: signer.name, why: `shadow report: ${why}` }]));
  const good = names(judged.flatMap(({ signer, why }) => (why === undefined ? [signer.name] : [])));
  const holds = good.length > 0 || inputs.policy.shadow === "optional";
  return { reason: { rule: "shadow", holds, text: shadowText(inputs, good, ignored[0]?.why) }, ignored };
}

function shadowText({ policy, shadows }: DecisionInputs, good: readonly string[], why: string | undefined): string {
  if (good.length > 0) return `shadow report by ${listed(good)}`;
  const none = shadows.length === 0 ? "no shadow report on this head" : `no shadow report that counts on this head: ${(why ?? "").replace(/^shadow report: /, "")}`;
  return policy.shadow === "optional" ? `${none}; the policy does not ask for one` : none;
}

/** Why a shadow report says nothing about this proposal; undefined when it does. */
function shadowFault(inputs: DecisionInputs, claim: ShadowClaim, key: KeyId | null): string | undefined {
  const signer = signerOf(inputs.trust, key);
  if (!signer.known) return signer.why;
  if (signer.kind !== "controller" && signer.kind !== "ci") return `it is signed by ${signer.name}, ${article(signer.kind)}: only a controller or CI reports`;
  if (claim.world !== inputs.world) return "it is about another world";
  if (claim.head !== inputs.head) return `it is about another head, ${short(claim.head)}`;
  if (claim.tree !== inputs.tree) return `it is about another merge result: main was at ${short(claim.base)}`;
  if (claim.policy !== policyHash(inputs.policy)) return "it is about another policy";
  if (claim.manifest !== inputs.manifestHash) return "it names another manifest";
  if (claim.consequences !== inputs.consequencesHash) return "it names other consequences";
  return undefined;
}

/** An objection may hide in what a person wrote and nobody can read. Others weigh nothing, read or not. */
function judgeEvidence({ unreadable, trust }: DecisionInputs): readonly Reason[] {
  const persons = unreadable.filter(({ notes }) => trust.principals.some(({ name, kind }) => name === notes && kind === "person"));
  return persons.map(({ notes, why }) => ({ rule: "evidence", holds: false, text: `the reviews of ${notes} cannot be read: ${why}` }));
}

interface Heard {
  readonly counted: Decision["counted"];
  /** Persons whose last word asks for changes. */
  readonly objecting: readonly string[];
  readonly ignored: Decision["ignored"];
}

function hearReviews(inputs: DecisionInputs, known: { readonly cid: Hash | null; readonly authors: readonly string[] }): Heard {
  const attributed: Attributed[] = [];
  const ignored: { readonly principal: string; readonly why: string }[] = [];
  for (const input of inputs.reviews) {
    if (!concerns(input.review, { proposal: inputs.proposal, head: inputs.head, cid: known.cid })) continue;
    const why = reviewFault(inputs, input, known.authors);
    if (why === undefined) attributed.push({ principal: input.notes, review: input.review });
    else ignored.push({ principal: input.notes, why });
  }
  const counted: { readonly principal: string; readonly head: Oid; readonly time: number }[] = [];
  const objecting: string[] = [];
  for (const { principal, kind, review } of collapseReviews(attributed)) {
    if (kind === "request-changes") objecting.push(principal);
    else if (kind === "none") ignored.push({ principal, why: review.verdict === "dismiss" ? "has withdrawn the review" : "has only commented" });
    else if (review.cid === known.cid) counted.push({ principal, head: review.head, time: review.time });
    else ignored.push({ principal, why: `has approved something else (${review.cid.slice(0, 19)}…, seen at ${short(review.head)})` });
  }
  return { counted, objecting, ignored };
}

/** Why a review weighs nothing; undefined when it is a person's word on somebody else's proposal. */
function reviewFault(inputs: DecisionInputs, input: ReviewInput, authors: readonly string[]): string | undefined {
  const giver = attribute(inputs.trust, input);
  if ("why" in giver) return giver.why;
  if (input.review.world !== inputs.world) return "the review is about another world";
  if (giver.kind !== "person") return `is ${article(giver.kind)}, whose review weighs nothing`;
  return authors.includes(giver.principal) ? "is an author of the proposal" : undefined;
}

function judgeObjections(objecting: readonly string[]): Reason {
  const text = objecting.length === 0 ? "nobody asks for changes" : `${listed(objecting)} ${objecting.length === 1 ? "asks" : "ask"} for changes`;
  return { rule: "objections", holds: objecting.length === 0, text };
}

/** A world of one person has nobody else to ask; from the second person on, a change of the rules needs one approval more. */
function personCount(trust: TrustInput): number {
  return trust.principals.filter(({ kind }) => kind === "person").length;
}

interface Threshold {
  readonly policy: Policy;
  readonly widening: boolean;
  readonly required: number;
}

function judgeApprovals({ policy, widening, required }: Threshold, approving: readonly string[]): Reason {
  const by = approving.length === 0 ? "" : `: ${listed(approving)}`;
  const why = widening ? ` (a change of .aos needs one more than the policy's ${policy.approvals})` : "";
  const text = required === 0 ? `no approval needed${by === "" ? "" : `, given${by}`}` : `${approving.length} of ${required} approvals${by}${why}`;
  return { rule: "approvals", holds: approving.length >= required, text };
}

function names(found: readonly string[]): readonly string[] {
  return [...new Set(found)].sort(byName);
}

function listed(names: readonly string[]): string {
  return names.join(", ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function unique(entries: Decision["ignored"]): Decision["ignored"] {
  const seen = new Map(entries.map((entry) => [`${entry.principal}\n${entry.why}`, entry]));
  return [...seen.values()];
}
