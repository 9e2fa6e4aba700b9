// The loop: look, decide, act, again. A nudge or a clock only says "look now"; what is there decides.

import { watch, type FSWatcher } from "chokidar";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { act } from "./act.ts";
import type { Parts } from "./controller.ts";
import { nextAct, type Act, type Observed } from "./next-act.ts";
import { blankMemory, observe } from "./observe.ts";
import { fetchAll } from "./remote.ts";
import { statusOf, type WorldStatus } from "./status.ts";

export interface Loop {
  /** @param onFatal - called once when going on would be wrong; the loop has ended then */
  start(onFatal: (error: Error) => void): void;
  nudge(): void;
  status(): WorldStatus;
  stop(): Promise<void>;
}

const POLL_MS = 1000;
const BACKOFF_MS_MAX = 30_000;
/** Acts of one round; a repository that always asks for one more is looked at afresh after them. */
const ACTS_MAX = 100;

export function createLoop(parts: Parts): Loop {
  const { options, host, log } = parts;
  const pollMs = options.pollMs ?? POLL_MS;
  const memory = blankMemory();
  let seen: Observed | undefined;
  let last: Act | undefined;
  let attempted: string | undefined;
  let problem: string | undefined;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  let round: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let onFatal: (error: Error) => void = () => undefined;

  /** Looks and acts until there is nothing to do. */
  async function reconcile(): Promise<void> {
    if (options.remote !== undefined) await fetchAll(options.repo, options.remote);
    for (let acts = 0; acts < ACTS_MAX && !stopped; acts++) {
      seen = await observe(options.repo, host.world, memory);
      const next = nextAct(seen);
      if (next.kind !== last?.kind && next.kind === "freeze") log("error", "frozen", { why: next.why });
      last = next;
      if (next.kind === "idle" || next.kind === "wait" || next.kind === "freeze") return;
      if (next.kind !== "shadow") attempted = next.commit;
      await act(parts, next, { seen, memory, book: parts.book });
    }
  }

  async function turn(): Promise<void> {
    clearTimeout(timer);
    try {
      do {
        again = false;
        await reconcile();
      } while (again && !stopped);
      [problem, failures] = [undefined, 0];
    } catch (error) {
      if (!(error instanceof AosError)) {
        stopped = true;
        onFatal(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      failures++;
      if (problem !== error.message) log("warn", "could not reconcile", { code: error.code, problem: error.message });
      problem = error.message;
    } finally {
      round = undefined;
    }
    if (!stopped) timer = setTimeout(nudge, failures === 0 ? pollMs : Math.min(BACKOFF_MS_MAX, pollMs * 2 ** Math.min(failures, 6)));
  }

  function nudge(): void {
    if (stopped) return;
    if (round !== undefined) again = true;
    else round = turn();
  }

  return {
    start(fatal) {
      onFatal = fatal;
      // Raw events are hints that something under refs moved; which ref and where to is read from the refs themselves.
      watcher = watch([join(options.repo.commonDir, "refs"), join(options.repo.commonDir, "packed-refs")], { ignoreInitial: true });
      watcher.on("raw", nudge);
      watcher.on("error", () => undefined);
      nudge();
    },
    nudge,
    status: () => statusOf({ principal: parts.principal, world: host.world, seen, act: last, attempted, memory, publisher: parts.publisher.state, problem }),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await watcher?.close();
      await round;
    },
  };
}
