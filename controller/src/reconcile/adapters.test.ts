import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { DEFAULT_CONFIG, memoryBlobs, systemClock } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { ADAPTERS_FILE, readAdapterConfig, worldAdapters } from "./adapters.ts";

async function folderOf(t: TestContext, text?: string): Promise<string> {
  const folder = await temporaryFolder(t);
  if (text !== undefined) await writeFile(join(folder, ADAPTERS_FILE), text);
  return folder;
}

test("adapters.json: none: the defaults; one: what it says", async (t) => {
  assert.deepEqual(await readAdapterConfig(await folderOf(t)), DEFAULT_CONFIG);
  assert.equal((await readAdapterConfig(await folderOf(t, '{"http":{"timeoutMs":9}}'))).http.timeoutMs, 9);
});

for (const [what, text] of [["an unknown field", '{"http":{"x":1}}'], ["no JSON", "{"], ["more than 256 KiB", " ".repeat(300_000)]] as const) {
  test(`adapters.json with ${what}: adapters.config with the file's place, no adapter is made`, async (t) => {
    const folder = await folderOf(t, text);
    await assert.rejects(worldAdapters(folder, { blobs: memoryBlobs(), clock: systemClock(), host: () => assert.fail() }), (error: { readonly code?: string; readonly at?: { readonly file?: string } }) => {
      assert.deepEqual([error.code, error.at?.file], ["adapters.config", join(folder, ADAPTERS_FILE)]);
      return true;
    });
  });
}

test("adapters of a world: every effect of the outside has one; nothing is written before a call", async (t) => {
  const folder = await folderOf(t);
  const { adapters, secrets } = await worldAdapters(folder, { blobs: memoryBlobs(), clock: systemClock(), host: () => assert.fail() });
  const effects = adapters.flatMap((adapter) => adapter.effects);
  for (const effect of ["http.request", "llm.generate", "timer.set", "blob.get", "vault.put", "workspace.list", "introspect.manifest"]) assert.ok(effects.includes(effect), effect);
  assert.equal(await secrets.resolve("vault:none"), undefined);
});
