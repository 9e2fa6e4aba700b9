// Content hashes: SHA-256, its text form and its raw form.

import { sha256 as digest } from "@noble/hashes/sha2.js";
import { hex, unhex } from "./bytes.ts";
import { canonical, canonicalAnd } from "./cbor.ts";
import { AosError } from "./error.ts";
import { isHashText } from "./text.ts";
import type { Encodable, Hash } from "./value.ts";

export { bytesEqual, compareBytes, fromUtf8, hex, unhex, utf8 } from "./bytes.ts";

/** The placeholder for a hash that is not known yet: all 32 bytes zero. */
export const ZERO_HASH = `sha256:${"0".repeat(64)}` as Hash;

const HASH = /^sha256:[0-9a-f]{64}$/;

/** One hasher for all calls, put back to the blank state before each: making one costs as much as hashing a short input. */
const blank = digest.create();
const hasher = digest.create();

/** SHA-256 as a text: of 64 lower-case hex digits, or of 32 characters, each the number of a byte. */
export type DigestText = (bytes: Uint8Array, form: "hex" | "binary") => string;
let platform: DigestText | undefined;

/** Gives a platform's own SHA-256, faster than one written in JavaScript, to all that hash from here on. The digests are the same. */
export function provideSha256(digestText: DigestText): void {
  platform = digestText;
}

/** SHA-256, 32 bytes; a fresh array, owned by the caller. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return platform === undefined ? portableSha256(bytes) : bytesOf(platform(bytes, "binary"));
}

/** {@link sha256} that needs no platform. */
export function portableSha256(bytes: Uint8Array): Uint8Array {
  return blank._cloneInto(hasher).update(bytes).digest();
}

/** Hash of bytes as they are: blobs, modules, canonical preimages. */
export function hashBytes(bytes: Uint8Array): Hash {
  return platform === undefined ? rawToHash(portableSha256(bytes)) : (`sha256:${platform(bytes, "hex")}` as Hash);
}

function bytesOf(binary: string): Uint8Array {
  const raw = new Uint8Array(32);
  for (let i = 0; i < 32; i++) raw[i] = binary.charCodeAt(i);
  return raw;
}

/** Canonical bytes of a value, and their hash. */
export function hashedBytes(value: Encodable): { readonly bytes: Uint8Array; readonly hash: Hash } {
  const { bytes, seen } = canonicalAnd(value, hashBytes);
  return { bytes, hash: seen };
}

/** Hash of a value: of its canonical bytes, self-describe prefix included. */
export function hashValue(value: Encodable): Hash {
  return hashBytes(canonical(value));
}

/** Whether a text is a hash in its one spelling, lower-case hex digits; `isHashText` is the wider form that values may hold. */
export function isHash(text: string): text is Hash {
  return HASH.test(text);
}

/**
 * Reads a hash, hex digits of either case, into the canonical spelling.
 * @throws AosError `air.hash`
 */
export function parseHash(text: string): Hash {
  if (!isHashText(text)) throw new AosError("air.hash", `hash: expected sha256:<64 hex digits>, got ${JSON.stringify(text)}`);
  return text.toLowerCase() as Hash;
}

/** The 32 bytes a hash stands for. */
export function hashToRaw(hash: Hash): Uint8Array {
  return unhex(hash.slice("sha256:".length));
}

/**
 * Text form of 32 raw bytes.
 * @throws AosError `air.hash` for another length
 */
export function rawToHash(raw: Uint8Array): Hash {
  if (raw.length !== 32) throw new AosError("air.hash", `hash: expected 32 bytes, got ${raw.length}`);
  return `sha256:${hex(raw)}` as Hash;
}
