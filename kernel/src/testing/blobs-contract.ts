// What every blob store promises, as tests that each adapter runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { AosError } from "../air/error.ts";
import { hashBytes } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import type { Blobs } from "../ports.ts";

/**
 * Runs the contract of the `Blobs` port.
 *
 * @param open - makes an empty store; what it needs to clean up it registers with `t.after`
 */
export function blobsContract(name: string, open: (t: TestContext) => Promise<Blobs>): void {
  const samples = [new Uint8Array(), Uint8Array.from([0]), new TextEncoder().encode("text"), new Uint8Array(2_000_000).fill(3)];

  test(`blobs ${name}: put: named by the SHA-256 of the bytes, read back as they were`, async (t) => {
    const blobs = await open(t);
    let checked = 0;
    for (const bytes of samples) {
      const hash = await blobs.put(bytes);
      assert.equal(hash, hashBytes(bytes));
      assert.deepEqual(await blobs.get(hash), bytes);
      checked += 1;
    }
    assert.equal(checked, 4);
  });

  test(`blobs ${name}: a hash that was never put: undefined`, async (t) => {
    const blobs = await open(t);
    assert.equal(await blobs.get(hashBytes(Uint8Array.from([1]))), undefined);
    await blobs.put(Uint8Array.from([2]));
    assert.equal(await blobs.get(hashBytes(Uint8Array.from([1]))), undefined);
  });

  test(`blobs ${name}: put again and at once: one blob, one hash`, async (t) => {
    const blobs = await open(t);
    const bytes = new Uint8Array(100_000).fill(9);
    const hashes = await Promise.all(Array.from({ length: 8 }, () => blobs.put(bytes)));
    assert.deepEqual(new Set(hashes), new Set([hashBytes(bytes)]));
    assert.deepEqual(await blobs.get(hashBytes(bytes)), bytes);
  });

  test(`blobs ${name}: bytes changed after put or get: the store keeps its own`, async (t) => {
    const blobs = await open(t);
    const mine = Uint8Array.from([1, 2, 3]);
    const pending = blobs.put(mine);
    mine.fill(0);
    const hash = await pending;
    assert.equal(hash, hashBytes(Uint8Array.from([1, 2, 3])));
    (await blobs.get(hash))?.fill(0);
    assert.deepEqual(await blobs.get(hash), Uint8Array.from([1, 2, 3]));
  });

  test(`blobs ${name}: a stream: one blob of all its pieces; a stream that fails: its error, and nothing stored`, async (t) => {
    const blobs = await open(t);
    if (blobs.putStream === undefined) return assert.equal("putStream" in blobs, false, "the store says that it has no way");
    let made = 0;
    for (const pieces of [[], [Uint8Array.of(1)], [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)], Array.from({ length: 50 }, (_, index) => new Uint8Array(70_000).fill(index))]) {
      const whole = new Uint8Array(Buffer.concat(pieces));
      const both: readonly Hash[] = await Promise.all([blobs.putStream(stream(pieces)), blobs.putStream(stream(pieces))]);
      assert.deepEqual(both, [hashBytes(whole), hashBytes(whole)]);
      assert.deepEqual(await blobs.get(hashBytes(whole)), whole);
      made++;
    }
    assert.equal(made, 4);
    const fault = new AosError("test.fault", "the stream broke", { class: "outside" });
    await assert.rejects(blobs.putStream(stream([Uint8Array.of(9), fault])), { code: "test.fault" });
    assert.equal(await blobs.get(hashBytes(Uint8Array.of(9))), undefined);
  });
}

async function* stream(pieces: readonly (Uint8Array | AosError)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    await Promise.resolve();
    if (piece instanceof AosError) throw piece;
    yield piece;
  }
}
