// When to seal and when to push: sealing is local and cheap, pushing has a pace of its own and is retried for ever.

import { AosError, type DurableTurn } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { push } from "../git/transport.ts";
import type { Repo } from "../git/repo.ts";
import { readRef } from "../git/refs.ts";
import { NOTES_REF } from "./published.ts";
import type { Sealer } from "./seal.ts";

export interface PublisherOptions {
  readonly repo: Repo;
  readonly sealer: Sealer;
  /** Name of the remote; undefined: the repository itself is where people read. */
  readonly remote: string | undefined;
  readonly sealAfterMs?: number;
  readonly pushAfterMs?: number;
  readonly onProblem: (what: "seal" | "push", error: AosError) => void;
}
export interface Publisher {
  /** How far publication is behind, and why. */
  readonly state: { readonly sealed: number; readonly pushed: Oid | undefined; readonly behind: boolean; readonly problem: string | undefined; readonly fenced: boolean };
  add(turn: DurableTurn): void;
  /** Seals and pushes now; resolves when both were tried. */
  flush(): Promise<void>;
  /** Pushes other refs of the controller's own, such as shadow notes. */
  pushAlso(ref: string): void;
  stop(): Promise<void>;
}

const SEAL_RECORDS = 1000;
const SEAL_BYTES = 256 << 10;
const RETRY_MS_MAX = 30_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const { sealer, repo, remote } = options;
  const extra = new Set<string>();
  let sealTimer: NodeJS.Timeout | undefined;
  let pushTimer: NodeJS.Timeout | undefined;
  let pushed: Oid | undefined;
  let problem: AosError | undefined;
  let fenced = false;
  let failures = 0;
  let stopped = false;
  let work: Promise<void> = Promise.resolve();

  function queue(task: () => Promise<void>): Promise<void> {
    work = work.then(task);
    return work;
  }

  async function sealNow(): Promise<void> {
    clearTimeout(sealTimer);
    sealTimer = undefined;
    if (fenced) return;
    try {
      if ((await sealer.seal()) !== undefined) schedulePush();
    } catch (error) {
      fail("seal", error);
      if (!fenced && !stopped) sealTimer ??= setTimeout(() => void queue(sealNow), retryMs());
    }
  }

  async function pushNow(): Promise<void> {
    clearTimeout(pushTimer);
    pushTimer = undefined;
    const tip = await readRef(repo.commonDir, NOTES_REF);
    if (remote === undefined || tip === undefined || fenced || (tip === pushed && extra.size === 0)) return;
    const also = [...extra];
    try {
      await push(repo, remote, [NOTES_REF, ...also].map((ref) => `${ref}:${ref}`));
      for (const ref of also) extra.delete(ref);
      [pushed, problem, failures] = [tip, undefined, 0];
    } catch (error) {
      fail("push", error);
      if (!fenced && !stopped) pushTimer ??= setTimeout(() => void queue(pushNow), retryMs());
    }
  }

  function fail(what: "seal" | "push", error: unknown): void {
    if (!(error instanceof AosError)) throw error;
    failures++;
    problem = error;
    fenced ||= error.code === "seal.fenced" || (error.code === "git.rejected" && error.data["kind"] === "stale");
    options.onProblem(what, error);
  }

  function retryMs(): number {
    return Math.min(RETRY_MS_MAX, 250 * 2 ** Math.min(failures, 7));
  }

  function schedulePush(): void {
    if (remote !== undefined && !stopped) pushTimer ??= setTimeout(() => void queue(pushNow), options.pushAfterMs ?? 1000);
  }

  return {
    get state() {
      const behind = sealer.pending.records > 0 || (remote !== undefined && (pushTimer !== undefined || problem !== undefined));
      return { sealed: sealer.sealedSeq, pushed, behind, problem: problem?.message, fenced };
    },
    add(turn) {
      sealer.add(turn);
      const full = sealer.pending.records >= SEAL_RECORDS || sealer.pending.bytes >= SEAL_BYTES;
      const governance = turn.records.some(({ kind }) => kind === "applied");
      if (governance || full) void queue(sealNow);
      else if (!stopped) sealTimer ??= setTimeout(() => void queue(sealNow), options.sealAfterMs ?? 100);
    },
    flush: () => queue(sealNow).then(() => queue(pushNow)),
    pushAlso(ref) {
      extra.add(ref);
      schedulePush();
    },
    async stop() {
      stopped = true;
      await queue(sealNow);
      await queue(pushNow);
      clearTimeout(sealTimer);
      clearTimeout(pushTimer);
    },
  };
}
