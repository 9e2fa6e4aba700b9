// aos ws rm: removes a file or a directory, as a new version.

import { AosError, trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { CHANGE_OPTIONS, changeWorkspace, tellChange } from "../workspace.ts";
import { parseFilePlace } from "../workspace-ref.ts";

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION]/PATH; the version must be the head" } },
  options: { recursive: { alias: "r", type: "boolean", default: false, describe: "Remove a directory with all that is in it" }, ...CHANGE_OPTIONS },
  epilogue: "Directories that become empty stay.\nWith --json: {workspace, version, root, changed}.",
  async run(cx, { ref, recursive, owner, message }) {
    const place = parseFilePlace(ref);
    const made = await changeWorkspace(cx, place, async ({ root, blobs }) => {
      const entry = await trees.findPath(blobs, root, place.path);
      if (entry === undefined) throw new AosError("tree.not_found", `${ref}: there is no such file or directory`);
      if (entry.kind === "dir" && !recursive && (await trees.readTree(blobs, entry.hash)).entries.length > 0) {
        throw new AosError("tree.not_empty", `${ref}: is a directory, and not empty`, { hint: "use -r to remove it with all that is in it" });
      }
      return trees.changeTree(blobs, root, new Map([[place.path, null]]));
    }, { owner, message });
    tellChange(cx, made, "removed");
  },
});
