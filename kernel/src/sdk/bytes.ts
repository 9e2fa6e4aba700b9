// Hashes and texts inside a module: the engine has neither crypto nor TextDecoder.

import { sha256 as digest } from "@noble/hashes/sha2.js";
import { TextDecoder, TextEncoder } from "../sandbox/text-codec.ts";

/** SHA-256, 32 bytes; of a text, its UTF-8 form. Fit for an idempotency key. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return digest(typeof data === "string" ? bytesOf(data) : data);
}

/** The hash of some bytes as AIR writes it, and as a blob is named: `sha256:` and 64 hex digits. */
export function hashOf(bytes: Uint8Array): string {
  return `sha256:${[...digest(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of UTF-8 bytes. @throws TypeError where they are none */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
