// What a reviewer answers for, as decisions read it; and what one set of consequences has that another has not.

import { hashValue } from "@agentos/kernel";
import type { Hash, Json } from "@agentos/kernel";
import { listOf, oneOf, partial, text } from "./shape.ts";

const WORD = text(() => true, "a text");
const TARGETS = listOf(partial({ kind: WORD, target: WORD }));
const CONSEQUENCES = partial({
  definitions: listOf(partial({ kind: WORD, name: WORD, change: WORD })),
  authority: listOf(partial({ effect: oneOf("widening", "narrowing", "neutral"), subject: WORD, text: WORD })),
  effects_added: TARGETS,
  effects_removed: TARGETS,
  effects_denied: TARGETS,
  migrations: listOf(WORD),
});

/** The part that decisions read; what else a report puts there is compared and not read. */
export type Consequences = NonNullable<ReturnType<typeof CONSEQUENCES>>;

/** Reads the value that a hash stands for; undefined when it is another value, or none. */
export function readConsequences(json: Json | null | undefined, hash: Hash | null): Consequences | undefined {
  if (json === null || json === undefined || hash === null || hashValue(json) !== hash) return undefined;
  return CONSEQUENCES(json, "", () => undefined);
}

interface Difference {
  /** What is there now and was not approved, in words. */
  readonly added: readonly string[];
  /** What was approved and would now be missed: limits, denials, effects that went away. */
  readonly missing: readonly string[];
  /** What was approved and is not there any more, and nobody misses it. */
  readonly less: readonly string[];
}

/** What a reviewer gives: fewer of these are no worse. Everything else must be as it was approved. */
const GIVEN: Readonly<Record<string, (item: Json) => boolean>> = {
  definitions: () => true,
  authority: (item) => field(item, "effect") !== "narrowing",
  effects_added: () => true,
  migrations: () => true,
};

/** Compares consequences with those that were approved. */
export function compareConsequences(approved: Json, now: Json): Difference {
  const [was, is] = [membersOf(approved), membersOf(now)];
  const names = [...new Set([...was.keys(), ...is.keys()])].sort();
  const rows = names.map((name) => compareField(name, was.get(name), is.get(name)));
  return { added: rows.flatMap(({ added }) => added), missing: rows.flatMap(({ missing }) => missing), less: rows.flatMap(({ less }) => less) };
}

function compareField(name: string, was: Json | undefined, is: Json | undefined): Difference {
  if (!Array.isArray(was) || !Array.isArray(is)) {
    const same = was !== undefined && is !== undefined && hashValue(was) === hashValue(is);
    return { added: same ? [] : [`another ${name}`], missing: [], less: [] };
  }
  const [before, after] = [was as readonly Json[], is as readonly Json[]];
  const gone = without(before, after);
  const given = GIVEN[name] ?? (() => false);
  return {
    added: without(after, before).map((item) => wordOf(name, item)),
    missing: gone.filter((item) => !given(item)).map((item) => wordOf(name, item)),
    less: gone.filter(given).map((item) => wordOf(name, item)),
  };
}

function without(list: readonly Json[], other: readonly Json[]): readonly Json[] {
  const known = new Set(other.map((item) => hashValue(item)));
  return list.filter((item) => !known.has(hashValue(item)));
}

function wordOf(name: string, item: Json): string {
  switch (name) {
    case "definitions":
      return `${field(item, "kind")} ${field(item, "name")} ${field(item, "change")}`;
    case "authority":
      return `${field(item, "subject")} ${field(item, "text")}`;
    case "migrations":
      return `cells of ${String(item)} migrate`;
    case "effects_added":
      return `effect ${field(item, "kind")} ${field(item, "target")}`;
    case "effects_removed":
      return `the end of effect ${field(item, "kind")} ${field(item, "target")}`;
    case "effects_denied":
      return `denied effect ${field(item, "kind")} ${field(item, "target")}`;
    default:
      return name;
  }
}

function membersOf(json: Json): ReadonlyMap<string, Json> {
  return json instanceof Map ? (json as ReadonlyMap<string, Json>) : new Map([["value", json]]);
}

function field(item: Json, name: string): string {
  const value = item instanceof Map ? (item as ReadonlyMap<string, Json>).get(name) : undefined;
  return typeof value === "string" ? value : "?";
}
