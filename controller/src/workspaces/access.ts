// Workspaces from outside the process that runs the world: read from it or from what it left, written through it.

import { open, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { AosError, fileBlobs, fileBlobStreams, hashBytes, parseWorkspaceName, type Blobs, type Hash, type ModuleRunner } from "@agentos/kernel";
import type { ControlClient } from "../control/client.ts";
import { BLOB_BYTES_MAX } from "../control/blob-requests.ts";
import { framed } from "../control/byte-answer.ts";
import { openStore } from "../git/store.ts";
import type { Repo } from "../git/repo.ts";
import { publishedBlobs, readTip } from "../publish/published.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";
import { connectWorld, readWorldOffline } from "../world-access.ts";
import { readVersions, readWorkspace, readWorkspaces, type Resolved, type VersionRow, type WorkspaceRow } from "./answers.ts";
import { WORKSPACE_COMMIT } from "./history.ts";

export interface Workspaces {
  readonly from: "running" | "local" | "published";
  /** The running world; undefined: it can only be read. */
  readonly client: ControlClient | undefined;
  readonly blobs: Pick<Blobs, "get">;
  /** A blob in pieces. @throws AosError `blob.missing`; `blob.corrupt` after the last piece when they were not its bytes */
  pieces(hash: Hash): AsyncIterable<Uint8Array>;
  list(): Promise<readonly WorkspaceRow[]>;
  /** @param version - the head without one */
  resolve(name: string, version?: number): Promise<Resolved>;
  versions(name: string): Promise<readonly VersionRow[]>;
  close(): Promise<void>;
}

/**
 * The running world where there is one, else the local journal, else the published one.
 *
 * @throws AosError as readWorldOffline
 */
export async function openWorkspaces(repo: Repo, options: { readonly modules: () => ModuleRunner }): Promise<Workspaces> {
  const client = await connectWorld(repo);
  const local = fileBlobs(stateFolderAt(repo).blobs);
  if (client !== undefined) return running(client, { blobs: local, pieces: piecesOf(repo) });
  const { world, from } = await readWorldOffline(repo, { modules: options.modules() });
  const store = openStore(repo.commonDir);
  const tip = from === "published" ? await readTip(store) : undefined;
  const blobs = tip === undefined ? local : await publishedBlobs(store, tip.oid);
  return {
    from, client: undefined, blobs, pieces: tip === undefined ? piecesOf(repo) : (hash) => wholePiece(blobs, hash),
    list: async () => readWorkspaces(world).workspaces,
    resolve: async (name, version) => readWorkspace(world, asked(name, version)),
    versions: async (name) => readVersions(world, asked(name)).versions,
    close: () => store.close(),
  };
}

function asked(name: string, version?: number): { readonly path: string; readonly query: URLSearchParams } {
  return { path: `/workspaces/${name}`, query: new URLSearchParams(version === undefined ? {} : { version: String(version) }) };
}

/** The blobs of a world that runs or ran here are files. */
function piecesOf(repo: Repo): (hash: Hash) => AsyncIterable<Uint8Array> {
  const streams = fileBlobStreams(stateFolderAt(repo).blobs);
  return async function* (hash) {
    const digest = createHash("sha256");
    for await (const piece of streams.read(hash)) {
      digest.update(piece);
      yield piece;
    }
    if (`sha256:${digest.digest("hex")}` !== hash) throw new AosError("blob.corrupt", `${hash}: the bytes that are stored are not those of this hash`, { class: "unverified" });
  };
}

async function* wholePiece(blobs: Pick<Blobs, "get">, hash: Hash): AsyncGenerator<Uint8Array> {
  const bytes = await blobs.get(hash);
  if (bytes === undefined) throw new AosError("blob.missing", `${hash}: the blob is not published`, { class: "outside" });
  yield bytes;
}

function running(client: ControlClient, stored: Pick<Workspaces, "blobs" | "pieces">): Workspaces {
  return {
    from: "running", client, ...stored,
    list: async () => ((await client.ask("GET", "/workspaces")) as { readonly workspaces: readonly WorkspaceRow[] }).workspaces,
    resolve: async (name, version) => (await client.ask("GET", `/workspaces/${parseWorkspaceName(name)}${version === undefined ? "" : `?version=${version}`}`)) as Resolved,
    versions: async (name) => ((await client.ask("GET", `/workspaces/${parseWorkspaceName(name)}/versions`)) as { readonly versions: readonly VersionRow[] }).versions,
    close: async () => undefined,
  };
}

/** Blobs on their way into a running world: kept here until they are sent, those that it lacks and all at once. */
export interface StagedBlobs extends Blobs {
  /** @returns how many the world lacked */
  flush(): Promise<number>;
}

/** @param read - blobs that the world has */
export function stagedBlobs(client: ControlClient, read: Pick<Blobs, "get">): StagedBlobs {
  const staged = new Map<Hash, Uint8Array>();
  return {
    get: async (hash) => staged.get(hash) ?? read.get(hash),
    async put(bytes) {
      const hash = hashBytes(bytes);
      staged.set(hash, bytes);
      return hash;
    },
    async flush() {
      const missing = await missingIn(client, [...staged.keys()]);
      const blobs = missing.map((hash) => staged.get(hash)).filter((bytes) => bytes !== undefined);
      if (blobs.length > 0) await drained(await client.bytes("POST", "/blobs", framed(blobs)));
      staged.clear();
      return blobs.length;
    },
  };
}

/** Hashes asked for in one request. */
const ASK_COUNT = 20_000;

/** Those of the blobs that the world has not. */
export async function missingIn(client: ControlClient, hashes: readonly Hash[]): Promise<readonly Hash[]> {
  const missing: Hash[] = [];
  for (let at = 0; at < hashes.length; at += ASK_COUNT) {
    const answer = await client.ask("POST", "/missing-blobs", { hashes: hashes.slice(at, at + ASK_COUNT) });
    missing.push(...(answer as { readonly missing: readonly Hash[] }).missing);
  }
  return missing;
}

/**
 * Brings a file into the world's blobs as a stream. One that the world has is read once, for its hash, and not sent.
 *
 * @throws AosError `cli.file`, `blob.too_large`
 */
export async function sendFile(client: ControlClient, path: string): Promise<{ readonly hash: Hash; readonly size: number; readonly sent: boolean }> {
  const { hash, size } = await hashFile(path);
  const there = await client.bytes("HEAD", `/blobs/${hash}`);
  if (there !== undefined) return { hash, size, sent: false };
  await drained(await client.bytes("PUT", `/blobs/${hash}`, createReadStream(path)));
  return { hash, size, sent: true };
}

async function hashFile(path: string): Promise<{ readonly hash: Hash; readonly size: number }> {
  const { size } = await stat(path);
  if (size > BLOB_BYTES_MAX) throw new AosError("blob.too_large", `${path}: its ${size} bytes are over ${BLOB_BYTES_MAX}`, { at: { file: path } });
  const digest = createHash("sha256");
  const handle = await open(path, "r");
  let read = 0;
  for await (const piece of handle.createReadStream()) {
    digest.update(piece as Buffer);
    read += (piece as Buffer).length;
  }
  return { hash: `sha256:${digest.digest("hex")}` as Hash, size: read };
}

async function drained(answer: { readonly pieces: AsyncIterable<Uint8Array> } | undefined): Promise<void> {
  if (answer === undefined) return;
  for await (const piece of answer.pieces) void piece;
}

/** A version to be made. */
export interface NewVersion {
  readonly workspace: string;
  readonly root: Hash;
  /** The version it is made from; 0: the workspace is new. */
  readonly expectedHead: number;
  readonly owner: string;
  readonly createdNs: bigint;
}

/**
 * Commits a version whose blobs the world has.
 *
 * @returns its number
 * @throws AosError `workspace.head_moved` and what else the reducer refuses it for; `workspace.unrouted` when the world keeps no
 *   workspaces (all refused)
 */
export async function commitVersion(client: ControlClient, version: NewVersion): Promise<number> {
  const value = {
    workspace: version.workspace, expected_head: version.expectedHead,
    meta: { root_hash: version.root, owner: version.owner, created_at: version.createdNs },
  };
  const { records } = (await client.ask("POST", "/events", { schema: WORKSPACE_COMMIT, value })) as { readonly records: readonly { readonly kind: string; readonly [field: string]: unknown }[] };
  const failed = records.find(({ kind }) => kind === "rejected" || kind === "step_failed");
  if (failed !== undefined) throw new AosError(String(failed["code"]), String(failed["message"]), { class: "refused", hint: "read the head again: somebody else may have committed meanwhile" });
  if (records.some(({ kind, reducer }) => kind === "stepped" && reducer === "sys/Workspace@1")) return version.expectedHead + 1;
  throw new AosError("workspace.unrouted", `workspace ${version.workspace}: the world keeps no workspaces`, {
    class: "refused", hint: 'list the module sys/Workspace@1 in the manifest and route {"event": "sys/WorkspaceCommit@1", "reducer": "sys/Workspace@1", "key_field": "workspace"}',
  });
}
