// The loop around the machine: admit, step, append, then run the effects; their receipts come back as inputs.

import { AosError, assert } from "./air/error.ts";
import { bundleOf } from "./air/load.ts";
import { ZERO_HASH } from "./air/hash.ts";
import type { ControlPlane } from "./air/types.ts";
import type { Hash, Value } from "./air/value.ts";
import { admitApproval, admitCancel, admitEvent, admitReceipt, type CancelOffer, type EventOffer } from "./core/admit.ts";
import type { ApprovalOffer } from "./core/approval.ts";
import { admitDue } from "./core/due.ts";
import { applyRefusals } from "./core/migrate.ts";
import { LIMITS } from "./core/limits.ts";
import { encodeRecord, type Input, type JournalRecord, type Stamp } from "./core/record.ts";
import { StateLost } from "./core/snapshot.ts";
import { step } from "./core/step.ts";
import { trieGet } from "./core/trie.ts";
import { blankWorld, type World } from "./core/world.ts";
import { createDispatcher, type CallState, type Dispatcher } from "./dispatch.ts";
import { watchDues } from "./dues.ts";
import { controlShelf, type ControlShelf } from "./fold.ts";
import { decode, canonical } from "./air/cbor.ts";
import { openWorld, type Opened, type WorldCheckpoint } from "./opening.ts";
import type { Adapter, Blobs, Clock, Entropy, Journal, ModuleRunner, SecretSource, Signer, SnapshotStore } from "./ports.ts";
import { snapshotKeeper, SNAPSHOT_PACE, type SnapshotKeeper, type SnapshotPace } from "./snapshot-keeper.ts";
import { openSnapshots, type TakenSnapshot } from "./snapshots.ts";

export interface HostOptions {
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly signer: Signer;
  readonly adapters: readonly Adapter[];
  readonly modules: ModuleRunner;
  /** Engine, rewriter and limits: what a world pins in its first record. */
  readonly sandbox: string;
  /** The world's id; written as the genesis record of an empty journal, compared otherwise. */
  readonly world: Hash;
  /** How long an effect may take whose adapter has no limit of its own; 30 s unless told. */
  readonly effectTimeoutMs?: number;
  /** Where secret values are found when an effect is sent. */
  readonly secrets?: SecretSource;
  /** Where the world is written down, so that opening need not replay all of its journal. */
  readonly snapshots?: SnapshotStore;
  /** What the world must be on its way; a snapshot that does not lead there is passed over. */
  readonly checkpoint?: WorldCheckpoint;
  /** When it is written down by itself. */
  readonly snapshotPace?: SnapshotPace;
  /** Gets pieces of answers as they arrive, secrets redacted. */
  readonly progress?: (intentSeq: number, chunk: string) => void;
}

/** A turn that is durable. */
export interface DurableTurn {
  readonly records: readonly JournalRecord[];
  readonly bytes: readonly Uint8Array[];
  readonly world: World;
}

/** A control plane to put in force, with the decision that allows it and every input of that decision. */
export interface ApplyRequest {
  readonly control: ControlPlane;
  /** Artifacts of the modules it names; those the store holds already may be missing. */
  readonly artifacts: readonly Uint8Array[];
  readonly commit: string;
  readonly base: string | undefined;
  readonly decision: Value;
}

export interface Host {
  /** The world as it is durable. */
  readonly world: World;
  /** The modules and control planes it has run. */
  readonly shelf: ControlShelf;
  /** From where it was opened. */
  readonly opened: Opened;
  /** Takes an event; resolves when its turn is durable, with the records of that turn (a `rejected` record is an answer too). */
  submit(offer: EventOffer): Promise<readonly JournalRecord[]>;
  /** Puts a control plane in force at a turn boundary. @throws AosError `apply.misfit` listing cells that do not fit, or the reducer whose cells are too many to carry over; nothing changed then */
  apply(request: ApplyRequest): Promise<readonly JournalRecord[]>;
  /** Records a step of the controller. */
  transition(state: string, detail: Value, commit?: string): Promise<readonly JournalRecord[]>;
  /**
   * Takes a person's word on a held effect; its signature was checked before.
   *
   * @param check - called with the world that the word falls on; what it throws refuses it
   * @throws AosError `approval.not_held`, `approval.expired`
   */
  decide(offer: ApprovalOffer, check?: (world: World) => void): Promise<readonly JournalRecord[]>;
  /** Ends a plan instance. @throws AosError `plan.unknown` */
  cancelPlan(offer: CancelOffer): Promise<readonly JournalRecord[]>;
  /** Cuts off an effect that is open: its receipt, with status `error` and code `cancelled`, comes as a turn. @throws AosError `effect.unknown` */
  cancelEffect(seq: number): Promise<void>;
  /** Where the call of an open effect stands; undefined while it was not taken up. */
  effectState(seq: number): CallState | undefined;
  /**
   * Writes the world down while it runs; resolves when that is durable.
   *
   * @param mode - `full`: everything anew; such a file has the same bytes whatever was written before
   * @throws AosError `snapshot.none` without a store
   */
  snapshot(mode?: "changes" | "full"): Promise<TakenSnapshot>;
  /** Called with each snapshot nobody asked for, or with what kept it from being written. */
  onSnapshot(listener: (outcome: TakenSnapshot | AosError) => void): void;
  /** Called after each turn is durable, in order. */
  onTurn(listener: (turn: DurableTurn) => void): void;
  /** Starts sending intents that a crash left open, and those made from now on, and watching the times of the world. Until then they wait. */
  startEffects(): void;
  /** Resolves when no input waits and no effect runs. */
  settled(): Promise<void>;
  /** Takes no more inputs, lets running effects finish for `graceMs`, closes the journal. Open intents stay open. */
  stop(graceMs?: number): Promise<void>;
}

interface Waiting {
  /** Undefined: there is nothing to do any more. */
  readonly make: (world: World, stamp: Stamp) => Input | undefined;
  readonly resolve: (records: readonly JournalRecord[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens a world: takes up its newest good snapshot and replays its journal from there on, comparing every derived record.
 *
 * @throws AosError `replay.divergence`, `replay.checkpoint`, `world.other` (another world's journal), `sandbox.version`
 */
export async function openHost(options: HostOptions): Promise<Host> {
  const { journal, blobs } = options;
  const shelf = controlShelf(options.modules, blobs);
  const snapshots = options.snapshots === undefined ? undefined : openSnapshots(options.snapshots, shelf, options);
  const { world: replayed, last: lastReplayed, opened } = await openWorld(journal, shelf, { ...options, snapshots });

  let world: World = replayed ?? blankWorld(options.world, options.sandbox);
  let last = lastReplayed ?? new Uint8Array(0);
  const openedSeq = world.nextSeq;
  let begun = replayed !== undefined;
  let fault: unknown;
  let phase: "open" | "stopping" | "stopped" = "open";
  let turning: Promise<void> | undefined;
  const queue: Waiting[] = [];
  const listeners: ((turn: DurableTurn) => void)[] = [];
  const snapshotListeners: ((outcome: TakenSnapshot | AosError) => void)[] = [];
  const boundary: (() => void)[] = [];
  const dispatcher: Dispatcher = createDispatcher({ ...options, timeoutMs: options.effectTimeoutMs ?? 30_000, deliver: (receipt) => enqueue((now, stamp) => admitReceipt(now, { ...receipt, ...stamp })).then(() => undefined) });

  const dues = watchDues(options.clock, ({ what, id }) => void enqueue((now, at) => admitDue(now, { what, id }, at)).catch(unlessStopped), { logicalNow: () => notBefore(world, options.clock.now()) });
  const keeper: SnapshotKeeper | undefined = snapshots === undefined ? undefined : snapshotKeeper(snapshots, opened.snapshotSeq ?? 0, {
    clock: options.clock, pace: options.snapshotPace ?? SNAPSHOT_PACE, now: () => ({ world, last }), atBoundary,
    told: (outcome) => snapshotListeners.forEach((listener) => listener(outcome)), die: (error) => die(error, []),
  });

  /** Changes how the world is held in memory, when no turn is in the making. */
  function atBoundary(change: (world: World) => World): Promise<void> {
    return new Promise((resolve) => {
      boundary.push(() => {
        world = change(world);
        resolve();
      });
      if (turning === undefined) atRest();
    });
  }

  function atRest(): void {
    for (const change of boundary.splice(0)) change();
  }

  function enqueue(make: Waiting["make"]): Promise<readonly JournalRecord[]> {
    return new Promise((resolve, reject) => {
      if (fault !== undefined) return reject(fault);
      if (phase === "stopped") return reject(stoppingError());
      queue.push({ make, resolve, reject });
      turning ??= Promise.resolve().then(turnAll);
    });
  }

  /** Inputs from outside; receipts of running effects come in until the world has stopped. */
  function take(make: Waiting["make"]): Promise<readonly JournalRecord[]> {
    return phase === "open" ? enqueue(make) : Promise.reject(stoppingError());
  }

  function stamp(at: World): Stamp {
    const now = options.clock.now();
    return { now_ns: now, logical_ns: notBefore(at, now), entropy: options.entropy.bytes(32) };
  }

  function notBefore({ logicalNs }: World, now: bigint): bigint {
    return now > logicalNs ? now : logicalNs;
  }

  /** Everything that waits is stepped in order and made durable together: one write, one fsync (group commit). */
  async function turnAll(): Promise<void> {
    while (queue.length > 0 && fault === undefined) {
      atRest();
      const batch = queue.splice(0, 1024);
      const turns: { readonly turn: DurableTurn; readonly waiting: Waiting }[] = [];
      let next = world;
      for (const waiting of batch) {
        try {
          const input = waiting.make(next, stamp(next));
          if (input === undefined) {
            waiting.resolve([]);
            continue;
          }
          const made = step(begun || turns.length > 0 ? next : undefined, input, shelf);
          // Bytes first: a turn that has none has not happened.
          turns.push({ waiting, turn: { records: made.records, bytes: made.records.map(encodeRecord), world: made.world } });
          next = made.world;
        } catch (error) {
          if (!(error instanceof AosError)) {
            die(error, batch);
            break;
          }
          waiting.reject(error);
        }
      }
      if (fault !== undefined) break;
      try {
        if (turns.length > 0) await journal.append(turns.map(({ turn }) => ({ firstSeq: turn.records[0]?.seq ?? 0, records: turn.bytes })));
      } catch (error) {
        if (!(error instanceof AosError)) die(error, batch);
        for (const { waiting } of turns) waiting.reject(error);
        continue;
      }
      world = next;
      last = turns.at(-1)?.turn.bytes.at(-1) ?? last;
      begun ||= turns.length > 0;
      for (const { turn, waiting } of turns) {
        for (const listener of listeners) listener(turn);
        waiting.resolve(turn.records);
        dispatcher.offer(turn.records, turn.world);
        dues.follow(turn.records, turn.world);
      }
      keeper?.look();
    }
    // In the same tick as the last look at the queue: whoever comes next starts a new run.
    turning = undefined;
    atRest();
  }

  /** The program is wrong: nothing of this batch is appended, and nothing after it. */
  function die(error: unknown, batch: readonly Waiting[]): void {
    fault = error instanceof StateLost ? error.cause : error;
    for (const { reject } of [...batch, ...queue.splice(0)]) reject(fault);
  }

  if (!begun) {
    await enqueue((_, at) => ({ kind: "genesis", world: options.world, sandbox: options.sandbox, limits: decode(canonical({ ...LIMITS })), ...at }));
  }

  return {
    shelf, opened,
    get world() {
      return world;
    },
    submit(offer) {
      return take((now, at) => admitEvent(now, offer, at));
    },
    async apply(request) {
      const bundle = await blobs.put(bundleOf(request.control));
      for (const artifact of request.artifacts) await blobs.put(artifact);
      const control = await shelf.prepare(bundle);
      assert(control.manifestHash === request.control.manifestHash, "a bundle reads back as the control plane it was made of (I7)");
      const base = request.base === undefined ? {} : { base: request.base };
      return take((now, at) => {
        refuseMisfits(now, control, options.modules);
        return { kind: "applied", manifest: control.manifestHash, bundle, commit: request.commit, ...base, decision: request.decision, ...at };
      });
    },
    transition(state, detail, commit) {
      const of = commit === undefined ? {} : { commit };
      return take((_, at) => ({ kind: "transition", state, detail, ...of, ...at }));
    },
    decide(offer, check) {
      return take((now, at) => {
        check?.(now);
        return admitApproval(now, offer, at);
      });
    },
    cancelPlan: (offer) => take((now, at) => admitCancel(now, offer, at)),
    async cancelEffect(seq) {
      if (trieGet(world.intents, String(seq)) !== undefined && dispatcher.cancel(seq)) return;
      throw new AosError("effect.unknown", `#${seq}: no effect is open there`, { hint: "`aos effects ls` lists those that are" });
    },
    effectState: (seq) => dispatcher.stateOf(seq),
    snapshot(mode = "changes") {
      if (keeper === undefined) return Promise.reject(new AosError("snapshot.none", "this world was opened without a place for snapshots"));
      return phase === "stopped" ? Promise.reject(stoppingError()) : keeper.take(mode);
    },
    onSnapshot(listener) {
      snapshotListeners.push(listener);
    },
    onTurn(listener) {
      listeners.push(listener);
    },
    startEffects() {
      dispatcher.start(world, openedSeq);
      dues.start(world);
    },
    async settled() {
      while (turning !== undefined || dispatcher.running > 0) await (turning ?? dispatcher.idle());
    },
    async stop(graceMs = 5_000) {
      if (phase === "open") phase = "stopping";
      dues.stop();
      await dispatcher.stop(graceMs);
      while (turning !== undefined) await turning;
      await keeper?.idle();
      phase = "stopped";
      await snapshots?.close();
      await journal.close();
    },
  };
}

/** Module hashes of a control plane that need an artifact. */
export function artifactHashes(control: ControlPlane): readonly Hash[] {
  return [...control.modules.values()].map((module) => module.wasm_hash).filter((hash) => hash !== ZERO_HASH);
}

function refuseMisfits(world: World, control: ControlPlane, modules: ModuleRunner): void {
  const cells = applyRefusals(world, control, modules);
  const [first] = cells;
  if (first === undefined) return;
  throw new AosError("apply.misfit", `${cells.length === 1 ? "" : `${cells.length} cells do not fit the new schemas, first `}${first.reducer}: ${first.reason}`, {
    hint: "keep the state schema, or propose a migration", data: { cells: cells.map(({ reducer, reason }) => ({ reducer, reason })) },
  });
}

/** A world that stops takes no inputs: what falls due then does so again when it is opened. */
function unlessStopped(error: unknown): void {
  if (!(error instanceof AosError)) throw error;
}

function stoppingError(): AosError {
  return new AosError("world.stopping", "the world is stopping", { class: "outside", hint: "send it again when it runs" });
}
