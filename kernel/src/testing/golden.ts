// A world of TypeScript and raw WebAssembly reducers, run and replayed, reduced to one hash over every record it made. Started as a
// program it prints that hash and the one over all hostile modules: every Node and every tier of V8 must print the same lines.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { hashValue } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import { encodeRecord } from "../core/record.ts";
import { stateRoot } from "../core/world.ts";
import { assemble } from "../sandbox/fixtures/assemble.ts";
import { buildScript, hostileDigest, hostileRuns, type HostileRun } from "../sandbox/fixtures/hostile.ts";
import { COUNTER_MULTI } from "../sandbox/fixtures/wat.ts";
import { createModuleRunner } from "../sandbox/runner.ts";
import { withWorld } from "./test-world.ts";

const EVENTS = 60;

/** Adds up, and raises the sum. */
const COUNTER_SCRIPT = `import { event, reduce } from "@agentos/kernel/sdk";
export default reduce((state, { by }) => {
  const count = (state?.count ?? 0) + by;
  return { state: { count, seen: [...(state?.seen ?? []), by].slice(-8) }, events: [event("demo/Counted@1", { count })] };
});
`;

/** Counts what the first reducer raises, and notes what of the engine could differ: floats as texts, orders, the context. */
const NOTES_SCRIPT = `import { reduce } from "@agentos/kernel/sdk";
export default reduce((state, event, ctx) => {
  const n = (state?.n ?? 0) + 1;
  const parts = Array.from({ length: 20 }, (_, i) => ({ i, k: (i * 7 + n) % 5 })).sort((a, b) => a.k - b.k).map(({ i }) => i);
  return { state: { n, note: [Math.sin(n), Math.pow(n, 0.3), n / 3, ctx.now_ns, ctx.entropy[0], ...parts, event.count].join(" ") } };
});
`;

const AIR = [
  { $kind: "defschema", name: "gold/Count@1", type: { record: { count: { nat: {} }, seen: { list: { nat: {} } } } } },
  { $kind: "defschema", name: "gold/Command@1", type: { record: { by: { nat: {} } } } },
  { $kind: "defschema", name: "demo/Counted@1", type: { record: { count: { nat: {} } } } },
  { $kind: "defschema", name: "gold/Notes@1", type: { record: { n: { nat: {} }, note: { text: {} } } } },
  { $kind: "defschema", name: "gold/Small@1", type: { nat: {} } },
  { $kind: "defmodule", name: "gold/Counter@1", module_kind: "reducer", abi: { reducer: { state: "gold/Count@1", event: "gold/Command@1" } } },
  { $kind: "defmodule", name: "gold/Notes@1", module_kind: "reducer", abi: { reducer: { state: "gold/Notes@1", event: "demo/Counted@1", context: "sys/ReducerContext@1" } } },
  { $kind: "defmodule", name: "gold/Raw@1", module_kind: "reducer", abi: { reducer: { state: "gold/Small@1", event: "demo/Counted@1" } } },
  {
    $kind: "manifest", air_version: "1", plans: [], effects: [], caps: [], policies: [],
    schemas: ["gold/Count@1", "gold/Command@1", "demo/Counted@1", "gold/Notes@1", "gold/Small@1"].map((name) => ({ name })),
    modules: ["gold/Counter@1", "gold/Notes@1", "gold/Raw@1"].map((name) => ({ name })),
    routing: {
      events: [
        { event: "gold/Command@1", reducer: "gold/Counter@1" }, { event: "demo/Counted@1", reducer: "gold/Notes@1" }, { event: "demo/Counted@1", reducer: "gold/Raw@1" },
      ],
    },
  },
];

/** Runs the world; `withWorld` replays it and compares every derived record. */
async function goldenDigest(): Promise<Hash> {
  const modules = createModuleRunner();
  const artifacts = [await buildScript(COUNTER_SCRIPT), await buildScript(NOTES_SCRIPT), assemble(COUNTER_MULTI)];
  const names = ["gold/Counter@1", "gold/Notes@1", "gold/Raw@1"];
  const hashes = await Promise.all(artifacts.map((artifact) => modules.add(artifact)));
  const moduleHashes = new Map(names.map((name, index) => [name, hashes[index] as Hash]));
  let digest: Hash | undefined;
  await withWorld({ air: AIR, modules, artifacts, moduleHashes }, async (world) => {
    for (let i = 0; i < EVENTS; i++) await world.send("gold/Command@1", { by: i * i });
    assert.equal(world.of("stepped").length, 3 * EVENTS, "every event reaches all three reducers");
    digest = hashValue({ records: world.records().map(encodeRecord), root: stateRoot(world.host.world) });
  });
  assert.ok(digest !== undefined, "the world ran");
  return digest;
}

/** What a Node prints of what it has run of the hostile modules, and of the world; equal on all Nodes. */
export async function sandboxLines(runs: readonly HostileRun[]): Promise<string> {
  return `hostile modules ${runs.length} ${hostileDigest(runs)}\nreplayed events ${EVENTS} ${await goldenDigest()}\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(await sandboxLines(await hostileRuns()));
