// What a start reads of the journal: the tail since the last snapshot, however long the world has run.

import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createModuleRunner, fileBlobs, fileSnapshots, openFileJournal, openHost, SANDBOX_VERSION, systemClock, systemEntropy, type FileJournal, type Hash, type JournalTurn,
} from "@agentos/kernel";
import { atEnd } from "../testing/at-end.ts";
import { generateKey } from "../git/keys.ts";
import { outsideWorld, safeUpgradeRepo } from "../testing/world-repo.ts";
import { sendStart, settle, start, until } from "../testing/world-steps.ts";

/** Counts the records that are read of journals on disk, from now on. */
async function countReads(t: TestContext, dir: string): Promise<() => number> {
  const probe = await openFileJournal({ dir, mode: "read" });
  const journals = Object.getPrototypeOf(probe) as Pick<FileJournal, "read">;
  const read: (this: FileJournal, from: number) => AsyncIterable<JournalTurn> = journals.read;
  let count = 0;
  t.mock.method(journals, "read", async function* (this: FileJournal, from: number): AsyncGenerator<JournalTurn> {
    for await (const turn of read.call(this, from)) {
      count += turn.records.length;
      yield turn;
    }
  });
  return () => {
    const now = count;
    count = 0;
    return now;
  };
}

/** Lets a world at rest take 5,000 events of no schema, each answered by one record, and writes it down; says where. */
async function grow(state: string, world: Hash): Promise<number> {
  const host = await openHost({
    journal: await openFileJournal({ dir: join(state, "journal"), mode: "append" }), blobs: fileBlobs(join(state, "blobs")), snapshots: fileSnapshots(join(state, "snapshots")),
    clock: systemClock(), entropy: systemEntropy(), signer: generateKey("nobody").key, modules: createModuleRunner(), adapters: [], sandbox: SANDBOX_VERSION, world,
  });
  await Promise.all(Array.from({ length: 5_000 }, () => host.submit({ schema: "demo/Nothing@1", value: null, key: undefined, sender: "test" })));
  const { seq } = await host.snapshot();
  await host.stop();
  return seq;
}

test("controller: a start: reads the tail since the last snapshot; without a snapshot or with a damaged book all of it, once", { timeout: 120_000 }, async (t) => {
  const world = await safeUpgradeRepo();
  const outside = await outsideWorld();
  atEnd(t, () => outside.close());
  atEnd(t, () => world.remove());
  const path = `${world.folder}/world`;
  const state = join(path, ".git", "aos");
  const ready = ({ ready: { status } }: Parameters<Parameters<typeof until>[1]>[0]): boolean => status === "True";

  let controller = await start(world);
  atEnd(t, () => controller.stop());
  await until(controller, ready);
  await sendStart(path, outside.url);
  await settle(path);
  await controller.stop();
  const seq = await grow(state, world.trust);
  assert.ok(seq >= 5_000);
  controller = await start(world);
  await until(controller, ready);
  await sendStart(path, outside.url);
  await settle(path);
  await controller.stop();
  const read = await countReads(t, join(state, "journal"));

  const opened = async (): Promise<number> => {
    read();
    controller = await start(world);
    const count = read();
    await until(controller, ready);
    await controller.stop();
    return count;
  };
  const rows: readonly (readonly [what: string, before: () => Promise<unknown>, most: number, least: number])[] = [
    ["after a stop", async () => undefined, 300, 1],
    ["with a damaged book", () => writeFile(join(state, "receipts.json"), "{}"), 6_000, 5_000],
    ["without a snapshot", () => rm(join(state, "snapshots"), { recursive: true }), 15_000, 10_000],
  ];
  for (const [what, before, most, least] of rows) {
    await before();
    const count = await opened();
    assert.ok(count >= least && count <= most, `${what}: ${count} records read`);
  }
  assert.equal(rows.length, 3);
});
