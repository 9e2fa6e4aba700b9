// What is said beside a shadow report, which speaks of the world alone: that the rules change as well.

import { prose } from "@agentos/kernel";
import { shown, type Style } from "./style.ts";

const NAMED_MAX = 8;
const NOTE_CHARS = 4_000;

/** @param files - that a proposal changes below `.aos`; of none nothing is said */
export function rulesLines(files: readonly string[], style: Style, options: { readonly slug?: string } = {}): readonly string[] {
  const { slug } = options;
  return rulesNotes(files, shown).map((note) => `${style.yellow(slug === undefined ? "rules" : `rules of ${shown(slug)}`)}: it ${note}`);
}

/** The same for a report's page, names between backticks. */
export function rulesBeside(files: readonly string[]): readonly string[] {
  return rulesNotes(files, (path) => `\`${path.replaceAll("`", "'")}\``).map((note) => `It ${note}`);
}

/** A report in Markdown, and the same above it. */
export function withRulesNote(files: readonly string[], markdown: string): string {
  return [...rulesBeside(files).map((note) => `> ${prose(note, NOTE_CHARS)}\n\n`), markdown].join("");
}

/** What "it" does. */
function rulesNotes(files: readonly string[], write: (path: string) => string): readonly string[] {
  if (files.length === 0) return [];
  const named = files.slice(0, NAMED_MAX).map(write).join(", ");
  const more = files.length > NAMED_MAX ? ` and ${files.length - NAMED_MAX} more` : "";
  return [`changes ${named}${more}, which say who decides. The report does not cover that; the decision judges it apart: see \`aos why\``];
}
