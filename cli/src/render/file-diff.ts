// What would change in files, line by line, as `diff -u` shows it.

import { shown, type Style } from "./style.ts";

export interface FileRow {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const CONTEXT_LINES = 3;
/** Lines compared with lines; beyond it all old lines go and all new ones come. */
const COMPARISONS_MAX = 4_000_000;

type Mark = "-" | "+" | " ";
interface Line {
  readonly mark: Mark;
  readonly text: string;
}

export function fileDiffLines(rows: readonly FileRow[], style: Style): readonly string[] {
  return rows.flatMap(({ path, before, after }) => [
    style.bold(`--- ${before === undefined ? "/dev/null" : shown(path)}`),
    style.bold(`+++ ${after === undefined ? "/dev/null" : shown(path)}`),
    ...hunks(lineDiff(linesOf(before), linesOf(after)), style),
  ]);
}

function linesOf(text: string | undefined): readonly string[] {
  return text === undefined || text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** A shortest script from one list of lines to the other. */
function lineDiff(before: readonly string[], after: readonly string[]): readonly Line[] {
  const gone = (text: string): Line => ({ mark: "-", text });
  const came = (text: string): Line => ({ mark: "+", text });
  if (before.length * after.length > COMPARISONS_MAX) return [...before.map(gone), ...after.map(came)];
  // common[i][j]: the longest common subsequence of what follows i and j.
  const common = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) (common[i] as Uint32Array)[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push({ mark: " ", text: before[i++] as string });
      j++;
    } else if (i < before.length && (j === after.length || at(i + 1, j) >= at(i, j + 1))) lines.push(gone(before[i++] as string));
    else lines.push(came(after[j++] as string));
  }
  return lines;
}

/** Changed lines with a few around them; each hunk begins with where it stands. */
function hunks(lines: readonly Line[], style: Style): readonly string[] {
  const near = lines.map((_, at) => lines.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some(({ mark }) => mark !== " "));
  const told: string[] = [];
  const paint = { "-": style.red, "+": style.green, " ": (text: string): string => text };
  let [old, now] = [1, 1];
  lines.forEach(({ mark, text }, at) => {
    if (near[at] === true) {
      if (near[at - 1] !== true) told.push(style.cyan(`@@ -${old} +${now} @@`));
      told.push(paint[mark](`${mark}${shown(text)}`));
    }
    if (mark !== "+") old++;
    if (mark !== "-") now++;
  });
  return told;
}
