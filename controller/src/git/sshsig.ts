// SSHSIG: the signature format of `ssh-keygen -Y sign` and of git's SSH-signed commits (OpenSSH PROTOCOL.sshsig).

import { hash } from "node:crypto";
import { assert } from "@agentos/kernel";
import type { SigningKey } from "./ed25519.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { decodePublicKey, decodeSignature, encodePublicKey, encodeSignature, readFields, wireString, wireU32 } from "./ssh-wire.ts";

const MAGIC = Buffer.from("SSHSIG", "latin1");
const VERSION = 1;
const HASH_NAME = "sha512";
const ARMOR_BEGIN = "-----BEGIN SSH SIGNATURE-----";
const ARMOR_END = "-----END SSH SIGNATURE-----";
const ARMOR_WIDTH = 70;

/** The bytes the key signs. The namespace says what for, so that a signature of a commit never passes for one of a receipt. */
export function signedBytes(namespace: string, message: Uint8Array): Uint8Array {
  assert(namespace !== "", "a signature has a namespace");
  return Buffer.concat([MAGIC, wireString(namespace), wireString(""), wireString(HASH_NAME), wireString(hash(HASH_NAME, message, "buffer"))]);
}

/** Signs; the blob equals, byte for byte, what `ssh-keygen -Y sign -n <namespace>` wraps in its armor. */
export function sshsigSign(key: SigningKey, namespace: string, message: Uint8Array): Uint8Array {
  return sshsigBlob({ publicKey: key.publicKey, namespace, signature: key.sign(signedBytes(namespace, message)) });
}

/** The blob around a bare 64-byte signature over signedBytes. */
export function sshsigBlob(parts: { readonly publicKey: Uint8Array; readonly namespace: string; readonly signature: Uint8Array }): Uint8Array {
  return Buffer.concat([
    MAGIC,
    wireU32(VERSION),
    wireString(encodePublicKey(parts.publicKey)),
    wireString(parts.namespace),
    wireString(""),
    wireString(HASH_NAME),
    wireString(encodeSignature(parts.signature)),
  ]);
}

/**
 * Checks a blob against a namespace and a message. Only Ed25519 with SHA-512 is accepted.
 *
 * @returns the key that signed; whether that key may say so is the caller's question. undefined when anything does not hold.
 */
export function sshsigVerify(
  blob: Uint8Array,
  namespace: string,
  message: Uint8Array,
): { readonly publicKey: Uint8Array } | undefined {
  if (!MAGIC.equals(blob.subarray(0, MAGIC.length))) return undefined;
  const read = readFields(blob.subarray(MAGIC.length), ["u32", "string", "string", "string", "string", "string"]);
  if (read === undefined || read.rest.length > 0) return undefined;
  const [version, keyBlob, signedNamespace, reserved, hashName, signatureBlob] = read.fields;
  if (version !== VERSION || reserved.length > 0) return undefined;
  if (!Buffer.from(namespace, "utf8").equals(signedNamespace) || !Buffer.from(HASH_NAME).equals(hashName)) return undefined;
  const publicKey = decodePublicKey(keyBlob);
  const signature = decodeSignature(signatureBlob);
  if (publicKey === undefined || signature === undefined) return undefined;
  return verifyEd25519(publicKey, signedBytes(namespace, message), signature) ? { publicKey: Uint8Array.from(publicKey) } : undefined;
}

/** @returns the 32 bytes of the key that a signature says it is by, believed by nobody yet; undefined for what is no signature by Ed25519 */
export function sshsigKey(blob: Uint8Array): Uint8Array | undefined {
  const read = MAGIC.equals(blob.subarray(0, MAGIC.length)) ? readFields(blob.subarray(MAGIC.length), ["u32", "string"]) : undefined;
  return read === undefined || read.fields[0] !== VERSION ? undefined : decodePublicKey(read.fields[1]);
}

/** The text form: base64 in lines of 70 between a begin and an end line, with a final newline. */
export function armor(blob: Uint8Array): string {
  const text = Buffer.from(blob).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += ARMOR_WIDTH) lines.push(text.slice(at, at + ARMOR_WIDTH));
  return [ARMOR_BEGIN, ...lines, ARMOR_END, ""].join("\n");
}

/** @returns the blob of an armored text (line widths do not matter), or undefined when it is none */
export function dearmor(text: string): Uint8Array | undefined {
  const lines = text.trim().split("\n").map((line) => line.trim());
  if (lines.length < 3 || lines[0] !== ARMOR_BEGIN || lines[lines.length - 1] !== ARMOR_END) return undefined;
  const body = lines.slice(1, -1).join("");
  const blob = Buffer.from(body, "base64");
  return blob.toString("base64") === body ? blob : undefined;
}
