// Pushes the refs that go beside the journal, each judged by itself: what the remote does not take holds up nothing else.

import { AosError } from "@agentos/kernel";
import type { Repo } from "../git/repo.ts";
import { readRef } from "../git/refs.ts";
import { push, rejectionOf } from "../git/transport.ts";
import { retryMs } from "./paced-work.ts";

/** A ref that the remote did not take. */
export interface RejectedRef {
  readonly ref: string;
  readonly reason: string;
}

interface BesidePusher {
  /** Is something to be pushed, or being pushed? */
  readonly due: boolean;
  /** What the remote may not have as it is here: due, on its way or rejected. */
  readonly unpushed: readonly string[];
  /** What the remote does not take, by name. */
  readonly rejected: readonly RejectedRef[];
  add(ref: string): void;
  /**
   * Pushes what is due, once.
   *
   * @returns how long what was rejected may wait for the next try; undefined when nothing was
   * @throws AosError `git.remote` and what else says nothing about a ref: all stay due
   */
  run(options: { readonly timeoutMs: number }): Promise<number | undefined>;
}

interface Rejection extends RejectedRef {
  readonly tries: number;
}
/** What the remote said of a ref: of itself, or of those that came along with it. */
interface Refusal {
  readonly error: AosError;
  readonly of: "itself" | "several";
}

/** Pushes of one run: enough to find the one in a hundred that a hook does not want. */
const PUSHES_MAX = 16;

export function besidePusher(repo: Repo, remote: string, options: { readonly onRejected: (error: AosError) => void }): BesidePusher {
  const due = new Set<string>();
  const rejected = new Map<string, Rejection>();
  let going: readonly string[] = [];

  /** @returns why they were not all taken; undefined when they were */
  async function pushOnce(refs: readonly string[], timeoutMs: number): Promise<AosError | undefined> {
    const specs: string[] = [];
    for (const ref of refs) {
      const at = await readRef(repo.commonDir, ref);
      if (at !== undefined) specs.push(`${at}:${ref}`);
    }
    if (specs.length === 0) return undefined;
    try {
      await push(repo, remote, specs, { timeoutMs, together: "each" });
      return undefined;
    } catch (error) {
      if (!(error instanceof AosError) || !isRejection(error)) throw error;
      return error;
    }
  }

  /**
   * Pushes all at once. A hook of the remote that says no to one says no to all that came along: these are told apart by halves, as
   * far as the pushes of one run reach.
   *
   * @returns the refs that were not taken, and why
   */
  async function pushAll(refs: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, Refusal>> {
    const found = new Map<string, Refusal>();
    const groups = [refs];
    let last: AosError | undefined;
    for (let pushes = 0; groups.length > 0 && pushes < PUSHES_MAX; pushes++) {
      const group = groups.pop() ?? [];
      const error = await pushOnce(group, timeoutMs);
      if (error === undefined) continue;
      last = error;
      const refused = group.filter((ref) => mayBe(error, ref));
      const alone = group.length === 1 ? refused : refused.filter((ref) => isStale(error, ref));
      for (const ref of alone) found.set(ref, { error, of: "itself" });
      groups.push(...halves(refused.filter((ref) => !alone.includes(ref))).toReversed());
    }
    if (last !== undefined) for (const ref of groups.flat()) found.set(ref, { error: last, of: "several" });
    return found;
  }

  /** Those that were refused before from those that were not; else the first half from the second. */
  function halves(refs: readonly string[]): readonly (readonly string[])[] {
    const fresh = refs.filter((ref) => !rejected.has(ref));
    const middle = fresh.length > 0 && fresh.length < refs.length ? fresh.length : Math.ceil(refs.length / 2);
    const sorted = [...fresh, ...refs.filter((ref) => rejected.has(ref))];
    return [sorted.slice(0, middle), sorted.slice(middle)].filter((half) => half.length > 0);
  }

  function took(refs: readonly string[], refused: ReadonlyMap<string, Refusal>): void {
    const told = new Set<AosError>();
    for (const ref of refs) {
      const before = rejected.get(ref);
      const { error, of } = refused.get(ref) ?? {};
      // What was said of itself lets others go first the next time, and stands against what is said of several.
      if (of !== "several") rejected.delete(ref);
      if (error === undefined) continue;
      const reason = of === "several" ? (before?.reason ?? error.message) : error.message;
      rejected.set(ref, { ref, reason, tries: (before?.tries ?? 0) + 1 });
      if (reason !== before?.reason && !told.has(error)) options.onRejected(error);
      told.add(error);
    }
  }

  return {
    get due() {
      return due.size > 0 || going.length > 0;
    },
    get unpushed() {
      return [...new Set([...due, ...going, ...rejected.keys()])];
    },
    get rejected() {
      return [...rejected.values()].map(({ ref, reason }) => ({ ref, reason }));
    },
    add: (ref) => void due.add(ref),
    async run({ timeoutMs }) {
      // Taken out before they are read: one that moves while it is pushed is due again.
      going = [...new Set([...due, ...rejected.keys()])];
      due.clear();
      try {
        took(going, await pushAll(going, timeoutMs));
      } catch (error) {
        for (const ref of going) due.add(ref);
        throw error;
      } finally {
        going = [];
      }
      return rejected.size === 0 ? undefined : Math.min(...[...rejected.values()].map(({ tries }) => retryMs(tries)));
    },
  };
}

/** Was it the remote that said no, or git that could not say what the remote said? */
function isRejection({ code }: AosError): boolean {
  return code === "git.rejected" || code === "git.failed";
}

/** Did the remote judge this ref by itself, as one that somebody else moved? */
function isStale({ data: { refs } }: AosError, ref: string): boolean {
  return Array.isArray(refs) && refs.some((one: unknown) => typeof one === "object" && one !== null && "ref" in one && one.ref === ref && "reason" in one && rejectionOf(String(one.reason)) === "stale");
}

/** May this ref be among those that were not taken? Where nothing is named, any may. */
function mayBe({ data: { refs } }: AosError, ref: string): boolean {
  if (!Array.isArray(refs) || refs.length === 0) return true;
  return refs.some((one: unknown) => typeof one === "object" && one !== null && "ref" in one && one.ref === ref);
}
