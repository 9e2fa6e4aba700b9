// A shadow report as people read it on a pull request: the widest consequences first, the hashes in the small print.

import type { AuthorityChange, DefChange } from "./air/diff.ts";
import { listDiff } from "./air/diff-list.ts";
import { writeJson } from "./air/json.ts";
import type { Json } from "./air/types.ts";
import { consequencesHash, consequencesOf, reportHash, type CellRow, type EffectRow, type PlanRow, type ShadowReport } from "./core/shadow-report.ts";
import { code, fenced, middle, prose, row, thousands, visible } from "./markdown-text.ts";

/** Characters of Markdown a section may take; together they stay below what a comment of the common forges can hold. */
const SECTION_CHARS = { state: 16_000, large: 7_000, small: 3_000 } as const;
const LINE_CHARS = 200;
const DIFF_LINES_MAX = 60;
const CONTEXT_LINES = 3;
/** Lines compared with lines; beyond it a cell is shown as all removed and all added. */
const COMPARISONS_MAX = 1_000_000;

/**
 * Writes the report as Markdown, below 65,000 characters whatever it holds: what has no room is counted. Text of the world
 * is escaped; long values are cut in the middle and their length is said.
 */
export function renderReport(report: ShadowReport): string {
  const parts = [
    `## Shadow run: ${summaryOf(report)}`,
    notesOf(report).map((line) => `> ${line}`).join("\n>\n"),
    list("Cells that do not fit", report.misfits, { write: (cell) => `- ${cellName(cell)}: ${prose(cell.reason)}` }),
    list("What it may do", byReach(report.authority), { write: authorityLine, charsMax: SECTION_CHARS.large }),
    list("Cells that are carried over", report.migrated ?? [], { write: ({ reducer, module, cells }) => `- ${code(reducer)}: ${count(cells, "cell")} by ${code(module)}` }),
    divergence(report),
    table("Effects", ["", "effect", "target", "grant", "by", "answered by"], effectLines(report)),
    table("Denied", ["", "effect", "grant", "by", "why"], grouped(report.denied.map((denied) => [
      denied.in_baseline ? "as before" : "**new**", code(denied.effect), code(denied.cap), origin(denied), `${code(denied.code)} ${prose(denied.message)}`,
    ])), SECTION_CHARS.small),
    list("State", report.cells, { write: cellBlock, charsMax: SECTION_CHARS.state, between: "\n\n" }),
    folded(table("Definitions", ["", "kind", "name", "what differs"], report.definitions.map(definitionLine))),
    folded(list("Manifest", report.sections, { write: ({ section, details }) => `- ${section}: ${detailText(details)}` })),
    folded(list("Plans", grouped(report.plans.map((plan) => [planLine(plan)])), { write: ([line = ""]) => `- ${line}` })),
    list("Steps that fail", grouped(report.failures.map((failed) => [failureLine(failed)])), { write: ([line = ""]) => `- ${line}` }),
    list("Events not let in", report.rejected, { write: (one) => `- ${code(one.file)} event ${one.event}, ${code(one.schema)}: ${code(one.code)} ${prose(one.message)}` }),
    smallPrint(report),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** One line that says what would change: "2 effects predicted (1 new), 1 capability widened, 1 cell changes". */
export function summaryOf(report: ShadowReport): string {
  const { effects, denied } = report;
  const fresh = effects.filter((effect) => !effect.in_baseline).length;
  const refused = denied.filter((one) => !one.in_baseline).length;
  const authority = (effect: AuthorityChange["effect"]): number => report.authority.filter((change) => change.effect === effect).length;
  const told = [
    said(report.misfits.length, "cell does not fit", "cells do not fit"),
    report.runs.candidate === "skipped" ? "not run" : effects.length === 0 ? "no effects predicted" : `${count(effects.length, "effect")} predicted (${fresh === 0 ? "none" : thousands(fresh)} new)`,
    said(report.removed.length, "effect gone", "effects gone"),
    said(refused, "effect newly denied", "effects newly denied"),
    said(authority("widening"), "capability widened", "capabilities widened"),
    said(authority("narrowing"), "capability narrowed", "capabilities narrowed"),
    report.divergence === undefined ? "" : report.divergence.turns === 0 ? "as recorded" : `${count(report.divergence.turns, "input")} of ${thousands(report.window?.inputs ?? 0)} diverge`,
    said(report.cells.length, "cell changes", "cells change"),
    said(report.failures.length, "step fails", "steps fail"),
    said(report.rejected.length, "event not let in", "events not let in"),
  ];
  return told.filter((part) => part !== "").join(", ");
}

/** A section that is shown when it is asked for. */
function folded(section: string): string {
  const [, title, body] = /^### (.*)\n\n([^]*)$/.exec(section) ?? [];
  return title === undefined || body === undefined ? section : `### ${title}\n\n<details><summary>Show</summary>\n\n${body}\n\n</details>`;
}

/** What differs from the recorded traffic, input by input. */
function divergence({ divergence: found, window }: ShadowReport): string {
  if (found === undefined || window === undefined) return "";
  const told = found.turns === 0 ? "Every input led to what was recorded." : `${count(found.turns, "input")} of ${thousands(window.inputs)} led to something else than was recorded, the first at seq ${found.first_seq ?? 0}.`;
  const leftOut = found.left_out === 0 ? "" : ` ${count(found.left_out, "recorded input")} had no place here.`;
  const words = (list: readonly string[]): string => (list.length === 0 ? "nothing" : list.map((word) => code(word)).join(", "));
  const rows = found.rows.map(({ seq, input, recorded, candidate }) => [String(seq), code(input), words(recorded), words(candidate)]);
  return `### Against the recording\n\n${told}${leftOut}${folded(table("Input by input", ["seq", "input", "recorded only", "here only"], rows)).replace(/^(?=.)/, "\n\n")}`;
}

/** What a reader must know of the run before the rest, in words of ours; names stand between backticks. */
export function notesOf({ base, head, runs, misfits, scenarios, window }: ShadowReport): readonly string[] {
  const lines = [
    base.manifest === head.manifest ? "The control plane is the one in force: the proposal changes nothing of what follows." : "",
    misfits.length > 0 ? "Nothing was run: the new schemas do not take over every cell, so an apply is refused until a migration is named." : "",
    runs.candidate === "cut" ? "The run was cut at its limit of effects: what follows is not everything." : "",
    runs.baseline === "cut" ? "The run of the control plane in force was cut at its limit of effects: “new” and “gone” may say too much." : "",
    runs.baseline === "none" ? "No control plane is in force yet: everything is new." : "",
    scenarios.length === 0 && window === undefined ? "No scenario was fed in (`shadow/*.json`), so no effects could be predicted." : "",
  ];
  return lines.filter((line) => line !== "");
}

function byReach(changes: readonly AuthorityChange[]): readonly AuthorityChange[] {
  return (["widening", "narrowing", "neutral"] as const).flatMap((effect) => changes.filter((change) => change.effect === effect));
}

const REACH = { widening: "**wider**", narrowing: "narrower", neutral: "same reach" } as const;

function authorityLine({ effect, subject, text }: AuthorityChange): string {
  return `- ${REACH[effect]}, ${prose(subject)}: ${prose(text)}`;
}

function effectLines(report: ShadowReport): readonly (readonly string[])[] {
  const line = (mark: string, effect: EffectRow | ShadowReport["removed"][number], answer: string): readonly string[] =>
    [mark, code(effect.effect), code(effect.target), code(effect.cap), origin(effect), answer];
  const [fresh, known] = [report.effects.filter((effect) => !effect.in_baseline), report.effects.filter((effect) => effect.in_baseline)];
  return grouped([
    ...fresh.map((effect) => line("**new**", effect, answerText(effect))),
    ...report.removed.map((effect) => line("gone", effect, "")),
    ...known.map((effect) => line("as before", effect, answerText(effect))),
  ]);
}

/** What answered an effect, in words. */
export const ANSWERED: Readonly<Record<EffectRow["answered_by"], string>> = {
  scenario: "the scenario",
  recorded_intent: "the recorded receipt of this call",
  recorded_grant: "a recorded receipt of its kind",
  schema: "a made-up value",
  virtual_time: "time, which jumps to it",
  none: "nothing",
};

/** The answer of an effect, as Markdown. */
function answerText({ answered_by, status, code: why, waits_for }: EffectRow): string {
  if (waits_for === "approval") return "nothing: it waits for a person's approval";
  if (waits_for === "timer") return "nothing: its time is behind the window";
  const outcome = status === undefined || status === "ok" ? "" : `: ${status}`;
  return `${ANSWERED[answered_by]}${outcome}${why === undefined ? "" : ` ${code(why)}`}`;
}

function origin({ by, step }: { readonly by: string; readonly step?: string }): string {
  return step === undefined ? code(by) : `${code(by)} ${code(step)}`;
}

function definitionLine({ kind, name, change, details }: DefChange): readonly string[] {
  return [change, kind.replace(/^def/, ""), code(name), detailText(details)];
}

function detailText(details: readonly string[]): string {
  const shown = details.slice(0, 8).map((detail) => prose(detail));
  return [...shown, ...(details.length > shown.length ? [`and ${count(details.length - shown.length, "more difference")}`] : [])].join("; ");
}

function planLine({ plan, status, code: why, message, step, waits }: PlanRow): string {
  if (status === "waiting") return `${code(plan)} waits: ${(waits ?? []).map((wait) => code(wait)).join(", ")}`;
  const at = step === undefined ? "" : ` at ${code(step)}`;
  const reason = why === undefined ? "" : ` ${code(why)}${at}${message === undefined ? "" : `: ${prose(message)}`}`;
  return `${code(plan)} ends ${status === "ok" ? "well" : "with"}${reason}`;
}

function failureLine(failed: ShadowReport["failures"][number]): string {
  return `${code(failed.by)}: ${code(failed.code)} ${prose(failed.message)}`;
}

function cellName({ reducer, key }: { readonly reducer: string; readonly key?: Json }): string {
  return key === undefined ? code(reducer) : `${code(reducer)} ${code(writeJson(key))}`;
}

function cellBlock(cell: CellRow): string {
  return `${cellName(cell)} ${cell.change}\n\n${fenced("diff", cellDiff(cell))}`;
}

/** A cell before and after, line by line: `-`, `+` or a blank first; what is not seen is escaped, what is too long is cut. */
export function cellDiff(cell: CellRow): readonly string[] {
  const lines = nearChanges(lineDiff(linesOf(cell.before), linesOf(cell.after)));
  const shown = lines.slice(0, DIFF_LINES_MAX);
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`… ${count(more, "more line")}`] : [])].map((line) => visible(middle(line, LINE_CHARS)));
}

function linesOf(json: Json | undefined): readonly string[] {
  return json === undefined ? [] : writeJson(json, 2).split("\n");
}

interface Line {
  readonly mark: "-" | "+" | " ";
  readonly text: string;
}

/** Which lines came and went; a comma at the end of a line is no difference. */
function lineDiff(before: readonly string[], after: readonly string[]): readonly Line[] {
  if (before.length * after.length > COMPARISONS_MAX) return [...before.map((text) => ({ mark: "-", text }) as const), ...after.map((text) => ({ mark: "+", text }) as const)];
  const { removed, added } = listDiff(before, after, (line) => line.replace(/,$/, ""));
  const [gone, come] = [new Set(removed.map(({ index }) => index)), new Set(added.map(({ index }) => index))];
  const lines: Line[] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && gone.has(i)) lines.push({ mark: "-", text: before[i++] ?? "" });
    else if (j < after.length && come.has(j)) lines.push({ mark: "+", text: after[j++] ?? "" });
    else {
      i++;
      lines.push({ mark: " ", text: after[j++] ?? "" });
    }
  }
  return lines;
}

/** Changed lines with a few around them; what is left out between is one line of dots. */
function nearChanges(lines: readonly Line[]): readonly string[] {
  const near = new Set(lines.flatMap(({ mark }, index) => (mark === " " ? [] : Array.from({ length: 2 * CONTEXT_LINES + 1 }, (_, offset) => index + offset - CONTEXT_LINES))));
  return lines.flatMap(({ mark, text }, index) => {
    if (near.has(index)) return [`${mark} ${text}`];
    return index === 0 || near.has(index - 1) ? ["  …"] : [];
  });
}

function smallPrint(report: ShadowReport): string {
  const { base, head } = report;
  const from = base.commit === undefined ? "an empty control plane" : `commit ${code(base.commit)}`;
  const files = report.scenarios.map(({ file, name, events }) => `${code(file)}${name === undefined ? "" : ` (${prose(name, 80)})`} ${count(events, "event")}`);
  const { window } = report;
  const lines = [
    window === undefined ? "" : `Ran the recorded inputs again: ${count(window.inputs, "turn")} from seq ${window.from_seq} up to ${window.to_seq}, state root ${code(window.state_root)} before them.`,
    `Ran on seq ${base.seq}, ${from}, state root ${code(base.state_root)}.`,
    `Proposed: commit ${code(head.commit)}, manifest ${code(head.manifest)}${base.manifest === undefined ? "" : ` in place of ${code(base.manifest)}`}.`,
    `Fed: ${fit(files, { write: same, charsMax: SECTION_CHARS.small, noun: "file", between: ", " })}. Fuel: ${thousands(report.fuel)}.${report.cost_cents === undefined ? "" : ` Effects cost ${thousands(report.cost_cents)} cents when they were recorded.`}`,
    `Report ${code(reportHash(report))}, consequences ${code(consequencesHash(consequencesOf(report)))}.`,
  ];
  return `<sub>${lines.filter((line) => line !== "").map((line) => line.replace(/^Fed: \. /, "")).join("<br>")}</sub>`;
}

/** Equal rows become one, the first cell followed by how many there are. */
function grouped(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const counts = new Map<string, { readonly cells: readonly string[]; times: number }>();
  for (const cells of rows) {
    const id = cells.join(" | ");
    const known = counts.get(id);
    if (known === undefined) counts.set(id, { cells, times: 1 });
    else known.times++;
  }
  return [...counts.values()].map(({ cells, times }) => (times === 1 ? cells : cells.map((cell, index) => (index === 0 ? `${cell} ×${thousands(times)}` : cell))));
}

function table(title: string, heads: readonly string[], rows: readonly (readonly string[])[], charsMax: number = SECTION_CHARS.large): string {
  if (rows.length === 0) return "";
  return `### ${title}\n\n${row(heads)}\n${row(heads.map(() => "---"))}\n${fit(rows, { write: row, charsMax, noun: "row", between: "\n" })}`;
}

function list<T>(title: string, items: readonly T[], options: { readonly write: (item: T) => string; readonly charsMax?: number; readonly between?: string }): string {
  const { write, charsMax = SECTION_CHARS.small, between = "\n" } = options;
  return items.length === 0 ? "" : `### ${title}\n\n${fit(items, { write, charsMax, noun: "item", between })}`;
}

/** As many as there is room for, then how many more there are; those without room are not even written. */
function fit<T>(items: readonly T[], options: { readonly write: (item: T) => string; readonly charsMax: number; readonly noun: string; readonly between: string }): string {
  const { charsMax, between } = options;
  const shown: string[] = [];
  let left = charsMax;
  for (const item of items) {
    const text = options.write(item);
    left -= text.length + between.length;
    if (left < 0) break;
    shown.push(text);
  }
  const more = items.length - shown.length;
  return more === 0 ? shown.join(between) : `${shown.join(between)}${between === "\n" ? "\n\n" : between}… and ${count(more, `more ${options.noun}`)}`;
}

function same(text: string): string {
  return text;
}

function said(number: number, one: string, many: string): string {
  return number === 0 ? "" : `${thousands(number)} ${number === 1 ? one : many}`;
}

function count(number: number, noun: string): string {
  return `${thousands(number)} ${noun}${number === 1 ? "" : "s"}`;
}
