// The loop around the machine: admit, step, append, then run the effects; their receipts come back as inputs.

import { AosError, assert } from "./air/error.ts";
import { bundleOf } from "./air/load.ts";
import { bytesEqual, ZERO_HASH } from "./air/hash.ts";
import type { ControlPlane } from "./air/types.ts";
import type { Hash, Value } from "./air/value.ts";
import { admitEvent, admitReceipt, misfits, type EventOffer } from "./core/admit.ts";
import { LIMITS } from "./core/limits.ts";
import { decodeRecord, encodeRecord, type Input, type JournalRecord, type Stamp } from "./core/record.ts";
import { step } from "./core/step.ts";
import { blankWorld, type World } from "./core/world.ts";
import { createDispatcher, type Dispatcher } from "./dispatch.ts";
import { controlShelf, fold, type ControlShelf } from "./fold.ts";
import { decode, canonical } from "./air/cbor.ts";
import type { Adapter, Blobs, Clock, Entropy, Journal, ModuleRunner, Signer } from "./ports.ts";

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
  /** How long one effect may take. */
  readonly effectTimeoutMs?: number;
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
  /** Takes an event; resolves when its turn is durable, with the records of that turn (a `rejected` record is an answer too). */
  submit(offer: EventOffer): Promise<readonly JournalRecord[]>;
  /** Puts a control plane in force at a turn boundary. @throws AosError `apply.misfit` listing cells that do not fit; nothing changed then */
  apply(request: ApplyRequest): Promise<readonly JournalRecord[]>;
  /** Records a step of the controller. */
  transition(state: string, detail: Value, commit?: string): Promise<readonly JournalRecord[]>;
  /** Called after each turn is durable, in order. */
  onTurn(listener: (turn: DurableTurn) => void): void;
  /** Starts sending intents that a crash left open, and those made from now on. Until then effects wait. */
  startEffects(): void;
  /** Resolves when no input waits and no effect runs. */
  settled(): Promise<void>;
  /** Takes no more inputs, lets running effects finish for `graceMs`, closes the journal. Open intents stay open. */
  stop(graceMs?: number): Promise<void>;
}

interface Waiting {
  readonly make: (world: World, stamp: Stamp) => Input;
  readonly resolve: (records: readonly JournalRecord[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens a world: replays its journal, comparing every derived record.
 *
 * @throws AosError `replay.divergence`, `world.other` (another world's journal), `sandbox.version`
 */
export async function openHost(options: HostOptions): Promise<Host> {
  const { journal, blobs } = options;
  const shelf = controlShelf(options.modules, blobs);
  const replayed = await fold(recordsOf(journal, options), shelf);

  let world: World = replayed ?? blankWorld(options.world, options.sandbox);
  const openedSeq = world.nextSeq;
  let begun = replayed !== undefined;
  let fault: unknown;
  let phase: "open" | "stopping" | "stopped" = "open";
  let turning: Promise<void> | undefined;
  const queue: Waiting[] = [];
  const listeners: ((turn: DurableTurn) => void)[] = [];
  const dispatcher: Dispatcher = createDispatcher({ ...options, timeoutMs: options.effectTimeoutMs ?? 30_000, deliver: (receipt) => enqueue((now, stamp) => admitReceipt(now, { ...receipt, ...stamp })).then(() => undefined) });

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
    return { now_ns: now, logical_ns: now > at.logicalNs ? now : at.logicalNs, entropy: options.entropy.bytes(32) };
  }

  /** Everything that waits is stepped in order and made durable together: one write, one fsync (group commit). */
  async function turnAll(): Promise<void> {
    while (queue.length > 0 && fault === undefined) {
      const batch = queue.splice(0, 1024);
      const turns: { readonly turn: DurableTurn; readonly waiting: Waiting }[] = [];
      let next = world;
      for (const waiting of batch) {
        try {
          const made = step(begun || turns.length > 0 ? next : undefined, waiting.make(next, stamp(next)), shelf);
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
      begun ||= turns.length > 0;
      for (const { turn, waiting } of turns) {
        for (const listener of listeners) listener(turn);
        waiting.resolve(turn.records);
        dispatcher.offer(turn.records, turn.world);
      }
    }
    // In the same tick as the last look at the queue: whoever comes next starts a new run.
    turning = undefined;
  }

  /** The program is wrong: nothing of this batch is appended, and nothing after it. */
  function die(error: unknown, batch: readonly Waiting[]): void {
    fault = error;
    for (const { reject } of [...batch, ...queue.splice(0)]) reject(error);
  }

  if (!begun) {
    await enqueue((_, at) => ({ kind: "genesis", world: options.world, sandbox: options.sandbox, limits: decode(canonical({ ...LIMITS })), ...at }));
  }

  return {
    shelf,
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
        refuseMisfits(now, control);
        return { kind: "applied", manifest: control.manifestHash, bundle, commit: request.commit, ...base, decision: request.decision, ...at };
      });
    },
    transition(state, detail, commit) {
      const of = commit === undefined ? {} : { commit };
      return take((_, at) => ({ kind: "transition", state, detail, ...of, ...at }));
    },
    onTurn(listener) {
      listeners.push(listener);
    },
    startEffects() {
      dispatcher.start(world, openedSeq);
    },
    async settled() {
      while (turning !== undefined || dispatcher.running > 0) await (turning ?? dispatcher.idle());
    },
    async stop(graceMs = 5_000) {
      if (phase === "open") phase = "stopping";
      await dispatcher.stop(graceMs);
      while (turning !== undefined) await turning;
      phase = "stopped";
      await journal.close();
    },
  };
}

/** Module hashes of a control plane that need an artifact. */
export function artifactHashes(control: ControlPlane): readonly Hash[] {
  return [...control.modules.values()].map((module) => module.wasm_hash).filter((hash) => hash !== ZERO_HASH);
}

function refuseMisfits(world: World, control: ControlPlane): void {
  const cells = misfits(world, control);
  const [first] = cells;
  if (first === undefined) return;
  throw new AosError("apply.misfit", `${cells.length} cells do not fit the new state schemas, first ${first.reducer}: ${first.reason}`, {
    hint: "keep the state schema, or propose a migration", data: { cells: cells.map(({ reducer, reason }) => ({ reducer, reason })) },
  });
}

/** The turns of a journal, refused at its first record when it is not this world's or not this build's. */
async function* recordsOf(journal: Journal, build: Pick<HostOptions, "world" | "sandbox">): AsyncGenerator<readonly Uint8Array[]> {
  for await (const { firstSeq, records: [first], records } of journal.read(0)) {
    const genesis = firstSeq === 0 && first !== undefined ? decodeRecord(first) : undefined;
    if (genesis?.kind === "genesis") checkGenesis(genesis, build);
    yield records;
  }
}

function checkGenesis(genesis: Input<"genesis">, build: Pick<HostOptions, "world" | "sandbox">): void {
  if (genesis.world !== build.world) throw new AosError("world.other", `the journal is of world ${genesis.world}, not ${build.world}`);
  const hint = "run it with the release that made it";
  if (genesis.sandbox !== build.sandbox) throw new AosError("sandbox.version", `the world pins sandbox ${genesis.sandbox}, this build is ${build.sandbox}`, { hint });
  if (!bytesEqual(canonical(genesis.limits), canonical({ ...LIMITS }))) throw new AosError("sandbox.version", "the world pins other limits than those of this build", { hint });
}

function stoppingError(): AosError {
  return new AosError("world.stopping", "the world is stopping", { class: "outside", hint: "send it again when it runs" });
}
