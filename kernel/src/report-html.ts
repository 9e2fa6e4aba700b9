// A shadow report as one page that stands alone: consequences first, effects in time, state before and after, plans as pictures.

import { writeJson } from "./air/json.ts";
import { nodeHash } from "./air/serialize.ts";
import type { ControlPlane, DefPlan } from "./air/types.ts";
import { consequencesHash, consequencesOf, reportHash, type CellRow, type EffectRow, type ShadowReport } from "./core/shadow-report.ts";
import { escapeHtml, middle, thousands, visible } from "./markdown-text.ts";
import { planGraph, type StepMark } from "./report-graph.ts";
import { ANSWERED, cellDiff, notesOf, summaryOf } from "./report-markdown.ts";

/** Rows of one list; what is beyond is counted. */
const ROWS_MAX = 500;
const PLANS_MAX = 40;

interface Planes {
  /** The control plane in force; undefined where there is none. */
  readonly before: ControlPlane | undefined;
  readonly after: ControlPlane;
}

/**
 * Writes the page: HTML, styles and pictures in one text that loads nothing and runs no script. Everything foreign is escaped.
 *
 * @param beside - sentences about what the report does not speak of, names between backticks
 */
export function renderHtml(report: ShadowReport, planes: Planes, beside: readonly string[] = []): string {
  const body = [
    `<header><h1>Shadow run</h1><p class="lead">${text(summaryOf(report))}</p>${[...beside, ...notesOf(report)].map((note) => `<p>${words(note)}</p>`).join("")}</header>`,
    section("Cells that do not fit", bullets(report.misfits, ({ reducer, key, reason }) => `${cellName({ reducer, ...(key === undefined ? {} : { key }) })} ${text(reason)}`)),
    section("What it may do", bullets(report.authority, ({ effect, subject, text: said }) => `<b class="${effect}">${WORDS[effect]}</b> ${words(subject)}: ${words(said)}`)),
    section("Cells that are carried over", bullets(report.migrated ?? [], ({ reducer, module, cells }) => `${mono(reducer)}: ${thousands(cells)} by ${mono(module)}`)),
    section("Against the recording", divergence(report)),
    section("Effects in time", timeline(report)),
    section("Denied", bullets(report.denied, (row) => `<b class="${row.in_baseline ? "neutral" : "widening"}">${row.in_baseline ? "as before" : "new"}</b> ${mono(row.effect)} ${mono(row.target)} by ${mono(row.by)}: ${mono(row.code)} ${text(row.message)}`)),
    section("State", cells(report.cells)),
    section("Plans, before and after", plans(report, planes)),
    section("Definitions", bullets(report.definitions, ({ kind, name, change, details }) => `<b>${text(change)}</b> ${text(kind.replace(/^def/, ""))} ${mono(name)}${details.length === 0 ? "" : `: ${words(details.join("; "))}`}`)),
    section("Manifest", bullets(report.sections, (one) => `${text(one.section)}: ${words(one.details.join("; "))}`)),
    section("How plans end", bullets(report.plans, ({ plan, status, code, step, waits }) => `${mono(plan)} ${status === "waiting" ? `waits: ${text((waits ?? []).join(", "))}` : `ends ${status === "ok" ? "well" : `with ${text(code ?? "an error")}${step === undefined ? "" : ` at ${text(step)}`}`}`}`)),
    section("Steps that fail", bullets(report.failures, ({ by, code, message }) => `${mono(by)}: ${mono(code)} ${text(message)}`)),
    section("Events not let in", bullets(report.rejected, (one) => `${mono(one.file)} ${one.event}, ${mono(one.schema)}: ${mono(one.code)} ${text(one.message)}`)),
    footer(report),
  ];
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>Shadow run ${text(report.head.commit.slice(0, 12))}</title><style>${STYLE}</style></head>\n<body><main>\n${body.filter((part) => part !== "").join("\n")}\n</main></body></html>\n`;
}

const WORDS = { widening: "wider", narrowing: "narrower", neutral: "same reach" } as const;

function section(title: string, body: string): string {
  return body === "" ? "" : `<section><h2>${title}</h2>${body}</section>`;
}

function bullets<T>(rows: readonly T[], write: (row: T) => string): string {
  if (rows.length === 0) return "";
  const more = rows.length - ROWS_MAX;
  return `<ul>${rows.slice(0, ROWS_MAX).map((row) => `<li>${write(row)}</li>`).join("")}${more > 0 ? `<li>… and ${thousands(more)} more</li>` : ""}</ul>`;
}

function text(foreign: string): string {
  return escapeHtml(visible(middle(foreign, 600)));
}

/** Words of ours about the world, in which names stand between backticks. */
function words(ours: string): string {
  return text(ours).replace(/&#96;(.*?)&#96;/g, "<code>$1</code>");
}

function mono(foreign: string): string {
  return `<code>${text(foreign)}</code>`;
}

function cellName({ reducer, key }: Pick<CellRow, "reducer" | "key">): string {
  return `${mono(reducer)}${key === undefined ? "" : ` ${mono(writeJson(key))}`}`;
}

function cells(rows: readonly CellRow[]): string {
  const blocks = rows.slice(0, ROWS_MAX).map((cell, index) => {
    const lines = cellDiff(cell).map((line) => `<span class="${line.startsWith("+") ? "come" : line.startsWith("-") ? "gone" : "kept"}">${escapeHtml(line)}</span>`);
    return `<details${index < 8 ? " open" : ""}><summary>${cellName(cell)} ${cell.change}</summary><pre>${lines.join("\n")}</pre></details>`;
  });
  const more = rows.length - ROWS_MAX;
  return `${blocks.join("")}${more > 0 ? `<p>… and ${thousands(more)} more cells</p>` : ""}`;
}

function divergence({ divergence: found, window }: ShadowReport): string {
  if (found === undefined || window === undefined) return "";
  const told = found.turns === 0 ? "Every input led to what was recorded." : `${thousands(found.turns)} of ${thousands(window.inputs)} inputs led to something else, the first at seq ${found.first_seq ?? 0}.`;
  const rows = found.rows.map(({ seq, input, recorded, candidate }) => `<tr><td>${seq}</td><td>${mono(input)}</td><td class="gone">${recorded.map(mono).join("<br>")}</td><td class="come">${candidate.map(mono).join("<br>")}</td></tr>`);
  return `<p>${told}</p>${rows.length === 0 ? "" : `<table><tr><th>seq<th>input<th>recorded only<th>here only</tr>${rows.join("")}</table>`}`;
}

const ROW = { height: 30, left: 96, width: 860 } as const;

type Moment = Pick<EffectRow, "effect" | "target" | "by" | "step"> & { readonly mark: "new" | "as before" | "gone"; readonly told: string };

/** Effects in their order down a line of time; what is gone stands behind. */
function timeline({ effects, removed }: ShadowReport): string {
  const moments: readonly Moment[] = [
    ...effects.map((row): Moment => ({ ...row, mark: row.in_baseline ? "as before" : "new", told: toldOf(row) })),
    ...removed.map((row): Moment => ({ ...row, mark: "gone", told: "" })),
  ];
  if (moments.length === 0) return "";
  const shown = moments.slice(0, ROWS_MAX);
  const height = shown.length * ROW.height + 10;
  const rows = shown.map(({ effect, target, by, step, mark, told }, index) => {
    const y = 5 + index * ROW.height + ROW.height / 2;
    const what = middle(`${effect}  ${target === effect ? "" : target}`, 90);
    return `<g class="${mark.replace(" ", "-")}"><circle cx="80" cy="${y}" r="6"/><text class="mark" x="66" y="${y + 4}" text-anchor="end">${mark}</text><text x="${ROW.left}" y="${y - 1}">${text(what)}</text>` +
      `<text class="op" x="${ROW.left}" y="${y + 11}">${text(middle(`${by}${step === undefined ? "" : ` ${step}`}${told}`, 130))}</text></g>`;
  });
  const more = moments.length - shown.length;
  return `<div class="wide"><svg class="time" role="img" aria-label="effects in time" width="${ROW.width}" height="${height}" viewBox="0 0 ${ROW.width} ${height}"><line x1="80" y1="5" x2="80" y2="${height - 5}"/>${rows.join("")}</svg></div>${more > 0 ? `<p>… and ${thousands(more)} more</p>` : ""}`;
}

function toldOf({ answered_by, status, code, waits_for }: EffectRow): string {
  if (waits_for !== undefined) return waits_for === "approval" ? " · waits for a person's approval" : " · its time is behind the window";
  return ` · answered by ${ANSWERED[answered_by]}${status === undefined || status === "ok" ? "" : `: ${status}`}${code === undefined ? "" : ` ${code}`}`;
}

function plans({ definitions }: ShadowReport, { before, after }: Planes): string {
  const changed = definitions.filter(({ kind }) => kind === "defplan").slice(0, PLANS_MAX);
  return changed.map(({ name, change }) => {
    const [was, is] = [before?.plans.get(name), after.plans.get(name)];
    const sides = [sideOf("before", was, is), sideOf("after", is, was)];
    return `<details open><summary>${mono(name)} ${text(change)}</summary><div class="sides">${sides.join("")}</div></details>`;
  }).join("");
}

function sideOf(side: "before" | "after", plan: DefPlan | undefined, other: DefPlan | undefined): string {
  if (plan === undefined) return `<figure><figcaption>${side}</figcaption><p class="op">no such plan</p></figure>`;
  const others = new Map((other?.steps ?? []).map((step) => [step.id, step]));
  const marks = new Map(plan.steps.map((step): [string, StepMark] => {
    const twin = others.get(step.id);
    if (twin === undefined) return [step.id, side === "after" ? "added" : "removed"];
    return [step.id, sameStep(plan, step.id, other) ? "same" : "changed"];
  }));
  return `<figure><figcaption>${side}</figcaption><div class="wide">${planGraph(plan, marks)}</div></figure>`;
}

/** A step is the same when a plan of it alone is. */
function sameStep(plan: DefPlan, id: string, other: DefPlan | undefined): boolean {
  const alone = (from: DefPlan): string => nodeHash({ ...from, name: plan.name, steps: from.steps.filter((step) => step.id === id), edges: [] });
  return other !== undefined && alone(plan) === alone({ ...other, input: plan.input });
}

function footer(report: ShadowReport): string {
  const { base, head, window } = report;
  const lines = [
    ...(window === undefined ? [] : [`Recorded inputs run again: ${thousands(window.inputs)}, seq ${window.from_seq} up to ${window.to_seq}.`]),
    `Ran on seq ${base.seq}, state root ${mono(base.state_root)}.`,
    `Proposed: commit ${mono(head.commit)}, manifest ${mono(head.manifest)}.`,
    `Fuel ${thousands(report.fuel)}. Report ${mono(reportHash(report))}, consequences ${mono(consequencesHash(consequencesOf(report)))}.`,
  ];
  return `<footer>${lines.join("<br>")}</footer>`;
}

const STYLE = `:root{color-scheme:light dark;--fg:#1f2328;--dim:#656d76;--bg:#fff;--line:#d0d7de;--soft:#f6f8fa;--new:#1a7f37;--gone:#cf222e;--wide:#bc4c00;--chg:#9a6700}
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--dim:#8d96a0;--bg:#0d1117;--line:#30363d;--soft:#161b22;--new:#3fb950;--gone:#f85149;--wide:#f0883e;--chg:#d29922}}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}main{max-width:1020px;margin:auto;padding:24px}
h1{font-size:24px;margin:0}h2{font-size:17px;border-bottom:1px solid var(--line);padding-bottom:4px;margin:28px 0 10px}.lead{font-size:17px;margin:4px 0}
code,pre,svg text{font-family:ui-monospace,monospace}code{background:var(--soft);border-radius:4px;padding:1px 4px;font-size:13px;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:10px;overflow:auto;font-size:13px;margin:6px 0}pre span{display:inline-block;min-width:100%}
.come{color:var(--new)}.gone{color:var(--gone)}.widening{color:var(--wide)}.narrowing{color:var(--new)}.neutral,.op,footer,figcaption{color:var(--dim)}
ul{padding-left:20px}table{border-collapse:collapse;width:100%}td,th{border:1px solid var(--line);padding:4px 8px;text-align:left;vertical-align:top}
summary{cursor:pointer;padding:3px 0}.wide{overflow:auto}.sides{display:grid;grid-template-columns:1fr 1fr;gap:16px}figure{margin:0;min-width:0}
svg text{font-size:12px;fill:var(--fg)}svg .op{font-size:10.5px;fill:var(--dim)}svg rect{fill:var(--soft);stroke:var(--line)}
.added rect{stroke:var(--new);stroke-width:2}.removed rect{stroke:var(--gone);stroke-width:2}.changed rect{stroke:var(--chg);stroke-width:2}
.edge{fill:none;stroke:var(--dim)}.guarded{stroke-dasharray:4 3}.head{fill:var(--dim)}
.time line{stroke:var(--line);stroke-width:2}circle{fill:var(--dim)}.new circle{fill:var(--new)}svg .gone circle{fill:var(--gone)}svg .gone text{text-decoration:line-through}.mark{font-size:11px}
footer{margin-top:32px;font-size:13px;border-top:1px solid var(--line);padding-top:10px}`.replaceAll("\n", "");
