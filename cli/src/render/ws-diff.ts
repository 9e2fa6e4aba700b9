// What differs between two trees, as `git diff` shows it.

import { structuredPatch } from "diff";
import { fromUtf8, type trees } from "@agentos/kernel";
import { realPath } from "./ws.ts";
import { shown, type Style } from "./style.ts";

/** A file on one side: its bytes, or that they are too many to compare. */
export interface DiffSide {
  readonly mode: trees.Mode;
  readonly hash: string;
  readonly size: number;
  readonly bytes: Uint8Array | undefined;
}
/** A file that differs, or what a path is annotated with. */
export interface DiffRow {
  readonly path: string;
  readonly old: DiffSide | undefined;
  readonly now: DiffSide | undefined;
  /** Keys with their values on both sides. */
  readonly annotations: readonly { readonly key: string; readonly old: string | undefined; readonly now: string | undefined }[];
}

/** Beyond so many changed lines the whole file is shown as gone and come. */
const EDITS_MAX = 5_000;
const CONTEXT_LINES = 3;
/** As git does it: a zero byte among the first makes a file binary. */
const LOOK_BYTES = 8_000;

export function statusOf({ old, now }: Pick<DiffRow, "old" | "now">): "A" | "D" | "M" {
  return old === undefined && now !== undefined ? "A" : now === undefined && old !== undefined ? "D" : "M";
}

export function diffLines(rows: readonly DiffRow[], style: Style): readonly string[] {
  return rows.flatMap((row) => [...headLines(row, style), ...contentLines(row, style), ...annotationLines(row, style)]);
}

function headLines({ path, old, now }: DiffRow, style: Style): readonly string[] {
  const name = path === "" ? "." : realPath(path);
  const lines = [`diff --git a/${name} b/${name}`];
  if (old === undefined && now !== undefined) lines.push(`new file mode ${modeOf(now)}`);
  if (old !== undefined && now === undefined) lines.push(`deleted file mode ${modeOf(old)}`);
  if (old !== undefined && now !== undefined && old.mode !== now.mode) lines.push(`old mode ${modeOf(old)}`, `new mode ${modeOf(now)}`);
  return lines.map((line) => style.bold(line));
}

function modeOf({ mode }: DiffSide): string {
  return `100${mode.toString(8)}`;
}

function contentLines({ path, old, now }: DiffRow, style: Style): readonly string[] {
  if (old?.hash === now?.hash) return [];
  const name = realPath(path);
  const [from, to] = [old === undefined ? "/dev/null" : `a/${name}`, now === undefined ? "/dev/null" : `b/${name}`];
  const [before, after] = [textOf(old), textOf(now)];
  if (before === undefined || after === undefined) {
    const large = [old, now].some((side) => side !== undefined && side.bytes === undefined);
    return [`${large ? "Large" : "Binary"} files ${from} and ${to} differ (${old?.size ?? 0} and ${now?.size ?? 0} bytes)`];
  }
  const lines = patchLines(before, after, style);
  return lines.length === 0 ? [] : [style.bold(`--- ${from}`), style.bold(`+++ ${to}`), ...lines];
}

/** The text of a file, empty where there is none; undefined: it is none, or is too large. */
function textOf(side: DiffSide | undefined): string | undefined {
  if (side === undefined) return "";
  if (side.bytes === undefined || isBinary(side.bytes)) return undefined;
  return fromUtf8(side.bytes);
}

export function isBinary(bytes: Uint8Array): boolean {
  if (bytes.subarray(0, LOOK_BYTES).includes(0)) return true;
  try {
    fromUtf8(bytes);
    return false;
  } catch {
    return true;
  }
}

/** The hunks from one text to another; none where they are equal. */
export function patchLines(before: string, after: string, style: Style): readonly string[] {
  const found = structuredPatch("a", "b", before, after, undefined, undefined, { context: CONTEXT_LINES, maxEditLength: EDITS_MAX });
  const paint: Readonly<Record<string, (text: string) => string>> = { "-": style.red, "+": style.green };
  if (found === undefined) return [...replaced("-", before, style.red), ...replaced("+", after, style.green)];
  return found.hunks.flatMap((hunk) => [
    style.cyan(`@@ -${rangeOf(hunk.oldStart, hunk.oldLines)} +${rangeOf(hunk.newStart, hunk.newLines)} @@`),
    ...hunk.lines.map((line) => (paint[line.charAt(0)] ?? String)(lineText(line))),
  ]);
}

function rangeOf(start: number, count: number): string {
  return count === 1 ? String(start) : `${count === 0 ? start - 1 : start},${count}`;
}

function replaced(mark: string, text: string, paint: (line: string) => string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n").map((line) => paint(mark + lineText(line)));
}

/** What is not seen is escaped, but for tabs. */
function lineText(line: string): string {
  return line.split("\t").map(shown).join("\t");
}

function annotationLines({ annotations }: DiffRow, style: Style): readonly string[] {
  return annotations.flatMap(({ key, old, now }) => [
    ...(old === undefined ? [] : [style.red(`-annotation ${shown(key)}: ${shown(old)}`)]),
    ...(now === undefined ? [] : [style.green(`+annotation ${shown(key)}: ${shown(now)}`)]),
  ]);
}
