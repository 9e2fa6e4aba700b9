import { test } from "node:test";
import assert from "node:assert/strict";
import { createModuleRunner, memoryBlobs, memoryJournal, memorySnapshots, openHost, openSnapshots, stateRoot, systemClock, systemEntropy } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import { WORLD } from "../testing/small-turns.ts";
import { backlogOf } from "./backlog.ts";

test("backlog: what no seal holds: one turn that cites the world of now, or each with its own world when it is too much for one seal", async () => {
  const journal = memoryJournal();
  const options = { blobs: memoryBlobs(), clock: systemClock(), entropy: systemEntropy(), signer: generateKey("ctl").key, modules: createModuleRunner(), adapters: [], sandbox: "test", world: WORLD };
  const host = await openHost({ ...options, journal });
  const roots = new Map<number, string>();
  host.onTurn(({ world }) => roots.set(world.nextSeq, stateRoot(world)));
  for (let count = 0; count < 6; count++) await host.transition("held", "x");

  assert.deepEqual(await backlogOf(journal, host, { fromSeq: 7 }), []);
  const [whole, ...none] = await backlogOf(journal, host, { fromSeq: 3 });
  assert.deepEqual(none, []);
  assert.deepEqual(whole?.records.map(({ seq }) => seq), [3, 4, 5, 6]);
  assert.equal(whole?.world, host.world);

  const parts = await backlogOf(journal, host, { fromSeq: 3, bytesMax: 10 });
  assert.deepEqual(parts.map(({ records }) => records.map(({ seq }) => seq)), [[3], [4], [5], [6]]);
  for (const { world } of parts) assert.equal(stateRoot(world), roots.get(world.nextSeq), `before seq ${world.nextSeq}`);
  assert.deepEqual(parts.map(({ world }) => world.nextSeq), [4, 5, 6, 7]);

  const snapshots = memorySnapshots();
  const snapped = openSnapshots(snapshots, host.shelf, { world: WORLD, sandbox: "test" });
  const [second] = await backlogOf(journal, host, { fromSeq: 2, bytesMax: 10 });
  assert.ok(second !== undefined);
  await snapped.take(second.world, { last: second.bytes.at(-1) ?? assert.fail(), mode: "full" });
  await host.stop();
  const again = await openHost({ ...options, journal, snapshots });
  assert.equal(again.opened.snapshotSeq, 3);
  for (const [fromSeq, begin] of [[3, 3], [5, 3], [2, 0]] as const) {
    const begun: number[] = [];
    const watched = { nextSeq: journal.nextSeq, read: (from: number) => journal.read((begun.push(from), from)) };
    const later = await backlogOf(watched, again, { fromSeq, bytesMax: 10 });
    assert.deepEqual(later.map(({ world }) => [world.nextSeq, stateRoot(world)]), [...roots].filter(([seq]) => seq > fromSeq), `from ${fromSeq}`);
    assert.deepEqual(begun, [fromSeq, begin]);
  }
  await again.stop();
});
