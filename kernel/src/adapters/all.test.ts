import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILTIN_EFFECTS } from "../air/catalog.ts";
import { blankWorld } from "../core/world.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { TEST_SANDBOX, TEST_WORLD_ID } from "../testing/test-world.ts";
import { ADAPTERS, allAdapters } from "./all.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { DEFAULT_CONFIG } from "./config.ts";

test("adapters: the table: each carries its name, no effect is carried out twice, none of the catalog is left out", () => {
  const adapters = allAdapters({
    blobs: memoryBlobs(), clock: manualClock(0n), secrets: { resolve: async () => undefined }, vault: undefined, config: DEFAULT_CONFIG,
    world: () => blankWorld(TEST_WORLD_ID, TEST_SANDBOX), submit: async () => undefined,
  });
  assert.deepEqual(adapters.map(({ id }) => id), Object.keys(ADAPTERS));
  const effects = adapters.flatMap((adapter) => adapter.effects);
  assert.equal(new Set(effects).size, effects.length);
  for (const effect of BUILTIN_EFFECTS.keys()) assert.ok(effects.includes(effect), effect);
  assert.ok(BUILTIN_EFFECTS.size > 20);
});
