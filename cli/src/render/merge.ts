// What became of a merge: made, or refused with every reason.

import { reasonLines, type ReasonRow } from "./proposal.ts";
import { short, shown, type Style } from "./style.ts";

export function refusedLines(refused: { readonly slug: string; readonly head: string; readonly reasons: readonly ReasonRow[] }, style: Style): readonly string[] {
  return [`${style.red("refused")}  ${style.bold(refused.slug)} at ${short(refused.head)} may not be merged:`, ...reasonLines(refused.reasons, style)];
}

interface Merged {
  readonly slug: string;
  readonly head: string;
  readonly commit: string;
  readonly reasons: readonly ReasonRow[];
  readonly remote: string | undefined;
  readonly by: string;
}

export function mergedLines({ slug, head, commit, reasons, remote, by }: Merged, style: Style): readonly string[] {
  return [
    `${style.green("merged")}  ${style.bold(slug)} at ${short(head)} into main, as ${shown(by)}: ${short(commit)}`,
    ...reasonLines(reasons, style),
    "The controller applies it at the next turn boundary. Next:",
    // A plain pull leaves notes where they are, and it is they that say what came of the merge.
    ...(remote === undefined ? [] : [`  git pull --ff-only ${remote} main`, `  git fetch ${remote} 'refs/notes/*:refs/notes/*'`]),
    "  aos status",
  ];
}
