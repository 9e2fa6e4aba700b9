// Rounds of work, one at a time: at a hint, by the clock, and again after a failure.

import { AosError } from "@agentos/kernel";

/** The wish to look everywhere, and not here alone. */
export interface Everywhere {
  /** Takes the wish; false when there is none. */
  wanted(): boolean;
  /** Everything was looked at just now: the clock begins anew. */
  done(): void;
}
export interface RoundsOptions {
  /** How long a round waits without a hint. */
  readonly pollMs: number;
  /** Begins a round. */
  begin(): Promise<void>;
  /** Looks and acts; again at once where it says so or a hint came meanwhile. */
  step(everywhere: Everywhere): Promise<"again" | "rest">;
  /** Ends a round in which every step went well. */
  end(): Promise<void>;
  /** What the outside or the input is to blame for; tried again. @param before - the message of the round before, if that failed too */
  onProblem(error: AosError, before: string | undefined): void;
  /** Going on would be wrong; there are no more rounds. */
  onFatal(error: Error): void;
}
export interface Rounds {
  /** Why the last round failed; undefined once one went well. */
  readonly problem: string | undefined;
  readonly stopped: boolean;
  /** Asks for a look everywhere. */
  nudge(): void;
  /** Asks for a look here: where the work itself gives such hints, they do not put off the look everywhere. */
  hint(): void;
  /** No more rounds; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

const RETRY_MS = 1000;
const BACKOFF_MS_MAX = 30_000;

export function pacedRounds(work: RoundsOptions): Rounds {
  let everywhereDue = true;
  /** When it was last asked to look everywhere, or had. */
  let nudgedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let problem: string | undefined;
  let failures = 0;

  const everywhere: Everywhere = {
    wanted() {
      const was = everywhereDue;
      everywhereDue = false;
      return was;
    },
    done: () => void (nudgedMs = performance.now()),
  };

  async function run(): Promise<void> {
    clearTimeout(timer);
    try {
      await work.begin();
      do {
        again = false;
        if ((await work.step(everywhere)) === "again") again = true;
      } while (again && !stopped);
      await work.end();
      [problem, failures] = [undefined, 0];
    } catch (error) {
      if (!(error instanceof AosError)) {
        stopped = true;
        work.onFatal(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      failures++;
      work.onProblem(error, problem);
      problem = error.message;
    } finally {
      round = undefined;
    }
    if (!stopped) waitForNext();
  }

  function waitForNext(): void {
    const leftMs = Math.max(0, nudgedMs + work.pollMs - performance.now());
    // What failed is tried again soon, also where a look is taken once in an hour.
    if (failures > 0) timer = setTimeout(nudge, Math.min(BACKOFF_MS_MAX, Math.min(work.pollMs, RETRY_MS) * 2 ** Math.min(failures, 6)));
    // A hint that came while the round ended is taken up at once.
    else if (again && leftMs > 0) timer = setTimeout(hint);
    else timer = setTimeout(nudge, leftMs);
  }

  function hint(): void {
    if (stopped) return;
    if (round !== undefined) again = true;
    else round = run();
  }

  function nudge(): void {
    everywhereDue = true;
    nudgedMs = performance.now();
    hint();
  }

  return {
    get problem() {
      return problem;
    },
    get stopped() {
      return stopped;
    },
    nudge,
    hint,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };
}
