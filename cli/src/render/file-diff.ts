// What would change in files, line by line, as `git diff` shows it: `git apply` takes it.

import { shown, type Style } from "./style.ts";
import { patchLines } from "./ws-diff.ts";

interface FileRow {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function fileDiffLines(rows: readonly FileRow[], style: Style): readonly string[] {
  return rows.flatMap(({ path, before, after }) => [
    style.bold(`--- ${before === undefined ? "/dev/null" : `a/${shown(path)}`}`),
    style.bold(`+++ ${after === undefined ? "/dev/null" : `b/${shown(path)}`}`),
    ...patchLines(before ?? "", after ?? "", style),
  ]);
}
