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
  /** The program is wrong: nothing more is sealed or pushed. */
  readonly onFatal: (error: unknown) => void;
}
export interface PublisherState {
  /** Seq of the last record that is sealed; -1 when none is. */
  readonly sealed: number;
  /** The tip that the remote is known to have. */
  readonly pushed: Oid | undefined;
  readonly behind: boolean;
  /** Why the last seal or push failed; undefined once it worked again. */
  readonly problem: string | undefined;
  /** Somebody else writes here: nothing is sealed or pushed any more. */
  readonly fenced: boolean;
}
export interface Publisher {
  /** How far publication is behind, and why. */
  readonly state: PublisherState;
  /** Begins: what was added before is sealed, and what the remote may lack is pushed. */
  start(): void;
  add(turn: DurableTurn): void;
  /** Seals and pushes now; resolves when both were tried. */
  flush(): Promise<void>;
  /** Pushes another ref of the controller's own, such as shadow notes. Losing a race for it fences nothing. */
  pushAlso(ref: string): void;
  /** Tells what the remote was seen to have: what it lacks, or lost, is pushed. */
  remoteHas(tip: Oid | undefined): Promise<void>;
  /** Stops sealing and pushing for good, because somebody else writes here. */
  fence(why: AosError): void;
  /** Seals and pushes what is left, once, then rests. */
  stop(): Promise<void>;
}

const SEAL_RECORDS = 1000;
const SEAL_BYTES = 256 << 10;
const RETRY_MS_MAX = 30_000;
const PUSH_TIMEOUT_MS = 120_000;
/** A remote that hangs does not hold up the end. */
const LAST_PUSH_TIMEOUT_MS = 10_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const { sealer, repo, remote } = options;
  const also = new Set<string>();
  let pushed: Oid | undefined;
  let sealed: Oid | undefined;
  let pushDue = false;
  let phase: "new" | "running" | "stopped" = "new";
  let fenced: AosError | undefined;
  let dead = false;
  const seals = pacedWork({ run: sealNow, onError: (error) => fail("seal", error) });
  const pushes = pacedWork({ run: pushNow, onError: (error) => fail("push", error) });

  async function sealNow(): Promise<void> {
    for (let oid = await sealOnce(); oid !== undefined; oid = await sealOnce()) {
      sealed = oid;
      schedulePush();
    }
  }

  function sealOnce(): Promise<Oid | undefined> {
    return fenced !== undefined || dead || phase === "new" ? Promise.resolve(undefined) : sealer.seal();
  }

  async function pushNow(): Promise<void> {
    if (remote === undefined || fenced !== undefined || dead || !pushDue) return;
    const timeoutMs = phase === "stopped" ? LAST_PUSH_TIMEOUT_MS : PUSH_TIMEOUT_MS;
    const tip = await readRef(repo.commonDir, NOTES_REF);
    // The journal goes alone: what becomes of another ref decides nothing about it.
    if (tip !== undefined && tip !== pushed) await push(repo, remote, [`${tip}:${NOTES_REF}`], { timeoutMs });
    pushed = tip;
    for (const ref of also) {
      const at = await readRef(repo.commonDir, ref);
      if (at !== undefined) await push(repo, remote, [`${at}:${ref}`], { timeoutMs });
      also.delete(ref);
    }
    pushDue = also.size > 0 || (sealed !== undefined && sealed !== tip);
    if (pushDue) schedulePush();
  }

  function fail(what: "seal" | "push", error: unknown): "again" | "never" {
    if (!(error instanceof AosError)) {
      dead = true;
      options.onFatal(error);
      return "never";
    }
    if (isFence(error)) fenced ??= error;
    options.onProblem(what, error);
    return fenced !== undefined || phase === "stopped" ? "never" : "again";
  }

  function schedulePush(): void {
    if (remote === undefined) return;
    pushDue = true;
    if (phase === "running") pushes.within(options.pushAfterMs ?? 1000);
  }

  function scheduleSeal(turn: DurableTurn): void {
    if (phase !== "running") return;
    const full = sealer.pending.records >= SEAL_RECORDS || sealer.pending.bytes >= SEAL_BYTES;
    if (full || turn.records.some(({ kind }) => kind === "applied")) void seals.now();
    else seals.within(options.sealAfterMs ?? 100);
  }

  return {
    get state() {
      const problem = fenced?.message ?? seals.problem?.message ?? pushes.problem?.message;
      return { sealed: sealer.sealedSeq, pushed, behind: fenced !== undefined || sealer.pending.records > 0 || pushDue, problem, fenced: fenced !== undefined };
    },
    start() {
      phase = "running";
      schedulePush();
      void seals.now();
    },
    add(turn) {
      sealer.add(turn);
      scheduleSeal(turn);
    },
    async flush() {
      await seals.now();
      await pushes.now();
    },
    pushAlso(ref) {
      also.add(ref);
      schedulePush();
    },
    async remoteHas(tip) {
      if (tip === (await readRef(repo.commonDir, NOTES_REF))) return;
      pushed = tip;
      schedulePush();
    },
    fence(why) {
      if (fenced !== undefined) return;
      fenced = why;
      options.onProblem("push", why);
    },
    async stop() {
      const begun = phase === "running";
      phase = "stopped";
      seals.cancel();
      pushes.cancel();
      if (!begun) return;
      await seals.now();
      await pushes.now();
    },
  };
}

/** Did somebody else write where only this controller writes? */
function isFence(error: AosError): boolean {
  const { kind, refs } = error.data;
  if (error.code === "seal.fenced") return true;
  if (error.code !== "git.rejected" || kind !== "stale" || !Array.isArray(refs)) return false;
  return refs.some((one: unknown) => typeof one === "object" && one !== null && "ref" in one && one.ref === NOTES_REF);
}

interface PacedWork {
  /** Why the last run failed; undefined when it did not. */
  readonly problem: AosError | undefined;
  /** Runs after the run that is under way, if one is. Never rejects. */
  now(): Promise<void>;
  /** Runs within this time, unless a run is due sooner. While runs fail they wait longer and longer. */
  within(ms: number): void;
  cancel(): void;
}

/** Work that is done one run at a time, on time, and again after a failure. */
function pacedWork(work: { readonly run: () => Promise<void>; readonly onError: (error: unknown) => "again" | "never" }): PacedWork {
  let timer: NodeJS.Timeout | undefined;
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
      if (work.onError(error) === "again") timer ??= setTimeout(() => void now(), retryMs());
    }
  }

  function retryMs(): number {
    return Math.min(RETRY_MS_MAX, 250 * 2 ** Math.min(failures - 1, 7));
  }

  function now(): Promise<void> {
    last = last.then(once);
    return last;
  }

  function clear(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    get problem() {
      return problem;
    },
    now,
    within(ms) {
      timer ??= setTimeout(() => void now(), failures === 0 ? ms : retryMs());
    },
    cancel: clear,
  };
}
