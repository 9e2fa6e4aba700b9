// How a push reaches the world: over the control socket of the one that runs here, or through Git alone (git-outlet.ts).

import type { Blobs, Hash } from "@agentos/kernel";
import { commitVersion, missingIn, sendFile, stagedBlobs, type ControlClient, type NewVersion, type StagedBlobs } from "@agentos/controller";

/** A file that is to be sent. */
export interface FileToSend {
  /** On this disk. */
  readonly path: string;
  readonly hash: Hash;
  readonly size: number;
}

export interface Outlet {
  /** May a version with these files go this way? Told before anything is sent. @throws AosError `inbox.too_large`, `trust.unknown_key` */
  requireSendable(files: readonly FileToSend[]): Promise<void>;
  readonly staged: StagedBlobs;
  /** Those of the blobs that the world has not. */
  missing(hashes: readonly Hash[]): Promise<ReadonlySet<Hash>>;
  /** Brings a large file to the world. */
  sendLarge(path: string): Promise<Hash>;
  /** @returns the version's number; `sent`: nobody waits for the answer. @throws AosError what the world refuses it for */
  commit(version: NewVersion): Promise<number | "sent">;
}

export function socketOutlet(client: ControlClient, blobs: Pick<Blobs, "get">): Outlet {
  return {
    requireSendable: async () => undefined,
    staged: stagedBlobs(client, blobs),
    missing: async (hashes) => new Set(await missingIn(client, hashes)),
    sendLarge: async (path) => (await sendFile(client, path)).hash,
    commit: (version) => commitVersion(client, version),
  };
}
