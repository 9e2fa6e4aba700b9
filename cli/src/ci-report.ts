// The report that an untrusted CI job left behind: bytes from a stranger until they are read, and a claim after that.

import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AosError, fromUtf8, hashValue, readJson } from "@agentos/kernel";
import { consequencesHashOf, judgeCiWord, stateIn, type ReportWord } from "@agentos/controller";

/** The one file that is looked at; whatever else an artifact holds stays where it is. */
const REPORT_FILE = "report.json";
const REPORT_BYTES_MAX = 8 << 20;
const FILES_MAX = 16;

type CiReport = { readonly kind: "absent" } | { readonly kind: "unreadable"; readonly why: string } | { readonly kind: "read"; readonly word: ReportWord };

/** Reads the report of a folder that an artifact was unpacked to. Nothing in it is run, followed or believed. */
export async function readCiReport(folder: string): Promise<CiReport> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  if (names.length > FILES_MAX) return { kind: "unreadable", why: `${names.length} files, expected at most ${FILES_MAX}` };
  if (!names.includes(REPORT_FILE)) return { kind: "absent" };
  const path = join(folder, REPORT_FILE);
  const found = await lstat(path);
  if (!found.isFile()) return { kind: "unreadable", why: `${REPORT_FILE} is no plain file` };
  if (found.size > REPORT_BYTES_MAX) return { kind: "unreadable", why: `${found.size} bytes, expected at most ${REPORT_BYTES_MAX}` };
  try {
    const file = await open(path, "r");
    try {
      const { json } = readJson(fromUtf8(await file.readFile()), REPORT_FILE);
      if (!(json instanceof Map)) return { kind: "unreadable", why: "it is no JSON object" };
      return { kind: "read", word: { by: "CI", report: hashValue(json), consequences: consequencesHashOf(json), state: stateIn(json) } };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { kind: "unreadable", why: `it is no JSON (${error.code})` };
  }
}

/** The sentence about CI's report beside the controllers' own on the same merge; undefined when there is nothing to say. */
export function judgeCiReport(report: CiReport, own: readonly ReportWord[]): string | undefined {
  switch (report.kind) {
    case "absent":
      return undefined;
    case "unreadable":
      return `CI's report is refused: ${report.why}`;
    default:
      return judgeCiWord(report.word, own);
  }
}
