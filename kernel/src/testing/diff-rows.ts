// Changes of the fixture world and the lines of their diffs: rows of tests, and how they are held to them.

import assert from "node:assert/strict";
import { diffControl } from "../air/diff.ts";
import { fixtureControl, type Edit } from "../air/fixture-world.ts";
import type { Hash } from "../air/value.ts";

/** Two worlds near the fixture and what changes from one to the other. */
export interface DiffRow {
  readonly title: string;
  readonly base?: readonly Edit[];
  readonly next?: readonly Edit[];
  /** Code that differs in the next world. */
  readonly code?: ReadonlyMap<string, Hash>;
  /** Each absent one: nothing to say. */
  readonly definitions?: readonly string[];
  readonly sections?: readonly string[];
  readonly authority?: readonly string[];
}

/** Diffs each row. @returns how many there were */
export function assertDiffs(rows: readonly DiffRow[]): number {
  for (const row of rows) {
    const { definitions = [], sections = [], authority = [] } = row;
    assert.deepEqual(shown(row), { definitions, sections, authority }, row.title);
  }
  return rows.length;
}

function shown(row: DiffRow): Pick<DiffRow, "definitions" | "sections" | "authority"> {
  const diff = diffControl(fixtureControl(row.base ?? []), fixtureControl(row.next ?? [], row.code));
  return {
    definitions: diff.definitions.map(({ change, kind, name, details }) => `${change} ${kind} ${name}${details.length === 0 ? "" : `: ${details.join("; ")}`}`),
    sections: diff.sections.map(({ section, details }) => `${section}: ${details.join("; ")}`),
    authority: diff.authority.map(({ effect, subject, text }) => `${effect}: ${subject}: ${text}`),
  };
}
