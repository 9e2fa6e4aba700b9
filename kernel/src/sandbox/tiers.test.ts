import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ModuleResult } from "../ports.ts";
import { sandboxLines } from "../testing/golden.ts";
import { hostileDigest, hostileRuns, resultLine, told, type HostileRun } from "./fixtures/hostile.ts";
import { HOSTILE_EXPECTED } from "./fixtures/hostile-expected.ts";
import { createModuleRunner } from "./runner.ts";

let runs: readonly HostileRun[];
before(async () => {
  runs = await hostileRuns();
}, { timeout: 120_000 });

test("sandbox: hostile modules and envelopes: each ends as written down, every time alike, whatever ran between", async () => {
  for (const { name, results } of runs) assert.equal(new Set(results.map(resultLine)).size, 1, name);
  assert.deepEqual(Object.fromEntries(runs.map(({ name, results }) => [name, told(results[0] as ModuleResult)])), HOSTILE_EXPECTED);
  assert.equal(hostileDigest(await hostileRuns(createModuleRunner({ readyMax: 2 }))), hostileDigest(runs));
  assert.ok(runs.length > 250, `${runs.length} rows`);
});

test("tiers: hostile modules and a replayed world under V8's baseline, optimising and mixed compilation: equal outputs and fuel", async () => {
  const expected = await sandboxLines(runs);
  assert.match(expected, /^hostile modules \d{3} sha256:[0-9a-f]{64}\nreplayed events 60 sha256:[0-9a-f]{64}\n$/);
  const program = fileURLToPath(new URL("../testing/golden.js", import.meta.url));
  const tiers = [["--liftoff", "--no-wasm-tier-up", "--no-wasm-dynamic-tiering"], ["--no-liftoff"]];
  for (const flags of tiers) {
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, program], { encoding: "utf8" });
    assert.equal(stdout, expected, `${flags.join(" ")}\n${stderr}`);
  }
  assert.equal(tiers.length, 2);
});
