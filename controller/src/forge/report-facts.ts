// What decisions read out of a shadow report: its consequences, and how the run went.

import { consequencesOf, hashValue, jsonOf, writeJson } from "@agentos/kernel";
import type { Hash, Json, ShadowReport } from "@agentos/kernel";
import type { RunFacts } from "../governance/decision-types.ts";
import { anything, listOf, maybe, oneOf, partial, text, truth } from "../governance/shape.ts";

const WORD = text(() => true, "a text");
const ROW = partial({ effect: WORD, target: WORD });
const REPORT = partial({
  definitions: listOf(partial({ kind: WORD, name: WORD, change: WORD, after: maybe(WORD) })),
  authority: listOf(partial({ effect: oneOf("widening", "narrowing", "neutral"), subject: WORD, text: WORD })),
  runs: partial({ baseline: WORD, candidate: WORD }),
  effects: listOf(partial({ effect: WORD, target: WORD, in_baseline: truth })),
  removed: listOf(ROW),
  denied: listOf(partial({ effect: WORD, target: WORD, in_baseline: truth })),
  misfits: listOf(partial({ reducer: WORD })),
  failures: listOf(anything),
});

/** What a report that is at hand says. */
export interface ReportFacts {
  readonly consequences: Json;
  readonly run: RunFacts;
}

/** @returns undefined for a report that is none of ours, or not the one of these consequences */
export function reportFacts(report: Json, named: Hash): ReportFacts | undefined {
  const read = REPORT(report, "", () => undefined);
  const consequences = read === undefined ? undefined : consequencesIn(report);
  if (read === undefined || consequences === undefined || hashValue(consequences) !== named) return undefined;
  return { consequences, run: { report: hashValue(report), failures: read.failures.length, denials: read.denied.length, misfits: read.misfits.length } };
}

/** The hash of a report's consequences; undefined for a report that is none of ours. */
export function consequencesHashOf(report: Json): Hash | undefined {
  return REPORT(report, "", () => undefined) === undefined ? undefined : hashValue(consequencesIn(report));
}

/** A report is its own JSON: its fields that are read have been looked at. */
function consequencesIn(report: Json): Json {
  return jsonOf(consequencesOf(JSON.parse(writeJson(report)) as ShadowReport));
}
