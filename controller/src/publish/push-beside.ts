// Pushes the refs that go beside the journal, each judged by itself: what the remote does not take holds up nothing else.

import { AosError } from "@agentos/kernel";
import type { Repo } from "../git/repo.ts";
import { readRef } from "../git/refs.ts";
import { push } from "../git/transport.ts";
import { retryMs } from "./paced-work.ts";

/** A ref that the remote did not take. */
export interface RejectedRef {
  readonly ref: string;
  readonly reason: string;
}

export interface BesidePusher {
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

export function besidePusher(repo: Repo, remote: string, options: { readonly onRejected: (error: AosError) => void }): BesidePusher {
  const due = new Set<string>();
  const rejected = new Map<string, Rejection>();
  let going: readonly string[] = [];

  /** @returns the refs that were not taken, and why */
  async function pushAll(refs: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, AosError>> {
    const specs: string[] = [];
    for (const ref of refs) {
      const at = await readRef(repo.commonDir, ref);
      if (at !== undefined) specs.push(`${at}:${ref}`);
    }
    if (specs.length === 0) return new Map();
    try {
      await push(repo, remote, specs, { timeoutMs, together: "each" });
      return new Map();
    } catch (error) {
      if (!(error instanceof AosError) || !isRejection(error)) throw error;
      const left = refs.filter((ref) => mayBe(error, ref));
      if (refs.length === 1) return new Map(left.map((ref) => [ref, error]));
      // A hook of the remote that says no to one says no to all that came along.
      const found = new Map<string, AosError>();
      for (const ref of left) for (const one of await pushAll([ref], timeoutMs)) found.set(...one);
      return found;
    }
  }

  function took(refs: readonly string[], refused: ReadonlyMap<string, AosError>): void {
    for (const ref of refs) {
      const before = rejected.get(ref);
      const error = refused.get(ref);
      if (error === undefined) rejected.delete(ref);
      else rejected.set(ref, { ref, reason: error.message, tries: (before?.tries ?? 0) + 1 });
      if (error !== undefined && error.message !== before?.reason) options.onRejected(error);
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

/** May this ref be among those that were not taken? Where nothing is named, any may. */
function mayBe({ data: { refs } }: AosError, ref: string): boolean {
  if (!Array.isArray(refs) || refs.length === 0) return true;
  return refs.some((one: unknown) => typeof one === "object" && one !== null && "ref" in one && one.ref === ref);
}
