// Secrets that a world puts away itself: one encrypted file, every version kept.

import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AosError } from "../air/error.ts";
import { hashBytes, isHash } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import { except, makeFolder, outside, syncFolder, writeAt } from "./durable.ts";

/** Where the key of the file is from: 32 random bytes in a file that only its owner may read, made when there is none; or a passphrase. */
export type VaultKey = { readonly kind: "file"; readonly path: string } | { readonly kind: "passphrase"; readonly passphrase: string };

export interface VaultVersion {
  /** From 1, counted for each name. */
  readonly version: number;
  readonly alias: string;
  /** SHA-256 of the value. */
  readonly digest: Hash;
}
export interface Vault {
  /** The value of a name: the current one, or a version of it. */
  get(name: string, version?: number): Promise<Uint8Array | undefined>;
  /** Keeps a value as a new version and makes it current; the current value again is no new version. Durable when it resolves. */
  put(name: string, entry: { readonly alias: string; readonly value: Uint8Array }): Promise<VaultVersion>;
  /**
   * Makes a version that is kept the current one. Durable when it resolves.
   * @throws AosError `vault.version` when there is no such version, or its value has another digest
   */
  rotate(name: string, to: { readonly version: number; readonly digest: Hash }): Promise<VaultVersion>;
  /** The names with their versions, and which is current; no values. */
  list(): Promise<readonly { readonly name: string; readonly current: number; readonly versions: readonly VaultVersion[] }[]>;
}

interface Entry extends VaultVersion {
  /** Base64. */
  readonly value: string;
}
interface Shelf {
  readonly current: number;
  readonly versions: readonly Entry[];
}
type Content = ReadonlyMap<string, Shelf>;

const FORMAT = "aos-vault-1";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const VALUE_BYTES_MAX = 64 * 1024;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** OWASP's least for scrypt: 64 MiB a guess. */
const SCRYPT = { N: 1 << 16, r: 8, p: 1, maxmem: 128 * 1024 * 1024 } as const;

/** Whether a text names a value of a vault: letters, digits, `.`, `_`, `/`, `-`, at most 128. */
export function isVaultName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The vault in the file `path`; the file is made by the first `put`, and is read anew for every call.
 *
 * The file is JSON `{format, kdf, salt, nonce, sealed}`: AES-256-GCM under the key with a fresh nonce for every write, what stands
 * before `sealed` authenticated with it. All methods throw AosError `vault.key` (missing, of another length, or readable by others),
 * `vault.sealed` (another key, or somebody changed the file), `vault.io`; no error holds a value.
 */
export function fileVault(path: string, key: VaultKey): Vault {
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: each change starts from what the one before wrote. */
  function change<T>(work: (content: Content) => Promise<{ readonly content: Content; readonly answer: T }>): Promise<T> {
    const mine = last.then(async () => {
      const before = await readVault(path, key);
      const { content, answer } = await work(before);
      if (content !== before) await writeVault(path, key, content);
      return answer;
    });
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    async get(name, version) {
      const shelf = (await readVault(path, key)).get(name);
      const entry = shelf?.versions.find((kept) => kept.version === (version ?? shelf.current));
      return entry === undefined ? undefined : new Uint8Array(Buffer.from(entry.value, "base64"));
    },
    put(name, { alias, value }) {
      if (!isVaultName(name)) throw new AosError("vault.name", "the vault has no such names", { hint: "letters, digits and . _ / -, at most 128" });
      if (value.length === 0 || value.length > VALUE_BYTES_MAX) throw new AosError("vault.value", `a value has 1 to ${VALUE_BYTES_MAX} bytes`);
      const entry = { alias, digest: hashBytes(value), value: Buffer.from(value).toString("base64") };
      return change(async (content) => {
        const shelf = content.get(name) ?? { current: 0, versions: [] };
        const same = shelf.versions.find(({ version, digest }) => version === shelf.current && digest === entry.digest);
        if (same !== undefined) return { content, answer: shown(same) };
        const version = shelf.versions.length + 1;
        const made = { version, ...entry };
        return { content: new Map(content).set(name, { current: version, versions: [...shelf.versions, made] }), answer: shown(made) };
      });
    },
    rotate(name, { version, digest }) {
      return change(async (content) => {
        const shelf = content.get(name);
        const entry = shelf?.versions.find((kept) => kept.version === version);
        if (shelf === undefined || entry === undefined) throw new AosError("vault.version", "the vault keeps no such version");
        if (entry.digest !== digest) throw new AosError("vault.version", "the version holds another value than was expected");
        return { content: shelf.current === version ? content : new Map(content).set(name, { ...shelf, current: version }), answer: shown(entry) };
      });
    },
    async list() {
      const content = await readVault(path, key);
      return [...content].map(([name, { current, versions }]) => ({ name, current, versions: versions.map(shown) }));
    },
  };
}

function shown({ version, alias, digest }: VaultVersion): VaultVersion {
  return { version, alias, digest };
}

interface Head {
  readonly format: string;
  readonly kdf: "file" | "scrypt";
  readonly salt: string;
  readonly nonce: string;
}

function authenticated({ format, kdf, salt, nonce }: Head): Buffer {
  return Buffer.from(JSON.stringify([format, kdf, salt, nonce]));
}

async function readVault(path: string, key: VaultKey): Promise<Content> {
  const bytes = await readBounded(path).catch(except("ENOENT")).catch(outside("vault.io", path));
  if (bytes === undefined) return new Map();
  const { head, sealed } = parseFile(bytes, path);
  const secret = await keyBytes(key, head, "read");
  try {
    const decipher = createDecipheriv("aes-256-gcm", secret, Buffer.from(head.nonce, "base64"), { authTagLength: 16 }).setAAD(authenticated(head));
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    return parseContent(Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]).toString("utf8"));
  } catch {
    // Whatever the reason, the text of the error may be of what was decrypted.
    throw unsealed(path);
  } finally {
    secret.fill(0);
  }
}

async function readBounded(path: string): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    if ((await handle.stat()).size > FILE_BYTES_MAX) throw unsealed(path);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function parseFile(bytes: Buffer, path: string): { readonly head: Head; readonly sealed: Buffer } {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw unsealed(path);
  }
  const { format, kdf, salt, nonce, sealed } = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || (kdf !== "file" && kdf !== "scrypt") || typeof salt !== "string" || typeof nonce !== "string" || typeof sealed !== "string") throw unsealed(path);
  return { head: { format, kdf, salt, nonce }, sealed: Buffer.from(sealed, "base64") };
}

/** What was sealed is ours; it is read as strictly all the same, since the key may have been lent. */
function parseContent(text: string): Content {
  const value = JSON.parse(text) as Readonly<Record<string, Shelf>>;
  for (const { current, versions } of Object.values(value)) {
    const whole = versions.every((entry, index) => entry.version === index + 1 && typeof entry.alias === "string" && typeof entry.value === "string" && isHash(entry.digest));
    if (!whole || !Number.isSafeInteger(current)) throw new AosError("vault.sealed", "the vault holds something else");
  }
  return new Map(Object.entries(value));
}

async function writeVault(path: string, key: VaultKey, content: Content): Promise<void> {
  const head: Head = { format: FORMAT, kdf: key.kind === "file" ? "file" : "scrypt", salt: randomBytes(16).toString("base64"), nonce: randomBytes(12).toString("base64") };
  const secret = await keyBytes(key, head, "make");
  const cipher = createCipheriv("aes-256-gcm", secret, Buffer.from(head.nonce, "base64"), { authTagLength: 16 }).setAAD(authenticated(head));
  secret.fill(0);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(Object.fromEntries(content)), "utf8"), cipher.final(), cipher.getAuthTag()]);
  await replaceFile(path, Buffer.from(`${JSON.stringify({ ...head, sealed: sealed.toString("base64") })}\n`)).catch(outside("vault.io", path));
}

/** Whoever reads meanwhile finds the old file or the new one, and so does whoever comes after a power loss. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  const draft = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    await writePrivate(draft, bytes);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

async function writePrivate(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await writeAt(handle, bytes, 0);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function keyBytes(key: VaultKey, head: Head, mode: "read" | "make"): Promise<Buffer> {
  if ((key.kind === "file") !== (head.kdf === "file")) throw new AosError("vault.key", `the vault was sealed with a ${head.kdf === "file" ? "key file" : "passphrase"}`);
  if (key.kind === "passphrase") return derived(key.passphrase, Buffer.from(head.salt, "base64"));
  const found = await readKey(key.path).catch(except("ENOENT")).catch(outside("vault.io", key.path));
  if (found !== undefined) return found;
  if (mode === "read") throw new AosError("vault.key", `${key.path}: no key file`, { at: { file: key.path }, hint: "restore it from a copy: without it the vault cannot be read" });
  const made = randomBytes(32);
  await makeFolder(dirname(key.path));
  // Another process may have made one just now: then that is the key.
  await writePrivate(key.path, made).catch(except("EEXIST")).catch(outside("vault.io", key.path));
  await syncFolder(dirname(key.path));
  return readKey(key.path);
}

async function readKey(path: string): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0) throw new AosError("vault.key", `${path}: others may read the key`, { at: { file: path }, hint: `chmod 600 ${path}` });
    if (size !== 32) throw new AosError("vault.key", `${path}: a key is 32 bytes, not ${size}`, { at: { file: path } });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function derived(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => scrypt(passphrase, salt, 32, SCRYPT, (error, bytes) => (error === null ? resolve(bytes) : reject(error))));
}

function unsealed(path: string): AosError {
  return new AosError("vault.sealed", `${path}: the vault does not open with this key`, { class: "unverified", at: { file: path }, hint: "use the key it was sealed with, or restore the file from a copy" });
}
