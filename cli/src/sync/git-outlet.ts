// A push through Git alone: a signed letter to the controller of the remote, which answers.

import { randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError, hashBytes, type Blobs, type Hash, type Value } from "@agentos/kernel";
import {
  BLOB_BYTES_MAX, fetch, gitIn, INBOX_PREFIX, LETTER_BYTES_MAX, lsRemote, OUTBOX_PREFIX, parseTrust, principalOfKey, push, readAnswer, TRUST_PATH, versionMade, WORKSPACE_COMMIT, writeLetter,
  type LetterAnswer, type NewVersion, type ObjectStore, type Oid, type Principal, type Repo, type SigningKey, type Trust,
} from "@agentos/controller";
import { requireKnown } from "../signers.ts";
import type { Outlet } from "./outlet.ts";

export interface GitOutlet {
  readonly repo: Repo;
  readonly store: ObjectStore;
  readonly remote: string;
  /** The remote's main: its trust file says who may sign. */
  readonly main: Oid;
  readonly world: Hash;
  readonly key: SigningKey;
  readonly blobs: Pick<Blobs, "get">;
  readonly answer: "detach" | "wait";
  /** Of a letter's blobs together; LETTER_BYTES_MAX unless told. */
  readonly bytesMax?: number;
  readonly onWait?: () => void;
}

const LOOK_MS = 500;
const WAIT_MS = 300_000;

/** Nothing leaves before the commit: all blobs that were published nowhere go with it, as far as a letter holds them. */
export function gitOutlet(options: GitOutlet): Outlet {
  const held = new Map<Hash, Uint8Array>();
  const { bytesMax = LETTER_BYTES_MAX } = options;
  let heldBytes = 0;
  const unpublished = new Set<Hash>();
  const lacks = async (hash: Hash): Promise<boolean> => {
    if (held.has(hash)) return false;
    if (unpublished.has(hash)) return true;
    if ((await options.blobs.get(hash)) !== undefined) return false;
    unpublished.add(hash);
    return true;
  };
  const hold = (hash: Hash, bytes: Uint8Array): void => {
    held.set(hash, bytes);
    heldBytes += bytes.length;
  };
  const requireRoom = (path: string, size: number, before = heldBytes): void => {
    if (size > BLOB_BYTES_MAX) throw new AosError("blob.too_large", `${path}: its ${size} bytes are over ${BLOB_BYTES_MAX}`, { at: { file: path } });
    if (before + size <= bytesMax) return;
    throw new AosError("inbox.too_large", `${path}: its ${size} bytes do not fit: with the files before it ${before + size} bytes would be sent through Git at once, and ${bytesMax} may`, {
      at: { file: path }, hint: "push part of it first (leave some files out), or push where the world runs",
    });
  };
  const put = async (bytes: Uint8Array): Promise<Hash> => {
    const hash = hashBytes(bytes);
    if (await lacks(hash)) hold(hash, bytes);
    return hash;
  };
  return {
    async requireSendable(files) {
      let bytes = 0;
      for (const { hash, path, size } of new Map(files.map((file) => [file.hash, file])).values()) {
        if (!(await lacks(hash))) continue;
        requireRoom(path, size, bytes);
        bytes += size;
      }
      await signerOf(options);
    },
    staged: {
      put,
      get: async (hash) => held.get(hash) ?? options.blobs.get(hash),
      async flush(more = []) {
        for (const { hash, size, path, read } of more) {
          if (!(await lacks(hash))) continue;
          requireRoom(path, size);
          hold(hash, await read());
        }
        return held.size;
      },
    },
    async missing(hashes) {
      const missing = new Set<Hash>();
      for (const hash of hashes) if (await lacks(hash)) missing.add(hash);
      return missing;
    },
    async sendLarge(path) {
      requireRoom(path, (await stat(path)).size);
      return put(await readFile(path));
    },
    async commit(version) {
      const meta = new Map<Value, Value>([["root_hash", version.root], ["owner", version.owner], ["created_at", version.createdNs]]);
      const value = new Map<Value, Value>([["workspace", version.workspace], ["expected_head", version.expectedHead], ["meta", meta]]);
      return send(options, version, { value, blobs: [...held.values()] });
    },
  };
}

/** Whoever signs a letter. @throws AosError `trust.unknown_key` */
async function signerOf({ store, main, key }: Pick<GitOutlet, "key" | "main" | "store">): Promise<{ readonly principal: Principal; readonly trust: Trust }> {
  const trust = parseTrust((await store.readPath(main, TRUST_PATH)) ?? new Uint8Array());
  return { principal: requireKnown(trust, key), trust };
}

async function send(options: GitOutlet, version: NewVersion, { value, blobs }: { readonly value: Value; readonly blobs: readonly Uint8Array[] }): Promise<number | "sent"> {
  const { repo, store, remote, key } = options;
  const { principal, trust } = await signerOf(options);
  const name = `${principal.name}/${randomBytes(16).toString("hex")}`;
  const { commit, objects } = await writeLetter(store, { world: options.world, schema: WORKSPACE_COMMIT, value, key: undefined, blobs }, { key, principal: principal.name, timeSeconds: Math.floor(Date.now() / 1000) });
  const pack = await store.writePack(objects);
  try {
    await push(repo, remote, [`${commit}:${INBOX_PREFIX}${name}`]);
  } finally {
    await pack.release();
  }
  if (options.answer === "detach") return "sent";
  const answer = await waitFor(options, { ref: `${OUTBOX_PREFIX}${name}`, commit, trust });
  // An answer that was read is of no more use; a remote that keeps it does no harm.
  await push(repo, remote, [`:${OUTBOX_PREFIX}${name}`]).catch(() => undefined);
  if (answer.kind === "refused") throw new AosError(answer.code, answer.message, { class: "refused" });
  return versionMade(answer.records, version);
}

/** @throws AosError `inbox.late` when nobody answers, `inbox.answer` (unverified) for an answer that no controller signed */
async function waitFor(options: GitOutlet, letter: { readonly ref: string; readonly commit: Oid; readonly trust: Trust }): Promise<LetterAnswer> {
  const { repo, remote, store } = options;
  const { ref, commit, trust } = letter;
  for (const until = Date.now() + WAIT_MS; ; ) {
    const answered = (await lsRemote(repo, remote, { patterns: [ref] })).get(ref);
    if (answered !== undefined) {
      await fetch(repo, remote, { refspecs: [`+${ref}:${ref}`], tags: "leave" });
      const { signer, ...answer } = await readAnswer(store, answered);
      await gitIn(repo, ["update-ref", "-d", ref]);
      const by = signer === undefined ? undefined : principalOfKey(trust, signer);
      if (by?.kind === "controller" && answer.letter === commit) return answer;
      throw new AosError("inbox.answer", `${ref}: ${by === undefined ? "nobody of this world" : by.name} signed it, and no controller answered this letter`, { class: "unverified" });
    }
    if (Date.now() > until) {
      throw new AosError("inbox.late", `${remote}: no controller answered within ${WAIT_MS / 1000} s`, { class: "outside", hint: "it was sent, and counts once it is taken: pull later. Does a controller run?" });
    }
    options.onWait?.();
    await sleep(LOOK_MS);
  }
}
