// The verdict on a proposal: a pure function of recorded inputs, so that anyone can derive it again, years later.

import type { Hash } from "@agentos/kernel";
import { cidOf, judgeCarried } from "./carried.ts";
import type { Approval, Decision, DecisionInputs, Reason, ShadowClaim } from "./decision-types.ts";
import { consequencesIn, judgeRules, judgeWindow, rulesRequire } from "./judge-policy.ts";
import type { ReportsFound } from "./judge-policy.ts";
import { byName } from "./order.ts";
import { policyHash } from "./policy.ts";
import { collapseReviews } from "./review.ts";
import type { Attributed, Opinion, Review } from "./review.ts";
import { article, attribute, short, signerOf } from "./signer.ts";
import type { ReviewInput, TrustInput } from "./signer.ts";
import type { KeyId } from "./ssh-key.ts";
import { count, few, listed } from "./words.ts";
import type { Oid } from "../git/objects.ts";

export { cidOf, cidOfClaim } from "./carried.ts";
export type { Carried, Decision, DecisionInputs, FileChange, Reason, ShadowClaim, ShadowInput } from "./decision-types.ts";

/** Does a review speak of this proposal: by name, by commit, or by content? */
export function concerns(review: Review, subject: { readonly proposal: string; readonly head: Oid; readonly cid: Hash | null }): boolean {
  return review.proposal === subject.proposal || review.head === subject.head || review.cid === subject.cid;
}

/** Judges a proposal. Whatever it says, it says from the inputs alone. */
export function decide(inputs: DecisionInputs): Decision {
  const cid = cidOfInputs(inputs);
  const authors = authorsOf(inputs);
  const heard = hearReviews(inputs, { cid, authors });
  const shadow = judgeShadow(inputs);
  const widening = wideningOf(inputs);
  const required = Math.max(widening.required, rulesRequire(inputs));
  const reasons = [
    judgeCommits(inputs),
    judgeMerge(inputs),
    ...widening.reasons,
    ...judgeWindow(inputs),
    shadow.reason,
    ...judgeEvidence(inputs),
    judgeObjections(heard.objecting),
    ...judgeRules(inputs, { counted: heard.counted, reports: shadow.found }),
    judgeApprovals({ required, why: widening.why }, heard.counted.map(({ principal }) => principal)),
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

function cidOfInputs({ tree, policy, manifestHash, consequencesHash }: DecisionInputs): Hash | null {
  return tree === null ? null : cidOf({ policyHash: policyHash(policy), tree, manifestHash, consequencesHash });
}

/** The approvals that are persons' last words and name other content than what is proposed now. */
export function staleApprovals(inputs: DecisionInputs): readonly Review[] {
  const cid = cidOfInputs(inputs);
  const { opinions } = opinionsOf(inputs, { cid, authors: authorsOf(inputs) });
  return opinions.flatMap(({ kind, review }) => (kind === "approve" && review.cid !== cid ? [review] : []));
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

interface WideningJudgement {
  readonly reasons: readonly Reason[];
  readonly required: number;
  /** Why so many, for the sentence on approvals; empty when the policy's own number is asked for. */
  readonly why: string;
}

/** What makes more possible stands alone, so that it is read as what it is, and a change of the rules leaves rules that work. */
function wideningOf(inputs: DecisionInputs): WideningJudgement {
  const { changed, policy, trust, rulesProblem } = inputs;
  const governance = changed.governance > 0;
  const alone = judgeAlone(inputs);
  const rules: readonly Reason[] = governance
    ? [{ rule: "rules", holds: rulesProblem === null, text: rulesProblem === null ? "the new rules can be read" : `the new rules cannot stand: ${rulesProblem}` }]
    : [];
  const reasons = [...alone.reasons, ...rules];
  if (policy.widening === undefined) {
    // A world of one person has nobody else to ask.
    if (!governance || personCount(trust) <= 1) return { reasons, required: policy.approvals, why: "" };
    const [more, all] = [policy.approvals + 1, Math.max(policy.approvals, consentingCount(inputs))];
    const why = more <= all ? ` (a change of .aos needs one more than the policy's ${policy.approvals})` : " (a change of .aos needs every person but the one who signed its head)";
    return { reasons, required: Math.min(more, all), why };
  }
  const more = alone.widens && policy.widening.approvals > policy.approvals;
  return { reasons, required: more ? policy.widening.approvals : policy.approvals, why: more ? ` (the policy asks for ${policy.widening.approvals} where more becomes possible)` : "" };
}

function judgeAlone(inputs: DecisionInputs): { readonly reasons: readonly Reason[]; readonly widens: boolean } {
  const { changed, policy } = inputs;
  const rule = "widening";
  const mayMix = policy.widening?.alone === false;
  const reasons: Reason[] = [];
  if (changed.governance > 0) {
    const files = `${count(changed.governance, "file")} of .aos`;
    const others = `together with ${count(changed.other, "other file")}`;
    if (changed.other === 0) reasons.push({ rule, holds: true, text: `changes ${files} and nothing else` });
    else if (mayMix) reasons.push({ rule, holds: true, text: `changes ${files} ${others}, which the policy allows` });
    else reasons.push({ rule, holds: false, text: `changes ${files} ${others}: a change of the rules stands alone` });
  }
  if (policy.widening === undefined) return { reasons, widens: changed.governance > 0 };
  const known = consequencesIn(inputs);
  if (known === undefined) {
    reasons.push({ rule, holds: false, text: "no shadow report that counts says whether more becomes possible, which the policy asks" });
    return { reasons, widens: true };
  }
  const wider = known.authority.filter(({ effect }) => effect === "widening");
  if (wider.length === 0) return { reasons, widens: changed.governance > 0 };
  const subjects = few([...new Set(wider.map(({ subject }) => subject))]);
  const mixed = known.definitions.filter(({ kind, name }) => !AUTHORITY_KINDS.includes(kind) && !wider.some(({ subject }) => subject.includes(`\`${name}\``)));
  const holds = mayMix || mixed.length === 0;
  const beside = mixed.length === 0 ? "and nothing else" : `together with ${count(mixed.length, "other definition")} (${few(mixed.map(({ name }) => name))})`;
  reasons.push({ rule, holds, text: `makes more possible for ${subjects} ${beside}${holds ? "" : ": that stands alone"}` });
  return { reasons, widens: true };
}

/** Definitions that say what may be done; others say what is done. */
const AUTHORITY_KINDS: readonly string[] = ["defcap", "defpolicy", "defsecret"];

interface ShadowJudgement {
  readonly reason: Reason;
  readonly ignored: Decision["ignored"];
  readonly found: ReportsFound;
}

function judgeShadow(inputs: DecisionInputs): ShadowJudgement {
  const judged = inputs.shadows.map(({ claim, key }) => ({ claim, signer: signerOf(inputs.trust, key), why: shadowFault(inputs, claim, key) }));
  const ignored = judged.flatMap(({ signer, why }) => (why === undefined ? [] : [{ principal: signer.name, why: `shadow report: ${why}` }]));
  const good = names(judged.flatMap(({ signer, why }) => (why === undefined ? [signer.name] : [])));
  const holds = good.length > 0 || inputs.policy.shadow === "optional";
  const controllers = judged.flatMap(({ claim, signer, why }) => (why === undefined && signer.known && signer.kind === "controller" ? [claim.report] : []));
  return { reason: { rule: "shadow", holds, text: shadowText(inputs, good, ignored[0]?.why) }, ignored, found: { any: good.length > 0, controllers } };
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

/**
 * An objection may hide in what a person wrote and nobody can read, and, where persons review from accounts on a forge, in what a
 * controller wrote down of that. Others weigh nothing, read or not.
 */
function judgeEvidence({ unreadable, trust }: DecisionInputs): readonly Reason[] {
  const accounts = trust.principals.some(({ kind, github }) => kind === "person" && github !== undefined);
  const weighty = unreadable.filter(({ notes }) => trust.principals.some(({ name, kind }) => name === notes && (kind === "person" || (kind === "controller" && accounts))));
  return weighty.map(({ notes, why }) => ({ rule: "evidence", holds: false, text: `the reviews of ${notes} cannot be read: ${why}` }));
}

interface Heard {
  readonly counted: readonly Approval[];
  /** Persons whose last word asks for changes. */
  readonly objecting: readonly string[];
  readonly ignored: Decision["ignored"];
}

function hearReviews(inputs: DecisionInputs, known: { readonly cid: Hash | null; readonly authors: readonly string[] }): Heard {
  const { opinions, ignored: unheard } = opinionsOf(inputs, known);
  const ignored = [...unheard];
  const counted: Approval[] = [];
  const objecting: string[] = [];
  for (const { principal, kind, review } of opinions) {
    const approval = { principal, head: review.head, time: review.time };
    const carried = kind === "approve" && review.cid !== known.cid ? judgeCarried(inputs, review) : undefined;
    if (kind === "request-changes") objecting.push(principal);
    else if (kind === "none") ignored.push({ principal, why: review.verdict === "dismiss" ? "has withdrawn the review" : "has only commented" });
    else if (review.cid === known.cid) counted.push(approval);
    else if (carried?.kept === true) counted.push({ ...approval, kept: carried.text });
    else ignored.push({ principal, why: `has approved something else (${review.cid.slice(0, 19)}…, seen at ${short(review.head)})${carried === undefined ? "" : `; ${carried.text}`}` });
  }
  return { counted, objecting, ignored };
}

function opinionsOf(inputs: DecisionInputs, known: { readonly cid: Hash | null; readonly authors: readonly string[] }): { readonly opinions: readonly Opinion[]; readonly ignored: Decision["ignored"] } {
  const attributed: Attributed[] = [];
  const ignored: { readonly principal: string; readonly why: string }[] = [];
  for (const input of inputs.reviews) {
    if (!concerns(input.review, { proposal: inputs.proposal, head: inputs.head, cid: known.cid })) continue;
    const why = reviewFault(inputs, input, known.authors);
    if (why === undefined) attributed.push({ principal: input.notes, review: input.review });
    else ignored.push({ principal: input.notes, why });
  }
  return { opinions: collapseReviews(attributed), ignored };
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

function personCount(trust: TrustInput): number {
  return trust.principals.filter(({ kind }) => kind === "person").length;
}

/**
 * Persons with a key in force who can still be asked: all but the one who signed the head, and with it all that is proposed. Whoever
 * signed an earlier commit only is among them, though their approval does not count: what they signed once, others may have taken.
 */
function consentingCount({ commits, head, trust }: DecisionInputs): number {
  const signer = signerOf(trust, commits.find(({ commit }) => commit === head)?.key ?? null);
  const persons = trust.principals.filter(({ kind, keys }) => kind === "person" && keys.some((key) => signerOf(trust, key).known));
  return persons.filter(({ name }) => !signer.known || name !== signer.name).length;
}

function judgeApprovals({ required, why }: { readonly required: number; readonly why: string }, approving: readonly string[]): Reason {
  const by = approving.length === 0 ? "" : `: ${listed(approving)}`;
  const text = required === 0 ? `no approval needed${by === "" ? "" : `, given${by}`}` : `${approving.length} of ${required} approvals${by}${why}`;
  return { rule: "approvals", holds: approving.length >= required, text };
}

function names(found: readonly string[]): readonly string[] {
  return [...new Set(found)].sort(byName);
}

function unique(entries: Decision["ignored"]): Decision["ignored"] {
  const seen = new Map(entries.map((entry) => [`${entry.principal}\n${entry.why}`, entry]));
  return [...seen.values()];
}
