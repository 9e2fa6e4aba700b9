// The diary of a world, one entry after the other, as `git log` prints it.

import { short, shown, type Style } from "./style.ts";

export interface LogEntry {
  readonly kind: "main" | "seal";
  readonly commit: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Who signed it. */
  readonly by: string;
  readonly subject: string;
  readonly body: readonly string[];
}

export function logLines(entries: readonly LogEntry[], style: Style): readonly string[] {
  return entries.flatMap(({ kind, commit, time, by, subject, body }, index) => {
    const word = kind === "main" ? style.green("main") : style.cyan("seal");
    const when = new Date(time * 1000).toISOString().replace("T", " ").slice(0, 19);
    const head = `${word} ${style.yellow(short(commit))} ${style.dim(`${when}Z, ${shown(by)}`)}`;
    const lines = [head, `    ${shown(subject)}`, ...body.map((line) => `      ${shown(line)}`)];
    return index === 0 ? lines : ["", ...lines];
  });
}
