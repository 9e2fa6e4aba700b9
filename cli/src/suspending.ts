// What `aos suspend` and `aos resume` share: they are said where the world runs.

import { stat } from "node:fs/promises";
import { AosError } from "@agentos/kernel";
import { stateFolderAt, type Repo, type StateFolder } from "@agentos/controller";
import { placeOf } from "./world.ts";

/** The folder in which the controller of this repository looks. @throws AosError `suspend.elsewhere` where none has ever run */
export async function folderOfController(repo: Repo, command: "resume" | "suspend"): Promise<StateFolder> {
  const folder = stateFolderAt(repo);
  if ((await stat(folder.journal).catch(() => undefined)) !== undefined) return folder;
  throw new AosError("suspend.elsewhere", `${placeOf(repo)}: no controller of this world has run here, so nobody would heed it`, {
    hint: `say it where its controller is: aos -w CONTROLLER.git ${command}. A world that has not begun begins with \`aos run\``,
  });
}
