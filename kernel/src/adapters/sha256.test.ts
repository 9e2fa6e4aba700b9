import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { hashBytes, hashValue, hex, portableSha256, provideSha256, sha256, utf8, type DigestText } from "../air/hash.ts";
import type { Encodable } from "../air/value.ts";
import { admitEvent } from "../core/admit.ts";
import { encodeRecord, type Input } from "../core/record.ts";
import { heldTurn, replayTurn } from "../core/replay.ts";
import { step } from "../core/step.ts";
import type { World } from "../core/world.ts";
import { controlFrom, nativeModules, TEST_SANDBOX, TEST_WORLD_ID } from "../testing/index.ts";

const platform: DigestText = (bytes, form) => hash("sha256", bytes, form);

/** Counts the digests while `work` runs; the platform's stay in force. */
function digestsOf(work: () => void): number {
  let count = 0;
  provideSha256((bytes, form) => {
    count++;
    return platform(bytes, form);
  });
  try {
    work();
  } finally {
    provideSha256(platform);
  }
  return count;
}

test("sha256: the platform's: that of the portable one at every length around a block, and at a megabyte", () => {
  const lengths = [...Array.from({ length: 131 }, (_, length) => length), 1000, 1 << 20];
  let count = 0;
  for (const length of lengths) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7 + length) % 256);
    const expected = portableSha256(bytes);
    assert.deepEqual(sha256(bytes), expected, `${length} bytes`);
    assert.equal(hashBytes(bytes), `sha256:${hex(expected)}`, `${length} bytes`);
    count++;
  }
  assert.equal(count, 133);
});

test("sha256: a view inside of a larger buffer: its bytes alone", () => {
  const larger = Uint8Array.from({ length: 100 }, (_, index) => index);
  assert.deepEqual(sha256(larger.subarray(10, 74)), portableSha256(larger.slice(10, 74)));
});

test("sha256: the result: a plain array of its own, that the next digest does not change", () => {
  const first = sha256(utf8("first"));
  const kept = [...first];
  sha256(utf8("second"));
  assert.deepEqual([...first], kept);
  assert.deepEqual([first.constructor, first.length, first.byteOffset, first.buffer.byteLength], [Uint8Array, 32, 0, 32]);
});

test("sha256: whoever loads the kernel's kit: digests are the platform's", () => {
  assert.equal(digestsOf(() => hashBytes(utf8("x"))), 1);
});

const SCHEMAS = ["demo/State@1", "demo/Tick@1"].map((name) => ({ $kind: "defschema", name, type: { record: { n: { nat: {} } } } }));
const AIR = [
  ...SCHEMAS,
  { $kind: "defmodule", name: "demo/Keep@1", module_kind: "reducer", abi: { reducer: { state: "demo/State@1", event: "demo/Tick@1" } } },
  {
    $kind: "manifest", air_version: "1", schemas: SCHEMAS.map(({ name }) => ({ name })), modules: [{ name: "demo/Keep@1" }], plans: [], effects: [], caps: [], policies: [],
    routing: { events: [{ event: "demo/Tick@1", reducer: "demo/Keep@1" }] },
  },
];

test("turn: an event to a reducer without a context: two digests, of the event and of the state; replayed: the same two", async () => {
  const modules = nativeModules();
  const { artifact, hash: module } = modules.define("demo/Keep@1", (_, event) => ({ state: event as Encodable }));
  await modules.add(artifact);
  const control = controlFrom(AIR, new Map([["demo/Keep@1", module]]));
  const deps = { modules, control: () => control };
  const stamp = { now_ns: 1n, logical_ns: 1n, entropy: new Uint8Array(32) };
  const take = (world: World | undefined, input: Input): World => step(world, input, deps).world;
  const genesis = take(undefined, { kind: "genesis", world: TEST_WORLD_ID, sandbox: TEST_SANDBOX, limits: null, ...stamp });
  const applied = take(genesis, { kind: "applied", manifest: control.manifestHash, bundle: hashValue("bundle"), commit: "c", decision: null, ...stamp });
  const offer = (n: number): Parameters<typeof admitEvent>[1] => ({ schema: "demo/Tick@1", value: new Map([["n", n]]), key: undefined, sender: "test" });
  const world = take(applied, admitEvent(applied, offer(1), stamp));
  let turn: readonly Uint8Array[] = [];
  assert.equal(digestsOf(() => (turn = step(world, admitEvent(world, offer(2), stamp), deps).records.map(encodeRecord))), 2);
  assert.equal(turn.length, 2);
  assert.equal(digestsOf(() => replayTurn(world, heldTurn(turn), deps)), 2);
});
