// Proposals and decisions as people read them.

import { count, short, shown, type Style } from "./style.ts";

export interface ReasonRow {
  readonly holds: boolean;
  readonly text: string;
}
export interface ProposalRow {
  readonly slug: string;
  readonly head: string;
  readonly state: "merged" | "open";
  readonly title: string;
  readonly body: string;
  readonly authors: readonly string[];
  /** undefined for one that is merged. */
  readonly verdict: "approved" | "refused" | undefined;
  readonly reasons: readonly ReasonRow[];
  /** Which approvals were kept or voided when what is proposed changed, and why. */
  readonly notes: readonly string[];
}

/** A proposal a paragraph; of an open one what it still lacks. */
export function proposalLines(rows: readonly ProposalRow[], style: Style): readonly string[] {
  return rows.flatMap(({ slug, head, state, title, body, authors, verdict, reasons, notes }) => {
    const word = state === "merged" ? style.dim("merged") : verdict === "approved" ? style.green("approved") : style.yellow("waits");
    const line = `${style.bold(shown(slug))}  ${style.yellow(short(head))}  ${word}`;
    if (state === "merged") return [line];
    const lacks = reasons.filter(({ holds }) => !holds).map(({ text }) => `    ${style.yellow("needs")}  ${shown(text)}`);
    const text = body === "" ? [] : body.split("\n").map((one) => (one === "" ? "" : `      ${shown(one)}`));
    return [line, `    ${shown(title)}${authors.length === 0 ? "" : style.dim(` (${authors.map(shown).join(", ")})`)}`, ...text, ...lacks, ...notes.map((note) => `    ${style.dim("note")}   ${shown(note)}`)];
  });
}

/** Each reason of a decision on a line, what holds and what does not. */
export function reasonLines(reasons: readonly ReasonRow[], style: Style): readonly string[] {
  return reasons.map(({ holds, text }) => `  ${holds ? style.green("yes") : style.red("no ")}  ${shown(text)}`);
}

interface Proposed {
  readonly slug: string;
  readonly head: string;
  readonly commits: number;
  readonly title: string;
  readonly outcome: "made" | "moved" | "replaced" | "unchanged";
  readonly remote: string | undefined;
}

export const OUTCOMES = { made: "proposed", moved: "moved the proposal", replaced: "replaced the proposal", unchanged: "proposed already" } as const;

export function proposedLines({ slug, head, commits, title, outcome, remote }: Proposed, style: Style): readonly string[] {
  return [
    `${style.green(OUTCOMES[outcome])}  ${style.bold(slug)} at ${short(head)}${remote === undefined ? "" : ` on ${remote}`}: ${count(commits, "commit")}, ${shown(title)}`,
    ...nextLines(slug),
  ];
}

/** What comes after a proposal. */
export function nextLines(slug: string): readonly string[] {
  return ["Next:", `  aos shadow ${slug} --wait       # what it would change`, `  aos review ${slug} --approve    # somebody else, with their key`, `  aos merge ${slug}`];
}
