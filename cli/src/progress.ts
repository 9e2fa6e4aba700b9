// Shows how far something long is, on a terminal and only after a second; elsewhere it says nothing.

import type { Output } from "./output.ts";

export interface Progress {
  /** One more is done. */
  step(): void;
  /** Takes the line away. To be called before anything else is printed. */
  end(): void;
}

const QUIET_MS = 1_000;
const REDRAW_MS = 100;
const BAR_CHARS = 24;

/**
 * @param what - in the words of a line: `reading files`
 * @param total - how many there are; undefined: not known
 */
export function progress(out: Pick<Output, "mode">, what: string, total: number | undefined): Progress {
  const stream = process.stderr;
  if (out.mode === "json" || !stream.isTTY) return { step: () => undefined, end: () => undefined };
  const started = Date.now();
  let done = 0;
  let drawnAt = 0;
  return {
    step() {
      done++;
      const now = Date.now();
      if (now - started < QUIET_MS || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      stream.write(`\r\u001b[K${progressLine(what, done, { total, columns: stream.columns })}`);
    },
    end() {
      if (drawnAt > 0) stream.write("\r\u001b[K");
    },
  };
}

/** One line, no wider than the terminal. */
export function progressLine(what: string, done: number, options: { readonly total: number | undefined; readonly columns: number }): string {
  const { total, columns } = options;
  if (total === undefined || total === 0) return `${what}: ${done}`.slice(0, columns - 1);
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR_CHARS);
  return `${what} [${"=".repeat(filled)}${" ".repeat(BAR_CHARS - filled)}] ${Math.floor(part * 100)} % (${done} of ${total})`.slice(0, columns - 1);
}
