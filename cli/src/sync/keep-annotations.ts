// Puts the annotations of a link where the world keeps them: in the sync map, whose other text stays as it is written.

import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SYNC_FILE, type SyncMap, type WorkspaceLink } from "@agentos/controller";
import { draftIn } from "./drafts.ts";

export type KeepAnnotations = (link: WorkspaceLink, annotations: WorkspaceLink["annotations"]) => Promise<void>;

/** For links of this sync map; of one that was named on the command line nothing is kept. */
export function keepingAnnotations(root: string, sync: SyncMap): KeepAnnotations {
  return async (link, annotations) => {
    const at = sync.workspaces.indexOf(link);
    if (at < 0) return;
    const file = join(root, SYNC_FILE);
    const draft = draftIn(root);
    const { editAnnotations } = await import("@agentos/controller");
    await writeFile(draft, editAnnotations(await readFile(file, "utf8"), at, annotations));
    await rename(draft, file);
  };
}
