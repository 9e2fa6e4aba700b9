// What every store of snapshots promises, as tests that each adapter runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { AosError } from "../air/error.ts";
import type { SnapshotStore } from "../ports.ts";

async function* piecesOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

function textAt(store: SnapshotStore, file: number, [offset, bytes]: readonly [number, number]): string {
  return Buffer.from(store.read({ file, offset, bytes })).toString();
}

/**
 * Runs the contract of the `SnapshotStore` port.
 *
 * @param open - makes an empty store; what it needs to clean up it registers with `t.after`
 */
export function snapshotsContract(name: string, open: (t: TestContext) => Promise<SnapshotStore>): void {
  test(`snapshots ${name}: empty: nothing is listed, nothing is read`, async (t) => {
    const store = await open(t);
    assert.deepEqual(await store.list(), []);
    assert.throws(() => store.read({ file: 4, offset: 0, bytes: 1 }), (error) => error instanceof AosError && error.code === "snapshot.missing");
    await store.remove([4]);
    await store.close();
  });

  test(`snapshots ${name}: written: listed by number with their lengths, read part by part, after closing too`, async (t) => {
    const store = await open(t);
    await store.write(20, piecesOf("hello ", "", "world"));
    await store.write(3, piecesOf("x"));
    await store.write(9, piecesOf());
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(await store.list(), [{ file: 3, bytes: 1 }, { file: 9, bytes: 0 }, { file: 20, bytes: 11 }]);
      assert.equal(textAt(store, 20, [4, 4]), "o wo");
      assert.equal(textAt(store, 3, [0, 1]), "x");
      assert.equal(textAt(store, 20, [11, 0]), "");
      assert.throws(() => store.read({ file: 20, offset: 8, bytes: 4 }), (error) => error instanceof AosError && error.code === "snapshot.missing");
      await store.close();
    }
  });

  test(`snapshots ${name}: written again: the new bytes are read`, async (t) => {
    const store = await open(t);
    await store.write(2, piecesOf("old"));
    assert.equal(textAt(store, 2, [0, 3]), "old");
    await store.write(2, piecesOf("newer"));
    assert.equal(textAt(store, 2, [0, 5]), "newer");
    assert.deepEqual(await store.list(), [{ file: 2, bytes: 5 }]);
    await store.close();
  });

  test(`snapshots ${name}: a write that fails half-way: the file is not there, another is as it was`, async (t) => {
    const store = await open(t);
    await store.write(2, piecesOf("old"));
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("no more");
    };
    await assert.rejects(store.write(4, broken()), /no more/);
    await assert.rejects(store.write(2, broken()), /no more/);
    assert.deepEqual(await store.list(), [{ file: 2, bytes: 3 }]);
    assert.equal(textAt(store, 2, [0, 3]), "old");
    await store.write(4, piecesOf("whole"));
    assert.equal(textAt(store, 4, [0, 5]), "whole");
    await store.close();
  });

  test(`snapshots ${name}: removed: gone from the list, read on until others are removed`, async (t) => {
    const store = await open(t);
    for (const file of [2, 4, 6]) await store.write(file, piecesOf(`file ${file}`));
    await store.remove([2]);
    assert.deepEqual((await store.list()).map(({ file }) => file), [4, 6]);
    assert.equal(textAt(store, 2, [0, 6]), "file 2");
    await store.remove([]);
    assert.equal(textAt(store, 2, [0, 6]), "file 2");
    await store.remove([4]);
    assert.equal(textAt(store, 4, [0, 6]), "file 4");
    assert.throws(() => store.read({ file: 2, offset: 0, bytes: 6 }), AosError);
    await store.close();
  });
}
