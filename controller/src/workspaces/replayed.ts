// Workspaces of a world that does not run: as its journal says, else as was published.

import { AosError, fileBlobs, type Blobs, type Hash, type ModuleRunner } from "@agentos/kernel";
import type { Repo } from "../git/repo.ts";
import { openStore } from "../git/store.ts";
import { publishedBlobs, readTip } from "../publish/published.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";
import { readWorldOffline } from "../world-access.ts";
import type { Workspaces } from "./access.ts";
import { readVersions, readWorkspace, readWorkspaces } from "./answers.ts";
import { storedPieces } from "./stored-pieces.ts";

/** @throws AosError as readWorldOffline */
export async function replayedWorkspaces(repo: Repo, modules: ModuleRunner): Promise<Workspaces> {
  const { world, from } = await readWorldOffline(repo, { modules });
  const store = openStore(repo.commonDir);
  const tip = from === "published" ? await readTip(store) : undefined;
  const blobs = tip === undefined ? fileBlobs(stateFolderAt(repo).blobs) : await publishedBlobs(store, tip.oid);
  return {
    from, client: undefined, blobs, pieces: tip === undefined ? storedPieces(repo) : (hash) => wholePiece(blobs, hash),
    list: async () => readWorkspaces(world).workspaces,
    resolve: async (name, version) => readWorkspace(world, asked(name, version)),
    versions: async (name) => readVersions(world, asked(name)).versions,
    close: () => store.close(),
  };
}

function asked(name: string, version?: number): { readonly path: string; readonly query: URLSearchParams } {
  return { path: `/workspaces/${name}`, query: new URLSearchParams(version === undefined ? {} : { version: String(version) }) };
}

async function* wholePiece(blobs: Pick<Blobs, "get">, hash: Hash): AsyncGenerator<Uint8Array> {
  const bytes = await blobs.get(hash);
  if (bytes === undefined) throw new AosError("blob.missing", `${hash}: the blob is not published`, { class: "outside" });
  yield bytes;
}
