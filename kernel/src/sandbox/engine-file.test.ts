import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { AosError } from "../air/error.ts";
import { digestOf } from "./digest.ts";
import { ENGINE_CODE } from "./engine-code.ts";
import { ENGINE_HASH, readEngine } from "./engine-file.ts";
import { scanModule } from "./scan.ts";

test("engine: the installed file: the pinned one, its code as baked modules hold it", () => {
  const bytes = readEngine();
  assert.equal(digestOf(bytes), ENGINE_HASH);
  const scan = scanModule(bytes, "engine");
  assert.deepEqual([scan.importedFunctions, scan.code.length], [ENGINE_CODE.imports, ENGINE_CODE.functions]);
  const code = scan.sections.find(({ id }) => id === 10);
  // Two bytes of the section are the count of functions.
  assert.equal(digestOf(bytes.subarray((code?.start ?? 0) + 2, code?.end)), ENGINE_CODE.code);
});

test("engine: one bit of the file changed: engine.changed, with both hashes and a way out", () => {
  const folder = mkdtempSync(join(tmpdir(), "aos-engine-"));
  try {
    const bytes = readEngine();
    bytes[100_000] = (bytes[100_000] as number) ^ 1;
    writeFileSync(join(folder, "engine.wasm"), bytes);
    assert.throws(() => readEngine(join(folder, "engine.wasm")), (error: unknown) => {
      assert.ok(error instanceof AosError && error.code === "engine.changed");
      assert.deepEqual(error.data, { expected: ENGINE_HASH, found: digestOf(bytes) });
      assert.match(error.hint ?? "", /quickjs-wasmfile-release-sync at the version/);
      return true;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
