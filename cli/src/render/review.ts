// A review that was given, and where the proposal stands after it.

import { reasonLines, type ReasonRow } from "./proposal.ts";
import { short, shown, type Style } from "./style.ts";

interface Reviewed {
  readonly slug: string;
  readonly head: string;
  readonly verdict: string;
  readonly cid: string;
  readonly by: string;
  readonly ref: string;
  readonly decision: { readonly verdict: "approved" | "refused"; readonly reasons: readonly ReasonRow[] };
}

const WORDS: Readonly<Record<string, string>> = { approve: "approved", "request-changes": "asked for changes", comment: "commented", dismiss: "took back the review" };

export function reviewedLines({ slug, head, verdict, cid, by, ref, decision }: Reviewed, style: Style): readonly string[] {
  const ready = decision.verdict === "approved";
  return [
    `${style.green(WORDS[verdict] ?? verdict)}  ${style.bold(slug)} at ${short(head)}, as ${shown(by)}`,
    `  bound to  ${cid}`,
    `  note      ${ref}`,
    `the proposal is ${ready ? style.green("approved") : style.yellow("not approved yet")}:`,
    ...reasonLines(decision.reasons, style),
    ...(ready ? ["Next:", `  aos merge ${slug}`] : []),
  ];
}
