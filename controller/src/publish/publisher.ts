// When to seal and when to push: sealing is local and cheap, pushing has a pace of its own and is retried for ever.

import { AosError, type DurableTurn } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { push } from "../git/transport.ts";
import type { Repo } from "../git/repo.ts";
import { readRef } from "../git/refs.ts";
import { pacedWork } from "./paced-work.ts";
import { NOTES_REF } from "./published.ts";
import { besidePusher, type RejectedRef } from "./push-beside.ts";
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
interface PublisherState {
  /** Seq of the last record that is sealed; -1 when none is. */
  readonly sealed: number;
  /** The tip that the remote is known to have. */
  readonly pushed: Oid | undefined;
  readonly behind: boolean;
  /** Why the last seal or push failed; undefined once it worked again. */
  readonly problem: string | undefined;
  /** Refs beside the journal that the remote does not take; they are tried again. */
  readonly rejected: readonly RejectedRef[];
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
  /** Refs beside the journal that the remote may not have yet as they are here. */
  readonly unpushed: readonly string[];
  /** Tells what the remote was seen to have: what it lacks, or lost, is pushed. */
  remoteHas(tip: Oid | undefined): Promise<void>;
  /** Stops sealing and pushing for good, because somebody else writes here. */
  fence(why: AosError): void;
  /**
   * Seals and pushes what is left, once, then rests.
   *
   * @param sealed - what is to be done when all is sealed; the refs that it moves go along
   */
  stop(sealed?: () => Promise<void>): Promise<void>;
}

const SEAL_RECORDS = 1000;
const SEAL_BYTES = 256 << 10;
const PUSH_TIMEOUT_MS = 120_000;
/** A remote that hangs does not hold up the end. */
const LAST_PUSH_TIMEOUT_MS = 10_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const { sealer, repo, remote, pushAfterMs = 1000 } = options;
  let pushed: Oid | undefined;
  let sealed: Oid | undefined;
  let pushDue = false;
  let phase: "new" | "running" | "stopped" = "new";
  let fenced: AosError | undefined;
  let dead = false;
  const seals = pacedWork({ run: sealNow, onError: (error) => fail("seal", error) });
  const pushes = pacedWork({ run: pushNow, onError: (error) => fail("push", error) });
  // The journal goes alone: what becomes of another ref decides nothing about it.
  const beside = remote === undefined ? undefined : besidePusher(repo, remote, { onRejected: (error) => options.onProblem("push", error) });
  const besides = pacedWork({ run: pushBeside, onError: (error) => fail("push", error) });

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
    const tip = await readRef(repo.commonDir, NOTES_REF);
    if (tip !== undefined && tip !== pushed) await push(repo, remote, [`${tip}:${NOTES_REF}`], { timeoutMs: timeoutMs() });
    pushed = tip;
    pushDue = sealed !== undefined && sealed !== tip;
    if (pushDue) schedulePush();
  }

  async function pushBeside(): Promise<void> {
    if (beside === undefined || fenced !== undefined || dead || phase === "new") return;
    const againMs = await beside.run({ timeoutMs: timeoutMs() });
    if (againMs !== undefined && phase === "running") besides.within(againMs);
  }

  function timeoutMs(): number {
    return phase === "stopped" ? LAST_PUSH_TIMEOUT_MS : PUSH_TIMEOUT_MS;
  }

  async function pushAll(): Promise<void> {
    await Promise.all([pushes.now(), besides.now()]);
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
    if (phase === "running") pushes.within(pushAfterMs);
  }

  function scheduleSeal(turn: DurableTurn): void {
    if (phase !== "running") return;
    const full = sealer.pending.records >= SEAL_RECORDS || sealer.pending.bytes >= SEAL_BYTES;
    if (full || turn.records.some(({ kind }) => kind === "applied")) void seals.now();
    else seals.within(options.sealAfterMs ?? 100);
  }

  return {
    get state() {
      const problem = fenced?.message ?? (seals.problem ?? pushes.problem ?? besides.problem)?.message;
      const rejected = beside?.rejected ?? [];
      const behind = fenced !== undefined || sealer.pending.records > 0 || pushDue || beside?.due === true || rejected.length > 0;
      return { sealed: sealer.sealedSeq, pushed, behind, problem, rejected, fenced: fenced !== undefined };
    },
    start() {
      phase = "running";
      schedulePush();
      if (beside?.due === true) besides.within(pushAfterMs);
      void seals.now();
    },
    add(turn) {
      sealer.add(turn);
      scheduleSeal(turn);
    },
    async flush() {
      await seals.now();
      await pushAll();
    },
    get unpushed() {
      return beside?.unpushed ?? [];
    },
    pushAlso(ref) {
      beside?.add(ref);
      if (beside !== undefined && phase === "running") besides.within(pushAfterMs);
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
    async stop(after = async () => undefined) {
      const begun = phase === "running";
      phase = "stopped";
      for (const work of [seals, pushes, besides]) work.cancel();
      if (begun) await seals.now();
      try {
        await after();
      } finally {
        if (begun) await pushAll();
      }
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
