// Policies as people read them: problems, clauses, and what another policy would say.

import { reasonLines, type ReasonRow } from "./proposal.ts";
import { count, short, shown, type Style } from "./style.ts";

export interface PolicyProblem {
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
interface PolicyWarning {
  readonly pointer: string;
  readonly message: string;
}

/** `file:line:column: pointer: message`, a problem a line. */
export function problemLines(file: string, problems: readonly PolicyProblem[], style: Style): readonly string[] {
  return problems.map(({ pointer, line, column, message }) => `${style.red("error")}  ${shown(file)}:${line}:${column}: ${pointer === "" ? "the whole" : shown(pointer)}: ${shown(message)}`);
}

export function policyCheckLines(
  { file, absent, rules, warnings }: { readonly file: string; readonly absent: boolean; readonly rules: number; readonly warnings: readonly PolicyWarning[] },
  style: Style,
): readonly string[] {
  const what = absent ? "is not there; one approval and a shadow report are asked for" : `can be read: ${count(rules, "rule")}`;
  return [
    `${warnings.length === 0 ? style.green("ok") : style.yellow("warnings")}  ${shown(file)} ${what}`,
    ...warnings.map(({ pointer, message }) => `  ${style.yellow("warning")}  ${shown(pointer)}: ${shown(message)}`),
  ];
}

export function clauseLines(clauses: readonly { readonly clause: string; readonly says: readonly string[] }[], style: Style): readonly string[] {
  return clauses.flatMap(({ clause, says }) => [style.bold(shown(clause)), ...says.map((sentence) => `  ${shown(sentence)}`)]);
}

export interface SimulatedRow {
  readonly slug: string;
  readonly head: string;
  /** The merge, for what was merged. */
  readonly commit?: string;
  readonly now: "approved" | "refused";
  readonly under: "approved" | "refused";
  readonly changes: boolean;
  /** What the other policy says otherwise. */
  readonly reasons: readonly ReasonRow[];
}

/** A proposal a paragraph, and how many verdicts would be others. */
export function simulatedLines(rows: readonly SimulatedRow[], style: Style): readonly string[] {
  const word = (verdict: SimulatedRow["now"]): string => (verdict === "approved" ? style.green(verdict) : style.yellow(verdict));
  const paragraphs = rows.flatMap(({ slug, head, commit, now, under, changes, reasons }) => [
    `${style.bold(shown(slug))}  ${style.yellow(short(commit ?? head))}  ${word(now)} → ${changes ? word(under) : "the same"}`,
    ...reasonLines(reasons, style),
  ]);
  const others = rows.filter(({ changes }) => changes).length;
  return [...paragraphs, `${others} of ${count(rows.length, "verdict")} would be another`];
}
