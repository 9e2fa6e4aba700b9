import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "./air/cbor.ts";
import { AosError, InvariantError } from "./air/error.ts";
import { hashValue } from "./air/hash.ts";
import { LIMITS } from "./core/limits.ts";
import { encodeRecord, type Input, type JournalRecord } from "./core/record.ts";
import { step } from "./core/step.ts";
import { trieGet } from "./core/trie.ts";
import { stateRoot } from "./core/world.ts";
import { controlShelf } from "./fold.ts";
import type { HostOptions } from "./host.ts";
import type { ModuleRunner } from "./ports.ts";
import { countAndFetch, fetchWorld, fieldOf } from "./testing/fetch-world.ts";
import { begin, end, fetchParts, journalOf, openOn, recordsIn, recordsOf, startOffer, turnsIn, watched } from "./testing/host-kit.ts";
import { httpReceipt, stubAdapter } from "./testing/stub-adapter.ts";
import { controlFrom } from "./testing/test-world.ts";

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
