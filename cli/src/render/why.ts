// Why a decision is as it is: the clause that decided, its inputs, and that it was derived again; and the causes of a record.

import type { Decision, DecisionInputs, Oid } from "@agentos/controller";
import { reasonLines } from "./proposal.ts";
import { recordLine, type RecordView } from "./record.ts";
import { brief, columns, short, shown, type Style } from "./style.ts";

export interface Why {
  /** `proposal`: as it would be decided now; `merge`: as it was decided and recorded. */
  readonly what: "proposal" | "merge";
  readonly slug: string;
  /** The merge. */
  readonly commit: Oid | undefined;
  readonly inputs: DecisionInputs;
  readonly decision: Decision;
}

export function whyLines(why: Why, style: Style): readonly string[] {
  const { what, slug, commit, inputs, decision } = why;
  const { verdict, reasons } = decision;
  const word = verdict === "approved" ? style.green("approved") : style.red("refused");
  const where = commit === undefined ? `would be merged into ${short(inputs.base)}` : `merged as ${short(commit)} into ${short(inputs.base)}`;
  return [
    `${word}  ${style.bold(shown(slug))} at ${short(inputs.head)}, ${where}`,
    ...decidedBy(decision),
    style.bold("clauses"),
    ...reasonLines(reasons, style),
    ...reviewSection(inputs, decision, style),
    style.bold("inputs"),
    ...columns(inputRows(inputs, decision)).map((line) => `  ${line}`),
    what === "merge" ? "derived again from these inputs: the recorded decision, word for word; every signature in it holds" : "derived again from these inputs: the same decision, word for word",
  ];
}

function decidedBy({ verdict, reasons }: Decision): readonly string[] {
  const against = reasons.filter(({ holds }) => !holds);
  if (verdict === "approved") return [`decided by: all ${reasons.length} clauses hold; ${shown(reasons.at(-1)?.text ?? "")}`];
  return against.map(({ rule, name, text }) => `decided by: ${rule}${name === undefined ? "" : ` ${shown(name)}`}: ${shown(text)}`);
}

function inputRows({ policy, trust, tree, manifestHash, consequencesHash, commits, changed, changes, time }: DecisionInputs, { cid, authors }: Decision): readonly (readonly string[])[] {
  const rules = policy.rules?.length ?? 0;
  return [
    ["policy", `approvals ${policy.approvals}, shadow ${policy.shadow}${policy.widening === undefined ? "" : `, widening ${policy.widening.approvals}`}${rules === 0 ? "" : `, rules ${rules}`} (of the base)`],
    ["trust", `${short(trust.hash)}, ${trust.principals.length} principals (of the base)`],
    ["authors", authors.map(shown).join(", ") || "nobody"],
    ["commits", String(commits.length)],
    ["changes", changes === undefined || changes === null ? `${changed.governance + changed.other} files` : brief(changes.map(({ path }) => path).join(", "), 120) || "no file"],
    ["merge tree", tree === null ? "none" : short(tree)],
    ["manifest", manifestHash === null ? "no report says" : short(manifestHash)],
    ["consequences", consequencesHash === null ? "no report says" : short(consequencesHash)],
    ["cid", cid === null ? "none" : cid],
    ...(time === undefined ? [] : [["judged", `${new Date(time * 1000).toISOString().slice(0, 19)}Z`]]),
  ];
}

/** Every review with what came of it; long histories end in the last ones. */
function reviewSection({ reviews, shadows }: DecisionInputs, { counted, ignored }: Decision, style: Style): readonly string[] {
  const REVIEWS_MAX = 20;
  const told = reviews.slice(-REVIEWS_MAX).map(({ notes, review }) => [
    new Date(review.time * 1000).toISOString().slice(0, 19), shown(notes), review.verdict, `at ${short(review.head)}`, review.message === "" ? "" : brief(review.message, 60),
  ]);
  const more = reviews.length - told.length;
  const came = [
    ...counted.map(({ principal, kept }) => `  ${style.green("counts")}  ${shown(principal)}${kept === undefined ? "" : `: ${shown(kept)}`}`),
    ...ignored.map(({ principal, why }) => `  ${style.dim("weighs nothing")}  ${shown(principal)}: ${shown(why)}`),
  ];
  return [
    style.bold(`reviews (${reviews.length}) and reports (${shadows.length})`),
    ...(more > 0 ? [`  … ${more} earlier ones`] : []), ...columns(told).map((line) => `  ${line}`), ...came,
  ];
}

interface WalkRow {
  readonly relation: string;
  readonly record: RecordView;
}

/** A record, then what it follows from, down to the input that began it. */
export function recordWhyLines(walk: readonly WalkRow[], decision: Decision | undefined, style: Style): readonly string[] {
  const rows = walk.map(({ relation, record }) => `${relation.padEnd(11)}  ${recordLine(record, style)}`);
  if (decision === undefined) return rows;
  return [...rows, style.bold("decision, derived again from the record"), ...reasonLines(decision.reasons, style)];
}
