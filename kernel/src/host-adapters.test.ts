import { test } from "node:test";
import assert from "node:assert/strict";
import { httpAdapter } from "./adapters/http.ts";
import { secretSources } from "./adapters/secret-sources.ts";
import { timerAdapter } from "./adapters/timer.ts";
import { canonical, decode } from "./air/cbor.ts";
import { hex, utf8 } from "./air/hash.ts";
import { trieSize, trieEntries } from "./core/trie.ts";
import type { Host, HostOptions } from "./host.ts";
import type { Adapter, AdapterCall, AdapterResult, Blobs } from "./ports.ts";
import { applyFetch, end, fetchParts, leftBy, openOn, quiet, recordsOf, startOffer, turnsIn, type HostParts } from "./testing/host-kit.ts";
import { faultServer } from "./testing/fault-server.ts";
import { FETCH_STEPS, fetchWorld } from "./testing/fetch-world.ts";
import { controlFrom } from "./testing/test-world.ts";

const SECOND = 1_000_000_000n;
const T0 = 1_700_000_000n * SECOND;

/** A reducer that sets a timer for what an event says, and counts those that fire. */
function timerParts(): HostParts {
  return fetchParts((state, event) => {
    const value = event as ReadonlyMap<string, unknown>;
    const inner = value.get("$value") as ReadonlyMap<string, unknown>;
    const starts = Number((state as ReadonlyMap<string, unknown> | null)?.get("starts") ?? 0);
    if (value.get("$tag") === "Fired") return { state: { starts: starts + 1, last: null } };
    return { state: { starts, last: null }, effects: [{ effect: "timer.set", params: { deliver_at_ns: BigInt(String(inner.get("url"))), key: "k" }, slot: "timer" }] };
  });
}

async function timerHost(parts: HostParts, options: Partial<HostOptions> = {}): Promise<Host> {
  const timer = timerAdapter({ clock: parts.clock, world: () => host.world });
  const host: Host = await openOn(parts, { adapters: [timer], ...options });
  if (host.world.control === undefined) {
    const schemas = ["demo/Start@1", "demo/Fetch@1", "demo/Done@1", "demo/Event@1", "demo/State@1"].map((name) => ({ name }));
    const nodes = fetchWorld({
      manifest: {
        schemas, effects: [{ name: "sys/timer.set@1" }], caps: [{ name: "sys/timer@1" }], plans: [], triggers: [], modules: [{ name: "demo/Counter@1" }],
        defaults: { cap_grants: [{ name: "clock", cap: "sys/timer@1", params: { record: {} } }] }, policies: [],
        module_bindings: { "demo/Counter@1": { slots: { timer: "clock" } } },
      },
    }).filter((node) => !["demo/fetch@1", "demo/policy@1"].includes(String((node as { name?: string }).name))).map((node) => {
      const { name } = node as { readonly name?: string };
      if (name === "demo/Event@1") return { $kind: "defschema", name, type: { variant: { Start: { ref: "demo/Start@1" }, Fired: { ref: "sys/TimerFired@1" } } } };
      if (name === "demo/Counter@1") {
        return {
          $kind: "defmodule", name, module_kind: "reducer",
          abi: { reducer: { state: "demo/State@1", event: "demo/Event@1", context: "sys/ReducerContext@1", effects_emitted: ["timer.set"], cap_slots: { timer: "timer" } } },
        };
      }
      return node;
    });
    await host.apply({ control: controlFrom(nodes, parts.moduleHashes), artifacts: parts.artifacts, commit: "0".repeat(40), base: undefined, decision: null });
  }
  return host;
}
const inSeconds = (seconds: number): Parameters<Host["submit"]>[0] => ({ ...startOffer(), value: new Map([["url", String(T0 + BigInt(seconds) * SECOND)]]) });

test("timer: in a world on virtual time: waits without holding it up, fires at its time, once", async () => {
  const parts = timerParts();
  const host = await timerHost(parts);
  host.startEffects();
  for (const seconds of [10, 5, 5]) await host.submit(inSeconds(seconds));
  await host.settled();
  assert.equal(trieSize(host.world.intents), 3);
  assert.equal(parts.clock.nextWakeNs, T0 + 5n * SECOND);
  parts.clock.advance(5n * SECOND - 1n);
  await host.settled();
  assert.equal(trieSize(host.world.intents), 3, "not a nanosecond early");
  parts.clock.advance(1n);
  await host.settled();
  assert.equal(trieSize(host.world.intents), 1);
  parts.clock.advance(1_000n * SECOND);
  await host.settled();
  const receipts = await recordsOf(parts.journal, "receipt");
  assert.deepEqual(receipts.map(({ adapter, status, payload }) => [adapter, status, decode(payload)]), [5n, 5n, 10n].map((at) => ["timer", "ok", new Map<string, unknown>([["key", "k"], ["delivered_at_ns", T0 + at * SECOND]])]));
  assert.equal((await recordsOf(parts.journal, "stepped")).length, 6, "the reducer heard of each");
  await end(host, parts);
});

test("timer: after a crash: set again from what is open, also those whose time passed meanwhile; each fires once", async () => {
  const parts = timerParts();
  const crashed = await timerHost(parts);
  crashed.startEffects();
  for (const seconds of [5, 10, 3_000_000]) await crashed.submit(inSeconds(seconds));
  await crashed.settled();
  const left = await leftBy(parts);
  const turns = (await turnsIn(parts.journal)).length;
  await crashed.stop();
  assert.equal((await turnsIn(parts.journal)).length, turns, "a stop answers no timer");

  left.clock.advance(7n * SECOND);
  const host = await timerHost(left);
  host.startEffects();
  await quiet();
  await host.settled();
  assert.equal(trieSize(host.world.intents), 2);
  left.clock.advance(5n * SECOND);
  await host.settled();
  assert.deepEqual((await recordsOf(left.journal, "receipt")).map(({ payload }) => (decode(payload) as ReadonlyMap<string, unknown>).get("delivered_at_ns")), [7n, 10n].map((at) => T0 + at * SECOND));
  left.clock.advance(3_000_000n * SECOND);
  await host.settled();
  assert.equal(trieSize(host.world.intents), 0);
  await end(host, left);
});

test("timer: cancelled: an error receipt with the code cancelled that fits its schema, and it never fires", async () => {
  const parts = timerParts();
  const host = await timerHost(parts);
  host.startEffects();
  await host.submit(inSeconds(5));
  await host.settled();
  await quiet();
  const [[, open] = []] = trieEntries(host.world.intents);
  await host.cancelEffect(open?.seq ?? assert.fail());
  await host.settled();
  parts.clock.advance(10n * SECOND);
  await host.settled();
  const receipts = await recordsOf(parts.journal, "receipt");
  assert.deepEqual(receipts.map(({ status, code }) => [status, code]), [["error", "cancelled"]]);
  assert.notEqual(decode(receipts[0]?.payload ?? canonical(null)), null, "the reducer can read it");
  assert.equal(parts.clock.nextWakeNs, undefined);
  await assert.rejects(host.cancelEffect(open?.seq ?? 0), { code: "effect.unknown" });
  await end(host, parts);
});

test("timer: of a plan: waits without holding anything up, fires at its time, and the plan goes on; after a crash too", async () => {
  const schema = (name: string): unknown => ({ name });
  const air = [
    { $kind: "defschema", name: "demo/Go@1", type: { record: { at: { nat: {} } } } },
    {
      $kind: "defplan", name: "demo/later@1", input: "demo/Go@1", edges: [{ from: "set", to: "wait" }],
      steps: [
        { id: "set", op: "emit_effect", kind: "timer.set", cap: "clock", params: { record: { deliver_at_ns: { ref: "@plan.input.at" }, key: { text: "k" } } }, bind: { effect_id_as: "timer" } },
        { id: "wait", op: "await_receipt", for: { ref: "@var:timer" }, bind: { as: "fired" } },
      ],
    },
    {
      $kind: "manifest", air_version: "1", schemas: [schema("demo/Go@1")], modules: [], plans: [schema("demo/later@1")], effects: [schema("sys/timer.set@1")], caps: [schema("sys/timer@1")], policies: [],
      defaults: { cap_grants: [{ name: "clock", cap: "sys/timer@1", params: { record: {} } }] }, triggers: [{ event: "demo/Go@1", plan: "demo/later@1" }],
    },
  ];
  const parts = fetchParts();
  const host: Host = await openOn(parts, { adapters: [timerAdapter({ clock: parts.clock, world: () => host.world })] });
  await host.apply({ control: controlFrom(air), artifacts: [], commit: "0".repeat(40), base: undefined, decision: null });
  host.startEffects();
  for (const seconds of [5n, 50n]) await host.submit({ schema: "demo/Go@1", value: new Map([["at", T0 + seconds * SECOND]]), key: undefined, sender: "test" });
  await host.settled();
  assert.deepEqual([trieSize(host.world.intents), trieSize(host.world.plans)], [2, 2]);
  parts.clock.advance(5n * SECOND);
  await host.settled();
  const ended = async (of: HostParts): Promise<unknown> => (await recordsOf(of.journal, "plan_ended")).map(({ instance, status, code }) => [instance, status, code]);
  assert.deepEqual(await ended(parts), [[0, "ok", undefined]]);
  const left = await leftBy(parts);
  await end(host, parts);
  left.clock.advance(50n * SECOND);
  const again: Host = await openOn(left, { adapters: [timerAdapter({ clock: left.clock, world: () => again.world })] });
  again.startEffects();
  await quiet();
  await again.settled();
  assert.deepEqual(await ended(left), [[0, "ok", undefined], [1, "ok", undefined]]);
  await end(again, left);
});

test("timer: the wall set back: fires when the world's time, which never goes back, is there", async () => {
  const parts = timerParts();
  const host = await timerHost(parts);
  host.startEffects();
  parts.clock.advance(20n * SECOND);
  await host.submit(inSeconds(100));
  parts.clock.setWall(T0);
  await host.submit(inSeconds(10));
  await quiet();
  await host.settled();
  const receipts = await recordsOf(parts.journal, "receipt");
  assert.deepEqual(receipts.map(({ payload }) => (decode(payload) as ReadonlyMap<string, unknown>).get("delivered_at_ns")), [T0 + 20n * SECOND]);
  await end(host, parts);
});

const CANARY = "canary-9f86d081884c7d65";
const SECRET_STEPS: readonly unknown[] = [
  {
    id: "get", op: "emit_effect", kind: "llm.generate", cap: "llm",
    params: {
      record: {
        provider: { text: "p" }, model: { text: "m" }, temperature: { dec128: "0.5" }, max_tokens: { nat: 9 }, message_refs: { list: [] }, tool_refs: { null: {} }, tool_choice: { null: {} },
        api_key: { variant: { tag: "secret", value: { record: { alias: { text: "api" }, version: { nat: 1 } } } } },
      },
    },
    bind: { effect_id_as: "req" },
  },
  { id: "wait", op: "await_receipt", for: { ref: "@var:req" }, bind: { as: "answer", status_as: "status" } },
  { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { int: 1 } } } },
];

const leaks: readonly { readonly name: string; readonly env: Readonly<Record<string, string>>; readonly code: string | undefined; readonly calls: number; readonly throws?: boolean }[] = [
  { name: "that is echoed", env: { API: CANARY }, code: undefined, calls: 1 },
  { name: "that its adapter throws", env: { API: CANARY }, code: "adapter.failed", calls: 1, throws: true },
  { name: "that is not set", env: {}, code: "secret.unresolved", calls: 0 },
];
for (const { name, env, code, calls, throws } of leaks) {
  test(`secret ${name}: the adapter ${calls === 0 ? "is not called" : "gets the value"}; in no record, no blob, no piece of progress`, async () => {
    const parts = fetchParts();
    const seen: AdapterCall[] = [];
    const stored: Uint8Array[] = [];
    const blobs: Blobs = { get: (hash) => parts.blobs.get(hash), put: (bytes) => (stored.push(bytes), parts.blobs.put(bytes)) };
    const adapter: Adapter = {
      id: "echo", effects: ["llm.generate"], resend: () => "unknown",
      async run(call): Promise<AdapterResult> {
        seen.push(call);
        const key = (decode(call.params) as ReadonlyMap<string, unknown>).get("api_key");
        assert.equal(key, CANARY);
        if (throws === true) throw new Error(`no such key: ${CANARY}`);
        const ref = await blobs.put(call.redact?.(utf8(`you sent ${CANARY}`)) ?? assert.fail());
        return { status: "ok", payload: canonical({ output_ref: ref, token_usage: { prompt: 1, completion: 1 }, cost_cents: 0, provider_id: `p ${CANARY}` }) };
      },
    };
    const host = await openOn({ ...parts, blobs }, { adapters: [adapter], secrets: secretSources({ env, vault: undefined }) });
    await applyFetch(host, { ...parts, blobs }, {
      nodes: [{ $kind: "defsecret", name: "api@1", binding_id: "env:API" }], steps: SECRET_STEPS, edges: [{ from: "get", to: "wait" }, { from: "wait", to: "end" }], policyRules: [{ when: {}, decision: "allow" }],
      manifest: {
        effects: [{ name: "sys/llm.generate@1" }], caps: [{ name: "sys/llm.basic@1" }], modules: [{ name: "demo/Counter@1" }, { name: "sys/CapEnforceLlmBasic@1" }],
        secrets: [{ name: "api@1" }],
        defaults: { policy: "demo/policy@1", cap_grants: [{ name: "llm", cap: "sys/llm.basic@1", params: { record: {} } }] },
      },
    });
    host.startEffects();
    await host.submit(startOffer());
    await host.settled();
    assert.equal(seen.length, calls);
    const [receipt, ...others] = await recordsOf(parts.journal, "receipt");
    assert.deepEqual([receipt?.code, others.length], [code, 0]);
    if (code === undefined) assert.equal((decode(receipt?.payload ?? new Uint8Array()) as ReadonlyMap<string, unknown>).get("provider_id"), "p [secret api@1]");
    const bytes = (await turnsIn(parts.journal)).flatMap(({ records }) => records);
    assert.notEqual(bytes.length, 0);
    for (const record of [...bytes, ...stored]) assert.ok(!hex(record).includes(hex(utf8(CANARY))));
    await end(host, parts);
  });
}

const crashes: readonly { readonly method: string; readonly key: boolean; readonly again: boolean }[] = [
  { method: "GET", key: false, again: true },
  { method: "POST", key: true, again: true },
  { method: "POST", key: false, again: false },
];
for (const { method, key, again } of crashes) {
  test(`crash while a ${method} ${key ? "with" : "without"} a key is under way: ${again ? "sent again with the same key after the restart, repeated until it is well, one receipt" : "outcome_unknown, not sent again"}`, async (t) => {
    const server = await faultServer(t, (_, response) => void response.end("well"));
    const parts = fetchParts();
    const options = (): Partial<HostOptions> => ({ adapters: [httpAdapter({ blobs: parts.blobs, clock: parts.clock })], entropy: { bytes: (count) => new Uint8Array(count) } });
    const crashed = await openOn(parts, options());
    const [get, ...steps] = FETCH_STEPS as readonly [Record<string, unknown>, ...unknown[]];
    const params = (get["params"] as { readonly record: Record<string, unknown> }).record;
    await applyFetch(crashed, parts, {
      hosts: ["127.0.0.1"],
      steps: [{ ...get, params: { record: { ...params, method: { text: method } } }, ...(key ? { idempotency_key: { hash: `sha256:${"07".repeat(32)}` } } : {}) }, ...steps],
    });
    server.fail("slow_first_byte");
    crashed.startEffects();
    await crashed.submit({ ...startOffer(), value: new Map([["url", `${server.url}/a`]]) });
    await server.reached(1);
    const left = await leftBy(parts);

    server.fail("unavailable", 2);
    const host = await openOn(left, options());
    host.startEffects();
    await host.settled();
    const receipts = await recordsOf(left.journal, "receipt");
    assert.deepEqual(receipts.map(({ status, code }) => [status, code]), [again ? ["ok", undefined] : ["error", "outcome_unknown"]]);
    assert.equal(server.seen.length, again ? 4 : 1, "one before the crash, two that were told to come back, one that was well");
    assert.deepEqual(new Set(server.seen.map(({ headers }) => headers["idempotency-key"])), new Set([key ? "07".repeat(32) : undefined]));
    await end(host, left);
    await crashed.stop(0);
  });
}
