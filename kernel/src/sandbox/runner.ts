// Runs modules by the hash of their artifact: admits them, keeps the recently used ones ready, calls them.

import { canonical, decodeCanonical } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { hashBytes, hashValue } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import type { ModuleRunner } from "../ports.ts";
import { ENGINE_HASH } from "./engine-file.ts";
import { loadJs } from "./js-module.ts";
import * as limits from "./limits.ts";
import { PRELUDE } from "./prelude.ts";
import { REWRITER_VERSION } from "./rewrite.ts";
import { loadWasm } from "./wasm-runner.ts";
import type { LoadedModule } from "./wasm-runner.ts";

/** Hash of the JavaScript engine that artifacts of kind `js` must name. */
export function engineHash(): Hash {
  return ENGINE_HASH;
}

/**
 * What decides results besides the artifact and the input: engine, rewriter, prelude and every limit. A journal pins it; another
 * version may give another output or another fuel, so it must not replay that journal.
 */
export const SANDBOX_VERSION: string = `sandbox-${REWRITER_VERSION}-${hashValue({
  engine: ENGINE_HASH, rewriter: REWRITER_VERSION, prelude: PRELUDE, limits: new Map(Object.entries(limits)),
}).slice("sha256:".length, "sha256:".length + 16)}`;

/**
 * The artifact of a bundle; its SHA-256 is the module's `wasm_hash`.
 * @returns canonical CBOR of `{abi: 1, kind: "js", engine, bundle}`
 */
export function jsArtifact(bundle: Uint8Array): Uint8Array {
  return canonical({ abi: 1, kind: "js", engine: ENGINE_HASH, bundle });
}

export interface RunnerOptions {
  /** Modules that are kept compiled and instantiated at a time; others are made ready again when they are called. */
  readonly readyMax?: number;
}

const READY_MAX = 64;

/** Makes a runner. Artifacts are kept for its life; each is admitted once. */
export function createModuleRunner(options: RunnerOptions = {}): ModuleRunner {
  const readyMax = options.readyMax ?? READY_MAX;
  const artifacts = new Map<Hash, Uint8Array>();
  // In order of use, the least recent first.
  const ready = new Map<Hash, LoadedModule>();

  function prepare(hash: Hash, artifact: Uint8Array): LoadedModule {
    const loaded = ready.get(hash) ?? loadArtifact(artifact);
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
        const hash = hashBytes(artifact);
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
      return prepare(wasmHash, artifact).call(entry, input, fuelLimit);
    },
  };
}

function loadArtifact(artifact: Uint8Array): LoadedModule {
  if (artifact.length > limits.ARTIFACT_BYTES_MAX) throw refused(`has ${artifact.length} bytes; at most ${limits.ARTIFACT_BYTES_MAX} are admitted`);
  if (artifact[0] === 0x00 && artifact[1] === 0x61) return loadWasm(artifact);
  if (artifact[0] === 0xd9 && artifact[1] === 0xd9 && artifact[2] === 0xf7) return loadJs(bundleOf(artifact));
  throw refused("is neither WebAssembly nor canonical CBOR of {abi, kind, engine, bundle}");
}

function refused(why: string, cause?: unknown): AosError {
  return new AosError("module.refused", `module: ${why}`, cause === undefined ? {} : { cause });
}

function bundleOf(artifact: Uint8Array): Uint8Array {
  const map = readCanonical(artifact);
  const fields = ["abi", "bundle", "engine", "kind"];
  if (!(map instanceof Map) || map.size !== fields.length || !fields.every((field) => map.has(field))) throw refused("is not a map of abi, kind, engine and bundle");
  if (map.get("abi") !== 1 || map.get("kind") !== "js") throw refused("is of another abi or kind than 1 and js");
  const engine = map.get("engine");
  if (engine !== ENGINE_HASH) throw refused(`needs the engine ${String(engine)}; this runtime has ${ENGINE_HASH}`);
  const bundle = map.get("bundle");
  if (!(bundle instanceof Uint8Array)) throw refused("has a bundle that is not bytes");
  return bundle;
}

function readCanonical(artifact: Uint8Array): unknown {
  try {
    return decodeCanonical(artifact);
  } catch (cause) {
    throw refused("is not canonical CBOR", cause);
  }
}
