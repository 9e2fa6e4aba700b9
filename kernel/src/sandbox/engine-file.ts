// Where the JavaScript engine's bytes come from: QuickJS as the pinned npm package brings it, checked by its hash.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { AosError } from "../air/error.ts";
import type { Hash } from "../air/value.ts";
import { digestOf } from "./digest.ts";

/** SHA-256 of the engine's WebAssembly (QuickJS 2025-09-13, built with Emscripten). Artifacts name it. */
export const ENGINE_HASH = "sha256:105c3bed22d457e43e3d1c3c1c6959fda62a8fe06f0fc8a985303c3a2be72232" as Hash;

/** Where the package manager put the engine. */
export function engineFile(): string {
  return createRequire(import.meta.url).resolve("@jitl/quickjs-wasmfile-release-sync/wasm");
}

/**
 * Reads the engine.
 * @throws AosError `engine.changed` when the file is not the pinned one
 */
export function readEngine(file = engineFile()): Uint8Array {
  const bytes = new Uint8Array(readFileSync(file));
  const found = digestOf(bytes);
  if (found !== ENGINE_HASH) {
    throw new AosError("engine.changed", `javascript engine: expected ${ENGINE_HASH}, the installed file is ${found}`, {
      hint: "install @jitl/quickjs-wasmfile-release-sync at the version that package.json pins",
      data: { expected: ENGINE_HASH, found },
    });
  }
  return bytes;
}
