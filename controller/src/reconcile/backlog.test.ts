import { test } from "node:test";
import assert from "node:assert/strict";
import { createModuleRunner, memoryBlobs, memoryJournal, openHost, stateRoot, systemClock, systemEntropy } from "@agentos/kernel";
import { generateKey } from "../git/keys.ts";
import { WORLD } from "../testing/small-turns.ts";
import { backlogOf } from "./backlog.ts";

test("backlog: what no seal holds: one turn that cites the world of now, or each with its own world when it is too much for one seal", async () => {
  const journal = memoryJournal();
  const host = await openHost({ journal, blobs: memoryBlobs(), clock: systemClock(), entropy: systemEntropy(), signer: generateKey("ctl").key, modules: createModuleRunner(), adapters: [], sandbox: "test", world: WORLD });
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
});
