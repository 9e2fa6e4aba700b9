// Git's objects as values and as bytes: blobs, trees, commits; their ids, and SSH signatures inside commits.

import { createHash } from "node:crypto";
import { AosError, assert } from "@agentos/kernel";
import type { SigningKey } from "./ed25519.ts";
import { isOid, type Oid } from "./oid.ts";
import { armor, dearmor, sshsigSign, sshsigVerify } from "./sshsig.ts";

export { isOid, parseOid, type Oid } from "./oid.ts";

export type ObjectType = "blob" | "commit" | "tag" | "tree";
/** An object as it is stored: `bytes` without git's `<type> <size>\0` head; `oid` is of head and bytes. */
export interface GitObject {
  readonly oid: Oid;
  readonly type: ObjectType;
  readonly bytes: Uint8Array;
}

/** File, executable file, symbolic link, folder, commit of another repository. */
export type Mode = "100644" | "100755" | "120000" | "40000" | "160000";
export interface TreeEntry {
  readonly mode: Mode;
  readonly name: string;
  readonly oid: Oid;
}

/** Who and when: seconds since 1970 and the zone as `+hhmm`, which says where and changes nothing. */
export interface Identity {
  readonly name: string;
  readonly email: string;
  readonly time: number;
  readonly tz: string;
}
export interface CommitContent {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly author: Identity;
  readonly committer: Identity;
  readonly message: string;
}
/** A parsed commit. `payload` is what its signature signs: all bytes but the signature's header. */
export interface Commit extends CommitContent {
  /** The armored signature, SSH or other. */
  readonly signature: string | undefined;
  readonly payload: Uint8Array;
}

/** The namespace of signatures on commits and tags. */
const COMMIT_NAMESPACE = "git";

/** An object of its type and bytes; the bytes are not checked. */
export function gitObject(type: ObjectType, bytes: Uint8Array): GitObject {
  return { oid: objectId(type, bytes), type, bytes };
}

/** The id an object of this type and these bytes has. */
export function objectId(type: ObjectType, bytes: Uint8Array): Oid {
  return createHash("sha1").update(`${type} ${bytes.length}\0`).update(bytes).digest("hex") as Oid;
}

export function blobObject(bytes: Uint8Array): GitObject {
  return gitObject("blob", bytes);
}

/** The tree of these entries, in git's order whatever order they come in. Names must be unique and fit for a folder. */
export function treeObject(entries: readonly TreeEntry[]): GitObject {
  const keyed = entries.map((entry) => ({ entry, key: orderKey(entry) }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  const parts: Buffer[] = [];
  const names = new Set<string>();
  for (const { entry } of keyed) {
    assert(isEntryName(entry.name) && !names.has(entry.name), "a tree's names are unique and fit for a folder");
    names.add(entry.name);
    parts.push(Buffer.from(`${entry.mode} ${entry.name}\0`, "utf8"), Buffer.from(entry.oid, "hex"));
  }
  return gitObject("tree", Buffer.concat(parts));
}

/** Git orders a folder as if its name ended in a slash. */
function orderKey(entry: TreeEntry): Buffer {
  return Buffer.from(entry.mode === "40000" ? `${entry.name}/` : entry.name, "utf8");
}

/** May a file or folder be called so in a tree: not empty, no slash, no NUL, not `.`, `..` or any spelling of `.git`? */
export function isEntryName(name: string): boolean {
  return name !== "" && !/[/\0]/.test(name) && !/^(?:\.|\.\.|\.git)$/i.test(name);
}

const MODES: ReadonlySet<string> = new Set<Mode>(["100644", "100755", "120000", "40000", "160000"]);

/**
 * Parses a tree's bytes.
 *
 * @throws AosError `git.object` for bytes that git would not write: order, modes, names twice, names that are not UTF-8
 */
export function parseTree(bytes: Uint8Array): readonly TreeEntry[] {
  const all = asBuffer(bytes);
  const entries: TreeEntry[] = [];
  let before: Buffer | undefined;
  for (let at = 0; at < all.length; ) {
    const space = all.indexOf(0x20, at);
    const nul = all.indexOf(0, space);
    if (space < 0 || nul < 0 || nul + 21 > all.length) throw malformed("tree", "cut off");
    const mode = all.toString("latin1", at, space);
    const name = all.toString("utf8", space + 1, nul);
    if (!MODES.has(mode)) throw malformed("tree", `mode ${JSON.stringify(mode)}`);
    if (name.includes("\ufffd") && !Buffer.from(name, "utf8").equals(all.subarray(space + 1, nul))) throw malformed("tree", "a name that is not UTF-8");
    if (!isEntryName(name)) throw malformed("tree", `the name ${JSON.stringify(name)}`);
    const entry: TreeEntry = { mode: mode as Mode, name, oid: all.toString("hex", nul + 1, nul + 21) as Oid };
    const key = orderKey(entry);
    if (before !== undefined && Buffer.compare(before, key) >= 0) throw malformed("tree", `${JSON.stringify(name)} out of order`);
    before = key;
    entries.push(entry);
    at = nul + 21;
  }
  return entries;
}

/**
 * The commit of this content, signed by `key` where one is given (an SSHSIG in the header `gpgsig`, as `git commit -S` writes it).
 *
 * @throws AosError `git.identity` for a name or address that a commit cannot hold
 */
export function commitObject(content: CommitContent, key?: SigningKey): GitObject {
  const head = [
    `tree ${content.tree}`,
    ...content.parents.map((parent) => `parent ${parent}`),
    `author ${renderIdentity(content.author)}`,
    `committer ${renderIdentity(content.committer)}`,
  ].join("\n");
  assert(!content.message.includes("\0"), "a commit's message holds no NUL");
  const payload = Buffer.from(`${head}\n\n${content.message}`, "utf8");
  if (key === undefined) return gitObject("commit", payload);
  const signature = armor(sshsigSign(key, COMMIT_NAMESPACE, payload)).trimEnd().replaceAll("\n", "\n ");
  return gitObject("commit", Buffer.from(`${head}\ngpgsig ${signature}\n\n${content.message}`, "utf8"));
}

function renderIdentity({ name, email, time, tz }: Identity): string {
  const plain = (text: string): boolean => text !== "" && text.trim() === text && !/[<>\n\0]/.test(text);
  if (!plain(name) || !plain(email))
    throw new AosError("git.identity", `identity: ${JSON.stringify(`${name} <${email}>`)} cannot stand in a commit`, {
      hint: "name and address need at least one character, and none of < > or line breaks",
    });
  assert(Number.isSafeInteger(time) && time >= 0 && /^[+-]\d{4}$/.test(tz), "a commit's date is whole seconds since 1970 and a zone");
  return `${name} <${email}> ${time} ${tz}`;
}

/**
 * Parses a commit's bytes. Text that is not UTF-8 (old commits with another encoding) is shown with replacement characters;
 * `payload` is exact.
 *
 * @throws AosError `git.object` for a commit whose head is not as git writes it, or has several signatures
 */
export function parseCommit(bytes: Uint8Array): Commit {
  const all = asBuffer(bytes);
  const end = all.indexOf("\n\n");
  if (end < 0) throw malformed("commit", "no end of its head");
  const { headers, payloadHead, signature } = readHead(all.subarray(0, end + 1));
  let at = 0;
  const take = (name: string): string | undefined => {
    const header = headers[at];
    if (header === undefined || header.name !== name) return undefined;
    at++;
    return header.value;
  };
  const tree = take("tree");
  const parents: string[] = [];
  for (let parent = take("parent"); parent !== undefined; parent = take("parent")) parents.push(parent);
  const author = parseIdentity(take("author"));
  const committer = parseIdentity(take("committer"));
  if (tree === undefined || author === undefined || committer === undefined || ![tree, ...parents].every(isOid)) throw malformed("commit", "its head");
  if (headers.slice(at).some(({ name }) => ["tree", "parent", "author", "committer"].includes(name))) throw malformed("commit", "a header twice");
  return {
    tree: tree as Oid,
    parents: parents as Oid[],
    author,
    committer,
    message: all.toString("utf8", end + 2),
    signature,
    payload: Buffer.concat([payloadHead, all.subarray(end + 1)]),
  };
}

interface Head {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** The head without every header whose name starts with `gpgsig`: what git takes a signature to stand for. */
  readonly payloadHead: Buffer;
  readonly signature: string | undefined;
}

function readHead(head: Buffer): Head {
  const headers: { name: string; value: string }[] = [];
  const signatures: string[] = [];
  const payload: Buffer[] = [];
  for (let at = 0; at < head.length; ) {
    let end = head.indexOf(0x0a, at) + 1;
    while (head[end] === 0x20) end = head.indexOf(0x0a, end) + 1; // a line that starts with a blank continues the one before
    const raw = head.subarray(at, end);
    const text = raw.toString("utf8", 0, raw.length - 1);
    const space = text.indexOf(" ");
    if (space <= 0 || text.includes("\0")) throw malformed("commit", "its head");
    const name = text.slice(0, space);
    const value = text.slice(space + 1).replaceAll("\n ", "\n");
    if (name.startsWith("gpgsig")) {
      if (name === "gpgsig") signatures.push(`${value}\n`);
    } else {
      headers.push({ name, value });
      payload.push(raw);
    }
    at = end;
  }
  if (signatures.length > 1) throw malformed("commit", "several signatures");
  return { headers, payloadHead: Buffer.concat(payload), signature: signatures[0] };
}

function parseIdentity(text: string | undefined): Identity | undefined {
  const [, name, email, time, tz] = /^(.*?) ?<([^<>]*)> (\d{1,15}) ([+-]\d{4})$/.exec(text ?? "") ?? [];
  if (name === undefined || email === undefined || time === undefined || tz === undefined) return undefined;
  return { name, email, time: Number(time), tz };
}

/**
 * Checks a commit's SSH signature over its bytes.
 *
 * @returns the key that signed (whether it may is the caller's question), or undefined: not signed, not by Ed25519, or not holding
 * @throws AosError `git.object` as parseCommit
 */
export function verifyCommit(bytes: Uint8Array): { readonly publicKey: Uint8Array } | undefined {
  const { signature, payload } = parseCommit(bytes);
  const blob = signature === undefined ? undefined : dearmor(signature);
  return blob === undefined ? undefined : sshsigVerify(blob, COMMIT_NAMESPACE, payload);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(type: ObjectType, what: string): AosError {
  return new AosError("git.object", `${type}: not as git writes it: ${what}`, { class: "unverified" });
}
