// Carries out `vault.put` and `vault.rotate`: values go from the blobs into the vault, and are never in a receipt.

import { canonical, decode } from "../air/cbor.ts";
import { AosError } from "../air/error.ts";
import { hashBytes, isHash, ZERO_HASH } from "../air/hash.ts";
import type { Hash, Value } from "../air/value.ts";
import type { Adapter, AdapterResult } from "../ports.ts";
import type { AdapterEnv } from "./env.ts";
import { parseVaultBinding } from "./secret-sources.ts";

interface Params {
  readonly alias: string;
  readonly bindingId: string;
  readonly expectedDigest: Hash;
  readonly version: number;
  readonly valueRef: Hash;
}

/**
 * The adapter `vault`. `binding_id` is `vault:NAME`.
 *
 * - `vault.put` keeps the bytes of the blob `value_ref` as the next version of NAME and makes it current; they must have the
 *   digest `expected_digest`. Put again, it is the same version.
 * - `vault.rotate` makes the version `version` of NAME current, if its value has the digest `expected_digest`.
 *
 * A failure is an `error` with one of the codes `vault.missing` (the host has none), `vault.binding`, `vault.value`, `vault.digest`,
 * `vault.version`, `vault.key`, `vault.sealed`, `vault.busy`, `vault.io`; its version is 0 and its digest zero.
 */
export function vaultAdapter({ blobs, vault }: Pick<AdapterEnv, "blobs" | "vault">): Adapter {
  async function carryOut(effect: string, params: Params): Promise<{ readonly version: number; readonly digest: Hash }> {
    if (vault === undefined) throw new AosError("vault.missing", "this host has no vault");
    const binding = parseVaultBinding(params.bindingId);
    if (binding === undefined || binding.version !== undefined) throw new AosError("vault.binding", "the binding is not `vault:NAME`");
    if (effect === "vault.rotate") return vault.rotate(binding.name, { version: params.version, digest: params.expectedDigest });
    const value = await blobs.get(params.valueRef);
    if (value === undefined) throw new AosError("vault.value", "the value is not among the blobs");
    if (hashBytes(value) !== params.expectedDigest) throw new AosError("vault.digest", "the value is not the one that was expected");
    return vault.put(binding.name, { alias: params.alias, value });
  }

  return {
    id: "vault",
    effects: ["vault.put", "vault.rotate"],
    concurrency: 1,
    resend: () => "again",
    async run(call): Promise<AdapterResult> {
      const params = readParams(call.effect, call.params);
      const answer = (kept: { readonly version: number; readonly digest: Hash }): Uint8Array =>
        canonical({ alias: params.alias, version: kept.version, binding_id: params.bindingId, digest: kept.digest });
      try {
        return { status: "ok", payload: answer(await carryOut(call.effect, params)) };
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        return { status: "error", code: error.code, payload: answer({ version: 0, digest: ZERO_HASH }) };
      }
    },
  };
}

function readParams(effect: string, encoded: Uint8Array): Params {
  const params = decode(encoded);
  const field = (name: string): Value | undefined => (params instanceof Map ? params.get(name) : undefined);
  const [alias, bindingId, digest] = [field("alias"), field("binding_id"), field("expected_digest")];
  const [version, valueRef] = effect === "vault.rotate" ? [field("version"), ZERO_HASH] : [0, field("value_ref")];
  const read = typeof alias === "string" && typeof bindingId === "string" && isHashValue(digest) && typeof version === "number" && isHashValue(valueRef);
  if (!read) throw new AosError("vault.params", `the params are not those of ${effect}`);
  return { alias, bindingId, expectedDigest: digest, version, valueRef };
}

function isHashValue(value: Value | undefined): value is Hash {
  return typeof value === "string" && isHash(value);
}
