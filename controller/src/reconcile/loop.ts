// The loop: look, decide, act, again. A nudge or a clock only says "look now"; what is there decides.

import { watch, type FSWatcher } from "chokidar";
import { join } from "node:path";
import { AosError } from "@agentos/kernel";
import { SHADOW_REF } from "../forge/local-shadow.ts";
import type { Oid } from "../git/objects.ts";
import { cleanStaleLocks, readRef, STALE_LOCK_MS } from "../git/refs.ts";
import { NOTES_REF } from "../publish/published.ts";
import { act } from "./act.ts";
import { ciWatch } from "./ci-watch.ts";
import type { Parts } from "./controller.ts";
import { nextAct, type Act, type Observed } from "./next-act.ts";
import { blankMemory, observe, refsOf } from "./observe.ts";
import { adoptShadows, fetchAll, publishedElsewhere, trackingRef } from "./remote.ts";
import { statusOf, type WorldStatus } from "./status.ts";
import { keepUnpushed, unpushedBranches } from "./unpushed.ts";

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
  const ci = ciWatch(parts);
  let seen: Observed | undefined;
  let last: Act | undefined;
  let attempted: string | undefined;
  let problem: string | undefined;
  let failures = 0;
  /** The refs of the last look, and those with the applied commit for which there was nothing more to do. */
  let refs: string | undefined;
  let settled: string | undefined;
  let fetchDue = true;
  /** When it was last asked to look everywhere, or had looked at the remote: a world that seals all the time is polled all the same. */
  let nudgedMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;
  let round: Promise<void> | undefined;
  let again = false;
  let readOnly = false;
  let stopped = false;
  let onFatal: (error: Error) => void = () => undefined;

  /** Looks and acts until there is nothing to do. */
  async function reconcile(): Promise<void> {
    if (options.remote !== undefined && fetchDue) {
      fetchDue = false;
      await look(options.remote);
      // However long the remote takes, it is left alone for a while in between.
      nudgedMs = performance.now();
    }
    if (!parts.publisher.state.fenced) {
      await parts.inbox.deliver();
      await parts.inbox.tidy();
    }
    for (const [commit, { untilMs }] of memory.waiting) {
      if (untilMs > Date.now()) continue;
      memory.waiting.delete(commit);
      settled = undefined;
    }
    const now = await refsOf(options.repo);
    if (settled === `${now}\n${host.world.commit}`) return;
    settled = undefined;
    // A review or a newer commit may be what a held one waited for.
    if (now !== refs) memory.held.clear();
    refs = now;
    for (let acts = 0; acts < ACTS_MAX && !stopped && !parts.publisher.state.fenced; acts++) {
      seen = await observe(options.repo, host.world, memory);
      const next = nextAct(seen);
      if (next.kind !== last?.kind && next.kind === "freeze") log("error", "frozen", { why: next.why });
      last = next;
      if (next.kind === "idle" || next.kind === "wait" || next.kind === "freeze") {
        settled = `${now}\n${host.world.commit}`;
        return;
      }
      if (next.kind !== "shadow") attempted = next.commit;
      await act(parts, next, { seen, memory, book: parts.book });
    }
    again = !stopped && !parts.publisher.state.fenced;
  }

  /** Fetches, and looks whether somebody else has published meanwhile. */
  async function look(remote: string): Promise<void> {
    // A branch that a plan made here and the remote does not have yet would be pruned.
    const own = await unpushedBranches(options.repo);
    await fetchAll(options.repo, remote, [...((await parts.hosting?.refspecs()) ?? []), ...[...own.keys()].map((branch) => `^${branch}`)]);
    await keepUnpushed(options.repo, (branch) => parts.publisher.unpushed.includes(branch) || !own.has(branch));
    await parts.hosting?.witness();
    const elsewhere = await publishedElsewhere(options.repo, remote);
    if (elsewhere !== undefined) {
      parts.publisher.fence(new AosError("world.fenced", `${remote} has ${elsewhere.theirs.slice(0, 12)} on refs/notes/aos, which this controller did not write`, { class: "refused", hint: "another controller writes this world: stop one of them" }));
    }
    await parts.publisher.remoteHas(await readRef(options.repo.commonDir, trackingRef(remote, NOTES_REF)));
    const shadows = await adoptShadows(options.repo, remote);
    // Where it was taken over there is nothing to push; a push that was rejected for it is settled by one.
    if (shadows !== "same") parts.publisher.pushAlso(SHADOW_REF);
    if (shadows === "moved") {
      memory.shadowed.clear();
      settled = undefined;
    }
  }

  async function turn(): Promise<void> {
    clearTimeout(timer);
    try {
      if (problem !== undefined || parts.publisher.state.problem !== undefined) await freeLocks();
      do {
        again = false;
        await reconcile();
        if (parts.publisher.state.fenced) await turnReadOnly();
      } while (again && !stopped);
      await parts.hosting?.post({ applied: parts.host.world.commit as Oid | undefined, held: memory.held });
      await ci.look(seen);
      [problem, failures] = [undefined, 0];
    } catch (error) {
      if (!(error instanceof AosError)) {
        stopped = true;
        onFatal(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      failures++;
      settled = undefined;
      if (problem !== error.message) log("warn", "could not reconcile", { code: error.code, problem: error.message });
      problem = error.message;
    } finally {
      round = undefined;
    }
    if (stopped) return;
    const leftMs = Math.max(0, nudgedMs + pollMs - performance.now());
    if (failures > 0) timer = setTimeout(nudge, Math.min(BACKOFF_MS_MAX, pollMs * 2 ** Math.min(failures, 6)));
    // A hint that came while the last things were said is taken up at once.
    else if (again && leftMs > 0) timer = setTimeout(lookHere);
    else timer = setTimeout(nudge, leftMs);
  }

  /** Somebody else runs this world: no event and no effect of it happens here any more. */
  async function turnReadOnly(): Promise<void> {
    if (readOnly) return;
    readOnly = true;
    log("error", "fenced: this controller is read-only from here on", { why: parts.publisher.state.problem });
    await host.stop();
  }

  /** A lock that was too young at the start may be what stands in the way now. */
  async function freeLocks(): Promise<void> {
    const { removed } = await cleanStaleLocks(options.repo.gitDir, { olderThanMs: STALE_LOCK_MS });
    if (removed.length > 0) log("warn", "removed locks that a dead process left", { paths: removed });
  }

  /** The world's own seals move refs too: they ask for a look at this repository, not for another fetch. */
  function lookHere(): void {
    if (stopped) return;
    if (round !== undefined) again = true;
    else round = turn();
  }

  function nudge(): void {
    fetchDue = true;
    nudgedMs = performance.now();
    lookHere();
  }

  return {
    start(fatal) {
      onFatal = fatal;
      // Raw events are hints that something under refs moved; which ref and where to is read from the refs themselves.
      watcher = watch([join(options.repo.commonDir, "refs"), join(options.repo.commonDir, "packed-refs")], { ignoreInitial: true });
      watcher.on("raw", lookHere);
      watcher.on("error", () => undefined);
      parts.hosting?.start(nudge).catch((error: unknown) => fatal(error instanceof Error ? error : new Error(String(error))));
      nudge();
    },
    nudge,
    status: () => statusOf({ principal: parts.principal, world: host.world, seen, act: last, attempted, memory, ci: ci.found, publisher: parts.publisher.state, hosting: parts.hosting?.status(), problem }),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await parts.hosting?.stop();
      await watcher?.close();
      await round;
    },
  };
}
