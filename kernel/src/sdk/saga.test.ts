import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { canonicalBare, decode } from "../air/cbor.ts";
import { buildScript, stepInput } from "../sandbox/fixtures/hostile.ts";
import { createModuleRunner } from "../sandbox/runner.ts";
import { backoff, effect, idempotencyKey, saga, sha256, slot, timer } from "./index.ts";
import type { Moved, SagaState } from "./index.ts";

const SECOND = 1_000_000_000n;

test("backoff: pauses by attempt, capped, ended", () => {
  const rows: readonly (readonly [options: Parameters<typeof backoff>[0], pauses: readonly (bigint | undefined)[]])[] = [
    [{ baseNs: SECOND, maxAttempts: 4 }, [SECOND, 2n * SECOND, 4n * SECOND, undefined, undefined]],
    [{ baseNs: SECOND, factor: 1, maxAttempts: 3 }, [SECOND, SECOND, undefined]],
    [{ baseNs: 7n, factor: 10, maxAttempts: 5, maxNs: 500n }, [7n, 70n, 500n, 500n, undefined]],
    [{ baseNs: 1n, maxAttempts: 1 }, [undefined]],
    [{ baseNs: 1n, factor: 2, maxAttempts: 200 }, [1n]],
  ];
  for (const [options, pauses] of rows) assert.deepEqual(pauses.map((_, index) => backoff(options).delayNs(index + 1)), pauses);
  assert.equal(rows.length, 5);
  assert.equal(backoff({ baseNs: 1n, maxAttempts: 200 }).delayNs(150), 2n ** 149n, "exact at any size");
  for (const wrong of [{ baseNs: 0n, maxAttempts: 1 }, { baseNs: 1n, maxAttempts: 0 }, { baseNs: 1n, maxAttempts: 1.5 }, { baseNs: 1n, factor: 0.5, maxAttempts: 2 }, { baseNs: 1n, maxAttempts: 1, maxNs: 0n }]) {
    assert.throws(() => backoff(wrong), RangeError);
  }
});

test("effects: slots and timers: plain data", () => {
  const mail = slot("mail");
  assert.deepEqual(mail("email.send", { to: "a" }), { effect: "email.send", params: { to: "a" }, slot: "mail" });
  assert.deepEqual(mail("email.send", 1, { idempotencyKey: new Uint8Array(32) }), effect("email.send", 1, { slot: "mail", idempotencyKey: new Uint8Array(32) }));
  assert.deepEqual(timer(5n), { effect: "timer.set", params: { deliver_at_ns: 5n } });
  assert.deepEqual(timer(5n, { key: "k", slot: "clock" }), { effect: "timer.set", params: { deliver_at_ns: 5n, key: "k" }, slot: "clock" });
});

test("keys: equal for equal values, different for all others, no data refused", () => {
  const values: readonly (readonly unknown[])[] = [
    [], [null], [null, null], [true], [false], [0], [-1], [1], ["1"], ["", "1"], ["1", ""], [["1"]], [[], []], [new Uint8Array([49])], [{}], [{ a: 1 }], [{ b: 1 }], [{ a: { b: 1 } }], ["a", 1],
    [2n ** 60n], ["ü"], ["u\u0308"], ["i1:1"], [[null]], ["n0:"],
  ];
  const keys = values.map((value) => Buffer.from(idempotencyKey(...value)).toString("hex"));
  assert.equal(new Set(keys).size, values.length);
  assert.ok(keys.every((key) => key.length === 64));
  assert.deepEqual(idempotencyKey({ a: 1, b: [2n] }), idempotencyKey({ b: [2], a: 1n, c: undefined }));
  for (const wrong of [0.5, Number.NaN, () => 1, Symbol("s"), new Date(0), new Map()]) assert.throws(() => idempotencyKey(wrong), TypeError);
});

test("keys and hashes in the sandbox: what this process computes", async () => {
  const script = `import { idempotencyKey, reduce, sha256 } from "@agentos/kernel/sdk";
export default reduce((_, event) => ({ state: [idempotencyKey("order", event.id, 3), sha256("a".repeat(event.size))] }));`;
  const runner = createModuleRunner();
  const wasmHash = await runner.add(await buildScript(script));
  for (const size of [0, 1, 55, 56, 64, 300]) {
    const result = runner.call({ wasmHash, entry: "step", input: stepInput({ value: canonicalBare({ id: "o-1", size }) }), fuelLimit: 10_000_000 });
    assert.ok(result.kind === "ok", result.kind === "failed" ? result.message : "");
    const expected = [idempotencyKey("order", "o-1", 3n), new Uint8Array(createHash("sha256").update("a".repeat(size)).digest())];
    assert.deepEqual((decode(result.output) as ReadonlyMap<string, Uint8Array>).get("state"), canonicalBare(expected));
    assert.deepEqual(sha256("a".repeat(size)), expected[1]);
  }
});

interface Order {
  readonly item: string;
}

const trip = saga<Order>([
  { name: "reserve", run: ({ item }, { key }) => ({ effects: [effect("shop.reserve", { item }, { idempotencyKey: key })] }), undo: ({ item }) => ({ effects: [effect("shop.release", { item })] }) },
  { name: "note", run: () => ({ events: [{ schema: "shop/Noted@1", value: null }] }) },
  {
    name: "pay", retry: backoff({ baseNs: SECOND, maxAttempts: 3 }), run: ({ item }, { attempt }) => ({ effects: [effect("shop.pay", { item, attempt })] }),
    undo: ({ item }) => ({ effects: [effect("shop.refund", { item })] }),
  },
  { name: "ship", run: ({ item }) => ({ effects: [effect("shop.ship", { item })] }) },
], { timerSlot: "clock" });

/** Feeds a saga outcomes: `+` the step was done, `-` it was not, `t` its timer fires, `x` another's does. Tells what it emitted and how it stands. */
function story(outcomes: string): string {
  const order = { item: "boat" };
  const told: string[] = [];
  let moved: Moved = trip.start("s1", order);
  const tell = (): void => {
    const emitted = [...moved.events.map(({ schema }) => schema), ...moved.effects.map(({ effect: kind }) => kind)].join("+");
    told.push(`${moved.saga.name}/${moved.saga.status}${emitted === "" ? "" : ` ${emitted}`}`);
  };
  tell();
  for (const outcome of outcomes) {
    const state: SagaState = moved.saga;
    const key = `s1/${state.name}/${state.direction}/${outcome === "t" ? state.attempt : 9}`;
    moved = outcome === "+" ? trip.succeeded(state, order) : outcome === "-" ? trip.failed(state, order, 100n) : trip.woke(state, order, key);
    tell();
  }
  return told.join(" > ");
}

test("saga: done in order, tried again after pauses, undone in reverse", () => {
  const rows: readonly (readonly [outcomes: string, told: string])[] = [
    ["++++", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > ship/running shop.ship > ship/done"],
    ["-", "reserve/running shop.reserve > reserve/undone"],
    ["++-t+", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > pay/waiting timer.set > pay/running shop.pay > ship/running shop.ship"],
    ["++-xt", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > pay/waiting timer.set > pay/waiting > pay/running shop.pay"],
    ["++-t-t-+", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > pay/waiting timer.set > pay/running shop.pay > pay/waiting timer.set > pay/running shop.pay > reserve/running shop.release > reserve/undone"],
    ["+++-+-", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > ship/running shop.ship > pay/running shop.refund > reserve/running shop.release > reserve/stuck"],
    ["+++-+++-", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > ship/running shop.ship > pay/running shop.refund > reserve/running shop.release > reserve/undone > reserve/undone > reserve/undone"],
    ["+++++-", "reserve/running shop.reserve > note/running shop/Noted@1 > pay/running shop.pay > ship/running shop.ship > ship/done > ship/done > ship/done"],
  ];
  for (const [outcomes, told] of rows) assert.equal(story(outcomes), told, outcomes);
  assert.equal(rows.length, 8);
});

test("saga: keys and timers: one key for all attempts of a step, a timer from the time it failed", () => {
  const first = trip.start("s1", { item: "boat" });
  assert.deepEqual(first.effects[0]?.idempotencyKey, trip.start("s1", { item: "other" }).effects[0]?.idempotencyKey);
  assert.notDeepEqual(first.effects[0]?.idempotencyKey, trip.start("s2", { item: "boat" }).effects[0]?.idempotencyKey);
  const paying: SagaState = { id: "s1", status: "running", direction: "forward", step: 2, name: "pay", attempt: 2 };
  assert.deepEqual(trip.failed(paying, { item: "boat" }, 50n).effects, [timer(50n + 2n * SECOND, { key: "s1/pay/forward/2", slot: "clock" })]);
  assert.throws(() => saga([]), TypeError);
  assert.throws(() => saga([{ name: "a", run: () => ({}) }, { name: "a", run: () => ({}) }]), TypeError);
});
