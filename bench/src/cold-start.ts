// A process that runs one call of a TypeScript module and ends: what a command pays. `node cold-start.js [artifact [cache folder]]`.

import { readFileSync } from "node:fs";
import { canonical, createModuleRunner, plain } from "@agentos/kernel";
import { expect } from "./measure.ts";

const [artifact, cacheDir = ""] = process.argv.slice(2);
if (artifact !== undefined) {
  const runner = createModuleRunner(cacheDir === "" ? {} : { cacheDir });
  const wasmHash = await runner.add(new Uint8Array(readFileSync(artifact)));
  const event = { schema: "bench/Event@1", value: canonical({ $tag: "Reset", $value: null }) };
  const result = runner.call({ wasmHash, entry: "step", input: plain({ version: 1, state: null, event }), fuelLimit: 1_000_000 });
  expect(result.kind === "ok", "a call that ends well");
}
