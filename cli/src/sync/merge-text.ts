// Two changes of one file as one: AIR by definition, other text by lines. What cannot be one is marked as git marks it.

import { AosError, compareText, formatAir, writeJson, type Json } from "@agentos/kernel";
import { diff3Merge } from "node-diff3";
import { nodesOfText, type NodeText } from "../air-text.ts";

export interface Merged {
  /** Undefined: there is no text to merge, as the file stays as it is here. */
  readonly text: string | undefined;
  readonly conflicts: number;
}
/** One text as three have it; undefined: it is not there, or is no text. */
export interface Versions {
  readonly base: string | undefined;
  readonly local: string | undefined;
  readonly remote: string | undefined;
}
export interface Labels {
  readonly local: string;
  readonly remote: string;
}

const CHARS_MAX = 4 << 20;

/** The text of a file's bytes; undefined for what is no text, or too long to be compared. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length > CHARS_MAX || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** @param path - `*.air.json` is merged by definition, as far as all three can be read as AIR */
export function mergeTexts(path: string, versions: Versions, labels: Labels): Merged {
  const { base, local, remote } = versions;
  if (local === undefined || remote === undefined) return { text: undefined, conflicts: 1 };
  const whole = path.endsWith(".air.json") && base !== undefined ? mergeAirFiles(path, { base, local, remote }) : undefined;
  return whole ?? mergeLines({ base: base ?? "", local, remote }, labels);
}

type Texts = { readonly [side in keyof Versions]: string };

function mergeLines({ base, local, remote }: Texts, labels: Labels): Merged {
  // Line ends stay with their lines, so that a last line without one is seen as it is.
  const [ours, before, theirs] = [linesOf(local), linesOf(base), linesOf(remote)];
  const parts: string[] = [];
  let conflicts = 0;
  for (const { ok, conflict } of diff3Merge<string>(ours, before, theirs, { excludeFalseConflicts: true })) {
    if (ok !== undefined) parts.push(...ok);
    if (conflict === undefined) continue;
    conflicts++;
    parts.push(`<<<<<<< ${labels.local}\n`, ...closed(conflict.a), "=======\n", ...closed(conflict.b), `>>>>>>> ${labels.remote}\n`);
  }
  return { text: parts.join(""), conflicts };
}

function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Lines of which the last one has its end: a mark follows. */
function closed(lines: readonly string[]): readonly string[] {
  return lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`));
}

/** Does a text hold marks of a conflict that nobody took out? */
export function hasMarks(text: string): boolean {
  return /^<{7} /m.test(text) && /^={7}$/m.test(text) && /^>{7} /m.test(text);
}

/**
 * Definitions that one side alone changed are taken from that side, each as it is written there.
 *
 * @returns undefined where a text is no AIR, or both sides changed one definition: lines decide then
 */
function mergeAirFiles(path: string, texts: Texts): Merged | undefined {
  try {
    const [base, local, remote] = [nodesById(texts.base, path), nodesById(texts.local, path), nodesById(texts.remote, path)];
    const ids = [...new Set([...local.keys(), ...remote.keys()])];
    const kept: string[] = [];
    for (const id of ids) {
      const [was, ours, theirs] = [base.get(id), local.get(id), remote.get(id)];
      const changedHere = !equal(was, ours);
      if (changedHere && !equal(was, theirs) && !equal(ours, theirs)) return undefined;
      const node = changedHere ? ours : theirs;
      if (node !== undefined) kept.push(node === ours ? texts.local.slice(node.start, node.end) : texts.remote.slice(node.start, node.end));
    }
    const lists = texts.local.trimStart().startsWith("[") || kept.length !== 1;
    return { text: formatAir(lists ? `[${kept.join(",\n")}]` : (kept[0] ?? "[]"), path), conflicts: 0 };
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

function nodesById(text: string, path: string): ReadonlyMap<string, NodeText> {
  const nodes = nodesOfText(text, path);
  const found = new Map(nodes.map((node) => [`${node.kind} ${node.name}`, node]));
  if (found.size !== nodes.length) throw new AosError("file.shape", `${path}: one definition twice`);
  return found;
}

function equal(a: NodeText | undefined, b: NodeText | undefined): boolean {
  return a === undefined || b === undefined ? a === b : writeJson(sorted(a.tree)) === writeJson(sorted(b.tree));
}

function sorted(json: Json): Json {
  if (Array.isArray(json)) return (json as readonly Json[]).map(sorted);
  if (!(json instanceof Map)) return json;
  return new Map([...(json as ReadonlyMap<string, Json>)].sort(([a], [b]) => compareText(a, b)).map(([key, value]) => [key, sorted(value)]));
}
