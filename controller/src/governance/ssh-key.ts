// Public keys as governance files spell them: one `ssh-ed25519 AAAA… comment` line, known by its fingerprint.

import { bytesEqual, decodeBase64, encodeBase64, sha256, utf8 } from "@agentos/kernel";
import type { Brand } from "@agentos/kernel";
import { isStrongKey } from "../git/strong-key.ts";

/** A key's fingerprint as `ssh-keygen -l` prints it: `SHA256:` and 43 base64 characters without padding. */
export type KeyId = Brand<string, "KeyId">;

export interface SshKey {
  readonly id: KeyId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly comment: string;
}

const KEY_TYPE = "ssh-ed25519";
const KEY_SIZE_BYTES = 32;
/** `u32 11 | "ssh-ed25519" | u32 32`: what comes before the key itself on the wire. */
const WIRE_HEAD = Uint8Array.from([0, 0, 0, KEY_TYPE.length, ...utf8(KEY_TYPE), 0, 0, 0, KEY_SIZE_BYTES]);

export function isKeyId(text: string): text is KeyId {
  return /^SHA256:[A-Za-z0-9+/]{43}$/.test(text);
}

/** The fingerprint of a raw Ed25519 public key. */
export function keyId(publicKey: Uint8Array): KeyId {
  return `SHA256:${encodeBase64(sha256(wireKey(publicKey))).replace(/=+$/, "")}` as KeyId;
}

/** @returns the key, or in words what is wrong with the line */
export function readSshKey(line: string): SshKey | { readonly problem: string } {
  const [type, base64 = "", ...comment] = line.split(" ");
  if (type !== KEY_TYPE) return { problem: `expected ${KEY_TYPE} AAAA… comment` };
  const wire = decodeBase64(base64);
  if (wire === undefined || wire.length !== WIRE_HEAD.length + KEY_SIZE_BYTES || !bytesEqual(wire.subarray(0, WIRE_HEAD.length), WIRE_HEAD))
    return { problem: "the key is damaged" };
  const publicKey = wire.slice(WIRE_HEAD.length);
  if (!isStrongKey(publicKey)) return { problem: "not a sound Ed25519 key (small order, off the curve or not canonical)" };
  if (/\p{Cc}/u.test(line)) return { problem: "a control character in the comment" };
  return { id: keyId(publicKey), publicKey, comment: comment.join(" ") };
}

/** The line of a key, without newline. */
export function renderSshKey({ publicKey, comment }: Pick<SshKey, "publicKey" | "comment">): string {
  return [KEY_TYPE, encodeBase64(wireKey(publicKey)), comment].filter((word) => word !== "").join(" ");
}

function wireKey(publicKey: Uint8Array): Uint8Array {
  return Uint8Array.from([...WIRE_HEAD, ...publicKey]);
}
