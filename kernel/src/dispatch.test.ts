import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import assert from "node:assert/strict";
import { ed25519Signer } from "./adapters/signer.ts";
import { canonical, decode } from "./air/cbor.ts";
import { AosError } from "./air/error.ts";
import { machineOf } from "./core/machine.ts";
import { receiptMessage, RECEIPT_NAMESPACE, sshsigBytes } from "./core/receipt.ts";
import type { Input, JournalRecord } from "./core/record.ts";
import { trieEntries, trieSet } from "./core/trie.ts";
import type { World } from "./core/world.ts";
import { backoffMs } from "./dispatch-call.ts";
import { createDispatcher, receiptFacts, type Dispatcher, type DispatchOptions, type UnstampedReceipt } from "./dispatch.ts";
import type { Adapter, AdapterCall, AdapterResult, Entropy } from "./ports.ts";
import { applyFetch, fetchParts, openOn, quiet, recordsIn, startOffer } from "./testing/host-kit.ts";
import { manualClock } from "./testing/manual-clock.ts";
import { httpReceipt } from "./testing/stub-adapter.ts";

const INTENTS = 40;
/** The shortest wait there is. */
const NO_JITTER: Entropy = { bytes: (count) => new Uint8Array(count) };
const SIGNER = ed25519Signer(new Uint8Array(32).fill(5));
const OK: AdapterResult = { status: "ok", payload: canonical(httpReceipt(200)), costCents: 3 };

interface Opened {
  readonly world: World;
  readonly records: readonly JournalRecord[];
}

/** A world with 40 open intents of `http.request`, and its records. */
async function openedWorld(): Promise<Opened> {
  const parts = fetchParts();
  const host = await openOn(parts);
  await applyFetch(host, parts);
  await Promise.all(Array.from({ length: INTENTS }, (_, index) => host.submit(startOffer(String(index)))));
  const { world } = host;
  await host.stop();
  return { world, records: await recordsIn(parts.journal) };
}

const { world, records } = await openedWorld();
const intents = records.filter((record) => record.kind === "intent");
const [firstIntent] = intents;
assert.ok(firstIntent !== undefined);

function dispatcherOf(adapters: readonly Adapter[], options: Partial<DispatchOptions> = {}): { readonly dispatcher: Dispatcher; readonly delivered: UnstampedReceipt[] } {
  const delivered: UnstampedReceipt[] = [];
  const deliver = async (receipt: UnstampedReceipt): Promise<void> => void delivered.push(receipt);
  return { delivered, dispatcher: createDispatcher({ adapters, clock: manualClock(5n), entropy: NO_JITTER, signer: SIGNER, world: world.id, timeoutMs: 30_000, deliver, ...options }) };
}

function adapterOf(run: (call: AdapterCall) => Promise<AdapterResult>, resend: "again" | "unknown" = "again"): Adapter {
  return { id: "test", effects: ["http.request"], resend: () => resend, run };
}

async function finish(dispatcher: Dispatcher): Promise<void> {
  while (dispatcher.running > 0) await dispatcher.idle();
}

/** Sends one intent and gives its receipt; time passes whenever nothing else happens. */
async function receiptOf(adapters: readonly Adapter[], options: Partial<DispatchOptions> = {}): Promise<UnstampedReceipt> {
  const clock = manualClock(5n);
  const { dispatcher, delivered } = dispatcherOf(adapters, { clock, ...options });
  dispatcher.start({ ...world, intents: { node: undefined } }, world.nextSeq);
  dispatcher.offer([firstIntent as JournalRecord], world);
  for (await quiet(); delivered.length === 0; await quiet()) clock.advance((clock.nextWakeNs ?? clock.now()) - clock.now());
  await finish(dispatcher);
  assert.equal(clock.nextWakeNs, undefined, "nobody waits any more");
  assert.equal(delivered.length, 1);
  return delivered[0] as UnstampedReceipt;
}

const answers: readonly { readonly name: string; readonly adapters: readonly Adapter[]; readonly status: string; readonly code: string | undefined; readonly adapter?: string }[] = [
  { name: "an answer that fits", adapters: [adapterOf(async () => OK)], status: "ok", code: undefined },
  { name: "an error that fits", adapters: [adapterOf(async () => ({ ...OK, status: "error" }))], status: "error", code: undefined },
  { name: "an answer that fits no schema", adapters: [adapterOf(async () => ({ status: "ok", payload: canonical({ no: 1 }) }))], status: "error", code: "receipt.invalid" },
  { name: "an answer that is no CBOR", adapters: [adapterOf(async () => ({ status: "ok", payload: Uint8Array.of(0xff) }))], status: "error", code: "receipt.invalid" },
  { name: "a timeout that fits no schema", adapters: [adapterOf(async () => ({ status: "timeout", payload: canonical(null) }))], status: "timeout", code: "receipt.invalid" },
  { name: "an adapter that rejects", adapters: [adapterOf(async () => { throw new Error("password hunter2"); })], status: "error", code: "adapter.failed" },
  { name: "an adapter that throws", adapters: [adapterOf(() => { throw new Error("password hunter2"); })], status: "error", code: "adapter.failed" },
  { name: "no adapter of that effect", adapters: [{ ...adapterOf(async () => OK), effects: ["other"] }], status: "error", code: "adapter.missing", adapter: "adapter.missing" },
];
for (const { name, adapters, status, code, adapter = "test" } of answers) {
  test(`dispatch: ${name}: a signed receipt with status ${status}${code === undefined ? "" : ` and code ${code}`}`, async () => {
    const receipt = await receiptOf(adapters);
    assert.deepEqual([receipt.status, receipt.code, receipt.adapter], [status, code, adapter]);
    assert.deepEqual([receipt.intent, receipt.intent_seq], [firstIntent.intent, firstIntent.seq]);
    assert.equal(receipt.cost_cents, code === undefined ? 3 : undefined);
    assert.equal(decode(receipt.payload) === null, code !== undefined);
    assert.doesNotMatch(JSON.stringify([...receipt.payload.values(), receipt.code]), /hunter2/);
    assert.ok(holds(receipt), "the signature holds over the facts of the receipt");
    for (const forged of [{ status: "no" }, { intent_seq: 0 }, { payload: canonical(1) }, { adapter: "other" }, { code: "x" }, { cost_cents: 4 }, { finished_ns: 9n }]) {
      assert.ok(!holds({ ...receipt, ...forged }), Object.keys(forged).join());
    }
  });
}

function holds(receipt: UnstampedReceipt): boolean {
  const facts = receiptFacts(world.id, receipt as Input<"receipt">);
  const x = Buffer.from(receipt.signer).toString("base64url");
  return verify(null, sshsigBytes(RECEIPT_NAMESPACE, receiptMessage(facts)), createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), receipt.signature);
}

test("dispatch: an adapter gets what the intent and its grant say", async () => {
  const calls: AdapterCall[] = [];
  await receiptOf([adapterOf(async (call) => { calls.push(call); return OK; })], { timeoutMs: 1234 });
  const grant = machineOf(world.control ?? assert.fail()).grants.get("http");
  const [call] = calls;
  assert.deepEqual(
    [call?.intentHash, call?.effect, call?.params, call?.idempotencyKey, call?.capParams, call?.deadlineMs],
    [firstIntent.intent, "http.request", firstIntent.params, firstIntent.idempotency_key, grant?.params, 1234],
  );
  assert.equal(call?.signal.aborted, false);
});

test("dispatch: forty open intents: oldest first, 32 of one adapter at a time, other adapters not held up", async () => {
  const waiting: (() => void)[] = [];
  let now = 0;
  let most = 0;
  const slow = adapterOf(() => {
    now++;
    most = Math.max(most, now);
    return new Promise((resolve) => waiting.push(() => { now--; resolve(OK); }));
  });
  const { dispatcher, delivered } = dispatcherOf([slow, { ...slow, id: "timer", effects: ["timer.set"], run: async () => OK }]);
  dispatcher.start(world, world.nextSeq);
  assert.equal(dispatcher.running, INTENTS);
  await quiet();
  assert.equal(now, 32);
  const [[, open] = []] = trieEntries(world.intents);
  assert.ok(open !== undefined);
  const timer = { ...firstIntent, seq: world.nextSeq, effect: "timer.set" } as JournalRecord;
  dispatcher.offer([timer], { ...world, intents: trieSet(world.intents, String(timer.seq), { ...open, seq: timer.seq, effect: "timer.set" }) });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(delivered.map(({ intent_seq }) => intent_seq), [timer.seq]);
  for (let wave = 0; wave < INTENTS; wave++) {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await finish(dispatcher);
  assert.equal(most, 32);
  assert.deepEqual(delivered.slice(1).map(({ intent_seq }) => intent_seq), intents.map(({ seq }) => seq as number));
});

test("dispatch: before start: an offer waits in the world; started a second time: nothing is sent twice", async () => {
  let calls = 0;
  const { dispatcher, delivered } = dispatcherOf([adapterOf(async () => { calls++; return OK; }, "unknown")]);
  dispatcher.offer(records, world);
  assert.equal(dispatcher.running, 0);
  const half = intents[INTENTS / 2]?.seq ?? 0;
  dispatcher.start(world, half);
  dispatcher.start(world, half);
  await finish(dispatcher);
  assert.equal(calls, INTENTS / 2, "those of this run are sent, those of an earlier run are not");
  assert.equal(delivered.filter(({ code }) => code === "outcome_unknown").length, INTENTS / 2);
  assert.equal(new Set(delivered.map(({ intent_seq }) => intent_seq)).size, INTENTS);
});

for (const obeys of ["its signal", "nothing"] as const) {
  test(`dispatch: past the deadline, an adapter that obeys ${obeys}: a receipt with status timeout`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const adapter = adapterOf(({ signal }) => new Promise((_, reject) => {
      if (obeys === "its signal") signal.addEventListener("abort", () => reject(new Error("aborted")));
    }));
    const receipt = receiptOf([adapter], { timeoutMs: 50 });
    for (let looks = 0; looks < 3; looks++) await quiet();
    t.mock.timers.tick(1_000);
    const { status, code } = await receipt;
    assert.deepEqual([status, code], ["timeout", "adapter.timeout"]);
  });
}

test("dispatch: past the deadline, an adapter that answers the abort with an error: a receipt with status timeout, and what it learned", async () => {
  const adapter = adapterOf(({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve({ ...OK, status: "error" }))));
  const { status, code, payload } = await receiptOf([adapter], { timeoutMs: 50 });
  assert.deepEqual([status, code, payload], ["timeout", "adapter.timeout", canonical(decode(OK.payload))]);
});

test("dispatch: stopped: what runs is cut off without a receipt, what is queued is not sent", async () => {
  const signals: AbortSignal[] = [];
  const { dispatcher, delivered } = dispatcherOf([adapterOf(({ signal }) => { signals.push(signal); return new Promise(() => undefined); })]);
  dispatcher.start(world, world.nextSeq);
  await dispatcher.stop(0);
  assert.equal(dispatcher.running, 0);
  assert.deepEqual([signals.length, signals.filter(({ aborted }) => aborted).length], [32, 32]);
  dispatcher.offer(records, world);
  assert.equal(dispatcher.running, 0);
  assert.deepEqual(delivered, []);
});

for (const [failure, tries] of [["the disk is full", 3], ["the world stopped", 1]] as const) {
  test(`dispatch: a receipt that is not taken because ${failure}: ${tries === 1 ? "given up, the intent stays open" : "kept and handed over again"}, the effect carried out once`, async () => {
    const tried = new Map<number, number>();
    let calls = 0;
    const deliver = async ({ intent_seq }: UnstampedReceipt): Promise<void> => {
      tried.set(intent_seq, (tried.get(intent_seq) ?? 0) + 1);
      if ((tried.get(intent_seq) ?? 0) < tries) throw new AosError("journal.io", "the disk is full", { class: "outside" });
      if (tries === 1) throw new AosError("world.stopping", "the world is stopping", { class: "outside" });
    };
    const { dispatcher } = dispatcherOf([adapterOf(async () => { calls++; return OK; })], { deliver });
    dispatcher.start(world, world.nextSeq);
    await finish(dispatcher);
    assert.equal(calls, INTENTS);
    assert.deepEqual([...tried.values()], Array.from({ length: INTENTS }, () => tries));
  });
}

test("dispatch: receipts that wait for a disk with room, more than ten: no warning of Node's, and a stop ends the wait", async (t) => {
  const warnings: string[] = [];
  const note = ({ name }: Error): unknown => warnings.push(name);
  process.on("warning", note);
  t.after(() => process.off("warning", note));
  let tried = 0;
  const deliver = async (): Promise<void> => {
    tried++;
    throw new AosError("journal.io", "the disk is full", { class: "outside" });
  };
  const longest: Entropy = { bytes: (count) => new Uint8Array(count).fill(0xff) };
  const { dispatcher } = dispatcherOf([adapterOf(async () => OK)], { deliver, entropy: longest });
  dispatcher.start(world, world.nextSeq);
  while (tried < 32) await new Promise(setImmediate);
  await dispatcher.stop(0);
  await new Promise(setImmediate);
  assert.equal(dispatcher.running, 0);
  assert.deepEqual(warnings, []);
});

const TRANSIENT: AdapterResult = { ...OK, status: "error", transient: true };
const retries: readonly { readonly name: string; readonly retry?: boolean; readonly answers: readonly AdapterResult[]; readonly calls: number; readonly status: string }[] = [
  { name: "transient, then ok, of a call that may be repeated", retry: true, answers: [TRANSIENT, TRANSIENT, OK], calls: 3, status: "ok" },
  { name: "transient, of a call that may not be repeated", retry: false, answers: [TRANSIENT, OK], calls: 1, status: "error" },
  { name: "transient, of an adapter that says nothing of it", answers: [TRANSIENT, OK], calls: 1, status: "error" },
  { name: "an error that is not transient", retry: true, answers: [{ ...OK, status: "error" }, OK], calls: 1, status: "error" },
  { name: "transient without end", retry: true, answers: [TRANSIENT], calls: 10, status: "error" },
  { name: "asked to be left alone for longer than the deadline", retry: true, answers: [{ ...TRANSIENT, retryAfterMs: 30_000 }, OK], calls: 1, status: "error" },
  { name: "asked to be left alone for a moment", retry: true, answers: [{ ...TRANSIENT, retryAfterMs: 20_000 }, OK], calls: 2, status: "ok" },
];
for (const { name, retry, answers: given, calls, status } of retries) {
  test(`dispatch: ${name}: ${calls} calls with one key, one receipt with status ${status}`, async () => {
    const keys: string[] = [];
    const run = async (call: AdapterCall): Promise<AdapterResult> => {
      keys.push(`${call.intentHash} ${Buffer.from(call.idempotencyKey).toString("hex")}`);
      return given[Math.min(keys.length, given.length) - 1] ?? OK;
    };
    const receipt = await receiptOf([{ ...adapterOf(run), ...(retry === undefined ? {} : { retry: () => retry }) }]);
    assert.equal(receipt.status, status);
    assert.deepEqual([keys.length, new Set(keys).size], [calls, 1]);
  });
}

test("dispatch: backoff: the most doubles from 100 ms to 10 s, and all below it may be drawn", () => {
  const most = { bytes: (count: number) => new Uint8Array(count).fill(0xff) };
  assert.deepEqual([1, 2, 3, 7, 8, 50].map((tried) => backoffMs(tried, most)), [99, 199, 399, 6399, 9999, 9999]);
  assert.deepEqual([1, 8].map((tried) => backoffMs(tried, NO_JITTER)), [0, 0]);
  assert.equal(backoffMs(1, { bytes: () => Uint8Array.of(0x80, 0, 0, 0) }), 50);
});

for (const when of ["queued", "running", "between attempts"] as const) {
  test(`dispatch: cancelled while ${when}: an error receipt with the code cancelled, once; the others go on`, async () => {
    const begun: AdapterCall[] = [];
    const run = (call: AdapterCall): Promise<AdapterResult> => {
      begun.push(call);
      if (when === "between attempts") return Promise.resolve({ ...TRANSIENT, retryAfterMs: 20_000 });
      return new Promise((resolve) => call.signal.addEventListener("abort", () => resolve(OK)));
    };
    const { dispatcher, delivered } = dispatcherOf([{ ...adapterOf(run), concurrency: 1, retry: () => true }]);
    dispatcher.start(world, world.nextSeq);
    const target = (when === "queued" ? intents[1] : intents[0])?.seq ?? assert.fail();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(dispatcher.cancel(target), true);
    assert.equal(dispatcher.cancel(1_000_000), false);
    while (delivered.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await quiet();
    assert.deepEqual(delivered.map(({ intent_seq, status, code }) => [intent_seq, status, code]), [[target, "error", "cancelled"]]);
    assert.ok(holds(delivered[0] as UnstampedReceipt));
    assert.equal(dispatcher.cancel(target), false);
    assert.equal(dispatcher.running, when === "between attempts" ? INTENTS - 2 : INTENTS - 1, "on a clock that stands, a wait between attempts does not count");
    assert.equal(begun.length, when === "queued" ? 1 : 2, "the next one has begun");
    await dispatcher.stop(0);
  });
}

for (const when of ["queued", "running", "not known"] as const) {
  test(`dispatch: a withdrawn record for an intent that is ${when}: ${when === "running" ? "its call is aborted" : "nothing is sent"}, no receipt`, async () => {
    const begun: AdapterCall[] = [];
    const { dispatcher, delivered } = dispatcherOf([{ ...adapterOf((call) => { begun.push(call); return new Promise((resolve) => call.signal.addEventListener("abort", () => resolve(OK))); }), concurrency: 1 }]);
    dispatcher.start({ ...world, intents: { node: undefined } }, world.nextSeq);
    dispatcher.offer(intents.slice(0, 2), world);
    await new Promise((resolve) => setImmediate(resolve));
    const target = { queued: intents[1]?.seq, running: intents[0]?.seq, "not known": 1_000_000 }[when];
    dispatcher.offer([{ kind: "withdrawn", seq: world.nextSeq, intent_seq: target, cause: 0 } as JournalRecord], world);
    while (dispatcher.running > (when === "not known" ? 2 : 1)) await dispatcher.idle();
    assert.equal(begun[0]?.signal.aborted, when === "running");
    if (when !== "not known") while (begun.length < (when === "running" ? 2 : 1)) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(delivered, []);
    await dispatcher.stop(0);
    assert.deepEqual([delivered, dispatcher.running], [[], 0]);
  });
}

test("dispatch: an adapter without a time limit: its wait does not count, its answer does; a stop leaves it open", async () => {
  const due: (() => void)[] = [];
  const run = (call: AdapterCall): Promise<AdapterResult> => new Promise((resolve) => due.push(() => { call.awake?.(); resolve(OK); }));
  const { dispatcher, delivered } = dispatcherOf([{ ...adapterOf(run), concurrency: Number.POSITIVE_INFINITY, timeoutMs: "none" }]);
  dispatcher.start(world, world.nextSeq);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([dispatcher.running, due.length], [0, INTENTS]);
  await dispatcher.idle();
  due[0]?.();
  assert.equal(dispatcher.running, 1, "at once, before anything else happens");
  await finish(dispatcher);
  assert.equal(delivered.length, 1);
  await dispatcher.stop(60_000);
  assert.deepEqual([delivered.length, dispatcher.running], [1, 0]);
});

test("dispatch: an adapter's own limit: its calls get it, and its code stands in the receipt where it is not ok", async () => {
  const calls: AdapterCall[] = [];
  const adapter = adapterOf(async (call) => { calls.push(call); return { ...OK, status: "error", code: "test.why" }; });
  const receipt = await receiptOf([{ ...adapter, timeoutMs: 77 }]);
  assert.deepEqual([calls[0]?.deadlineMs, receipt.code, decode(receipt.payload) === null], [77, "test.why", false]);
  const ok = await receiptOf([{ ...adapter, run: async () => ({ ...OK, code: "test.why" }) }]);
  assert.deepEqual([ok.status, ok.code], ["ok", undefined]);
});
