// From the text of AIR files to nodes: JSON, one node or a list of them a file, each remembered with its place.

import { AosError } from "./error.ts";
import { idOf, under } from "./findings.ts";
import { withoutComments } from "./format-read.ts";
import { readJson, type JsonDocument } from "./json.ts";
import { parseNode, type Problem } from "./parse.ts";
import { compareText } from "./text.ts";
import type { Definition, DefKind, Diagnostic, Json, Manifest } from "./types.ts";
import type { Value } from "./value.ts";

/** Where a node is written: `pointer` is empty, or `/N` for a member of a list. */
export interface NodePlace {
  readonly file: string;
  readonly pointer: string;
  readonly document: JsonDocument;
}
interface Placed<N> {
  readonly node: N;
  readonly place: NodePlace;
}

export interface Reading {
  readonly manifests: readonly Placed<Manifest>[];
  readonly definitions: readonly Placed<Definition>[];
  /** `idOf` of definitions that could not be read, as far as their kind and name could. */
  readonly unreadable: ReadonlySet<string>;
  readonly unreadableManifest: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads files in path order. A file with nothing in it holds no nodes. */
export function readFiles(files: readonly { readonly path: string; readonly text: string }[]): Reading {
  const manifests: Placed<Manifest>[] = [];
  const definitions: Placed<Definition>[] = [];
  const unreadable = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  let unreadableManifest = false;
  for (const { path, text } of [...files].sort((a, b) => compareText(a.path, b.path))) {
    if (text.trim() === "") continue;
    const document = openDocument(path, text, diagnostics);
    if (document === undefined) continue;
    for (const { tree, place } of nodesIn(path, document)) {
      let broken = false;
      const report = (problem: Problem): void => {
        broken ||= problem.severity !== "warning";
        diagnostics.push(diagnose(place, problem));
      };
      if (!(tree instanceof Map)) {
        report({ code: "file.shape", pointer: "", message: "a file holds one node, an object, or a list of them" });
        continue;
      }
      const node = parseNode(tree as Value, report);
      if (node === undefined || broken) {
        const kind = tree.get("$kind");
        if (kind === "manifest") unreadableManifest = true;
        else unreadable.add(idOf(kind as DefKind, String(tree.get("name"))));
      } else if (node.kind === "manifest") {
        manifests.push({ node, place });
      } else {
        definitions.push({ node, place });
      }
    }
  }
  return { manifests, definitions, unreadable, unreadableManifest, diagnostics };
}

/** A problem of a node as a finding in its file. */
export function diagnose({ file, pointer, document }: NodePlace, problem: Problem): Diagnostic {
  const whole = pointer + problem.pointer;
  const { line, column } = document.locate(whole);
  const { code, message, hint, severity = "error" } = problem;
  return { severity, code, file, pointer: whole, line, column, message, ...(hint === undefined ? {} : { hint }) };
}

function openDocument(file: string, text: string, diagnostics: Diagnostic[]): JsonDocument | undefined {
  try {
    return readJson(withoutComments(text, file), file);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    const { pointer = "", line = 1, column = 1 } = error.at ?? {};
    // A diagnostic has its place in fields; the error, in front of its message.
    const place = `${file}:${line}:${column}: `;
    const message = error.message.startsWith(place) ? error.message.slice(place.length) : error.message;
    diagnostics.push({ severity: "error", code: error.code, file, pointer, line, column, message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
    return undefined;
  }
}

function nodesIn(file: string, document: JsonDocument): readonly { readonly tree: Json; readonly place: NodePlace }[] {
  const { json } = document;
  if (!Array.isArray(json)) return [{ tree: json, place: { file, pointer: "", document } }];
  return (json as readonly Json[]).map((tree, index) => ({ tree, place: { file, pointer: under("", index), document } }));
}
