// What `aos rollback` offers, as people read it.

import { nextLines, OUTCOMES } from "./proposal.ts";
import { count, short, shown, type Style } from "./style.ts";

interface RolledBack {
  readonly slug: string;
  readonly to: { readonly commit: string; readonly title: string };
  readonly after: readonly { readonly commit: string; readonly title: string }[];
  readonly files: readonly { readonly path: string; readonly act: "add" | "change" | "remove" }[];
  readonly stays: readonly string[];
  readonly remote: string | undefined;
  /** Undefined: nothing was offered. */
  readonly outcome?: keyof typeof OUTCOMES;
}

const LINES_MAX = 20;
const LETTERS = { add: (style: Style) => style.green("A"), change: (style: Style) => style.yellow("M"), remove: (style: Style) => style.red("D") } as const;

export function rolledBackLines({ slug, to, after, files, stays, remote, outcome }: RolledBack, style: Style): readonly string[] {
  const word = outcome === undefined ? style.yellow("would propose") : style.green(OUTCOMES[outcome]);
  return [
    `${word}  ${style.bold(slug)}${remote === undefined ? "" : ` on ${remote}`}: the control plane of ${style.yellow(short(to.commit))} ${shown(to.title)}`,
    ...some(after, ({ commit, title }) => `  ${style.dim("before")} ${style.yellow(short(commit))} ${shown(title)}`, "commit"),
    ...some(files, ({ path, act }) => `  ${LETTERS[act](style)} ${shown(path)}`, "file"),
    ...(stays.length === 0 ? [] : [style.yellow("these stay as they are now; where a module's source reads one of them, `aos check` on the branch says so:"), ...some(stays, (path) => `    ${shown(path)}`, "file")]),
    ...(outcome === undefined ? [] : nextLines(slug)),
  ];
}

function some<T>(rows: readonly T[], line: (row: T) => string, what: string): readonly string[] {
  return [...rows.slice(0, LINES_MAX).map(line), ...(rows.length > LINES_MAX ? [`  and ${count(rows.length - LINES_MAX, what)} more`] : [])];
}
