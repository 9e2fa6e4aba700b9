// The one comment on a pull request: the verdict first, then why, then the report, safe to show whatever the proposal holds.

import type { Hash } from "@agentos/kernel";
import type { Decision } from "../../governance/decision.ts";

/** GitHub refuses a body of more than 65,536 characters. */
export const BODY_MAX = 65_000;
const LINE_MAX = 2_000;
const MARKER_START = "<!-- aos:decision v1 world=";

/** By this line, and by its author, the comment is found again. */
export function marker(world: Hash): string {
  return `${MARKER_START}${world} -->`;
}

export interface Told {
  readonly world: Hash;
  readonly decision: Decision;
  /** The report as Markdown; undefined while there is none. */
  readonly report: string | undefined;
  /** Sentences about what does not count. */
  readonly faults: readonly string[];
}

/** The body of the comment, at most BODY_MAX characters; what is left out is left out of the middle, and said. */
export function commentBody({ world, decision, report, faults }: Told): string {
  const { verdict, reasons, counted, ignored, cid } = decision;
  const lines = [
    marker(world),
    `### ${verdictTitle(decision)}`,
    "",
    ...reasons.map(({ rule, holds, text }) => `- ${holds ? "✔" : "✘"} **${rule}**: ${escapeLine(text)}`),
    ...(counted.length === 0 ? [] : ["", `Approved by ${counted.map(({ principal }) => escapeLine(principal)).join(", ")}.`]),
    ...section("Not counted", [...ignored.map(({ principal, why }) => `${principal}: ${why}`), ...faults]),
    "",
    verdict === "approved" ? "It may be merged." : "An approval counts for what this comment shows; when that changes for the worse, approve again.",
    ...(cid === null ? [] : ["", `Content \`${cid}\``]),
  ];
  const top = cutMiddle(lines.join("\n"), BODY_MAX / 2);
  if (report === undefined) return top;
  const frame = ["", "<details><summary>What would change</summary>", "", ""];
  const end = "\n\n</details>\n";
  return `${top}\n${frame.join("\n")}${cutMiddle(tameMarkdown(report), BODY_MAX - top.length - 100)}${end}`;
}

export function verdictTitle({ verdict, reasons }: Decision): string {
  if (verdict === "approved") return "Approved";
  const missing = reasons.filter(({ holds }) => !holds).map(({ rule }) => rule);
  return missing.every((rule) => WAITING.includes(rule)) ? "Waiting" : "Refused";
}

/** What time and people can still bring, without a change of the proposal. */
const WAITING: readonly string[] = ["approvals", "shadow", "window"];

/** At most so many entries of what does not count are listed. */
const LISTED_MAX = 50;

function section(title: string, entries: readonly string[]): readonly string[] {
  if (entries.length === 0) return [];
  const more = entries.length > LISTED_MAX ? [`- and ${entries.length - LISTED_MAX} more`] : [];
  return ["", `${title}:`, ...entries.slice(0, LISTED_MAX).map((entry) => `- ${escapeLine(entry)}`), ...more];
}

/** One line of anybody's text as plain text: no markup, no mention, no link, no image, no HTML. */
export function escapeLine(line: string): string {
  const plain = line.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").slice(0, LINE_MAX);
  return plain.replaceAll(/[\\`*_{}[\]()#+!|~&<>:]/g, (mark) => `&#${mark.charCodeAt(0)};`).replaceAll("@", `@${WORD_JOINER}`);
}

/** Keeps a mention from telling anybody, without showing. */
const WORD_JOINER = "\u2060";

/**
 * Markdown that may hold text of a proposal: it keeps its headings, lists, tables and code, and loses what could act on a reader:
 * HTML but for folding, links, images, mentions, and comments that look like ours.
 */
export function tameMarkdown(text: string): string {
  const shown = text.replaceAll(/[\p{Cf}]/gu, "").replaceAll(/[^\P{Cc}\n\t]/gu, " ");
  const lines = shown.split("\n").map((line) => (line.length <= LINE_MAX ? line : `${line.slice(0, LINE_MAX)} … ${line.length - LINE_MAX} characters left out`));
  return lines
    .join("\n")
    .replaceAll(/<(?!\/?(?:details|summary|br)>)/g, "&lt;")
    .replaceAll(/\]\s*(?=[([:])/g, "&#93;")
    .replaceAll(/\b(https?|ftp|mailto|javascript|data):/gi, `$1${WORD_JOINER}:`)
    .replaceAll("@", `@${WORD_JOINER}`);
}

/** Leaves out the middle at line ends. A block of code that is cut open is closed and opened again. */
export function cutMiddle(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const note = (count: number): string => `\n\n… ${count} characters left out …\n\n`;
  const room = lengthMax - note(text.length).length - 8;
  const head = text.slice(0, Math.floor(room * 0.7)).replace(/\n[^\n]*$/, "");
  const tail = text.slice(text.length - Math.floor(room * 0.3)).replace(/^[^\n]*\n/, "");
  const close = openCode(head) ? "\n```" : "";
  const open = openCode(tail) !== openCode(text) ? "```\n" : "";
  return `${head}${close}${note(text.length - head.length - tail.length)}${open}${tail}`;
}

function openCode(text: string): boolean {
  return (text.match(/^ {0,3}```/gm)?.length ?? 0) % 2 === 1;
}
