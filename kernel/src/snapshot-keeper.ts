// When a running world is written down: on request, and by itself once enough happened since the last time.

import { AosError } from "./air/error.ts";
import { StateLost } from "./core/snapshot.ts";
import type { World } from "./core/world.ts";
import type { Clock } from "./ports.ts";
import type { Snapshots, TakenSnapshot } from "./snapshots.ts";

/** A snapshot is taken at the first turn that is this many records, or this long, after the last one. */
export interface SnapshotPace {
  readonly records: number;
  readonly ms: number;
}
export const SNAPSHOT_PACE: SnapshotPace = { records: 10_000, ms: 10 * 60_000 };

/** A world between two turns, with the bytes of its last record. */
interface Durable {
  readonly world: World;
  readonly last: Uint8Array;
}

interface KeeperOptions {
  readonly clock: Clock;
  readonly pace: SnapshotPace;
  /** The world as it is durable. */
  readonly now: () => Durable;
  /** Runs a change of the world between two turns; resolves when it did. */
  readonly atBoundary: (change: (world: World) => World) => Promise<void>;
  /** What became of a snapshot nobody asked for. */
  readonly told: (outcome: TakenSnapshot | AosError) => void;
  /** The program, or the state it needs, is broken. */
  readonly die: (error: unknown) => void;
}

export interface SnapshotKeeper {
  take(mode: "changes" | "full"): Promise<TakenSnapshot>;
  /** Looks, after a turn, whether it is time. */
  look(): void;
  /** Resolves when none is being taken. */
  idle(): Promise<void>;
}

/** @param openedSeq - where the world's last snapshot was taken; 0 without one */
export function snapshotKeeper(snapshots: Snapshots, openedSeq: number, options: KeeperOptions): SnapshotKeeper {
  const { clock, pace } = options;
  let lastSeq = openedSeq;
  let lastNs = clock.monotonic();
  let work: Promise<unknown> | undefined;

  async function takeNow(mode: "changes" | "full"): Promise<TakenSnapshot> {
    const { world, last } = options.now();
    [lastSeq, lastNs] = [world.nextSeq, clock.monotonic()];
    const taken = await snapshots.take(world, { last, mode });
    await options.atBoundary((now) => snapshots.settle(now));
    return taken;
  }

  /** One after the other. */
  function take(mode: "changes" | "full"): Promise<TakenSnapshot> {
    const before = work ?? Promise.resolve();
    const made = before.then(() => takeNow(mode)).catch((error: unknown) => {
      throw error instanceof StateLost ? error.cause : error;
    });
    const done: Promise<unknown> = made.catch(() => undefined).finally(() => {
      if (work === done) work = undefined;
    });
    work = done;
    return made;
  }

  return {
    take,
    look() {
      const { world } = options.now();
      if (work !== undefined || world.nextSeq === lastSeq) return;
      if (world.nextSeq - lastSeq < pace.records && clock.monotonic() - lastNs < BigInt(pace.ms) * 1_000_000n) return;
      take("changes").then(options.told, (error: unknown) => (error instanceof AosError ? options.told(error) : options.die(error)));
    },
    async idle() {
      while (work !== undefined) await work;
    },
  };
}
