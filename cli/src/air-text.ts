// AIR files as text: which definition stands where, so that one can be read, hashed or replaced and the rest stays as written.

import { readFile } from "node:fs/promises";
import { AosError, formatAir, parseNode, readJson, withoutComments, type Definition, type DefKind, type Json, type Problem, type Value } from "@agentos/kernel";

/** One node of a file, from `start` to `end` in its text. */
export interface NodeText {
  /** `$kind` as written; of anything else, an empty text. */
  readonly kind: string;
  readonly name: string;
  readonly tree: ReadonlyMap<string, Json>;
  readonly start: number;
  readonly end: number;
  /** Position in the file's list; undefined where the file is the node. */
  readonly index: number | undefined;
}

/** Why there is nothing to read under a name that somebody typed. */
const NO_FILE: Readonly<Record<string, string>> = { ENOENT: "no such file", EISDIR: "it is a folder", ENOTDIR: "a part of the path is not a folder" };

/** @throws AosError `cli.file` when there is no such file, `world.file` when it is not UTF-8; else what the system says when it cannot be read */
export async function readAirText(path: string, shown: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = NO_FILE[cause.code ?? ""];
    throw why === undefined ? cause : new AosError("cli.file", `${shown}: ${why}`, { at: { file: shown }, cause, hint: "name a file; paths begin at the folder that `aos` is called in" });
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AosError("world.file", `${shown}: not UTF-8`, { at: { file: shown } });
  }
}

/**
 * The nodes of a file in the order they stand in it; a blank file holds none.
 *
 * @param file - the name that errors carry
 * @throws AosError `json.syntax`, `file.shape`
 */
export function nodesOfText(text: string, file: string): readonly NodeText[] {
  if (text.trim() === "") return [];
  // The formatter judges comments as well.
  formatAir(text, file);
  const bare = withoutComments(text, file);
  const { json, locate } = readJson(bare, file);
  const trees: readonly Json[] = Array.isArray(json) ? (json as readonly Json[]) : [json];
  const spans = Array.isArray(json) ? spansOf(bare) : [wholeSpan(bare)];
  return trees.map((tree, at) => {
    if (!(tree instanceof Map)) {
      const { line, column } = locate(Array.isArray(json) ? `/${at}` : "");
      throw new AosError("file.shape", `${file}:${line}:${column}: a file holds one node, an object, or a list of them`, { at: { file, line, column } });
    }
    const node = tree as ReadonlyMap<string, Json>;
    const { start, end } = spans[at] as Span;
    return { kind: textAt(node, "$kind"), name: textAt(node, "name"), tree: node, start, end, index: Array.isArray(json) ? at : undefined };
  });
}

function textAt(tree: ReadonlyMap<string, Json>, key: string): string {
  const value = tree.get(key);
  return typeof value === "string" ? value : "";
}

/** Line and column, both from 1, of an offset. */
export function placeIn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function wholeSpan(bare: string): Span {
  const start = bare.search(/\S/);
  return { start, end: bare.trimEnd().length };
}

/** Where the objects and lists of a list stand; the text is a list, and JSON. */
function spansOf(bare: string): readonly Span[] {
  const spans: Span[] = [];
  let depth = 0;
  let start = -1;
  for (const { 0: token, index } of bare.matchAll(/"(?:[^"\\]|\\.)*"|[^\s,]/g)) {
    if (token === "]" || token === "}") depth--;
    if (depth === 1 && start < 0 && (token === "[" || token === "{")) start = index;
    if (token === "[" || token === "{") depth++;
    if (depth === 1 && start >= 0 && (token === "}" || token === "]")) {
      spans.push({ start, end: index + 1 });
      start = -1;
    }
  }
  return spans;
}

/**
 * Reads a definition by itself: nothing is looked up.
 *
 * @throws AosError with the first problem's code
 */
export function parseDefinition(node: NodeText, file: string, text: string): Definition {
  const found: Problem[] = [];
  const read = parseNode(node.tree as Value, (problem) => {
    if (problem.severity !== "warning") found.push(problem);
  });
  const [first] = found;
  if (first === undefined && read !== undefined && read.kind !== "manifest") return read;
  const inside = first === undefined || first.pointer === "" ? "" : `${first.pointer}: `;
  const { line, column } = placeIn(text, node.start);
  throw new AosError(first?.code ?? "file.shape", `${file}:${line}:${column}: ${inside}${first?.message ?? "not a definition"}`, {
    at: { file, line, column }, ...(first?.hint === undefined ? {} : { hint: first.hint }),
  });
}

export const DEF_KINDS: readonly DefKind[] = ["defcap", "defeffect", "defmodule", "defplan", "defpolicy", "defschema", "defsecret"];
