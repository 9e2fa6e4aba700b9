// Places in a bundle, found again in the author's files. For people to read: nothing that is recorded depends on it.

import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import { BUNDLE_FILE } from "./prelude.ts";

/** A line of the engine's trace: `    at name (file:line:column)`. Names are the bundle's short ones: of no use to anybody. */
const FRAME = /^ *at .*?\(?([^\s()]+):(\d+):(\d+)\)?$/;
/** The SDK, and the few words around the author's module. */
const NOT_THE_AUTHORS = /((^|\/)kernel\/(src|dist[^/]*)\/sdk\/|^%3Centry%3E$)/;

/**
 * Rewrites a trace so that it names the author's files; frames of the sandbox and of the SDK are left out.
 * @param trace - what `onThrow` was told, or `data.trace` of a refused bundle
 * @param sourceMap - `Built.sourceMap` of the same artifact
 * @returns `file:line:column`, the innermost first, files relative to the module's folder, columns from 1
 * @throws SyntaxError when the map is not one
 */
export function mapStack(trace: string, sourceMap: string): readonly string[] {
  const map = new TraceMap(sourceMap);
  return trace.split("\n").flatMap((line) => {
    const [, file, row, column] = FRAME.exec(line) ?? [];
    if (file !== BUNDLE_FILE || row === undefined || column === undefined) return [];
    const found = originalPositionFor(map, { line: Number(row), column: Number(column) - 1 });
    return found.source === null || NOT_THE_AUTHORS.test(found.source) ? [] : [`${found.source}:${found.line}:${found.column + 1}`];
  });
}
