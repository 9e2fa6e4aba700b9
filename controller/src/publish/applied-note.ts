// The note on an applied merge: what was decided and what came of it, for people first and for `aos verify` below.

import { valueToJson, writeJson, type Json, type JournalRecord } from "@agentos/kernel";
import { oneLine } from "./one-line.ts";

/** What the note says beside the record: a title, and the shadow report that the decision relied on. */
interface NoteSources {
  readonly title: string;
  readonly report: Json | undefined;
}

/**
 * The note of a commit that came into force. Readable text, then one line each of what noteFacts lists and, where there was
 * a shadow run, of `Report: {json}`.
 */
export function appliedNote(record: JournalRecord<"applied">, sources: NoteSources): string {
  const facts = [...noteFacts(record)].flatMap(([word, text]) => (text === undefined ? [] : [`${word}: ${text}`]));
  const machine = [...facts, ...(sources.report === undefined ? [] : [`Report: ${writeJson(sources.report)}`]), ""];
  if (record.base === undefined) return ["Genesis: the world begins with this commit", "", ...machine].join("\n");
  const reasons = listAt(at(valueToJson(record.decision), "decision"), "reasons").map((row) => textAt(row, "text"));
  const authority = listAt(sources.report, "authority").map((row) => `${textAt(row, "effect")}: ${textAt(row, "text")}`);
  const effects = listAt(sources.report, "effects").map((row) => `predicted: ${textAt(row, "effect")} ${textAt(row, "target")} (${textAt(row, "cap")})`);
  const told = [...reasons, ...authority, ...effects].map((line) => `- ${oneLine(line, LINE_CHARS_MAX)}`);
  return [`Applied: ${oneLine(sources.title, LINE_CHARS_MAX)}`, "", ...told, "", ...machine].join("\n");
}

const LINE_CHARS_MAX = 500;

type NoteWord = "Manifest" | "Base" | "Applied-Seq" | "Decision";

/** The lines that repeat the record: the decision with every input of the verdict, signed reviews and reports among them. */
export function noteFacts(record: JournalRecord<"applied">): ReadonlyMap<NoteWord, string | undefined> {
  return new Map<NoteWord, string | undefined>([
    ["Manifest", record.manifest],
    ["Base", record.base],
    ["Applied-Seq", String(record.seq)],
    ["Decision", writeJson(valueToJson(record.decision))],
  ]);
}

/** What the note's line of a word says; undefined where there is none, or more than one. */
export function noteLine(note: string, word: NoteWord | "Report"): string | undefined {
  const lines = note.split("\n").filter((line) => line.startsWith(`${word}: `));
  return lines.length === 1 ? lines[0]?.slice(word.length + 2) : undefined;
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
