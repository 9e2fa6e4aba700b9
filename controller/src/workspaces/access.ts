// Workspaces from outside the process that runs the world: read from it or from what it left, written through it.

import { open, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { AosError, fileBlobs, hashBytes, parseWorkspaceName, type Blobs, type Hash, type ModuleRunner } from "@agentos/kernel";
import type { ControlClient } from "../control/client.ts";
import { BLOB_BYTES_MAX } from "../control/blob-requests.ts";
import { framed } from "../control/byte-answer.ts";
import { connectWorld } from "../control/connect.ts";
import type { Repo } from "../git/repo.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";
import type { Resolved, VersionRow, WorkspaceRow } from "./answers.ts";
import { WORKSPACE_COMMIT, WORKSPACE_REDUCER } from "./history.ts";
import { storedPieces } from "./stored-pieces.ts";

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

/** The world that runs, where it was found already; else what a replay runs modules with, which only a replay needs. */
type WorkspacesFrom = { readonly client: ControlClient } | { readonly modules: () => ModuleRunner | Promise<ModuleRunner> };

/**
 * The running world where there is one, else the local journal, else the published one.
 *
 * @throws AosError as readWorldOffline
 */
export async function openWorkspaces(repo: Repo, from: WorkspacesFrom): Promise<Workspaces> {
  const here = (client: ControlClient): Workspaces => running(client, { blobs: fileBlobs(stateFolderAt(repo).blobs), pieces: storedPieces(repo) });
  if ("client" in from) return here(from.client);
  const client = await connectWorld(repo);
  if (client !== undefined) return here(client);
  const { replayedWorkspaces } = await import("./replayed.ts");
  return replayedWorkspaces(repo, await from.modules());
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

/** A blob that is read when it is sent. */
interface BlobSource {
  readonly hash: Hash;
  readonly size: number;
  /** Of the file it is read from. */
  readonly path: string;
  /** @throws AosError when the bytes are not there any more */
  read(): Promise<Uint8Array>;
}

/** Blobs on their way into a running world: kept here until they are sent, those that it lacks and all at once. */
export interface StagedBlobs extends Blobs {
  /** @param more - blobs that go with those that are kept. @returns how many the world lacked */
  flush(more?: readonly BlobSource[]): Promise<number>;
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
    async flush(more = []) {
      const sources = new Map(more.map((source) => [source.hash, source]));
      const missing = await missingIn(client, [...new Set([...sources.keys(), ...staged.keys()])]);
      const blobs = async function* (): AsyncGenerator<Uint8Array> {
        for (const hash of missing) {
          const bytes = staged.get(hash) ?? (await sources.get(hash)?.read());
          if (bytes !== undefined) yield bytes;
        }
      };
      if (missing.length > 0) await drained(await client.bytes("POST", "/blobs", framed(blobs())));
      staged.clear();
      return missing.length;
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
  const { records } = (await client.ask("POST", "/events", { schema: WORKSPACE_COMMIT, value })) as { readonly records: readonly TurnRecord[] };
  return versionMade(records, version);
}

type TurnRecord = Readonly<Record<string, unknown>> & { readonly kind: string };

/**
 * What came of a commit, by the records of its turn.
 *
 * @returns the version's number
 * @throws AosError as `commitVersion`
 */
export function versionMade(records: readonly TurnRecord[], version: Pick<NewVersion, "workspace" | "expectedHead">): number {
  const failed = records.find(({ kind }) => kind === "rejected" || kind === "step_failed");
  if (failed !== undefined) throw new AosError(String(failed["code"]), String(failed["message"]), { class: "refused", hint: "read the head again: somebody else may have committed meanwhile" });
  if (records.some(({ kind, reducer }) => kind === "stepped" && reducer === WORKSPACE_REDUCER)) return version.expectedHead + 1;
  throw unrouted(version.workspace);
}

/** What a version is refused for in a world that keeps no workspaces. */
export function unrouted(workspace: string): AosError {
  return new AosError("workspace.unrouted", `workspace ${workspace}: the world keeps no workspaces`, {
    class: "refused",
    hint: 'list the module sys/Workspace@1 in the manifest and route {"event": "sys/WorkspaceCommit@1", "reducer": "sys/Workspace@1", "key_field": "workspace"}; `aos push --only air` proposes that',
  });
}
