import { test } from "node:test";
import assert from "node:assert/strict";
import { memorySnapshots } from "./adapters/snapshots/memory.ts";
import { canonical } from "./air/cbor.ts";
import { hashValue } from "./air/hash.ts";
import type { Hash } from "./air/value.ts";
import { admitReceipt } from "./core/admit.ts";
import { encodeRecord, type Input } from "./core/record.ts";
import { step } from "./core/step.ts";
import { trieEntries, trieSize } from "./core/trie.ts";
import { stateRoot } from "./core/world.ts";
import { controlShelf, fold } from "./fold.ts";
import type { Adapter, AdapterCall, AdapterResult } from "./ports.ts";
import { applyFetch, begin, end, fetchParts, heldAdapter, journalOf, leftBy, openOn, quiet, recordsOf, startOffer, turnsIn, watched } from "./testing/host-kit.ts";
import { httpReceipt, stubAdapter } from "./testing/stub-adapter.ts";

const OK: AdapterResult = { status: "ok", payload: canonical(httpReceipt(200)) };

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
    const left = await leftBy(parts);

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
  const left = await leftBy(parts);
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

test("effects: while adapters run, none of which ever answers: events are taken, plans start, a snapshot is made, reading goes on", async () => {
  const parts = fetchParts();
  const adapter = heldAdapter("again", "signal");
  const host = await begin(parts, { adapters: [adapter], snapshots: memorySnapshots() });
  host.startEffects();
  for (let count = 0; count < 100; count++) await host.submit(startOffer(`${count}`));
  await quiet();
  assert.equal(adapter.calls.length, 32, "as many as run at a time");
  assert.equal((await host.snapshot()).seq, host.world.nextSeq);
  assert.deepEqual([trieSize(host.world.plans), trieSize(host.world.intents)], [100, 100]);
  await host.stop(0);
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
  const open = await openOn(await leftBy(parts), { adapters: [held] });
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
