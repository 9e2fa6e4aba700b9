import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { buildModules } from "./modules.ts";

const SOURCE = `import { pure } from "@agentos/kernel/sdk";
const table = null as unknown as { rows: number };
export default pure(() => table);
globalThis.rows = table.rows;
`;

test("build: a module that throws while it is loaded: refused with the place in the author's file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aos-build-"));
  try {
    await mkdir(join(folder, "reducer"));
    await writeFile(join(folder, "reducer/table.ts"), SOURCE);
    await writeFile(join(folder, "aos.sync.json"), JSON.stringify({ version: 1, air: { dir: "air" }, modules: { dir: "modules" }, build: { modules: { "demo/Table@1": "reducer/table.ts" } } }));
    await assert.rejects(buildModules(folder), (error: { code: string; message: string; at?: { file?: string; line?: number } }) => {
      assert.equal(error.code, "module.refused");
      assert.match(error.message, /^reducer\/table\.ts:4:\d+: demo\/Table@1: bundle: it cannot be evaluated: TypeError/);
      assert.deepEqual([error.at?.file, error.at?.line], ["reducer/table.ts", 4]);
      return true;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
