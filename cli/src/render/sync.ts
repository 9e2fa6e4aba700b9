// What a push or a pull did, file by file, as git tells it.

import type { AirPushed } from "../sync/push-air.ts";
import type { LinkPulled, Pulled } from "../sync/pull-link.ts";
import type { Change } from "../sync/plan-push.ts";
import type { LinkPushed } from "../sync/push-link.ts";
import { shown, type Style } from "./style.ts";

const LINES_MAX = 50;

/** @param mode - `dry-run`: what would happen */
export function pushedLines(link: LinkPushed, mode: "push" | "dry-run", style: Style): readonly string[] {
  const at = `${style.bold(shown(link.dir))} → ${shown(link.ref)}`;
  const orphans = (link.orphans ?? []).slice(0, LINES_MAX).map((path) => `  ${style.red("-")} ${shown(path)}: its annotations ${mode === "dry-run" ? "would go" : "went"} out of aos.sync.json, as the file went`);
  if (link.sent === true) return [`${at}  ${style.yellow("sent")}: a controller takes it, and makes version ${link.from + 1} of it or refuses it`, ...changeLines(link.changes, style)];
  if (link.version === link.from) return [`${at}  ${style.dim(`in step with version ${link.version}`)}`, ...orphans];
  const version = link.from === 0 ? "version 1, the first" : `version ${link.from} → ${link.version}`;
  return [`${at}  ${mode === "dry-run" ? "would make " : ""}${version}`, ...changeLines(link.changes, style), ...orphans];
}

export function pulledLines(link: LinkPulled, mode: "pull" | "dry-run", style: Style): readonly string[] {
  const at = `${style.bold(shown(link.dir))} ← ${shown(link.ref)}`;
  if (link.version === 0) return [`${at}  ${style.dim("no such workspace yet: `aos push` makes it")}`];
  const outcome = link.changes.length === 0 ? style.dim(`in step with version ${link.version}`) : `${mode === "dry-run" ? "would be brought to " : ""}version ${link.version}`;
  return [`${at}  ${outcome}`, ...changeLines(link.changes, style)];
}

const SIGNS: Readonly<Record<Change["act"] | Pulled["act"], string>> = { add: "A", change: "M", remove: "D", merge: "m", annotate: "@", conflict: "C" };

function changeLines(changes: readonly (Change | Pulled)[], style: Style): readonly string[] {
  const conflicts = changes.filter(({ act }) => act === "conflict");
  const others = changes.filter(({ act }) => act !== "conflict");
  const lines = others.slice(0, LINES_MAX).map(({ path, act }) => `  ${painted(act, style)} ${shown(path === "" ? "." : path)}`);
  if (others.length > LINES_MAX) lines.push(style.dim(`  and ${others.length - LINES_MAX} more`));
  return [...lines, ...conflicts.map((one) => style.red(`  CONFLICT ${shown(one.path === "" ? "." : one.path)}${"key" in one && one.key !== undefined ? ` annotation ${shown(one.key)}` : ""}`))];
}

function painted(act: Change["act"] | Pulled["act"], style: Style): string {
  const sign = SIGNS[act];
  if (act === "add") return style.green(sign);
  return act === "remove" ? style.red(sign) : style.yellow(sign);
}

export function airPushedLines(air: AirPushed, style: Style): readonly string[] {
  const files = air.paths.length === 1 ? "1 file" : `${air.paths.length} files`;
  const outcome = { made: "made", moved: "brought up to date", replaced: "replaced", unchanged: "as it was", planned: "would be offered" }[air.outcome];
  return [
    `${style.bold("control plane")} → proposal ${style.cyan(air.slug)}  ${files}, ${outcome}`, ...air.paths.slice(0, LINES_MAX).map((path) => `  ${style.yellow("M")} ${shown(path)}`),
    ...(air.outcome === "planned" ? [] : [style.dim(`  a proposal changes nothing until it is approved: aos shadow ${air.slug}, aos proposals`)]),
  ];
}
