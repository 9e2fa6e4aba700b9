// Secrets that a world puts away itself: one encrypted file, every version kept.

import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "../air/error.ts";
import { hashBytes, isHash } from "../air/hash.ts";
import type { Hash } from "../air/value.ts";
import { lockFile } from "./lock.ts";
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
/** OWASP's least for scrypt: 64 MiB a guess. For files that are made; others say what they were made with. */
const SCRYPT: Cost = { N: 1 << 16, r: 8, p: 1 };
/** What a file may ask for: who wrote it is not known before it is opened. */
const SCRYPT_BYTES_MAX = 256 * 1024 * 1024;
/** How long another process may take to change the file, and how often it is looked at meanwhile. */
const BUSY_MS = 5_000;
const LOOK_MS = 50;

/** Whether a text names a value of a vault: letters, digits, `.`, `_`, `/`, `-`, at most 128. */
export function isVaultName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The vault in the file `path`; the file is made by the first `put`, and is read anew for every call.
 *
 * The file is JSON `{format, kdf, salt, cost?, nonce, sealed}`: AES-256-GCM under the key with a fresh nonce for every write, what
 * stands before `sealed` authenticated with it; `cost` is what a passphrase was made a key with. A change holds the lock file
 * `<path>.lock`, so that several processes may change it. All methods throw AosError `vault.key` (missing, of another length, or
 * readable by others), `vault.sealed` (another key, or somebody changed the file), `vault.busy` (another process has held it for
 * seconds), `vault.io`; no error holds a value.
 *
 * @param options.busyMs - how long another process is waited for; 5 s unless told
 */
export function fileVault(path: string, key: VaultKey, { busyMs = BUSY_MS }: { readonly busyMs?: number } = {}): Vault {
  let last: Promise<unknown> = Promise.resolve();
  const keys = keyRing(key);

  /** One after the other: each change starts from what the one before wrote. */
  function change<T>(work: (content: Content) => Promise<{ readonly content: Content; readonly answer: T }>): Promise<T> {
    const mine = last.then(() => locked(path, busyMs, async () => {
      const { content: before, head } = await readVault(path, keys);
      const { content, answer } = await work(before);
      if (content !== before) await writeVault(path, keys, { content, before: head });
      return answer;
    }));
    last = mine.catch(() => undefined);
    return mine;
  }

  return {
    async get(name, version) {
      const shelf = (await readVault(path, keys)).content.get(name);
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
      const { content } = await readVault(path, keys);
      return [...content].map(([name, { current, versions }]) => ({ name, current, versions: versions.map(shown) }));
    },
  };
}

function shown({ version, alias, digest }: VaultVersion): VaultVersion {
  return { version, alias, digest };
}

/** Parameters of scrypt. */
interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}
interface Head {
  readonly format: string;
  readonly kdf: "file" | "scrypt";
  readonly salt: string;
  /** Of scrypt, where it is not `SCRYPT`; always written down. */
  readonly cost: Cost | undefined;
  readonly nonce: string;
}

function authenticated({ format, kdf, salt, cost, nonce }: Head): Buffer {
  return Buffer.from(JSON.stringify([format, kdf, salt, ...(cost === undefined ? [] : [[cost.N, cost.r, cost.p]]), nonce]));
}

/** Does `work` while no other process changes the file. */
async function locked<T>(path: string, busyMs: number, work: () => Promise<T>): Promise<T> {
  await makeFolder(dirname(path)).catch(outside("vault.io", path));
  for (let look = 1; ; look++) {
    try {
      const lock = await lockFile(`${path}.lock`, { command: "vault" });
      return await work().finally(() => lock.release());
    } catch (error) {
      const busy = error instanceof AosError && error.code === "world.running" && look * LOOK_MS < busyMs;
      if (!busy) throw lockFailure(path, error);
    }
    await sleep(LOOK_MS);
  }
}

function lockFailure(path: string, error: unknown): unknown {
  if (!(error instanceof AosError)) return error;
  if (error.code === "world.lock") return new AosError("vault.io", error.message, { class: "outside", at: { file: path }, cause: error });
  if (error.code !== "world.running") return error;
  const { pid, command, since } = error.data;
  return new AosError("vault.busy", `${path}: pid ${String(pid)} (${String(command)}) has been changing it since ${String(since)}`, {
    class: "outside", at: { file: path }, hint: `if that process is gone, remove ${path}.lock`, data: error.data, cause: error,
  });
}

async function readVault(path: string, keys: KeyRing): Promise<{ readonly content: Content; readonly head: Head | undefined }> {
  const bytes = await readBounded(path).catch(except("ENOENT")).catch(outside("vault.io", path));
  if (bytes === undefined) return { content: new Map(), head: undefined };
  const { head, sealed } = parseFile(bytes, path);
  const secret = await keys.keyOf(head, "read");
  try {
    const decipher = createDecipheriv("aes-256-gcm", secret, Buffer.from(head.nonce, "base64"), { authTagLength: 16 }).setAAD(authenticated(head));
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    return { head, content: parseContent(Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]).toString("utf8")) };
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
  const { format, kdf, salt, cost, nonce, sealed } = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  if (format !== FORMAT || (kdf !== "file" && kdf !== "scrypt") || typeof salt !== "string" || typeof nonce !== "string" || typeof sealed !== "string" || !(cost === undefined || (kdf === "scrypt" && isCost(cost)))) throw unsealed(path);
  return { head: { format, kdf, salt, cost: isCost(cost) ? cost : undefined, nonce }, sealed: Buffer.from(sealed, "base64") };
}

/** Parameters that scrypt takes, and that this machine can bear. */
function isCost(value: unknown): value is Cost {
  const { N, r, p } = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  if (![N, r, p].every((part) => Number.isSafeInteger(part) && (part as number) >= 1)) return false;
  const [n, blocks, lanes] = [N as number, r as number, p as number];
  return n >= 2 && Number.isInteger(Math.log2(n)) && 128 * n * blocks <= SCRYPT_BYTES_MAX && lanes <= 16;
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

/** Under a passphrase the salt stays, and with it the key; the nonce is new for every write. */
async function writeVault(path: string, keys: KeyRing, { content, before }: { readonly content: Content; readonly before: Head | undefined }): Promise<void> {
  const head: Head = {
    format: FORMAT, kdf: keys.kdf, salt: before?.salt ?? randomBytes(16).toString("base64"), cost: keys.kdf === "file" ? undefined : (before?.cost ?? SCRYPT), nonce: randomBytes(12).toString("base64"),
  };
  const secret = await keys.keyOf(head, "make");
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

interface KeyRing {
  readonly kdf: Head["kdf"];
  /** The key of a file with this head; the caller overwrites it after use. */
  keyOf(head: Head, mode: "read" | "make"): Promise<Buffer>;
}

/** What a passphrase gives takes long to make and is kept, as the passphrase is. */
function keyRing(key: VaultKey): KeyRing {
  if (key.kind === "file") return { kdf: "file", keyOf: (head, mode) => fileKey(key.path, head, mode) };
  let kept: { readonly of: string; readonly made: Promise<Buffer> } | undefined;
  return {
    kdf: "scrypt",
    async keyOf({ kdf, salt, cost = SCRYPT }) {
      if (kdf === "file") throw new AosError("vault.key", "the vault was sealed with a key file");
      const of = JSON.stringify([salt, cost.N, cost.r, cost.p]);
      if (kept?.of !== of) kept = { of, made: derived(key.passphrase, Buffer.from(salt, "base64"), cost) };
      return Buffer.from(await kept.made);
    },
  };
}

async function fileKey(path: string, { kdf }: Head, mode: "read" | "make"): Promise<Buffer> {
  if (kdf !== "file") throw new AosError("vault.key", "the vault was sealed with a passphrase", { hint: "say where it is: vault.passphrase in adapters.json" });
  const found = await readKey(path).catch(except("ENOENT")).catch(outside("vault.io", path));
  if (found !== undefined) return found;
  if (mode === "read") throw new AosError("vault.key", `${path}: no key file`, { at: { file: path }, hint: "restore it from a copy: without it the vault cannot be read" });
  const made = randomBytes(32);
  await makeFolder(dirname(path));
  // Another process may have made one just now: then that is the key.
  await writePrivate(path, made).catch(except("EEXIST")).catch(outside("vault.io", path));
  await syncFolder(dirname(path));
  return readKey(path);
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

function derived(passphrase: string, salt: Uint8Array, cost: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => scrypt(passphrase, salt, 32, { ...cost, maxmem: 2 * SCRYPT_BYTES_MAX }, (error, bytes) => (error === null ? resolve(bytes) : reject(error))));
}

function unsealed(path: string): AosError {
  return new AosError("vault.sealed", `${path}: the vault does not open with this key`, { class: "unverified", at: { file: path }, hint: "use the key it was sealed with, or restore the file from a copy" });
}
