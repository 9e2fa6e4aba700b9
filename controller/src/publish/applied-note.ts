// The note on an applied merge: what was decided and what came of it, for people first and for `aos verify` below.

import { valueToJson, writeJson, type Json, type JournalRecord } from "@agentos/kernel";

/** What the note says beside the record: a title, and the shadow report that the decision relied on. */
export interface NoteSources {
  readonly title: string;
  readonly report: Json | undefined;
}

/**
 * The note of a commit that came into force. Readable text, then one line each of `Decision: {json}` (every input of the
 * verdict, reviews and reports with their signatures among them) and `Report: {json}`.
 */
export function appliedNote(record: JournalRecord<"applied">, sources: NoteSources): string {
  const decision = valueToJson(record.decision);
  const facts = [
    `Manifest: ${record.manifest}`,
    ...(record.base === undefined ? [] : [`Base: ${record.base}`]),
    `Applied-Seq: ${record.seq}`,
    `Decision: ${writeJson(decision)}`,
    ...(sources.report === undefined ? [] : [`Report: ${writeJson(sources.report)}`]),
    "",
  ];
  if (record.base === undefined) return ["Genesis: the world begins with this commit", "", ...facts].join("\n");
  const reasons = textsOf(listAt(at(decision, "decision"), "reasons"), (row) => textAt(row, "text"));
  const authority = textsOf(listAt(sources.report, "authority"), (row) => `${textAt(row, "effect")}: ${textAt(row, "text")}`);
  const effects = textsOf(listAt(sources.report, "effects"), (row) => `predicted: ${textAt(row, "effect")} ${textAt(row, "target")} (${textAt(row, "cap")})`);
  const told = [...reasons, ...authority, ...effects].map((line) => `- ${line.replaceAll(/[\r\n]+/g, " ")}`);
  return [`Applied: ${sources.title.replaceAll(/[\r\n]+/g, " ")}`, "", ...told, "", ...facts].join("\n");
}

/** The JSON of the note's lines that begin with a word. */
export function noteLines(note: string, word: "Decision" | "Report"): readonly string[] {
  return note.split("\n").filter((line) => line.startsWith(`${word}: `)).map((line) => line.slice(word.length + 2));
}

function at(json: Json | undefined, field: string): Json | undefined {
  return json instanceof Map ? (json as ReadonlyMap<string, Json>).get(field) : undefined;
}
function listAt(json: Json | undefined, field: string): readonly Json[] {
  const list = at(json, field);
  return Array.isArray(list) ? (list as readonly Json[]) : [];
}
function textAt(json: Json, field: string): string {
  const text = at(json, field);
  return typeof text === "string" ? text : "?";
}
function textsOf(rows: readonly Json[], text: (row: Json) => string): readonly string[] {
  return rows.map(text);
}
