// An event sent through Git: a signed commit whose tree is the event and the blobs it names, and the signed answer to it.

import { AosError, canonical, decodeCanonical, hashBytes, isHash, type Hash, type Value } from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import { editTree, type PathChange } from "../git/edit-tree.ts";
import { commitObject, verifyCommit, type GitObject, type Oid } from "../git/objects.ts";
import type { ObjectStore } from "../git/store.ts";
import type { RecordJson } from "../control/record-json.ts";
import { jsonObject } from "../json-object.ts";

export const INBOX_PREFIX = "refs/aos/inbox/";
export const OUTBOX_PREFIX = "refs/aos/outbox/";
/** An answer may be removed when it has been there for a week; before, by nobody but where refs are not guarded. */
export const ANSWER_KEPT_SECONDS = 7 * 86_400;
const EVENT_FILE = "event.cbor";
const ANSWER_FILE = "answer.json";
const BLOBS_FOLDER = "blobs";
const BYTES_MAX = 64 << 20;
/** All blobs of a letter together: sender and controller hold them in memory. */
export const LETTER_BYTES_MAX = 128 << 20;

export interface Letter {
  /** The world it is for: it counts in no other. */
  readonly world: Hash;
  readonly schema: string;
  readonly value: Value;
  readonly key: Uint8Array | undefined;
  readonly blobs: readonly Uint8Array[];
}
export interface ReadLetter extends Letter {
  /** Whose signature the commit bears; undefined: none that holds. */
  readonly signer: Uint8Array | undefined;
}
export type LetterAnswer =
  | { readonly kind: "taken"; readonly letter: Oid; readonly records: readonly RecordJson[] }
  | { readonly kind: "refused"; readonly letter: Oid; readonly code: string; readonly message: string };

/** The last part of a letter's ref: 32 hex digits of its sender's choice. */
function isLetterId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** `<principal>/<id>` of a ref; undefined for one that no letter has. */
export function letterName(ref: string): { readonly principal: string; readonly id: string } | undefined {
  const [principal = "", id = "", more] = ref.slice(INBOX_PREFIX.length).split("/");
  return ref.startsWith(INBOX_PREFIX) && more === undefined && principal !== "" && isLetterId(id) ? { principal, id } : undefined;
}

/** The commit of a letter, and all objects that go with it. */
export async function writeLetter(store: ObjectStore, letter: Letter, by: { readonly key: SigningKey; readonly principal: string; readonly timeSeconds: number }): Promise<{ readonly commit: Oid; readonly objects: readonly GitObject[] }> {
  const event: ReadonlyMap<Value, Value> = new Map<Value, Value>([["schema", letter.schema], ["value", letter.value], ["world", letter.world], ...(letter.key === undefined ? [] : [["key", letter.key] as const])]);
  const files = new Map<string, PathChange>([[EVENT_FILE, { kind: "write", bytes: canonical(event), mode: "100644" }]]);
  for (const bytes of letter.blobs) files.set(blobPath(hashBytes(bytes)), { kind: "write", bytes, mode: "100644" });
  const { tree, objects } = await editTree(store, null, files);
  const identity = { name: by.principal, email: `${by.principal}@aos`, time: by.timeSeconds, tz: "+0000" };
  const commit = commitObject({ tree, parents: [], author: identity, committer: identity, message: `Send ${letter.schema}\n` }, by.key);
  return { commit: commit.oid, objects: [...objects, commit] };
}

/** `blobs/ab/<62 more hex digits>` */
function blobPath(hash: Hash): string {
  const digits = hash.slice("sha256:".length);
  return `${BLOBS_FOLDER}/${digits.slice(0, 2)}/${digits.slice(2)}`;
}

/** @throws AosError `inbox.letter` for a commit that is no letter; `git.*` */
export async function readLetter(store: ObjectStore, commit: Oid): Promise<ReadLetter> {
  const object = await store.read(commit);
  if (object?.type !== "commit") throw wrong(commit, "it is no commit");
  const bytes = await store.readPath(commit, EVENT_FILE);
  const event = bytes === undefined || bytes.length > BYTES_MAX ? undefined : decoded(bytes);
  if (!(event instanceof Map)) throw wrong(commit, `it has no ${EVENT_FILE} that can be read`);
  const fields = event as ReadonlyMap<Value, Value>;
  const [schema, value, key, world] = [fields.get("schema"), fields.get("value"), fields.get("key"), fields.get("world")];
  const known = fields.size === (key === undefined ? 3 : 4);
  if (typeof schema !== "string" || value === undefined || typeof world !== "string" || !isHash(world) || (key !== undefined && !(key instanceof Uint8Array)) || !known) {
    throw wrong(commit, `${EVENT_FILE} is {schema, value, key?, world}`);
  }
  const blobs: Uint8Array[] = [];
  let size = 0;
  const folder = await store.findPath(commit, BLOBS_FOLDER);
  if (folder !== undefined) {
    for (const { path, oid } of await store.listTree(folder.oid, { depth: "all" })) {
      const blob = await store.readBlob(oid);
      if (blob.length > BYTES_MAX || blobPath(hashBytes(blob)) !== `${BLOBS_FOLDER}/${path}`) throw wrong(commit, `${BLOBS_FOLDER}/${path}: not the bytes it is named after`);
      size += blob.length;
      if (size > LETTER_BYTES_MAX) throw wrong(commit, `its blobs are more than ${LETTER_BYTES_MAX} bytes`);
      blobs.push(blob);
    }
  }
  return { world, schema, value, key, blobs, signer: verifyCommit(object.bytes)?.publicKey };
}

function decoded(bytes: Uint8Array): Value | undefined {
  try {
    return decodeCanonical(bytes);
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

function wrong(commit: Oid, what: string): AosError {
  return new AosError("inbox.letter", `commit ${commit.slice(0, 12)}: ${what}`, { class: "unverified" });
}

/** The files of an answer's commit. */
export function answerFiles(answer: LetterAnswer): ReadonlyMap<string, PathChange> {
  return new Map([[ANSWER_FILE, { kind: "write", bytes: new TextEncoder().encode(`${JSON.stringify(answer)}\n`), mode: "100644" }]]);
}

/** @throws AosError `inbox.answer` for what is none; `git.*` */
export async function readAnswer(store: ObjectStore, commit: Oid): Promise<LetterAnswer & { readonly signer: Uint8Array | undefined }> {
  const object = await store.read(commit);
  const bytes = await store.readPath(commit, ANSWER_FILE);
  const answer = bytes === undefined ? undefined : parseAnswer(new TextDecoder().decode(bytes));
  if (object?.type !== "commit" || answer === undefined) throw new AosError("inbox.answer", `commit ${commit.slice(0, 12)}: no answer to a letter`, { class: "unverified" });
  return { ...answer, signer: verifyCommit(object.bytes)?.publicKey };
}

function parseAnswer(text: string): LetterAnswer | undefined {
  const { kind, letter, records, code, message } = jsonObject(text) ?? {};
  if (typeof letter !== "string") return undefined;
  if (kind === "taken" && Array.isArray(records)) return { kind, letter: letter as Oid, records: records as readonly RecordJson[] };
  return kind === "refused" && typeof code === "string" && typeof message === "string" ? { kind, letter: letter as Oid, code, message } : undefined;
}
