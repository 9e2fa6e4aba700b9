import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "./air/error.ts";
import { trieSize } from "./core/trie.ts";
import type { Host } from "./host.ts";
import { end, heldAdapter, leftBy, openOn, quiet, recordsOf, startOffer, type HostParts } from "./testing/host-kit.ts";
import { applyNotes, notesParts } from "./testing/notes-kit.ts";

const HOUR = 3_600_000_000_000n;
const ASK = { policyRules: [{ when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: Number(HOUR) }] };
const WORD = { by: "ada", signer: new Uint8Array(32), signature: new Uint8Array(64) } as const;

async function heldSeq(parts: HostParts): Promise<number> {
  return (await recordsOf(parts.journal, "held")).at(-1)?.seq ?? assert.fail("an effect is held");
}

const code = (expected: string) => (error: unknown): boolean => error instanceof AosError && error.code === expected;

test("host: an effect that a person grants: is called then, not before; a second word is refused", async () => {
  const parts = notesParts();
  const adapter = heldAdapter();
  const host = await openOn(parts, { adapters: [adapter] });
  await applyNotes(host, parts, ASK);
  host.startEffects();
  await host.submit(startOffer());
  await quiet();
  assert.equal(adapter.calls.length, 0);
  const seq = await heldSeq(parts);
  const records = await host.decide({ heldSeq: seq, decision: "grant", ...WORD });
  assert.deepEqual(records.map(({ kind }) => kind), ["approval", "intent"]);
  await quiet();
  assert.equal(adapter.calls.length, 1);
  await assert.rejects(host.decide({ heldSeq: seq, decision: "deny", ...WORD }), code("approval.not_held"));
  await host.cancelEffect(records[1]?.seq ?? 0);
  await host.settled();
  await end(host, parts);
});

for (const restarted of ["while it runs", "after a restart"]) {
  test(`host: nobody decides: when its time is over, ${restarted}, the effect is denied by itself`, async () => {
    let parts = notesParts();
    let host = await openOn(parts);
    await applyNotes(host, parts, ASK);
    host.startEffects();
    await host.submit(startOffer());
    if (restarted === "after a restart") {
      parts = await leftBy(parts);
      await host.stop();
      host = await openOn(parts);
      host.startEffects();
    }
    assert.equal(trieSize(host.world.held), 1);
    parts.clock.advance(HOUR - 1n);
    await host.settled();
    assert.equal((await recordsOf(parts.journal, "due")).length, 0);
    parts.clock.advance(1n);
    await host.settled();
    assert.deepEqual((await recordsOf(parts.journal, "due")).map(({ what }) => what), ["approval"]);
    assert.deepEqual([trieSize(host.world.held), trieSize(host.world.plans)], [0, 0]);
    await end(host, parts);
  });
}

test("host: a plan's deadline: ends it at that time, with what it waits for; one that ended before brings nothing", async () => {
  const parts = notesParts();
  const adapter = heldAdapter();
  const host = await openOn(parts, { adapters: [adapter], effectTimeoutMs: 10 * 3_600_000 });
  await applyNotes(host, parts, { plan: { deadline_ns: Number(HOUR) } });
  host.startEffects();
  await host.submit(startOffer("a"));
  parts.clock.advance(HOUR / 2n);
  await host.submit(startOffer("b"));
  await quiet();
  assert.equal(adapter.calls.length, 2);
  const [instance] = (await recordsOf(parts.journal, "plan_started")).map((started) => started.instance);
  const cancelled = await host.cancelPlan({ instance: instance ?? -1, by: "ada", reason: "no need" });
  assert.deepEqual(cancelled.map(({ kind }) => kind).slice(0, 1), ["cancelled"]);
  parts.clock.advance(HOUR / 2n);
  await quiet();
  assert.equal((await recordsOf(parts.journal, "due")).length, 0, "its plan is gone");
  assert.equal(trieSize(host.world.plans), 1);
  parts.clock.advance(HOUR / 2n);
  await quiet();
  await host.settled();
  assert.deepEqual((await recordsOf(parts.journal, "plan_ended")).map((ended) => ended.code), ["cancelled", "plan_deadline"]);
  assert.deepEqual([trieSize(host.world.plans), trieSize(host.world.intents)], [0, 0]);
  await assert.rejects(host.cancelPlan({ instance: instance ?? -1, by: "ada" }), code("plan.unknown"));
  await end(host, parts);
});

test("host: an open effect that somebody cancels: its receipt says so; what is not open is refused", async () => {
  const parts = notesParts();
  const adapter = heldAdapter("again", "signal");
  const host = await openOn(parts, { adapters: [adapter] });
  await applyNotes(host, parts);
  host.startEffects();
  await host.submit(startOffer());
  await quiet();
  const [intent] = await recordsOf(parts.journal, "intent");
  await assert.rejects(host.cancelEffect(999), code("effect.unknown"));
  await host.cancelEffect(intent?.seq ?? -1);
  await host.settled();
  assert.deepEqual((await recordsOf(parts.journal, "receipt")).map((receipt) => [receipt.status, receipt.code]), [["error", "cancelled"]]);
  await assert.rejects(host.cancelEffect(intent?.seq ?? -1), code("effect.unknown"));
  assert.equal(adapter.calls[0]?.signal.aborted, true);
  await end(host, parts);
});

test("host: stopped with times to come: no timer is left, they are taken up when it is opened", async () => {
  const parts = notesParts();
  const host: Host = await openOn(parts);
  await applyNotes(host, parts, ASK);
  host.startEffects();
  await host.submit(startOffer());
  assert.notEqual(parts.clock.nextWakeNs, undefined);
  await host.stop();
  assert.equal(parts.clock.nextWakeNs, undefined);
  const after = await leftBy(parts);
  const next = await openOn(after);
  assert.equal(after.clock.nextWakeNs, undefined);
  next.startEffects();
  assert.notEqual(after.clock.nextWakeNs, undefined);
  await end(next, after);
});
