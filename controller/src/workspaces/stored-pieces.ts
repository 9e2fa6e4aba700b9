// Blobs of a world on this machine, in pieces.

import { createHash } from "node:crypto";
import { AosError, fileBlobStreams, type Hash } from "@agentos/kernel";
import type { Repo } from "../git/repo.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";

/** The blobs of a world that runs or ran here are files: each is read as a stream. @throws, while it is read, AosError `blob.missing`, `blob.corrupt` */
export function storedPieces(repo: Repo): (hash: Hash) => AsyncIterable<Uint8Array> {
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
