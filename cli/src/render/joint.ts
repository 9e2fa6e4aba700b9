// What several proposals do together, as lines: conflicts first, then each run in one line.

import { summaryOf } from "@agentos/kernel";
import type { JointShadow } from "@agentos/controller";
import { columns, shown, type Style } from "./style.ts";

const KINDS: Readonly<Record<JointShadow["conflicts"][number]["kind"], string>> = {
  text: "cannot be merged", air: "no control plane", order: "order matters", effect: "not independent", cell: "same cell",
};

export function jointLines({ runs, conflicts }: JointShadow, style: Style): readonly string[] {
  const rows = runs.map(({ order, report }) => [order.join(" then "), summaryOf(report)]);
  const told = conflicts.map(({ kind, proposals, text }) => `${style.red(KINDS[kind])}  ${proposals.join(", ")}: ${shown(text)}`);
  return [...(told.length === 0 ? [style.green("no conflict: in any order they do what they do alone")] : told), "", ...columns(rows)];
}
