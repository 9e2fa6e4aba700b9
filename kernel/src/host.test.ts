import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "./air/cbor.ts";
import { AosError, InvariantError } from "./air/error.ts";
import { hashValue } from "./air/hash.ts";
import type { Hash } from "./air/value.ts";
import { admitReceipt } from "./core/admit.ts";
import { LIMITS } from "./core/limits.ts";
import { encodeRecord, type Input, type JournalRecord } from "./core/record.ts";
import { step } from "./core/step.ts";
import { trieEntries, trieGet, trieSize } from "./core/trie.ts";
import { stateRoot } from "./core/world.ts";
import { controlShelf, fold } from "./fold.ts";
import type { Host, HostOptions } from "./host.ts";
import type { Adapter, AdapterCall, AdapterResult, Journal, JournalTurn, ModuleRunner } from "./ports.ts";
import { countAndFetch, fetchWorld, fieldOf } from "./testing/fetch-world.ts";
import { applyFetch, fetchParts, journalOf, openOn, recordsIn, recordsOf, startOffer, turnsIn, type HostParts } from "./testing/host-kit.ts";
import { httpReceipt, stubAdapter } from "./testing/stub-adapter.ts";
import { assertReplays, controlFrom } from "./testing/test-world.ts";

const OK: AdapterResult = { status: "ok", payload: canonical(httpReceipt(200)) };

/** Opens a host with the fetch world in force. */
async function begin(parts: HostParts, options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await openOn(parts, options);
  if (host.world.control === undefined) await applyFetch(host, parts);
  return host;
}

/** Stops a host, replays its journal and compares. */
async function end(host: Host, parts: HostParts, journal = parts.journal): Promise<void> {
  const live = host.world;
  await host.stop();
  await assertReplays(journal, parts.blobs, { modules: parts.modules, live });
}

/** A journal that counts appends and does first what the test says. */
function watched(inner: Journal, before: (turns: readonly JournalTurn[], call: number) => Promise<void> | void): Journal & { readonly groups: readonly number[] } {
  const groups: number[] = [];
  return {
    groups,
    get nextSeq() {
      return inner.nextSeq;
    },
    async append(turns) {
      groups.push(turns.length);
      await before(turns, groups.length);
      await inner.append(turns);
    },
    read: (fromSeq) => inner.read(fromSeq),
    close: () => inner.close(),
  };
}

/** An adapter for `http.request` whose calls the test answers, and which says whether it may be called again. */
function heldAdapter(resend: "again" | "unknown" = "again", obeys: "signal" | "nothing" = "nothing"): Adapter & { readonly calls: AdapterCall[]; answer(result: AdapterResult): void } {
  const calls: AdapterCall[] = [];
  const waiting: ((result: AdapterResult) => void)[] = [];
  return {
    id: "held", effects: ["http.request"], calls, resend: () => resend,
    run(call) {
      calls.push(call);
      return new Promise((resolve, reject) => {
        waiting.push(resolve);
        if (obeys === "signal") call.signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    },
    answer(result) {
      waiting.shift()?.(result);
    },
  };
}

/** Lets everything that is not waiting for the outside happen. */
async function quiet(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
}

test("group commit: 100 events in one tick: one append of 100 turns, each sender its own turn (I2)", async () => {
  const parts = fetchParts();
  const journal = watched(parts.journal, () => undefined);
  const host = await begin(parts, { journal });
  const before = journal.groups.length;
  const turns = await Promise.all(Array.from({ length: 100 }, (_, index) => host.submit(startOffer(String(index)))));
  assert.deepEqual(journal.groups.slice(before), [100]);
  assert.equal(turns.length, 100);
  for (const [index, records] of turns.entries()) {
    assert.deepEqual(records.map(({ kind }) => kind), ["event", "stepped", "raised", "plan_started", "intent"]);
    assert.equal(fieldOf(decode((records[0] as JournalRecord<"event">).value), "url"), `https://example.com/${index}`);
  }
  assert.deepEqual((await recordsIn(parts.journal)).map(({ seq }) => seq as number), Array.from({ length: 502 }, (_, seq) => seq));
  await end(host, parts);
});

test("group commit: events that come while an append runs: together in the next one", async () => {
  const parts = fetchParts();
  let late: readonly Promise<unknown>[] = [];
  const journal = watched(parts.journal, (_, call) => {
    if (call === 3) late = [1, 2, 3].map(() => host.submit(startOffer()));
  });
  const host = await begin(parts, { journal });
  await host.submit(startOffer());
  await Promise.all(late);
  assert.deepEqual(journal.groups, [1, 1, 1, 3]);
  await end(host, parts);
});

test("turn: no record of it is in force before it is durable (I2)", async () => {
  const parts = fetchParts();
  let seen: readonly unknown[] = [];
  const journal = watched(parts.journal, (_, call) => {
    if (call === 3) seen = [stateRoot(host.world), told.length];
  });
  const host = await begin(parts, { journal });
  const told: unknown[] = [];
  host.onTurn((turn) => told.push(turn));
  const root = stateRoot(host.world);
  await host.submit(startOffer());
  assert.deepEqual(seen, [root, 0]);
  assert.equal(told.length, 1);
  assert.notEqual(stateRoot(host.world), root);
  await end(host, parts);
});

test("append fails once: senders get the error, the world is as before, the next event is taken and replays", async () => {
  const parts = fetchParts();
  const full = new AosError("journal.write", "the disk is full", { class: "outside" });
  const journal = watched(parts.journal, (_, call) => {
    if (call === 3) throw full;
  });
  const adapter = stubAdapter(["http.request"], [{ payload: httpReceipt(200) }]);
  const host = await begin(parts, { journal, adapters: [adapter] });
  host.startEffects();
  const before = { root: stateRoot(host.world), nextSeq: host.world.nextSeq };
  const outcomes = await Promise.allSettled([host.submit(startOffer("a")), host.submit(startOffer("b"))]);
  assert.deepEqual(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : outcome.status)), [full, full]);
  assert.deepEqual({ root: stateRoot(host.world), nextSeq: host.world.nextSeq }, before);
  assert.equal(parts.journal.nextSeq, before.nextSeq);
  assert.equal(adapter.calls.length, 0, "no effect of a turn that is not durable runs (I4)");
  const [event] = await host.submit(startOffer("c"));
  assert.equal(event?.seq, before.nextSeq);
  await host.settled();
  assert.equal(adapter.calls.length, 1);
  await end(host, parts);
});

test("append breaks an invariant: the host stops: nothing more is taken", async () => {
  const parts = fetchParts();
  const journal = watched(parts.journal, (_, call) => {
    if (call === 3) throw new InvariantError("broken invariant: of the journal");
  });
  const host = await begin(parts, { journal });
  for (const path of ["a", "b"]) await assert.rejects(host.submit(startOffer(path)), /of the journal/);
  assert.equal(parts.journal.nextSeq, 2);
  await end(host, parts);
});

test("a fault of the program inside a turn: nothing of its batch is appended, nothing after it is taken", async () => {
  const parts = fetchParts();
  let broken = false;
  const modules: ModuleRunner = {
    ...parts.modules,
    call(call) {
      if (broken) throw new InvariantError("broken invariant: of the sandbox");
      return parts.modules.call(call);
    },
  };
  const host = await begin(parts, { modules });
  const nextSeq = host.world.nextSeq;
  broken = true;
  const outcomes = await Promise.allSettled([host.transition("a", null), host.submit(startOffer()), host.transition("b", null)]);
  for (const outcome of outcomes) assert.match(String(outcome.status === "rejected" ? outcome.reason : ""), /of the sandbox/);
  assert.equal(outcomes.length, 3);
  broken = false;
  await assert.rejects(host.submit(startOffer()), /of the sandbox/);
  assert.equal(parts.journal.nextSeq, nextSeq);
  await end(host, parts);
});

test("an input that has no bytes: its sender gets the error, those beside it are taken", async () => {
  const parts = fetchParts();
  const host = await begin(parts);
  const outcomes = await Promise.allSettled([host.transition("a", null), host.transition("b", "\ud800"), host.transition("c", null)]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual((await recordsOf(parts.journal, "transition")).map(({ state }) => state), ["a", "c"]);
  await assert.rejects(host.transition("d", "\udc00"), { code: "air.value" });
  await host.submit(startOffer());
  assert.equal(host.world.nextSeq, parts.journal.nextSeq);
  await end(host, parts);
});

test("texts from outside that have no UTF-8 form, or are cut inside a character: journaled all the same", async () => {
  const parts = fetchParts(() => {
    throw new Error(`${"x".repeat(LIMITS.messageChars - 2)}\u{1f600}\ud800 and so on`);
  });
  const host = await begin(parts);
  const [rejected] = await host.submit({ ...startOffer(), schema: "demo/\ud800@1" });
  assert.equal(rejected?.kind, "rejected");
  const records = await host.submit(startOffer());
  assert.deepEqual(records.map(({ kind }) => kind), ["event", "step_failed"]);
  await end(host, parts);
});

const crashes: readonly { readonly name: string; readonly resend: "again" | "unknown" }[] = [
  { name: "an adapter that may be called again", resend: "again" },
  { name: "an adapter that may not", resend: "unknown" },
];
for (const { name, resend } of crashes) {
  test(`crash between intent and receipt: ${name}: ${resend === "again" ? "the same call with the same key" : "outcome_unknown, no second call"}`, async () => {
    const parts = fetchParts();
    const first = heldAdapter(resend);
    const crashed = await begin(parts, { adapters: [first] });
    crashed.startEffects();
    await crashed.submit(startOffer());
    await quiet();
    assert.equal(first.calls.length, 1);
    const left = { ...parts, journal: await journalOf(await turnsIn(parts.journal)) };

    const second = stubAdapter(["http.request"], [{ payload: httpReceipt(201) }], resend);
    const host = await openOn(left, { adapters: [second] });
    assert.equal(trieSize(host.world.intents), 1);
    host.startEffects();
    await host.settled();
    const receipts = await recordsOf(left.journal, "receipt");
    const [intent] = await recordsOf(left.journal, "intent");
    assert.deepEqual(receipts.map(({ intent_seq }) => intent_seq), [intent?.seq]);
    if (resend === "again") {
      const called = ({ intentHash, idempotencyKey, params, capParams, effect }: AdapterCall): unknown => ({ intentHash, idempotencyKey, params, capParams, effect });
      assert.deepEqual(second.calls.map(called), first.calls.map(called));
      assert.equal(second.calls[0]?.intentHash, intent?.intent);
      assert.deepEqual(receipts.map(({ status, code }) => [status, code]), [["ok", undefined]]);
    } else {
      assert.equal(second.calls.length, 0);
      assert.deepEqual(receipts.map(({ status, code, adapter }) => [status, code, adapter]), [["error", "outcome_unknown", "stub"]]);
      assert.deepEqual((await recordsOf(left.journal, "plan_ended")).map(({ code }) => code), ["effect_error"]);
    }
    assert.equal(trieSize(host.world.intents), 0);
    await end(host, left);
    first.answer(OK);
    await crashed.stop();
  });
}

test("crash after the receipt: reopened: nothing is open, nothing is called", async () => {
  const parts = fetchParts();
  const adapter = stubAdapter(["http.request"], [{ payload: httpReceipt(200) }]);
  const host = await begin(parts, { adapters: [adapter] });
  host.startEffects();
  await host.submit(startOffer());
  await host.settled();
  const left = { ...parts, journal: await journalOf(await turnsIn(parts.journal)) };
  const again = await openOn(left, { adapters: [adapter] });
  assert.equal(stateRoot(again.world), stateRoot(host.world));
  again.startEffects();
  await again.settled();
  assert.equal(adapter.calls.length, 1);
  await end(again, left);
  await end(host, parts);
});

test("effect: when its adapter runs: its intent is durable, however long the append took (I4)", async () => {
  const parts = fetchParts();
  const journal = watched(parts.journal, quiet);
  const seen: (readonly Hash[])[] = [];
  const adapter: Adapter = {
    id: "checking", effects: ["http.request"], resend: () => "again",
    async run({ intentHash }) {
      seen.push((await recordsOf(parts.journal, "intent")).map(({ intent }) => intent).filter((intent) => intent === intentHash));
      return OK;
    },
  };
  const host = await begin(parts, { journal, adapters: [adapter] });
  host.startEffects();
  await Promise.all(["a", "b", "c"].map((path) => host.submit(startOffer(path))));
  await host.settled();
  assert.deepEqual(seen.map((found) => found.length), [1, 1, 1]);
  await end(host, parts);
});

test("effects: before startEffects: wait; then they are sent, though the adapter would not resend", async () => {
  const parts = fetchParts();
  const adapter = stubAdapter(["http.request"], [{ payload: httpReceipt(200) }], "unknown");
  const host = await begin(parts, { adapters: [adapter] });
  await host.submit(startOffer());
  await host.settled();
  assert.equal(adapter.calls.length, 0);
  host.startEffects();
  host.startEffects();
  await host.settled();
  assert.equal(adapter.calls.length, 1, "each intent is sent once, however often effects are started");
  assert.deepEqual((await recordsOf(parts.journal, "receipt")).map(({ status }) => status), ["ok"]);
  await end(host, parts);
});

for (const obeys of ["signal", "nothing"] as const) {
  test(`stop: while an adapter that obeys ${obeys === "signal" ? "its signal" : "nothing"} runs: its intent stays open, a restart answers it`, async () => {
    const parts = fetchParts();
    const held = heldAdapter("again", obeys);
    const host = await begin(parts, { adapters: [held] });
    host.startEffects();
    await host.submit(startOffer());
    await quiet();
    assert.equal(held.calls.length, 1);
    const turns = await turnsIn(parts.journal);
    await host.stop(0);
    assert.equal(held.calls[0]?.signal.aborted, true);
    assert.deepEqual(await turnsIn(parts.journal), turns, "an effect that was cut off is not answered");

    const left = { ...parts, journal: await journalOf(turns) };
    const again = await openOn(left, { adapters: [stubAdapter(["http.request"], [{ payload: httpReceipt(200) }])] });
    again.startEffects();
    await again.settled();
    assert.deepEqual((await recordsOf(left.journal, "receipt")).map(({ status }) => status), ["ok"]);
    assert.deepEqual((await recordsOf(left.journal, "plan_ended")).map(({ status }) => status), ["ok"]);
    await end(again, left);
  });
}

test("stop: within the grace: the running effect is answered, a new input is refused, the rest waits for the next start", async () => {
  const parts = fetchParts();
  const held = heldAdapter();
  const host = await begin(parts, { adapters: [held] });
  host.startEffects();
  await host.submit(startOffer());
  await quiet();
  const stopping = host.stop(60_000);
  await assert.rejects(host.submit(startOffer()), { code: "world.stopping", class: "outside" });
  held.answer(OK);
  await stopping;
  assert.deepEqual((await recordsOf(parts.journal, "receipt")).map(({ status }) => status), ["ok"]);
  for (const act of [() => host.submit(startOffer()), () => host.transition("x", null), () => applyFetch(host, parts)]) await assert.rejects(act(), { code: "world.stopping" });
  await host.stop();
});

test("receipt: for an intent that is closed, unknown or another one: refused, nothing changes, it replays (I3)", async () => {
  const parts = fetchParts();
  const host = await begin(parts, { adapters: [stubAdapter(["http.request"], [{ payload: httpReceipt(200) }])] });
  host.startEffects();
  await host.submit(startOffer());
  await host.settled();
  const [answered] = await recordsOf(parts.journal, "receipt");
  assert.ok(answered !== undefined);
  await host.stop();
  const shelf = controlShelf(parts.modules, parts.blobs);
  const held = heldAdapter();
  const open = await openOn({ ...parts, journal: await journalOf(await turnsIn(parts.journal)) }, { adapters: [held] });
  await open.submit(startOffer());
  const [[, intent] = []] = trieEntries(open.world.intents);
  assert.ok(intent !== undefined);
  const { seq: _, ...receipt } = answered;
  const late: readonly { readonly receipt: Input<"receipt">; readonly code: string }[] = [
    { receipt, code: "receipt.not_open" },
    { receipt: { ...receipt, intent_seq: 0 }, code: "receipt.not_open" },
    { receipt: { ...receipt, intent_seq: 1_000_000 }, code: "receipt.not_open" },
    { receipt: { ...receipt, intent_seq: intent.seq, intent: hashValue("other") }, code: "receipt.other_intent" },
  ];
  for (const row of late) {
    const refused = admitReceipt(open.world, row.receipt);
    assert.equal(refused.kind === "receipt_refused" ? refused.code : "", row.code);
    const made = step(open.world, refused, shelf);
    assert.equal(made.records.length, 1);
    assert.equal(stateRoot(made.world), stateRoot(open.world));
    const replayed = await fold([made.records.map(encodeRecord)], shelf, open.world);
    assert.equal(replayed?.nextSeq, open.world.nextSeq + 1);
  }
  assert.equal(late.length, 4);
  assert.equal(admitReceipt(open.world, { ...receipt, intent_seq: intent.seq, intent: intent.intent }).kind, "receipt");
  await open.stop(0);
});

const strangers: readonly { readonly name: string; readonly options: Partial<HostOptions>; readonly code: string }[] = [
  { name: "a world of another id", options: { world: hashValue("another world") }, code: "world.other" },
  { name: "another sandbox", options: { sandbox: "sandbox-2" }, code: "sandbox.version" },
];
for (const { name, options, code } of strangers) {
  test(`open: ${name}: ${code}, even where replay would differ, and nothing is appended`, async () => {
    const parts = fetchParts();
    const host = await begin(parts);
    await host.submit(startOffer());
    await host.stop();
    const turns = await turnsIn(parts.journal);
    // Modules that answer otherwise, as those of another sandbox may.
    const other = fetchParts((state, event, ctx) => ({ ...countAndFetch(state, event, ctx), events: [] }));
    const left = { ...other, blobs: parts.blobs, journal: await journalOf(turns) };
    await assert.rejects(openOn(left, options), { code });
    await assert.rejects(openOn(left), { code: "replay.divergence" });
    assert.equal(left.journal.nextSeq, parts.journal.nextSeq);
  });
}

test("open: a world that pins other limits: sandbox.version", async () => {
  const parts = fetchParts();
  const at = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
  const host = await begin(parts);
  await host.stop();
  const genesis: Input = { kind: "genesis", world: host.world.id, sandbox: host.world.sandbox, limits: decode(canonical({ ...LIMITS, eventBytes: 1 })), ...at };
  const { records } = step(undefined, genesis, controlShelf(parts.modules, parts.blobs));
  const journal = await journalOf([{ firstSeq: 0, records: records.map(encodeRecord) }]);
  await assert.rejects(openOn({ ...parts, journal }), { code: "sandbox.version" });
});

test("open: an empty journal: the genesis record pins world, sandbox and limits", async () => {
  const parts = fetchParts();
  const host = await openOn(parts);
  const [genesis] = await recordsOf(parts.journal, "genesis");
  assert.equal(genesis?.world, host.world.id);
  assert.equal(genesis?.sandbox, host.world.sandbox);
  assert.deepEqual(genesis?.limits, decode(canonical({ ...LIMITS })));
  assert.equal(parts.journal.nextSeq, 1);
  const [rejected] = await host.submit(startOffer());
  assert.equal(rejected?.kind === "rejected" ? rejected.code : "", "world.empty");
  await end(host, parts);
});

test("open: a journal that cannot be written: the error, and the next try begins", async () => {
  const parts = fetchParts();
  const journal = watched(parts.journal, (_, call) => {
    if (call === 1) throw new AosError("journal.write", "the disk is full", { class: "outside" });
  });
  await assert.rejects(openOn(parts, { journal }), { code: "journal.write" });
  const host = await begin(parts, { journal });
  await end(host, parts);
});

/** The fetch world whose counter has another state. */
function withState(fields: Record<string, unknown>): readonly unknown[] {
  return fetchWorld().map((node) => ((node as { readonly name?: string }).name === "demo/State@1" ? { $kind: "defschema", name: "demo/State@1", type: { record: fields } } : node));
}
const misfits: readonly { readonly name: string; readonly air: readonly unknown[] }[] = [
  { name: "a new field without a value", air: withState({ starts: { nat: {} }, last: { option: { int: {} } }, extra: { text: {} } }) },
  { name: "a field of another type", air: withState({ starts: { text: {} }, last: { option: { int: {} } } }) },
  { name: "a field less, which would drop data", air: withState({ starts: { nat: {} } }) },
];
for (const { name, air } of misfits) {
  test(`apply: a state schema with ${name}: apply.misfit names the cell, nothing changed`, async () => {
    const parts = fetchParts();
    const host = await begin(parts);
    await host.submit(startOffer());
    const before = { root: stateRoot(host.world), nextSeq: host.world.nextSeq };
    const control = controlFrom(air, parts.moduleHashes);
    const request = { control, artifacts: [], commit: "1".repeat(40), base: "0".repeat(40), decision: null };
    await assert.rejects(host.apply(request), (error) => {
      assert.ok(error instanceof AosError);
      assert.equal(error.code, "apply.misfit");
      assert.match(error.message, /demo\/Counter@1/);
      assert.equal((error.data["cells"] as readonly unknown[]).length, 1);
      return true;
    });
    assert.deepEqual({ root: stateRoot(host.world), nextSeq: host.world.nextSeq }, before);
    assert.equal(parts.journal.nextSeq, before.nextSeq);
    await host.submit(startOffer());
    assert.equal(fieldOf(decode(trieGet(host.world.cells, "demo/Counter@1")?.state ?? new Uint8Array([0xf6])), "starts"), 2);
    await end(host, parts);
  });
}

test("apply: the control plane in force is that of the last applied record, which holds its decision as it was given (I5)", async () => {
  const parts = fetchParts();
  const host = await begin(parts);
  const control = controlFrom(fetchWorld({ hosts: ["other.org"] }), parts.moduleHashes);
  const decision = new Map([["verdict", new Map([["approved", true]])]]);
  const [applied] = await host.apply({ control, artifacts: [], commit: "1".repeat(40), base: "0".repeat(40), decision });
  assert.ok(applied?.kind === "applied");
  const { manifest, commit, base } = applied;
  assert.deepEqual({ manifest, commit, base, decision: applied.decision }, { manifest: control.manifestHash, commit: "1".repeat(40), base: "0".repeat(40), decision });
  assert.equal(host.world.control?.manifestHash, control.manifestHash);
  assert.equal(host.world.commit, "1".repeat(40));
  const others = await Promise.all([host.submit(startOffer()), host.submit({ ...startOffer(), schema: "demo/No@1" }), host.transition("observe", decision, "2".repeat(40))]);
  assert.equal(others.length, 3);
  assert.equal(host.world.control?.manifestHash, control.manifestHash, "no other input changes it");
  assert.equal(host.world.commit, "1".repeat(40));
  await end(host, parts);
});

test("apply: a module without an artifact: blob.missing, nothing changed", async () => {
  const parts = fetchParts();
  const host = await openOn(parts);
  const control = controlFrom(fetchWorld(), parts.moduleHashes);
  await assert.rejects(host.apply({ control, artifacts: [], commit: "1".repeat(40), base: undefined, decision: null }), { code: "blob.missing" });
  assert.equal(host.world.control, undefined);
  assert.equal(parts.journal.nextSeq, 1);
  await end(host, parts);
});

test("clock: set back between two events: logical time stands still, never goes back", async () => {
  const parts = fetchParts();
  const host = await begin(parts);
  const stamps: (readonly bigint[])[] = [];
  host.onTurn(({ records: [first] }) => {
    if (first?.kind === "event") stamps.push([first.now_ns, first.logical_ns]);
  });
  for (const wall of [2_000_000_000_000_000_000n, 1_900_000_000_000_000_000n, 2_000_000_000_000_000_001n]) {
    parts.clock.setWall(wall);
    await host.submit(startOffer());
  }
  assert.deepEqual(stamps, [
    [2_000_000_000_000_000_000n, 2_000_000_000_000_000_000n], [1_900_000_000_000_000_000n, 2_000_000_000_000_000_000n], [2_000_000_000_000_000_001n, 2_000_000_000_000_000_001n],
  ]);
  await end(host, parts);
});
