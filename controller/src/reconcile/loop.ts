// The loop: look, decide, act, again. A nudge or a clock only says "look now"; what is there decides.

import { watch, type FSWatcher } from "chokidar";
import { join } from "node:path";
import type { Oid } from "../git/objects.ts";
import { cleanStaleLocks, STALE_LOCK_MS } from "../git/refs.ts";
import { act } from "./act.ts";
import { ciWatch } from "./ci-watch.ts";
import type { Parts } from "./controller.ts";
import { nextAct, type Act, type Observed } from "./next-act.ts";
import { blankMemory, observe, refsOf } from "./observe.ts";
import { pacedRounds, type Everywhere } from "./rounds.ts";
import { lookAtRemote } from "./remote-look.ts";
import { statusOf, type WorldStatus } from "./status.ts";
import { readSuspension, suspensionText } from "./suspension.ts";

interface Loop {
  /** @param onFatal - called once when going on would be wrong; the loop has ended then */
  start(onFatal: (error: Error) => void): void;
  nudge(): void;
  status(): WorldStatus;
  stop(): Promise<void>;
}

const POLL_MS = 1000;
/** Acts of one step; a repository that always asks for one more is looked at afresh after them. */
const ACTS_MAX = 100;

export function createLoop(parts: Parts): Loop {
  const { options, host, log, publisher } = parts;
  const memory = blankMemory();
  const ci = ciWatch(parts);
  let seen: Observed | undefined;
  let last: Act | undefined;
  let attempted: string | undefined;
  /** The refs of the last look, and those with the applied commit for which there was nothing more to do. */
  let refs: string | undefined;
  let settled: string | undefined;
  let watcher: FSWatcher | undefined;
  let readOnly = false;
  let onFatal: (error: Error) => void = () => undefined;
  const rounds = pacedRounds({
    pollMs: options.pollMs ?? POLL_MS, begin: freeLocks, step, end: tell, onFatal: (error) => onFatal(error),
    onProblem: (error, before) => {
      settled = undefined;
      if (before !== error.message) log("warn", "could not reconcile", { code: error.code, problem: error.message });
    },
  });

  /** Looks and acts until there is nothing to do. */
  async function step(everywhere: Everywhere): Promise<"again" | "rest"> {
    if (options.remote !== undefined && everywhere.wanted()) {
      if ((await lookAtRemote(parts, options.remote)) === "shadows moved") {
        memory.shadowed.clear();
        settled = undefined;
      }
      // However long the remote takes, it is left alone for a while in between.
      everywhere.done();
    }
    if (!publisher.state.fenced) {
      await parts.inbox.deliver();
      await parts.inbox.tidy();
    }
    const more = await reconcile();
    if (publisher.state.fenced) await turnReadOnly();
    return more;
  }

  /** Acts on what the refs of this repository say. */
  async function reconcile(): Promise<"again" | "rest"> {
    for (const [commit, { untilMs }] of memory.waiting) {
      if (untilMs > Date.now()) continue;
      memory.waiting.delete(commit);
      settled = undefined;
    }
    await heedSuspension();
    const now = await refsOf(options.repo);
    if (settled === `${now}\n${host.world.commit}`) return "rest";
    settled = undefined;
    // A review or a newer commit may be what a held one waited for.
    if (now !== refs) memory.held.clear();
    refs = now;
    for (let acts = 0; acts < ACTS_MAX && !rounds.stopped && !publisher.state.fenced; acts++) {
      await heedSuspension();
      seen = await observe(options.repo, host.world, memory);
      const next = nextAct(seen);
      if (next.kind !== last?.kind && next.kind === "freeze") log("error", "frozen", { why: next.why });
      last = next;
      if (next.kind === "idle" || next.kind === "wait" || next.kind === "freeze") {
        settled = `${now}\n${host.world.commit}`;
        return "rest";
      }
      if (next.kind !== "shadow") attempted = next.commit;
      await act(parts, next, { seen, memory, book: parts.book });
    }
    return publisher.state.fenced ? "rest" : "again";
  }

  async function heedSuspension(): Promise<void> {
    const found = await readSuspension(parts.folder, Date.now());
    const [is, was] = [found, memory.suspended].map((one) => (one === undefined ? undefined : suspensionText(one)));
    if (is === was) return;
    const { reason: _, ...said } = found ?? {};
    log("info", is === undefined ? "resumed" : "suspended: no merge is applied", said);
    memory.suspended = found;
    settled = undefined;
  }

  /** Says what came of it where people look, and whether CI said the same. */
  async function tell(): Promise<void> {
    await parts.hosting?.post({ applied: host.world.commit as Oid | undefined, held: memory.held });
    await ci.look(seen);
  }

  /** Somebody else runs this world: no event and no effect of it happens here any more. */
  async function turnReadOnly(): Promise<void> {
    if (readOnly) return;
    readOnly = true;
    log("error", "fenced: this controller is read-only from here on", { why: publisher.state.problem });
    await host.stop();
  }

  /** A lock that was too young at the start may be what stands in the way now. */
  async function freeLocks(): Promise<void> {
    if (rounds.problem === undefined && publisher.state.problem === undefined) return;
    const { removed } = await cleanStaleLocks(options.repo.gitDir, { olderThanMs: STALE_LOCK_MS });
    if (removed.length > 0) log("warn", "removed locks that a dead process left", { paths: removed });
  }

  return {
    start(fatal) {
      onFatal = fatal;
      // Raw events are hints that something under refs moved; which ref and where to is read from the refs themselves.
      watcher = watch([join(options.repo.commonDir, "refs"), join(options.repo.commonDir, "packed-refs")], { ignoreInitial: true });
      watcher.on("raw", () => rounds.hint());
      watcher.on("error", () => undefined);
      parts.hosting?.start(() => rounds.nudge()).catch((error: unknown) => fatal(error instanceof Error ? error : new Error(String(error))));
      rounds.nudge();
    },
    nudge: () => rounds.nudge(),
    status: () => statusOf({ principal: parts.principal, world: host.world, seen, act: last, attempted, memory, ci: ci.found, publisher: publisher.state, hosting: parts.hosting?.status(), problem: rounds.problem }),
    async stop() {
      const ended = rounds.stop();
      await parts.hosting?.stop();
      await watcher?.close();
      await ended;
    },
  };
}
