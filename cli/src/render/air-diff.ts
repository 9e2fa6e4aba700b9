// Two control planes side by side: reach first, then definitions and sections, as a shadow report has them.

import type { AuthorityChange, ControlDiff, NodesDiff } from "@agentos/kernel";
import { columns, count, short, shown, type Style } from "./style.ts";

const DETAILS_MAX = 8;
const REACHES = ["widening", "narrowing", "neutral"] as const;
const WORDS: Readonly<Record<AuthorityChange["effect"], string>> = { widening: "wider", narrowing: "narrower", neutral: "same reach" };

export function diffLines(diff: ControlDiff, style: Style): readonly string[] {
  const { baseManifest, nextManifest, definitions, sections, authority } = diff;
  if (baseManifest === nextManifest) return [`no difference: manifest ${nextManifest}`];
  const paint = { widening: style.red, narrowing: style.green, neutral: style.dim };
  const told = blockLines([
    ["What it may do", REACHES.flatMap((reach) => authority.filter(({ effect }) => effect === reach)).map(({ effect, subject, text }) => [paint[effect](WORDS[effect]), `${shown(subject)}: ${shown(text)}`])],
    ...partBlocks({ definitions, sections }),
  ], style);
  return [
    `manifest ${baseManifest === null ? "(none)" : short(baseManifest)} → ${short(nextManifest)}`,
    ...(told.length === 0 ? ["the same definitions and sections, listed in another order"] : told),
  ];
}

/** Two files side by side. What a change permits is not told, and that is said. */
export function nodesDiffLines(diff: NodesDiff, names: { readonly a: string; readonly b: string }, style: Style): readonly string[] {
  const told = blockLines(partBlocks(diff), style);
  if (told.length === 0) return [`no difference between ${shown(names.a)} and ${shown(names.b)}`];
  return [`${shown(names.a)} → ${shown(names.b)}`, ...told, "", style.dim("authority: not compared, for it follows from both whole worlds: name their folders or commits")];
}

type Block = readonly [title: string, rows: readonly (readonly string[])[]];

function partBlocks({ definitions, sections }: NodesDiff): readonly Block[] {
  return [
    ["Definitions", definitions.map(({ change, kind, name, details }) => [change, kind.replace(/^def/, ""), shown(name), detailText(details)])],
    ["Manifest", sections.map(({ section, details }) => [section, detailText(details)])],
  ];
}

function blockLines(blocks: readonly Block[], style: Style): readonly string[] {
  return blocks.flatMap(([title, rows]) => (rows.length === 0 ? [] : ["", style.bold(title), ...columns(rows).map((line) => `  ${line}`)]));
}

function detailText(details: readonly string[]): string {
  const more = details.length - DETAILS_MAX;
  return [...details.slice(0, DETAILS_MAX).map(shown), ...(more > 0 ? [`and ${count(more, "more difference")}`] : [])].join("; ");
}
