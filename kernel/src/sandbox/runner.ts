// Runs modules by the hash of their artifact: admits them, keeps the recently used ones ready, calls them.

import { AosError, assert } from "../air/error.ts";
import type { Hash } from "../air/value.ts";
import type { ModuleRunner } from "../ports.ts";
import { artifactKind, bundleOfArtifact } from "./artifact.ts";
import { digestOf } from "./digest.ts";
import { ENGINE_HASH } from "./engine-file.ts";
import { loadJs } from "./js-module.ts";
import * as limits from "./limits.ts";
import { moduleCache } from "./module-cache.ts";
import type { ModuleCache } from "./module-cache.ts";
import { loadWasm } from "./wasm-runner.ts";
import type { LoadedModule } from "./wasm-runner.ts";

export { jsArtifact } from "./artifact.ts";
export { SANDBOX_VERSION } from "./version.ts";

/** Hash of the JavaScript engine that artifacts of kind `js` must name. */
export function engineHash(): Hash {
  return ENGINE_HASH;
}

export interface RunnerOptions {
  /** Modules that are kept compiled and instantiated at a time; others are made ready again when they are called. */
  readonly readyMax?: number;
  /** A folder where what admission makes of engine and modules is kept for other processes; it may be deleted at any time. */
  readonly cacheDir?: string;
  /**
   * Told of every script that threw, with the places it was at in its bundle (`mapStack` finds them in the author's files). For a
   * log: the call's result holds the message alone, and replays tell of it again.
   */
  readonly onThrow?: (thrown: { readonly wasmHash: Hash; readonly message: string; readonly trace: string }) => void;
}

const READY_MAX = 64;

/** Makes a runner. Artifacts are kept for its life; each is admitted once. */
export function createModuleRunner(options: RunnerOptions = {}): ModuleRunner {
  const readyMax = options.readyMax ?? READY_MAX;
  const cache = options.cacheDir === undefined ? undefined : moduleCache(options.cacheDir);
  const artifacts = new Map<Hash, Uint8Array>();
  // In order of use, the least recent first.
  const ready = new Map<Hash, LoadedModule>();

  function prepare(hash: Hash, artifact: Uint8Array): LoadedModule {
    const loaded = ready.get(hash) ?? loadArtifact(artifact, cache);
    ready.delete(hash);
    ready.set(hash, loaded);
    for (const oldest of ready.keys()) {
      if (ready.size <= readyMax) break;
      ready.delete(oldest);
    }
    return loaded;
  }

  return {
    has: (wasmHash) => artifacts.has(wasmHash),
    add(artifact) {
      return new Promise((resolve) => {
        const hash = digestOf(artifact);
        if (!artifacts.has(hash)) {
          prepare(hash, artifact);
          artifacts.set(hash, artifact.slice());
        }
        resolve(hash);
      });
    },
    call({ wasmHash, entry, input, fuelLimit }) {
      const artifact = artifacts.get(wasmHash);
      if (artifact === undefined) throw new AosError("module.missing", `module ${wasmHash}: no artifact of that hash was added`);
      assert(Number.isSafeInteger(fuelLimit) && fuelLimit >= 0, "a fuel limit is a count of units");
      if (input.length > limits.INPUT_BYTES_MAX) {
        return { kind: "failed", code: "trap", message: `an input of ${input.length} bytes; at most ${limits.INPUT_BYTES_MAX} are allowed`, fuelUsed: 0 };
      }
      const loaded = prepare(wasmHash, artifact);
      const { onThrow } = options;
      if (onThrow === undefined) return loaded.call(entry, input, fuelLimit);
      let trace: string | undefined;
      const result = loaded.call(entry, input, fuelLimit, (shown) => (trace = shown));
      if (trace !== undefined && result.kind === "failed") onThrow({ wasmHash, message: result.message, trace });
      return result;
    },
  };
}

function loadArtifact(artifact: Uint8Array, cache: ModuleCache | undefined): LoadedModule {
  return artifactKind(artifact) === "wasm" ? loadWasm(artifact, cache) : loadJs(bundleOfArtifact(artifact), cache);
}
