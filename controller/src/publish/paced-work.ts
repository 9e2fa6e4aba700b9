// Work that is done one run at a time, on time, and again after a failure.

import { AosError } from "@agentos/kernel";

interface PacedWork {
  /** Why the last run failed; undefined when it did not. */
  readonly problem: AosError | undefined;
  /** Runs after the run that is under way, if one is. Never rejects. */
  now(): Promise<void>;
  /** Runs within this time, unless a run is due sooner. While runs fail they wait longer and longer. */
  within(ms: number): void;
  cancel(): void;
}

const RETRY_MS_MAX = 30_000;

/** How long to wait after so many failures in a row, at least one. */
export function retryMs(failures: number): number {
  return Math.min(RETRY_MS_MAX, 250 * 2 ** Math.min(failures - 1, 7));
}

export function pacedWork(work: { readonly run: () => Promise<void>; readonly onError: (error: unknown) => "again" | "never" }): PacedWork {
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Infinity;
  let last: Promise<void> = Promise.resolve();
  let problem: AosError | undefined;
  let failures = 0;

  async function once(): Promise<void> {
    clear();
    try {
      await work.run();
      [problem, failures] = [undefined, 0];
    } catch (error) {
      if (error instanceof AosError) problem = error;
      failures++;
      if (work.onError(error) === "again") within(0);
    }
  }

  function within(ms: number): void {
    const waitMs = failures === 0 ? ms : retryMs(failures);
    const due = performance.now() + waitMs;
    if (due >= dueMs) return;
    clearTimeout(timer);
    [dueMs, timer] = [due, setTimeout(() => void now(), waitMs)];
  }

  function now(): Promise<void> {
    last = last.then(once);
    return last;
  }

  function clear(): void {
    clearTimeout(timer);
    dueMs = Infinity;
  }

  return {
    get problem() {
      return problem;
    },
    now, within,
    cancel: clear,
  };
}
