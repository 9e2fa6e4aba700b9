// Carries out `blob.put` and `blob.get`: bytes between the world and its blob store.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { hashBytes, isHash } from "../air/hash.ts";
import type { Hash, Value } from "../air/value.ts";
import type { Adapter, AdapterResult } from "../ports.ts";
import type { AdapterEnv } from "./env.ts";

/**
 * The adapter `blob`. A put whose bytes are not those of `blob_ref` is an `error` (`blob.digest`) and stores nothing; a get of
 * a blob that is not there (`blob.missing`) or too long for a journal (`blob.limit`) is an `error` without bytes.
 */
export function blobAdapter({ blobs, config }: Pick<AdapterEnv, "blobs" | "config">): Adapter {
  const { bytesMax } = config.blob;

  async function put(ref: Hash, bytes: Uint8Array): Promise<AdapterResult> {
    const answer = (status: AdapterResult["status"], code?: string): AdapterResult => ({ status, payload: canonical({ blob_ref: ref, size: bytes.length }), ...withCode(code) });
    if (bytes.length > bytesMax) return answer("error", "blob.limit");
    if (hashBytes(bytes) !== ref) return answer("error", "blob.digest");
    await blobs.put(bytes);
    return answer("ok");
  }

  async function get(ref: Hash): Promise<AdapterResult> {
    const bytes = await blobs.get(ref);
    const code = bytes === undefined ? "blob.missing" : bytes.length > bytesMax ? "blob.limit" : undefined;
    const given = code === undefined ? bytes : undefined;
    return {
      status: code === undefined ? "ok" : "error",
      payload: canonical({ blob_ref: ref, size: bytes?.length ?? 0, bytes: given ?? new Uint8Array() }), ...withCode(code),
    };
  }

  return {
    id: "blob",
    effects: ["blob.put", "blob.get"],
    resend: () => "again",
    async run(call) {
      const { ref, bytes } = readParams(call.effect, call.params);
      try {
        return await (bytes === undefined ? get(ref) : put(ref, bytes));
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        const size = bytes?.length ?? 0;
        return { status: "error", code: error.code, payload: canonical({ blob_ref: ref, size, ...(bytes === undefined ? { bytes: new Uint8Array() } : {}) }) };
      }
    },
  };
}

function readParams(effect: string, encoded: Uint8Array): { readonly ref: Hash; readonly bytes: Uint8Array | undefined } {
  const params = decode(encoded);
  const field = (name: string): Value | undefined => (params instanceof Map ? params.get(name) : undefined);
  const [ref, bytes] = [field("blob_ref"), field("bytes")];
  if (typeof ref !== "string" || !isHash(ref)) throw badParams(effect);
  if (effect === "blob.get") return { ref, bytes: undefined };
  if (!(bytes instanceof Uint8Array)) throw badParams(effect);
  return { ref, bytes };
}

function badParams(effect: string): AosError {
  return new AosError("blob.params", `the params are not those of ${effect}`);
}

function withCode(code: string | undefined): { readonly code?: string } {
  return code === undefined ? {} : { code };
}
