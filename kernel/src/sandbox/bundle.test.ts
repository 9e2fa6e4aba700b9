import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { fromUtf8, hashBytes } from "../air/hash.ts";
import type { Value } from "../air/value.ts";
import { bundleReducer } from "./bundle.ts";
import type { Built } from "./bundle.ts";
import { COUNTER_SCRIPT } from "./fixtures/scripts.ts";

/** Writes files into a new folder, bundles `module.ts` there, removes the folder. */
async function bundled(files: Readonly<Record<string, string>>, below = ""): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), "aos-bundle-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, below, name)), { recursive: true });
      writeFileSync(join(folder, below, name), text);
    }
    return await bundleReducer({ entry: join(folder, below, "module.ts") });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bundleText(built: Built): string {
  const map = decode(built.artifact) as ReadonlyMap<Value, Value>;
  return fromUtf8(map.get("bundle") as Uint8Array);
}

test("bundle: a world outside of the repository: the SDK is found, nothing unused comes along", async () => {
  const built = await bundled({ "module.ts": COUNTER_SCRIPT });
  assert.equal(built.hash, hashBytes(built.artifact));
  assert.equal(built.bundleBytes, bundleText(built).length);
  assert.ok(built.bundleBytes < 400, `${built.bundleBytes} bytes`);
  assert.doesNotMatch(bundleText(built), /cbor|node_modules|tmp|\/\/|import/);
});

test("bundle: same text in other places, below other settings: the same bytes", async () => {
  const library = "exports.twice = (n) => n * 2; exports.name = __filename;";
  const files = {
    "module.ts": `import { reduce } from "@agentos/kernel/sdk"; import { twice } from "./lib/twice.js"; import { word } from "./word.ts";
      export default reduce((state) => ({ state: [twice(state ?? 1), word] }));`,
    "lib/twice.js": "module.exports = { twice: require('./inner.js').twice };", "lib/inner.js": library.replace(" exports.name = __filename;", ""), "word.ts": "export const word: string = 'w';",
  };
  const once = await bundled(files);
  const elsewhere = await bundled(files, "some/deep folder/here");
  const below = await bundled({ ...files, "../tsconfig.json": `{"compilerOptions":{"target":"es5","useDefineForClassFields":false,"experimentalDecorators":true}}` }, "x/y");
  assert.deepEqual(elsewhere.artifact, once.artifact);
  assert.deepEqual(below.artifact, once.artifact);
  assert.doesNotMatch(bundleText(once), /inner|twice\.js/);
});

test("bundle: what cannot be built: code, file, line and column", async () => {
  const rows: readonly (readonly [text: string, code: string, message: RegExp, line: number | undefined])[] = [
    [`export const a = 1;\nimport fs from "node:fs";\nexport default fs;`, "build.import", /^module\.ts:2:16: cannot import "node:fs"$/, 2],
    [`import path from "path"; export default path;`, "build.import", /^module\.ts:1:18: cannot import "path"$/, 1],
    [`import _ from "lodash"; export default _;`, "build.import", /cannot import "lodash"$/, 1],
    [`import x from "./missing.ts"; export default x;`, "build.import", /cannot import "\.\/missing\.ts"$/, 1],
    [`const os = require("os"); export default os;`, "build.import", /cannot import "os"$/, 1],
    [`import x from "https://example.com/x.js"; export default x;`, "build.import", /^module\.ts:1:15: cannot import "https:\/\/example\.com\/x\.js"$/, 1],
    [`export default import("node:http");`, "build.import", /cannot import "node:http"$/, 1],
    [`\nexport default (;`, "build.syntax", /^module\.ts:2:17: Unexpected ";"$/, 2],
    [`await 1; export default 2;`, "build.syntax", /^module\.ts:1:1: Top-level await/, 1],
    [`import { nothing } from "@agentos/kernel/sdk"; export default nothing;`, "build.syntax", /No matching export/, 1],
    [`export const a = 1;`, "build.export", /^module\.ts: has no default export$/, undefined],
  ];
  for (const [text, code, message, line] of rows) {
    await assert.rejects(bundled({ "module.ts": text }), (error: unknown) => {
      assert.ok(error instanceof AosError, String(error));
      assert.equal(error.code, code, text);
      assert.match(error.message, message, text);
      assert.equal(error.at?.file, "module.ts", text);
      assert.equal(error.at?.line, line, text);
      return true;
    });
  }
  assert.equal(rows.length, 11);
  await assert.rejects(bundleReducer({ entry: join(tmpdir(), "aos-no-such-module.ts") }), (error: unknown) => error instanceof AosError && error.code === "build.entry");
});
