// Keeps the refs of workspaces where the world's history says: after each seal, and at the start whatever was missed.

import { AosError, decode, type DurableTurn, type World } from "@agentos/kernel";
import type { Log } from "../reconcile/log.ts";
import { WORKSPACE_REDUCER, workspaceHistory, workspaceNames } from "./history.ts";
import { writeVersions, type VersionWriter } from "./write-versions.ts";

export interface WorkspaceKeeper {
  /** Begins with every workspace that the world has. */
  start(): void;
  /** Takes note of the workspaces that a turn committed to. */
  take(turn: Pick<DurableTurn, "records" | "world">): void;
  /** Writes what is due, as far as it is sealed; resolves when it was tried. */
  flush(): Promise<void>;
  /** Writes what is left, once, and no more. */
  stop(): Promise<void>;
}

interface KeeperOptions extends VersionWriter {
  /** The world as it is durable. */
  readonly world: () => World;
  /** Seq of the last record that is sealed: a version is shown once the record that made it is published. */
  readonly sealedSeq: () => number;
  /** Is this controller still the one that writes? */
  readonly fenced: () => boolean;
  /** Takes over what a remote has already; what it cannot is no reason to wait. */
  readonly adopt: () => Promise<void>;
  /** A ref was moved, or is looked at for the first time. */
  readonly onMoved: (ref: string) => void;
  readonly log: Log;
  readonly onFatal: (error: unknown) => void;
}

const LOOK_MS = 50;
const RETRY_MS = 250;
const RETRY_MS_MAX = 30_000;

/** What is to be written of the world as it was after a record. */
interface Due {
  readonly world: World;
  readonly names: ReadonlySet<string>;
}

export function workspaceKeeper(options: KeeperOptions): WorkspaceKeeper {
  const { log } = options;
  /** What waits for its seal; what came after it waits behind. */
  let due: Due | undefined;
  let next: Due | undefined;
  let last: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let phase: "new" | "running" | "stopped" = "new";
  let adopted = false;
  const told = new Set<string>();

  function add(more: Due): void {
    if (due === undefined) due = more;
    else next = { world: more.world, names: new Set([...(next?.names ?? []), ...more.names]) };
    schedule(LOOK_MS);
  }

  function schedule(ms: number): void {
    if (phase === "running") timer ??= setTimeout(() => void run(), ms);
  }

  function run(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    last = last.then(work);
    return last;
  }

  async function work(): Promise<void> {
    const again = new Set<string>();
    try {
      while (due !== undefined && due.world.nextSeq - 1 <= options.sealedSeq() && !options.fenced()) {
        const { names, world } = due;
        [due, next] = [next, undefined];
        if (!adopted) await options.adopt().catch((error: unknown) => warn("workspaces of the remote could not be taken over", error));
        adopted = true;
        for (const name of names) if ((await write(world, name)) === "again") again.add(name);
      }
    } catch (error) {
      options.onFatal(error);
      return;
    }
    failures = again.size === 0 ? 0 : failures + 1;
    if (again.size > 0) add({ world: options.world(), names: again });
    clearTimeout(timer);
    timer = undefined;
    if (due !== undefined && !options.fenced()) schedule(failures === 0 ? LOOK_MS : Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(failures, 7)));
  }

  /** @returns `again` for what the disk refused; a ref that is not ours is for somebody to look at */
  async function write(world: World, name: string): Promise<"done" | "again"> {
    const history = workspaceHistory(world, name);
    if (history === undefined) return "done";
    try {
      const { ref, commits, missing } = await writeVersions(options, history);
      for (const version of missing) log("warn", "the tree of a workspace version is not stored", { workspace: name, version: version.toString() });
      if (commits > 0) log("debug", "workspace shown", { workspace: name, version: history.head.toString(), commits });
      if (commits > 0 || !told.has(ref)) options.onMoved(ref);
      told.add(ref);
      return "done";
    } catch (error) {
      return warn("a workspace could not be shown", error, { workspace: name }).class === "outside" ? "again" : "done";
    }
  }

  function warn(message: string, error: unknown, fields: Readonly<Record<string, string>> = {}): AosError {
    if (!(error instanceof AosError)) throw error;
    log("warn", message, { ...fields, code: error.code, problem: error.message });
    return error;
  }

  return {
    start() {
      phase = "running";
      const names = new Set(workspaceNames(options.world()));
      if (names.size > 0) add({ world: options.world(), names });
    },
    take({ records, world }) {
      const names = records.flatMap((record) => {
        const name = record.kind === "stepped" && record.reducer === WORKSPACE_REDUCER && record.key !== undefined ? decode(record.key) : undefined;
        return typeof name === "string" ? [name] : [];
      });
      if (names.length > 0) add({ world, names: new Set(names) });
    },
    flush: run,
    async stop() {
      const begun = phase === "running";
      phase = "stopped";
      clearTimeout(timer);
      if (begun) await run();
      await last;
    },
  };
}
