// Durable intents go to their adapters, concurrently and within a deadline; each answer becomes a signed receipt.

import { canonical } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import type { Hash } from "./air/value.ts";
import { machineOf } from "./core/machine.ts";
import { normalPayload, receiptMessage, RECEIPT_NAMESPACE, sshsigBytes, type ReceiptFacts, type ReceiptStatus } from "./core/receipt.ts";
import type { Input, JournalRecord, Stamp } from "./core/record.ts";
import { trieEntries, trieGet } from "./core/trie.ts";
import type { OpenIntent, World } from "./core/world.ts";
import type { Adapter, AdapterResult, Clock, Signer } from "./ports.ts";

/** A receipt that waits for its stamp. */
export type UnstampedReceipt = Omit<Input<"receipt">, keyof Stamp>;

export interface DispatchOptions {
  readonly adapters: readonly Adapter[];
  readonly clock: Clock;
  readonly signer: Signer;
  readonly world: Hash;
  readonly timeoutMs: number;
  /** Hands a signed receipt to the host; resolves when it is durable. */
  readonly deliver: (receipt: UnstampedReceipt) => Promise<void>;
}
export interface Dispatcher {
  readonly running: number;
  /** Sends the intents among the records of a durable turn; before `start` they wait in the world. */
  offer(records: readonly JournalRecord[], world: World): void;
  /**
   * Sends what is open, once. An intent before `openedSeq` may have been sent by a run that crashed: it is sent again where the
   * adapter may, else its receipt says `outcome_unknown`.
   */
  start(world: World, openedSeq: number): void;
  idle(): Promise<void>;
  /** Sends nothing more. What still runs after `graceMs` is cut off without a receipt: its intent stays open. */
  stop(graceMs: number): Promise<void>;
}

/** Calls of one adapter that run at a time. */
const CONCURRENT_MAX = 32;
/** How long after its deadline an adapter may still answer, with what it learned until then. */
const LATE_MS = 1_000;

type Answer = AdapterResult & { readonly code?: string };

export function createDispatcher(options: DispatchOptions): Dispatcher {
  const adapterOf = new Map(options.adapters.flatMap((adapter) => adapter.effects.map((effect) => [effect, adapter] as const)));
  const running = new Set<Promise<void>>();
  const busy = new Map<string, number>();
  const queued: { readonly intent: OpenIntent; readonly world: World }[] = [];
  /** Cuts off one running call each. */
  const cuts = new Set<() => void>();
  let started = false;
  let stopping = false;

  function pump(): void {
    for (let index = 0; index < queued.length && !stopping; ) {
      const next = queued[index];
      const id = adapterOf.get(next?.intent.effect ?? "")?.id ?? "adapter.missing";
      if (next === undefined || (busy.get(id) ?? 0) >= CONCURRENT_MAX) {
        index++;
        continue;
      }
      queued.splice(index, 1);
      busy.set(id, (busy.get(id) ?? 0) + 1);
      const work: Promise<void> = send(next.intent, next.world).finally(() => {
        busy.set(id, (busy.get(id) ?? 1) - 1);
        running.delete(work);
        pump();
      });
      running.add(work);
    }
  }

  async function send(intent: OpenIntent, world: World): Promise<void> {
    const startedNs = options.clock.now();
    const adapter = adapterOf.get(intent.effect);
    const answer = adapter === undefined ? nothing("adapter.missing") : await call(adapter, intent, world);
    if (answer !== undefined) await answerWith(intent, world, { ...answer, adapter: adapter?.id ?? "adapter.missing", startedNs });
  }

  /** Undefined when the stop cut it off: the outcome is not known. */
  function call(adapter: Adapter, intent: OpenIntent, world: World): Promise<Answer | undefined> {
    const abort = new AbortController();
    return new Promise((resolve) => {
      const end = (answer: Answer | undefined): void => {
        clearTimeout(due);
        clearTimeout(late);
        cuts.delete(cut);
        resolve(answer);
      };
      const cut = (): void => {
        end(undefined);
        abort.abort();
      };
      const due = setTimeout(() => abort.abort(), options.timeoutMs);
      const late = setTimeout(() => end(nothing("adapter.timeout")), options.timeoutMs + LATE_MS);
      cuts.add(cut);
      const run = async (): Promise<AdapterResult> => adapter.run({ ...callOf(intent, world), deadlineMs: options.timeoutMs, signal: abort.signal });
      // An adapter reports what the outside did as a status; what it throws is its own fault and may hold secrets.
      run().then(end, () => end(nothing(abort.signal.aborted ? "adapter.timeout" : "adapter.failed")));
    });
  }

  async function answerWith(
    intent: OpenIntent,
    world: World,
    answer: Answer & { readonly adapter: string; readonly startedNs: bigint },
  ): Promise<void> {
    if (world.control === undefined) return;
    const normal = normalPayload(world.control, intent.effect, answer);
    const code = answer.code ?? normal.code;
    const facts: ReceiptFacts = {
      world: options.world, intent: intent.intent, intentSeq: intent.seq, adapter: answer.adapter, status: normal.status, payload: normal.payload,
      code, costCents: answer.costCents, startedNs: answer.startedNs, finishedNs: options.clock.now(),
    };
    await options.deliver(signReceipt(facts, options.signer)).catch((error: unknown) => {
      // The world stopped or its disk failed: the intent stays open and is taken up at the next start.
      if (!(error instanceof AosError)) throw error;
    });
  }

  return {
    get running() {
      return running.size + queued.length;
    },
    offer(records, world) {
      if (!started || stopping) return;
      for (const record of records) {
        const intent = record.kind === "intent" ? trieGet(world.intents, String(record.seq)) : undefined;
        if (intent !== undefined) queued.push({ intent, world });
      }
      pump();
    },
    start(world, openedSeq) {
      if (started) return;
      started = true;
      const open = [...trieEntries(world.intents)].map(([, intent]) => intent).sort((a, b) => a.seq - b.seq);
      for (const intent of open) {
        const adapter = adapterOf.get(intent.effect);
        if (intent.seq >= openedSeq || adapter === undefined || adapter.resend(callOf(intent, world)) === "again") queued.push({ intent, world });
        else running.add(track(answerWith(intent, world, { ...nothing("outcome_unknown"), adapter: adapter.id, startedNs: options.clock.now() })));
      }
      pump();
    },
    async idle() {
      await Promise.race(running);
    },
    async stop(graceMs) {
      stopping = true;
      queued.length = 0;
      await within(graceMs, Promise.allSettled(running));
      for (const cut of cuts) cut();
      await Promise.allSettled(running);
    },
  };

  function track(work: Promise<void>): Promise<void> {
    const tracked: Promise<void> = work.finally(() => running.delete(tracked));
    return tracked;
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

function callOf(intent: OpenIntent, world: World): Parameters<Adapter["resend"]>[0] {
  const grant = world.control === undefined ? undefined : machineOf(world.control).grants.get(intent.cap);
  return { intentHash: intent.intent, effect: intent.effect, params: intent.params, idempotencyKey: intent.idempotencyKey, capParams: grant?.params ?? canonical(null) };
}

function nothing(code: string): Answer {
  return { status: code === "adapter.timeout" ? "timeout" : "error", payload: canonical(null), code };
}

/** Waits for the work, at most so long. */
async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
