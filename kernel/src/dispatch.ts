// Durable intents go to their adapters, concurrently; each answer becomes a signed receipt, and that is kept until it is durable.

import { AosError } from "./air/error.ts";
import type { ControlPlane } from "./air/types.ts";
import type { Hash } from "./air/value.ts";
import { normalPayload, receiptMessage, RECEIPT_NAMESPACE, sshsigBytes, type ReceiptFacts, type ReceiptStatus } from "./core/receipt.ts";
import type { Input, JournalRecord, Stamp } from "./core/record.ts";
import { trieEntries, trieGet } from "./core/trie.ts";
import type { OpenIntent, World } from "./core/world.ts";
import { backoffMs, callOf, noAnswer, pause, startCall, type CallDeps, type RunningCall } from "./dispatch-call.ts";
import type { Adapter, AdapterResult, Signer } from "./ports.ts";

/** A receipt that waits for its stamp. */
export type UnstampedReceipt = Omit<Input<"receipt">, keyof Stamp>;

export interface DispatchOptions extends CallDeps {
  readonly adapters: readonly Adapter[];
  readonly signer: Signer;
  readonly world: Hash;
  /**
   * Hands a signed receipt to the host; resolves when it is durable. Where it rejects because the outside did not answer (a full
   * disk), the receipt is kept and handed over again; the effect is not carried out a second time.
   */
  readonly deliver: (receipt: UnstampedReceipt) => Promise<void>;
}
/** `waiting`: for a time of its own choice, as timers do. `adapter`: undefined where no adapter carries out that effect. */
export interface CallState {
  readonly adapter: string | undefined;
  readonly state: "queued" | "running" | "waiting" | "answered";
}
export interface Dispatcher {
  /** Calls and receipts that are on their way; a call without a time limit counts only while it does not wait. */
  readonly running: number;
  /**
   * Sends the intents among the records of a durable turn, and drops what a `withdrawn` among them names, without a receipt.
   * Before `start` they wait in the world.
   */
  offer(records: readonly JournalRecord[], world: World): void;
  /**
   * Sends what is open, once. An intent before `openedSeq` may have been sent by a run that crashed: it is sent again where the
   * adapter may, else its receipt says `outcome_unknown`.
   */
  start(world: World, openedSeq: number): void;
  /**
   * Ends the call of an intent: its receipt is an `error` with the code `cancelled`.
   * @returns false where there is nothing to end: no such intent, or its answer is there already
   */
  cancel(intentSeq: number): boolean;
  /** Where the call of an open intent stands; undefined while it was not taken up, and once its receipt is there. */
  stateOf(intentSeq: number): CallState | undefined;
  /** Resolves when one thing less runs; at once when nothing does. */
  idle(): Promise<void>;
  /** Sends nothing more. What waits, and what still runs after `graceMs`, is cut off without a receipt: its intent stays open. */
  stop(graceMs: number): Promise<void>;
}

/** Calls of one adapter that run at a time, where it does not say. */
const CONCURRENT = 32;

/** The calls of one adapter; those of effects that have none are answered in a lane of their own. */
interface Lane {
  readonly adapter: Adapter | undefined;
  busy: number;
  readonly queue: Set<Task>;
}
interface Task {
  readonly intent: OpenIntent;
  readonly control: ControlPlane;
  readonly lane: Lane;
  call: RunningCall | undefined;
  state: "queued" | "running" | "waiting" | "answered" | "dropped";
}

export function createDispatcher(options: DispatchOptions): Dispatcher {
  const lanes = new Map<string, Lane>();
  const missing: Lane = { adapter: undefined, busy: 0, queue: new Set() };
  for (const adapter of options.adapters) {
    const lane: Lane = { adapter, busy: 0, queue: new Set() };
    for (const effect of adapter.effects) lanes.set(effect, lane);
  }
  /** By the seq of the intent. */
  const tasks = new Map<number, Task>();
  const works = new Set<Promise<void>>();
  const watchers = new Set<() => void>();
  /** Of receipts that could not be recorded: what ends their wait for the next time. */
  const rests = new Set<AbortController>();
  let stopped = false;
  let waitingCount = 0;
  let started = false;
  let stopping = false;

  function add(intent: OpenIntent, control: ControlPlane): Task {
    const task: Task = { intent, control, lane: lanes.get(intent.effect) ?? missing, call: undefined, state: "queued" };
    tasks.set(intent.seq, task);
    return task;
  }

  function enqueue(task: Task): void {
    task.lane.queue.add(task);
    pump(task.lane);
  }

  function pump(lane: Lane): void {
    const most = lane.adapter?.concurrency ?? CONCURRENT;
    for (const task of lane.queue) {
      if (lane.busy >= most || stopping) return;
      lane.queue.delete(task);
      lane.busy++;
      work(task, send(task).finally(() => {
        lane.busy--;
        pump(lane);
      }));
    }
  }

  function work(task: Task, doing: Promise<void>): void {
    const tracked: Promise<void> = doing.finally(() => {
      works.delete(tracked);
      tasks.delete(task.intent.seq);
      changed();
    });
    works.add(tracked);
  }

  function changed(): void {
    for (const watcher of watchers) watcher();
    watchers.clear();
  }

  /** A state of a task that is to come to its end; a task that waits for its time does not count as running. */
  function turn(task: Task, state: Task["state"]): void {
    if (task.state === "dropped") return;
    if (task.state === "waiting") waitingCount--;
    task.state = state;
    if (state === "waiting") waitingCount++;
    if (state === "waiting") changed();
  }

  async function send(task: Task): Promise<void> {
    const startedNs = options.clock.now();
    const { adapter } = task.lane;
    let result: AdapterResult | undefined = noAnswer("adapter.missing");
    if (adapter !== undefined) {
      turn(task, adapter.timeoutMs === "none" ? "waiting" : "running");
      const awake = (): void => {
        if (task.state === "waiting") turn(task, "running");
      };
      // On a clock that does not run by itself nobody would move it while the wait counts as running.
      const resting = (): (() => void) => {
        if (options.clock.wake !== undefined && task.state === "running") turn(task, "waiting");
        return awake;
      };
      task.call = startCall(options, { adapter, intent: task.intent, control: task.control, awake, resting });
      result = await task.call.answer;
    }
    if (result !== undefined) await answer(task, result, startedNs);
  }

  async function answer(task: Task, result: AdapterResult, startedNs: bigint): Promise<void> {
    turn(task, "answered");
    const { intent, control, lane } = task;
    const normal = normalPayload(control, intent.effect, result);
    const facts: ReceiptFacts = {
      world: options.world, intent: intent.intent, intentSeq: intent.seq, adapter: lane.adapter?.id ?? "adapter.missing", status: normal.status,
      payload: normal.payload, code: (normal.status === "ok" ? undefined : result.code) ?? normal.code, costCents: result.costCents, startedNs, finishedNs: options.clock.now(),
    };
    await deliver(task, signReceipt(facts, options.signer));
  }

  /** The task keeps its place in its lane meanwhile: while nothing can be recorded, not much is done. */
  async function deliver(task: Task, receipt: UnstampedReceipt): Promise<void> {
    for (let tried = 1; task.state !== "dropped" && !stopped; tried++) {
      try {
        return await options.deliver(receipt);
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        // The world stopped: the intent stays open and is taken up at the next start.
        if (error.class !== "outside" || error.code === "world.stopping") return;
      }
      // What keeps a receipt from being recorded is here, on this machine: its time is the process's.
      const rest = new AbortController();
      rests.add(rest);
      await pause(backoffMs(tried, options.entropy), { clock: undefined, signal: rest.signal });
      rests.delete(rest);
    }
  }

  function drop(task: Task): void {
    turn(task, "dropped");
    if (task.lane.queue.delete(task)) tasks.delete(task.intent.seq);
    task.call?.cut();
    changed();
  }

  return {
    get running() {
      return tasks.size - waitingCount;
    },
    offer(records, world) {
      if (!started || stopping) return;
      for (const record of records) {
        if (record.kind === "withdrawn") {
          const task = tasks.get(record.intent_seq);
          if (task !== undefined) drop(task);
        }
        const intent = record.kind === "intent" ? trieGet(world.intents, String(record.seq)) : undefined;
        if (intent !== undefined && world.control !== undefined) enqueue(add(intent, world.control));
      }
    },
    start(world, openedSeq) {
      const { control } = world;
      if (started) return;
      started = true;
      if (control === undefined) return;
      const open = [...trieEntries(world.intents)].map(([, intent]) => intent).sort((a, b) => a.seq - b.seq);
      for (const intent of open) {
        const task = add(intent, control);
        const { adapter } = task.lane;
        if (intent.seq >= openedSeq || adapter === undefined || mayResend(adapter, intent, control)) enqueue(task);
        else work(task, answer(task, noAnswer("outcome_unknown"), options.clock.now()));
      }
    },
    cancel(intentSeq) {
      const task = tasks.get(intentSeq);
      if (task === undefined || task.state === "answered" || task.state === "dropped") return false;
      if (task.lane.queue.delete(task)) work(task, answer(task, noAnswer("cancelled"), options.clock.now()));
      else {
        turn(task, "running");
        task.call?.cancel();
      }
      return true;
    },
    stateOf(intentSeq) {
      const task = tasks.get(intentSeq);
      return task === undefined || task.state === "dropped" ? undefined : { adapter: task.lane.adapter?.id, state: task.state };
    },
    async idle() {
      if (tasks.size > waitingCount) await new Promise<void>((resolve) => watchers.add(resolve));
    },
    async stop(graceMs) {
      stopping = true;
      for (const task of tasks.values()) if (task.state === "queued" || task.state === "waiting") drop(task);
      await within(graceMs, Promise.allSettled(works));
      stopped = true;
      for (const rest of rests) rest.abort();
      for (const task of tasks.values()) task.call?.cut();
      await Promise.allSettled(works);
    },
  };
}

/** Whether a call may have been sent and may be sent again; an adapter that cannot tell has not said yes. */
function mayResend(adapter: Adapter, intent: OpenIntent, control: ControlPlane): boolean {
  try {
    return adapter.resend(callOf(intent, control)) === "again";
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return false;
  }
}

/** Signs the facts of a receipt. */
export function signReceipt(facts: ReceiptFacts, signer: Signer): UnstampedReceipt {
  const signature = signer.sign(sshsigBytes(RECEIPT_NAMESPACE, receiptMessage(facts)));
  return {
    kind: "receipt", intent: facts.intent, intent_seq: facts.intentSeq, adapter: facts.adapter, status: facts.status, payload: facts.payload,
    ...(facts.code === undefined ? {} : { code: facts.code }), ...(facts.costCents === undefined ? {} : { cost_cents: facts.costCents }),
    started_ns: facts.startedNs, finished_ns: facts.finishedNs, signer: signer.publicKey, signature,
  };
}

/** The facts a journaled receipt vouches for; what its signature must be over. */
export function receiptFacts(world: Hash, receipt: Input<"receipt">): ReceiptFacts {
  return {
    world, intent: receipt.intent, intentSeq: receipt.intent_seq, adapter: receipt.adapter, status: receipt.status as ReceiptStatus, payload: receipt.payload,
    code: receipt.code, costCents: receipt.cost_cents, startedNs: receipt.started_ns, finishedNs: receipt.finished_ns,
  };
}

/** Waits for the work, at most so long. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
