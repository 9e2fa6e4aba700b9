// AIR as commands tell of it: files, hashes, definitions, rules.

import { columns, short, shown, type Style } from "./style.ts";

export function formattedLines(paths: readonly string[]): readonly string[] {
  return paths.map(shown);
}

export interface HashRow {
  readonly hash: string;
  readonly kind: string;
  readonly name: string;
}

/** `<hash> <kind> <name>`, for scripts. */
export function hashLines(rows: readonly HashRow[]): readonly string[] {
  return rows.map(({ hash, kind, name }) => `${hash} ${kind} ${name}`);
}

interface DefRow extends HashRow {
  readonly builtin: boolean;
}

export function defLines(rows: readonly DefRow[], style: Style): readonly string[] {
  if (rows.length === 0) return ["no such definitions"];
  return columns(rows.map(({ hash, kind, name, builtin }) => [style.dim(kind), name, short(hash), builtin ? style.dim("builtin") : ""]));
}

interface RuleRow {
  readonly code: string;
  readonly text: string;
}

export function ruleLines(rows: readonly RuleRow[], style: Style): readonly string[] {
  return columns(rows.map(({ code, text }) => [style.bold(code), text]));
}

export function typesLine(path: string, outcome: "current" | "missing" | "stale" | "written", style: Style): string {
  const paint = { current: style.dim, missing: style.red, stale: style.red, written: style.green };
  return `${paint[outcome](outcome)}  ${shown(path)}`;
}

export interface Written extends DefRow {
  /** In the world, for its own. */
  readonly file?: string;
  readonly line?: number;
  readonly node: unknown;
  /** AIR, over several lines, ending in a line break. */
  readonly text: string;
}

/** AIR below a comment that says what it is; text of the world stays as it is written, but for what a terminal would obey. */
export function definitionLines(all: readonly Written[]): readonly string[] {
  return all.flatMap(({ hash, kind, name, file, line, builtin, text }) => [
    `// ${hash} ${kind} ${name}, ${builtin || file === undefined ? "builtin" : `${shown(file)}:${line ?? 1}`}`,
    ...text.trimEnd().split("\n").map(shown),
  ]);
}
