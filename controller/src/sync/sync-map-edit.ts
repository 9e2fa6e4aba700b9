// Changes the annotations of one link in the text of a sync map, and leaves every other character as its author wrote it.

import { readJson, writeJson, type Json } from "@agentos/kernel";
import { parseSyncMap, SYNC_FILE, type WorkspaceLink } from "./sync-map.ts";

/**
 * @param link - its place in the list of `workspaces`
 * @returns the new text
 * @throws AosError as parseSyncMap
 */
export function editAnnotations(text: string, link: number, annotations: WorkspaceLink["annotations"]): string {
  parseSyncMap(text);
  const { json, locate } = readJson(text, SYNC_FILE);
  const at = (pointer: string): number => offsetOf(text, locate(pointer));
  const start = at(`/workspaces/${link}`);
  const end = endOfValue(text, start);
  const written = [...annotations].map(([path, values]) => [path, new Map(values)] as const);
  const value: Json = new Map(written);
  const own = linkIn(json, link)?.has("annotations") === true;
  const from = own ? at(`/workspaces/${link}/annotations`) : start;
  const to = own ? endOfValue(text, from) : end;
  const lines = text.slice(start, end).includes("\n");
  const indent = lines ? indentAt(text, own ? from : lastMember(text, end)) : "";
  const body = lines ? writeJson(value, 2).replaceAll("\n", `\n${indent}`) : writeJson(value);
  const edited = own ? text.slice(0, from) + body + text.slice(to) : insert(text, lastMember(text, end), `,${lines ? `\n${indent}` : " "}"annotations": ${body}`);
  parseSyncMap(edited);
  return edited;
}

function linkIn(json: Json, link: number): ReadonlyMap<string, Json> | undefined {
  const list = json instanceof Map ? (json as ReadonlyMap<string, Json>).get("workspaces") : undefined;
  const found = Array.isArray(list) ? (list as readonly Json[])[link] : undefined;
  return found instanceof Map ? (found as ReadonlyMap<string, Json>) : undefined;
}

function insert(text: string, at: number, more: string): string {
  return text.slice(0, at) + more + text.slice(at);
}

/** Just behind the last member of an object that ends before `end`. */
function lastMember(text: string, end: number): number {
  return text.slice(0, end - 1).trimEnd().length;
}

function offsetOf(text: string, { line, column }: { readonly line: number; readonly column: number }): number {
  return text.split("\n").slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
}

/** What the line of a place begins with. */
function indentAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", at - 1) + 1))?.[0] ?? "";
}

/** Behind the object that begins at `start`; the text is JSON. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at) - 1;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}
