// What an artifact is: WebAssembly as it is, or canonical CBOR of a bundle and the engine it needs.

import { canonical, decodeCanonical } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { ENGINE_HASH } from "./engine-file.ts";
import { ARTIFACT_BYTES_MAX } from "./limits.ts";

/**
 * The artifact of a bundle; its SHA-256 is the module's `wasm_hash`.
 * @returns canonical CBOR of `{abi: 1, kind: "js", engine, bundle}`
 */
export function jsArtifact(bundle: Uint8Array): Uint8Array {
  return canonical({ abi: 1, kind: "js", engine: ENGINE_HASH, bundle });
}

/** Which of the two it is, by its first bytes. @throws AosError `module.refused` when neither, or too large */
export function artifactKind(artifact: Uint8Array): "wasm" | "js" {
  if (artifact.length > ARTIFACT_BYTES_MAX) throw refused(`has ${artifact.length} bytes; at most ${ARTIFACT_BYTES_MAX} are admitted`);
  if (artifact[0] === 0x00 && artifact[1] === 0x61) return "wasm";
  if (artifact[0] === 0xd9 && artifact[1] === 0xd9 && artifact[2] === 0xf7) return "js";
  throw refused("is neither WebAssembly nor canonical CBOR of {abi, kind, engine, bundle}");
}

/** The engine an artifact of kind `js` names, whichever it is. @throws AosError `module.refused` */
export function engineOfArtifact(artifact: Uint8Array): string {
  return String(fieldsOf(artifact).get("engine"));
}

/** The bundle of an artifact of kind `js`. @throws AosError `module.refused` when it is not one for this engine */
export function bundleOfArtifact(artifact: Uint8Array): Uint8Array {
  const map = fieldsOf(artifact);
  const engine = map.get("engine");
  if (engine !== ENGINE_HASH) throw refused(`needs the engine ${String(engine)}; this runtime has ${ENGINE_HASH}`);
  const bundle = map.get("bundle");
  if (!(bundle instanceof Uint8Array)) throw refused("has a bundle that is not bytes");
  return bundle;
}

function fieldsOf(artifact: Uint8Array): ReadonlyMap<unknown, unknown> {
  const map = readCanonical(artifact);
  const fields = ["abi", "bundle", "engine", "kind"];
  if (!(map instanceof Map) || map.size !== fields.length || !fields.every((field) => map.has(field))) throw refused("is not a map of abi, kind, engine and bundle");
  if (map.get("abi") !== 1 || map.get("kind") !== "js") throw refused("is of another abi or kind than 1 and js");
  return map;
}

function refused(why: string, cause?: unknown): AosError {
  return new AosError("module.refused", `module: ${why}`, cause === undefined ? {} : { cause });
}

function readCanonical(artifact: Uint8Array): unknown {
  try {
    return decodeCanonical(artifact);
  } catch (cause) {
    throw refused("is not canonical CBOR", cause);
  }
}
