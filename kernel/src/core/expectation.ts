// What a scenario's author says will come of it, beside what came: the rows of a report, each by the fields that were named.

import { writeJson, jsonOf, pointerStep } from "../air/json.ts";
import type { Json } from "../air/types.ts";
import type { ShadowReport } from "./shadow-report.ts";

export type ExpectedSection = "cells" | "effects" | "denied" | "plans" | "failures" | "rejected";
type Row = ReadonlyMap<string, Json>;
/** By section: all its rows in their order, each of at least one field. */
export type Expectation = ReadonlyMap<ExpectedSection, readonly Row[]>;

/** The fields that may be named, and which of them are written for somebody who wants what came to be what is expected. */
const FIELDS: Readonly<Record<ExpectedSection, { readonly known: readonly string[]; readonly written: readonly string[] }>> = {
  cells: { known: ["reducer", "key", "state"], written: ["reducer", "key", "state"] },
  effects: { known: ["effect", "cap", "target", "intent", "by", "step", "answered_by", "status", "code", "waits_for"], written: ["effect", "cap", "target", "by", "step", "status", "code", "waits_for"] },
  denied: { known: ["effect", "cap", "target", "stage", "code", "message", "by", "step"], written: ["effect", "cap", "target", "code", "by", "step"] },
  plans: { known: ["plan", "status", "code", "message", "step", "waits"], written: ["plan", "status", "code", "step", "waits"] },
  failures: { known: ["by", "code", "message"], written: ["by", "code", "message"] },
  rejected: { known: ["event", "schema", "code", "message"], written: ["event", "code"] },
};
export const EXPECTED_SECTIONS = Object.keys(FIELDS) as readonly ExpectedSection[];
/** Not named, they must be empty: who means a failure says so. */
const EMPTY_UNLESS_NAMED: readonly ExpectedSection[] = ["denied", "failures", "rejected"];
/** Not named by whoever has it written, they are: that nothing of these came is worth holding. */
const ALWAYS_WRITTEN: readonly ExpectedSection[] = ["cells", "effects", "plans"];

export function expectedFields(section: ExpectedSection): readonly string[] {
  return FIELDS[section].known;
}

/** One place where what came is not what was expected. */
export interface Difference {
  /** `cells/0/state/remaining`; of a row that is missing or too many, the row. */
  readonly at: string;
  /** Undefined: nothing is expected there. */
  readonly expected?: Json;
  /** Undefined: nothing came. */
  readonly found?: Json;
}

/** Compares a report of one scenario, run in an empty world, with what its author expects; of a run without expectations that nothing failed. */
export function differencesFrom(expectation: Expectation | undefined, report: ShadowReport): readonly Difference[] {
  const found: Difference[] = [];
  if (report.runs.candidate === "cut") found.push({ at: "runs", expected: "complete", found: "cut" });
  for (const section of EXPECTED_SECTIONS) {
    const expected = expectation?.get(section) ?? (EMPTY_UNLESS_NAMED.includes(section) ? [] : undefined);
    if (expected === undefined) continue;
    const rows = rowsOf(report, section);
    for (let at = 0; at < Math.max(expected.length, rows.length); at++) found.push(...rowDifferences(`${section}/${at}`, { expected: expected[at], row: rows[at], section }));
  }
  return found;
}

function rowDifferences(at: string, { expected, row, section }: { readonly expected: Row | undefined; readonly row: Row | undefined; readonly section: ExpectedSection }): readonly Difference[] {
  if (row === undefined) return expected === undefined ? [] : [{ at, expected }];
  if (expected === undefined) return [{ at, found: only(row, FIELDS[section].written) }];
  return [...expected].flatMap(([field, value]) => valueDifferences(`${at}/${field}`, value, row.get(field)));
}

function valueDifferences(at: string, expected: Json, found: Json | undefined): readonly Difference[] {
  if (expected instanceof Map && found instanceof Map) {
    const [here, there] = [expected as Row, found as Row];
    return [...new Set([...here.keys(), ...there.keys()])].flatMap((name) => {
      const [wanted, came, place] = [here.get(name), there.get(name), `${at}/${pointerStep(name)}`];
      return wanted === undefined ? [{ at: place, ...(came === undefined ? {} : { found: came }) }] : valueDifferences(place, wanted, came);
    });
  }
  if (found !== undefined && writeJson(expected) === writeJson(found)) return [];
  return [{ at, expected, ...(found === undefined ? {} : { found }) }];
}

/** What came, as an expectation that holds of it. */
export function expectationOf(report: ShadowReport): Expectation {
  const sections = EXPECTED_SECTIONS.map((section) => [section, rowsOf(report, section).map((row) => only(row, FIELDS[section].written))] as const);
  return new Map(sections.filter(([section, rows]) => rows.length > 0 || ALWAYS_WRITTEN.includes(section)));
}

function rowsOf(report: ShadowReport, section: ExpectedSection): readonly Row[] {
  const rows = jsonOf(report[section]) as readonly Row[];
  return section === "cells" ? rows.map((row) => new Map([...row].map(([field, value]) => [field === "after" ? "state" : field, value]))) : rows;
}

function only(row: Row, fields: readonly string[]): Row {
  return new Map(fields.flatMap((field) => {
    const value = row.get(field);
    return value === undefined ? [] : [[field, value] as const];
  }));
}
