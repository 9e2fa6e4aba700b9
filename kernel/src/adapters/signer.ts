// An Ed25519 key held in this process.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { assert } from "../air/error.ts";
import type { Signer } from "../ports.ts";

/** What RFC 8410 puts before the 32 bytes of an Ed25519 seed in PKCS #8. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * The signer whose private key is a 32-byte seed (RFC 8032). Signing is deterministic: same message, same signature.
 * The seed is copied into the key and is not kept.
 */
export function ed25519Signer(seed: Uint8Array): Signer {
  assert(seed.length === 32, "an Ed25519 seed is 32 bytes");
  const der = Buffer.concat([PKCS8_PREFIX, seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(spki.subarray(spki.length - 32)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}
