// Ed25519 over raw keys. node:crypto is the one verifier that decides state; keys it judges loosely are refused here.

import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { AosError, assert } from "@agentos/kernel";
import { isStrongKey } from "./strong-key.ts";

/** Signs with an Ed25519 key: `publicKey` is 32 bytes, signatures are 64. The secret stays inside. */
export interface SigningKey {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  /** What the key's owner wrote beside it; says nothing about who it is. */
  readonly comment: string;
}

/** DER heads before the 32 raw bytes: SubjectPublicKeyInfo and PKCS#8 (RFC 8410). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/** The signing key of a 32-byte seed (RFC 8032 secret key). */
export function signingKey(seed: Uint8Array, comment: string): SigningKey {
  assert(seed.length === 32, "an Ed25519 seed is 32 bytes");
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
  const publicKey = new Uint8Array(createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(SPKI_HEAD.length));
  return { publicKey, comment, sign: (message) => new Uint8Array(sign(null, message, secret)) };
}

/**
 * Does `signature` (64 bytes) by `publicKey` (32 bytes) stand for `message`? A small-order key never does: for such a key
 * one signature fits many messages, and verifiers differ on it.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = keyOf(publicKey);
  return key !== undefined && verify(null, message, key, signature);
}

/** Keys that were read, by their 32 bytes: few sign much, and reading one costs more than a verification. */
const READ_KEYS = new Map<string, KeyObject | undefined>();
const READ_KEYS_MAX = 64;

/** undefined: a key of small order. */
function keyOf(publicKey: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(publicKey).toString("latin1");
  const known = READ_KEYS.get(name);
  if (known !== undefined || READ_KEYS.has(name)) return known;
  const key = hasSmallOrder(publicKey) ? undefined : createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: "der", type: "spki" });
  if (READ_KEYS.size >= READ_KEYS_MAX) READ_KEYS.clear();
  READ_KEYS.set(name, key);
  return key;
}

/**
 * Guards enrolment: the key must be a canonical point of the prime-order group.
 *
 * @throws AosError `key.weak` for a small-order key, a point off the curve, a torsion component or another spelling of a point
 */
export function assertStrongKey(publicKey: Uint8Array): void {
  if (!isStrongKey(publicKey))
    throw new AosError("key.weak", "public key: not a sound Ed25519 key (small order, off the curve or not canonical)", {
      hint: "make a key with ssh-keygen -t ed25519",
    });
}

/**
 * The y coordinates of the eight points whose order divides 8, little-endian, in every spelling below 2^255:
 * 0, 1, two of order 8, p - 1, and p and p + 1 again as 0 and 1. The top bit holds the sign of x and is left out.
 */
const SMALL_ORDER_Y: ReadonlySet<string> = new Set([
  "00".repeat(32),
  "01" + "00".repeat(31),
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ec" + "ff".repeat(30) + "7f",
  "ed" + "ff".repeat(30) + "7f",
  "ee" + "ff".repeat(30) + "7f",
]);

function hasSmallOrder(publicKey: Uint8Array): boolean {
  const y = Buffer.from(publicKey);
  y[31] = (y[31] ?? 0) & 0x7f;
  return SMALL_ORDER_Y.has(y.toString("hex"));
}
