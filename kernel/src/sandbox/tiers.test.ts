import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sandboxLines } from "../testing/golden.ts";

test("tiers: hostile modules and a replayed world under V8's baseline, optimising and mixed compilation: equal outputs and fuel", async () => {
  const expected = await sandboxLines();
  assert.match(expected, /^hostile modules \d{3} sha256:[0-9a-f]{64}\nreplayed events 60 sha256:[0-9a-f]{64}\n$/);
  const program = fileURLToPath(new URL("../testing/golden.js", import.meta.url));
  const tiers = [["--liftoff", "--no-wasm-tier-up", "--no-wasm-dynamic-tiering"], ["--no-liftoff"]];
  for (const flags of tiers) {
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, program], { encoding: "utf8" });
    assert.equal(stdout, expected, `${flags.join(" ")}\n${stderr}`);
  }
  assert.equal(tiers.length, 2);
});
