import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { bundleReducer } from "./bundle.ts";
import type { Built } from "./bundle.ts";
import { stepInput } from "./fixtures/hostile.ts";
import { mapStack } from "./map-stack.ts";
import { createModuleRunner } from "./runner.ts";

const FILES = {
  "order.ts": `export class OrderError extends Error { override name = "OrderError"; }
export function check(n: number): void {
  if (n > 1)
    throw new OrderError("too many");
}
`,
  "module.ts": `import { reduce } from "@agentos/kernel/sdk";
import { check } from "./order.ts";

const handle = (n: number) => {
  [n].forEach((x) => check(x));
};
export default reduce((state: number | null) => {
  handle(2);
  return { state };
});
`,
};

async function built(files: Readonly<Record<string, string>>): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), "aos-map-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return await bundleReducer({ entry: join(folder, "module.ts") });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("stack: a script that throws: places in the author's files, shown and never part of the result", async () => {
  const { artifact, sourceMap } = await built(FILES);
  const shown: { readonly message: string; readonly trace: string }[] = [];
  const call = async (options: Parameters<typeof createModuleRunner>[0]): Promise<unknown> => {
    const runner = createModuleRunner(options);
    return runner.call({ wasmHash: await runner.add(artifact), entry: "step", input: stepInput(), fuelLimit: 1_000_000 });
  };
  const result = await call({ onThrow: (thrown) => shown.push(thrown) });
  assert.deepEqual(await call({}), result, "whether somebody looks changes nothing, fuel included");
  assert.deepEqual(Object.keys(result as object), ["kind", "code", "message", "fuelUsed"]);
  assert.equal((result as { message: string }).message, "OrderError: too many");
  assert.equal(shown.length, 1);
  assert.deepEqual(mapStack(shown[0]?.trace ?? "", sourceMap), ["order.ts:1:71", "order.ts:4:15", "module.ts:5:22", "module.ts:5:7", "module.ts:8:3"]);
});

test("stack: a bundle that throws while it is loaded: its place is in the error's data", async () => {
  const { artifact, sourceMap } = await built({ "module.ts": `import { pure } from "@agentos/kernel/sdk";\nconst table = null as unknown as { rows: number };\nexport default pure(() => table);\n\nexport const n = table.rows;\nglobalThis.n = n;` });
  await assert.rejects(createModuleRunner().add(artifact), (error: unknown) => {
    assert.ok(error instanceof AosError && error.code === "module.refused");
    assert.deepEqual(mapStack(String(error.data["trace"]), sourceMap).map((place) => place.replace(/:\d+$/, "")), ["module.ts:5"]);
    return true;
  });
});

test("stack: traces of nothing: no places; a broken map: SyntaxError", async () => {
  const { sourceMap, artifact } = await built(FILES);
  for (const trace of ["", "native", "    at f (native)", "    at f (<sandbox>:1:1)", "    at f (other.js:1:1)"]) assert.deepEqual(mapStack(trace, sourceMap), []);
  assert.throws(() => mapStack("    at f (bundle.js:1:1)", "{"), SyntaxError);
  assert.ok(!Buffer.from(artifact).includes("sourceMapping"), "the artifact knows of no map");
});
