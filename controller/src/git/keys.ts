// Ed25519 keys in OpenSSH's own files: private keys (openssh-key-v1), public key lines and fingerprints.

import { createHash, randomBytes } from "node:crypto";
import { open, writeFile } from "node:fs/promises";
import { AosError } from "@agentos/kernel";
import { systemCode } from "./durable.ts";
import type { SigningKey } from "./ed25519.ts";
import { assertStrongKey, signingKey } from "./ed25519.ts";
import { decodePublicKey, encodePublicKey, readFields, wireString, wireU32 } from "./ssh-wire.ts";

/** A key with its secret: 32 bytes of seed. Only for writing it to a file. */
interface GeneratedKey {
  readonly key: SigningKey;
  readonly seed: Uint8Array;
}

const MAGIC = Buffer.from("openssh-key-v1\0", "latin1");
const PEM_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----";
const PEM_END = "-----END OPENSSH PRIVATE KEY-----";
const PEM_WIDTH = 70;
const KEY_TYPE = "ssh-ed25519";
/** The block size an unencrypted private section is padded to. */
const PADDING_BLOCK = 8;

export function generateKey(comment: string): GeneratedKey {
  const seed = new Uint8Array(randomBytes(32));
  return { key: signingKey(seed, oneLine(comment)), seed };
}

/**
 * The text of an unencrypted private key file, as ssh-keygen reads it. The two equal check words are taken from the
 * public key: they only serve to notice a wrong passphrase, and so the same key always gives the same file.
 */
export function encodePrivateKey({ key, seed }: GeneratedKey): string {
  const check = createHash("sha256").update(key.publicKey).digest().subarray(0, 4);
  const secret = Buffer.concat([
    check,
    check,
    wireString(KEY_TYPE),
    wireString(key.publicKey),
    wireString(Buffer.concat([seed, key.publicKey])),
    wireString(key.comment),
  ]);
  const padding = Buffer.from(Array.from({ length: (PADDING_BLOCK - (secret.length % PADDING_BLOCK)) % PADDING_BLOCK }, (_, i) => i + 1));
  const bytes = Buffer.concat([
    MAGIC,
    wireString("none"),
    wireString("none"),
    wireString(""),
    wireU32(1),
    wireString(encodePublicKey(key.publicKey)),
    wireString(Buffer.concat([secret, padding])),
  ]).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += PEM_WIDTH) lines.push(bytes.slice(at, at + PEM_WIDTH));
  return [PEM_BEGIN, ...lines, PEM_END, ""].join("\n");
}

/**
 * Writes `path` (mode 0600) and `path.pub`.
 *
 * @throws AosError `key.exists` when there is a file already: a key is never overwritten
 */
export async function writeKey(path: string, generated: GeneratedKey): Promise<void> {
  try {
    await writeFile(path, encodePrivateKey(generated), { flag: "wx", mode: 0o600 });
    await writeFile(`${path}.pub`, `${publicKeyLine(generated.key)}\n`, { flag: "wx", mode: 0o644 });
  } catch (cause) {
    if (systemCode(cause) !== "EEXIST") throw cause;
    throw new AosError("key.exists", `${path}: there is a key already`, { at: { file: path }, hint: "choose another path, or move the old key away", cause });
  }
}

/**
 * Reads an unencrypted OpenSSH private key.
 *
 * @throws AosError `key.missing`, `key.unreadable`, `key.permissions` (readable by group or others), or as parsePrivateKey
 */
export async function readPrivateKey(path: string): Promise<SigningKey> {
  const text = await readGuarded(path);
  return parsePrivateKey(text, path);
}

async function readGuarded(path: string): Promise<string> {
  const at = { file: path };
  try {
    const file = await open(path, "r");
    try {
      const { mode } = await file.stat();
      if (process.platform !== "win32" && (mode & 0o077) !== 0)
        throw new AosError("key.permissions", `${path}: others may read this private key (mode ${(mode & 0o777).toString(8)})`, { at, hint: `chmod 600 ${path}` });
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (cause) {
    const code = systemCode(cause);
    if (cause instanceof AosError || code === undefined) throw cause;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new AosError("key.missing", `${path}: no private key there`, { at, hint: "make one with ssh-keygen -t ed25519, or name another file", cause });
    throw new AosError("key.unreadable", `${path}: the private key cannot be read (${code})`, { at, hint: "name a file that this user may read", cause });
  }
}

/**
 * Parses the text of an unencrypted OpenSSH Ed25519 private key.
 *
 * @param place - where the text is from, for errors; the text itself never shows up in one
 * @throws AosError `key.encrypted`, `key.type` (not Ed25519), `key.invalid`
 */
export function parsePrivateKey(text: string, place: string): SigningKey {
  const at = { file: place };
  const invalid = (what: string): AosError =>
    new AosError("key.invalid", `${place}: not an OpenSSH private key: ${what}`, { at, hint: "make one with ssh-keygen -t ed25519" });
  const bytes = pemBytes(text);
  if (bytes === undefined || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw invalid("no openssh-key-v1 block");
  const outer = readFields(bytes.subarray(MAGIC.length), ["string", "string", "string", "u32", "string", "string"]);
  if (outer === undefined) throw invalid("cut off");
  const [cipher, , , count, publicBlob, secret] = outer.fields;
  if (Buffer.from(cipher).toString("latin1") !== "none")
    throw new AosError("key.encrypted", `${place}: the private key has a passphrase, and nobody is there to type it`, {
      at,
      hint: "use a key of its own without a passphrase (ssh-keygen -t ed25519 -N '' -f <file>), readable by this user only",
    });
  if (count !== 1) throw invalid(`${count} keys in one file`);
  const publicKey = decodePublicKey(publicBlob);
  if (publicKey === undefined)
    throw new AosError("key.type", `${place}: only Ed25519 keys are used here`, { at, hint: "make one with ssh-keygen -t ed25519" });
  const inner = readFields(secret, ["u32", "u32", "string", "string", "string", "string"]);
  if (inner === undefined) throw invalid("the private part is cut off");
  const [check1, check2, , innerPublic, seedAndPublic, comment] = inner.fields;
  if (check1 !== check2 || seedAndPublic.length !== 64) throw invalid("the private part is damaged");
  const key = signingKey(seedAndPublic.subarray(0, 32), Buffer.from(comment).toString("utf8"));
  const same = [publicKey, innerPublic, seedAndPublic.subarray(32)].every((other) => Buffer.from(key.publicKey).equals(other));
  if (!same) throw invalid("its public and private parts are not of one key");
  return key;
}

/**
 * The public half of a key whose private one has a passphrase: it stands in the file in clear.
 *
 * @param error - what parsePrivateKey() said of the text; thrown again where it is another, or the key is none of ours
 */
export function publicHalf(text: string, error: unknown): Uint8Array {
  const bytes = error instanceof AosError && error.code === "key.encrypted" ? pemBytes(text) : undefined;
  const outer = bytes === undefined ? undefined : readFields(bytes.subarray(MAGIC.length), ["string", "string", "string", "u32", "string"]);
  const publicKey = outer === undefined ? undefined : decodePublicKey(outer.fields[4]);
  if (publicKey === undefined) throw error;
  return Uint8Array.from(publicKey);
}

function pemBytes(text: string): Buffer | undefined {
  const lines = text.trim().split("\n").map((line) => line.trim());
  if (lines[0] !== PEM_BEGIN || lines[lines.length - 1] !== PEM_END) return undefined;
  return Buffer.from(lines.slice(1, -1).join(""), "base64");
}

/** One line of a `.pub` file, without newline: `ssh-ed25519 AAAA… comment`. */
export function publicKeyLine(key: { readonly publicKey: Uint8Array; readonly comment: string }): string {
  const line = `${KEY_TYPE} ${encodePublicKey(key.publicKey).toString("base64")}`;
  return key.comment === "" ? line : `${line} ${oneLine(key.comment)}`;
}

/**
 * Parses one line of a `.pub` file (no options before the key).
 *
 * @throws AosError `key.line`, or `key.weak` for a key that must not be enrolled
 */
export function parsePublicKeyLine(line: string): { readonly publicKey: Uint8Array; readonly comment: string } {
  const [type, base64, ...comment] = line.trim().split(/[ \t]+/);
  const wrong = (what: string): AosError =>
    new AosError("key.line", `public key line: ${what}`, { hint: "expected: ssh-ed25519 AAAA… comment" });
  if (type !== KEY_TYPE) throw wrong(`only ${KEY_TYPE} keys are used here, this one says ${JSON.stringify(type)}`);
  const blob = Buffer.from(base64 ?? "", "base64");
  const publicKey = blob.toString("base64") === base64 ? decodePublicKey(blob) : undefined;
  if (publicKey === undefined) throw wrong("the key is damaged");
  assertStrongKey(publicKey);
  return { publicKey: Uint8Array.from(publicKey), comment: comment.join(" ") };
}

/** `SHA256:…` as `ssh-keygen -lf` prints it. */
export function fingerprint(publicKey: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(encodePublicKey(publicKey)).digest("base64").replace(/=+$/, "")}`;
}

function oneLine(comment: string): string {
  return comment.replace(/\p{Cc}+/gu, " ").trim();
}
