// What `aos rollback` offers, as people read it.

import { nextLines, OUTCOMES } from "./proposal.ts";
import { count, short, shown, type Style } from "./style.ts";

interface RolledBack {
  readonly slug: string;
  readonly to: { readonly commit: string; readonly title: string };
  readonly after: readonly { readonly commit: string; readonly title: string }[];
  readonly paths: readonly string[];
  readonly remote: string | undefined;
  /** Undefined: nothing was offered. */
  readonly outcome?: keyof typeof OUTCOMES;
}

const LINES_MAX = 20;

export function rolledBackLines({ slug, to, after, paths, remote, outcome }: RolledBack, style: Style): readonly string[] {
  const word = outcome === undefined ? style.yellow("would propose") : style.green(OUTCOMES[outcome]);
  return [
    `${word}  ${style.bold(slug)}${remote === undefined ? "" : ` on ${remote}`}: the control plane of ${style.yellow(short(to.commit))} ${shown(to.title)}`,
    ...some(after, ({ commit, title }) => `  ${style.dim("before")} ${style.yellow(short(commit))} ${shown(title)}`, "commit"),
    ...some(paths, (path) => `  ${style.yellow("M")} ${shown(path)}`, "file"),
    ...(outcome === undefined ? [] : nextLines(slug)),
  ];
}

function some<T>(rows: readonly T[], line: (row: T) => string, what: string): readonly string[] {
  return [...rows.slice(0, LINES_MAX).map(line), ...(rows.length > LINES_MAX ? [`  and ${count(rows.length - LINES_MAX, what)} more`] : [])];
}
