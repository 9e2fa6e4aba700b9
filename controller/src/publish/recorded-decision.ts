// The decision that a merge was applied by, as the published note on it has it.

import { readJson, type Json } from "@agentos/kernel";
import { noteFor } from "../git/notes.ts";
import type { Oid } from "../git/objects.ts";
import type { ObjectStore } from "../git/store.ts";
import { noteLine } from "./applied-note.ts";
import { readTip } from "./published.ts";

/** @returns the record, to be derived again; undefined when nothing is published on this commit, and for the first one of a world */
export async function readRecordedDecision(store: ObjectStore, merge: Oid): Promise<Json | undefined> {
  const tip = await readTip(store);
  const blob = tip === undefined ? undefined : await noteFor(store, tip.commit.tree, merge);
  if (blob === undefined) return undefined;
  const note = Buffer.from(await store.readBlob(blob)).toString("utf8");
  const line = noteLine(note, "Decision");
  if (line === undefined || noteLine(note, "Base") === undefined) return undefined;
  return readJson(line, `note on ${merge.slice(0, 12)}`).json;
}
