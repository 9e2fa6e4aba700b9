// A plan as a picture: steps in layers, edges between them, as SVG that needs nothing else.

import type { DefPlan } from "./air/types.ts";
import { escapeHtml } from "./markdown-text.ts";

const BOX = { width: 168, height: 40, gapX: 20, gapY: 34 } as const;
const STEPS_MAX = 400;

/** How a step differs from the other side's plan. */
export type StepMark = "added" | "changed" | "removed" | "same";

/** Draws a plan; each step has its mark. Steps stand one layer below the last of those they follow. */
export function planGraph(plan: DefPlan, marks: ReadonlyMap<string, StepMark>): string {
  const steps = plan.steps.slice(0, STEPS_MAX);
  const edges = plan.edges ?? [];
  const places = placed(steps.map(({ id }) => id), edges);
  const [columns, rows] = [Math.max(1, ...[...places.values()].map(({ x }) => x + 1)), Math.max(1, ...[...places.values()].map(({ y }) => y + 1))];
  const [width, height] = [columns * (BOX.width + BOX.gapX) + BOX.gapX, rows * (BOX.height + BOX.gapY) + BOX.gapY];
  const lines = edges.flatMap(({ from, to, when }) => {
    const [a, b] = [places.get(from), places.get(to)];
    return a === undefined || b === undefined ? [] : [edgeLine(a, b, when === undefined ? "always" : "guarded")];
  });
  const boxes = steps.map(({ id, op }) => boxOf({ id, op, mark: marks.get(id) ?? "same" }, places.get(id) ?? { x: 0, y: 0 }));
  return `<svg role="img" aria-label="${escapeHtml(plan.name)}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${lines.join("")}${boxes.join("")}</svg>`;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** A layer is the longest way from a start; in a layer the order is that of the steps. */
function placed(ids: readonly string[], edges: NonNullable<DefPlan["edges"]>): ReadonlyMap<string, Place> {
  const layers = new Map<string, number>(ids.map((id) => [id, 0]));
  // A plan has no cycle, so as many rounds as steps are enough; a broken one still ends.
  for (let round = 0, moved = true; moved && round < ids.length; round++) {
    moved = false;
    for (const { from, to } of edges) {
      const below = (layers.get(from) ?? 0) + 1;
      if (!layers.has(to) || !layers.has(from) || (layers.get(to) ?? 0) >= below) continue;
      layers.set(to, below);
      moved = true;
    }
  }
  const used = new Map<number, number>();
  return new Map(ids.map((id) => {
    const y = layers.get(id) ?? 0;
    const x = used.get(y) ?? 0;
    used.set(y, x + 1);
    return [id, { x, y }];
  }));
}

function corner({ x, y }: Place): { readonly left: number; readonly top: number } {
  return { left: BOX.gapX + x * (BOX.width + BOX.gapX), top: BOX.gapY / 2 + y * (BOX.height + BOX.gapY) };
}

function edgeLine(a: Place, b: Place, kind: "always" | "guarded"): string {
  const [from, to] = [corner(a), corner(b)];
  const [x1, y1, x2, y2] = [from.left + BOX.width / 2, from.top + BOX.height, to.left + BOX.width / 2, to.top];
  const bend = Math.max(12, (y2 - y1) / 2);
  return `<path class="edge ${kind}" d="M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"/><path class="head" d="M${x2 - 4} ${y2 - 7} L${x2} ${y2} L${x2 + 4} ${y2 - 7} Z"/>`;
}

function boxOf(step: { readonly id: string; readonly op: string; readonly mark: StepMark }, place: Place): string {
  const { left, top } = corner(place);
  const name = step.id.length > 22 ? `${step.id.slice(0, 21)}…` : step.id;
  return `<g class="${step.mark}"><title>${escapeHtml(`${step.id}: ${step.op}, ${step.mark}`)}</title><rect x="${left}" y="${top}" width="${BOX.width}" height="${BOX.height}" rx="6"/>` +
    `<text x="${left + 10}" y="${top + 17}">${escapeHtml(name)}</text><text class="op" x="${left + 10}" y="${top + 32}">${escapeHtml(step.op)}</text></g>`;
}
