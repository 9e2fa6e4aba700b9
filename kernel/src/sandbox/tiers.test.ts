import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hostileDigest, hostileRuns } from "./fixtures/hostile.ts";

test("tiers: hostile modules under V8's baseline, optimising and mixed compilation: equal outputs and fuel", async () => {
  const runs = await hostileRuns();
  const expected = `${runs.length} ${hostileDigest(runs)}\n`;
  const program = fileURLToPath(new URL("./fixtures/hostile.js", import.meta.url));
  const tiers = [["--liftoff", "--no-wasm-tier-up", "--no-wasm-dynamic-tiering"], ["--no-liftoff"]];
  for (const flags of tiers) {
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, program], { encoding: "utf8" });
    assert.equal(stdout, expected, `${flags.join(" ")}\n${stderr}`);
  }
  assert.ok(runs.length > 70);
});
