import assert from "node:assert/strict";
import { test } from "node:test";
import { vectors } from "../testing/vectors.ts";
import type { Row } from "../testing/vectors.ts";
import { hex } from "./bytes.ts";
import { canonical } from "./cbor.ts";
import {
  decodePureOutput, decodeReducerOutput, encodePureInput, encodeReducerInput, eventHash, grantHash, intentHash, patchValue, pureContext, reducerContext,
} from "./envelope.ts";
import { hashBytes, hashValue } from "./hash.ts";
import { parseNode } from "./parse.ts";
import type { Definition, Json } from "./types.ts";
import type { Hash, Value } from "./value.ts";

function bytesIf<K extends string>(row: Row, name: string, as: K): { readonly [key in K]?: Uint8Array } {
  return row.has(name) ? ({ [as]: row.bytes(name) } as { readonly [key in K]: Uint8Array }) : {};
}

for (const row of vectors("envelopes.json", "intents")) {
  test(`intentHash: ${row.label}: the hash of its preimage`, () => {
    const hash = intentHash({ effect: row.text("effect"), params: row.bytes("params"), cap: row.text("cap"), idempotencyKey: row.bytes("idempotency_key") });
    assert.equal(hash, row.text("hash"));
    assert.equal(hashBytes(row.bytes("preimage")), hash);
  });
}

for (const row of vectors("envelopes.json", "grants")) {
  test(`grantHash: ${row.label}: the hash of its preimage`, () => {
    const expiry = row.has("expiry_ns") ? { expiryNs: BigInt(row.json("expiry_ns") as number) } : {};
    const hash = grantHash({ cap: row.text("cap"), capType: row.text("cap_type"), params: row.bytes("params"), ...expiry });
    assert.equal(hash, row.text("hash"));
    assert.equal(hashBytes(row.bytes("preimage")), hash);
  });
}

for (const row of vectors("envelopes.json", "events")) {
  test(`eventHash: ${row.label}: the hash of its preimage`, () => {
    const hash = eventHash({ schema: row.text("schema"), value: row.bytes("value"), ...bytesIf(row, "key", "key") });
    assert.equal(hash, row.text("hash"));
    assert.equal(hashBytes(row.bytes("preimage")), hash);
  });
}

for (const row of vectors("envelopes.json", "patches")) {
  test(`patchValue: ${row.label}: bytes and hash`, () => {
    const read = (tree: Json) => parseNode(tree, (problem) => assert.fail(problem.message));
    const manifest = read(row.json("manifest"));
    assert.ok(manifest?.kind === "manifest");
    const nodes = (row.json("nodes") as readonly Json[]).map((tree) => read(tree) as Definition);
    const patch = patchValue(manifest, nodes);
    assert.equal(hex(canonical(patch)), row.text("cbor"));
    assert.equal(hashValue(patch), row.text("hash"));
  });
}

for (const row of vectors("envelopes.json", "blocks")) {
  test(`block hash: ${row.label}: bytes and hash`, () => {
    assert.equal(hex(canonical(row.value("value"))), row.text("cbor"));
    assert.equal(hashValue(row.value("value")), row.text("hash"));
  });
}

for (const row of vectors("envelopes.json", "reducer inputs")) {
  test(`encodeReducerInput: ${row.label}: its bytes`, () => {
    const event = { schema: row.text("schema"), value: row.bytes("value"), ...bytesIf(row, "key", "key") };
    const input = encodeReducerInput({ state: row.has("state") ? row.bytes("state") : null, event, ...bytesIf(row, "ctx", "ctx") });
    assert.equal(hex(input), row.text("cbor"));
  });
}

/** An output's parts as values, so that a row can say them. */
function told(output: ReturnType<typeof decodeReducerOutput>): Value {
  const records = (list: readonly object[]): Value => list.map((item) => new Map<Value, Value>(Object.entries(item)));
  return new Map<Value, Value>([["state", output.state], ["events", records(output.events)], ["effects", records(output.effects)], ["ann", output.ann]]);
}

for (const row of vectors("envelopes.json", "reducer outputs")) {
  test(`decodeReducerOutput: ${row.label}: its parts`, () => {
    const expected = new Map(["state", "events", "effects", "ann"].map((name) => [name, row.value(name)]));
    assert.deepEqual(told(decodeReducerOutput(row.bytes("cbor"))), expected);
  });
}

for (const row of vectors("envelopes.json", "invalid outputs")) {
  test(`decodeReducerOutput: ${row.label}: abi.output`, () => {
    assert.throws(() => decodeReducerOutput(row.bytes("cbor")), { code: "abi.output", message: /^output[a-z_.0-9]*: / });
  });
}

for (const row of vectors("envelopes.json", "pure inputs")) {
  test(`encodePureInput: ${row.label}: its bytes`, () => {
    assert.equal(hex(encodePureInput({ input: row.bytes("input"), ...bytesIf(row, "ctx", "ctx") })), row.text("cbor"));
  });
}

for (const row of vectors("envelopes.json", "pure outputs")) {
  test(`decodePureOutput: ${row.label}: the bytes inside`, () => assert.equal(hex(decodePureOutput(row.bytes("cbor"))), row.text("output")));
}

test("decodePureOutput: no output, no map, no CBOR: abi.output", () => {
  for (const bytes of [[0xa0], [0x80], [0xff], []]) assert.throws(() => decodePureOutput(Uint8Array.from(bytes)), { code: "abi.output" });
});

for (const row of vectors("envelopes.json", "contexts")) {
  test(`context: ${row.label}: its bytes`, () => {
    const hashOf = (digit: string): Hash => `sha256:${digit.repeat(64)}` as Hash;
    const shared = { logicalNowNs: 2n, height: 3, manifestHash: hashOf("1") };
    const key = bytesIf(row, "key", "key");
    const bytes =
      row.text("kind") === "pure"
        ? pureContext({ ...shared, module: "com.acme/R@1" })
        : reducerContext({
            ...shared, nowNs: 1n, entropy: new Uint8Array(64).fill(0x11), eventHash: hashOf("0"), reducer: "com.acme/R@1", ...key, cellMode: row.has("key"),
          });
    assert.equal(hex(bytes), row.text("cbor"));
    assert.equal(hashBytes(bytes), row.text("hash"));
  });
}
