// Shows how far something long is: on a terminal alone, after a second, in one line that goes when it is done.

import type { Output } from "./output.ts";
import { progressLine } from "./render/progress.ts";

export interface Progress {
  /** More is done: one, unless told how many; of so many, where that is known by now. */
  step(more?: { readonly count?: number; readonly total?: number }): void;
  /** From here on something else is done; what is said again goes on. @param what - in the words of a line: `reading files` */
  next(what: string): void;
  /** Takes the line away until there is more to say. To be called before anything else is printed. */
  hide(): void;
  /** Takes the line away for good. */
  end(): void;
}

/** Where it is shown, and by which clock. */
export interface ProgressPlace {
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  nowMs(): number;
  /** Calls again and again. @returns what ends that */
  every(ms: number, call: () => void): () => void;
}
interface ProgressOptions {
  readonly total?: number;
  /** What is counted; things unless told. */
  readonly unit?: "bytes" | "count";
  readonly place?: ProgressPlace;
}

const QUIET_MS = 1_000;
const REDRAW_MS = 100;
const SILENT: Progress = { step: () => undefined, next: () => undefined, hide: () => undefined, end: () => undefined };
const CLEAR = "\r\u001b[K";

/** @param what - in the words of a line: `reading files` */
export function progress(out: Pick<Output, "mode" | "quiet">, what: string, options: ProgressOptions = {}): Progress {
  const { unit = "count", place = terminal() } = options;
  const { stream } = place;
  if (out.mode === "json" || out.quiet || stream.isTTY !== true) return SILENT;
  const firstMs = place.nowMs();
  let now = { what, done: 0, total: options.total, sinceMs: firstMs };
  let drawnMs = -Infinity;
  let state: "ended" | "hidden" | "shown" = "hidden";

  function draw(): void {
    const nowMs = place.nowMs();
    if (state === "ended" || nowMs - firstMs < QUIET_MS || nowMs - drawnMs < REDRAW_MS) return;
    [drawnMs, state] = [nowMs, "shown"];
    stream.write(CLEAR + progressLine(now.what, { ...now, unit, elapsedMs: nowMs - now.sinceMs }, stream.columns ?? 80));
  }

  function hide(): void {
    if (state !== "shown") return;
    state = "hidden";
    stream.write(CLEAR);
  }
  // What is done between two steps may take long, and so may what has no steps at all.
  const stop = place.every(REDRAW_MS, draw);
  return {
    step(more = {}) {
      now = { ...now, done: now.done + (more.count ?? 1), total: more.total ?? now.total };
      draw();
    },
    next(other) {
      if (other === now.what) return;
      now = { what: other, done: 0, total: undefined, sinceMs: place.nowMs() };
      draw();
    },
    hide,
    end() {
      hide();
      state = "ended";
      stop();
    },
  };
}

/** Does something long; its line is gone when that is done, or failed. */
export async function withProgress<T>(out: Pick<Output, "mode" | "quiet">, what: string, use: (progress: Progress) => Promise<T>, options: ProgressOptions = {}): Promise<T> {
  const shown = progress(out, what, options);
  try {
    return await use(shown);
  } finally {
    shown.end();
  }
}

/** The terminal of this process, if it is one that can take a line back. */
function terminal(): ProgressPlace {
  const { stderr } = process;
  return {
    stream: { isTTY: stderr.isTTY && process.env["TERM"] !== "dumb", columns: stderr.columns, write: (text) => stderr.write(text) },
    nowMs: () => performance.now(),
    every(ms, call) {
      const timer = setInterval(call, ms).unref();
      return () => clearInterval(timer);
    },
  };
}
