// aos ws mv: renames a file or a directory within a workspace, as a new version.

import { AosError, trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { CHANGE_OPTIONS, changeWorkspace, lastName, targetPath, tellChange } from "../workspace.ts";
import { parseFilePlace, parsePlace } from "../workspace-ref.ts";
import { placeEntry } from "../workspace-graft.ts";

export default command({
  positionals: {
    from: { type: "string", demandOption: true, describe: "NAME[@VERSION]/PATH; the version must be the head" },
    to: { type: "string", demandOption: true, describe: "NAME/PATH in the same workspace" },
  },
  options: { ...CHANGE_OPTIONS },
  epilogue: "Into a directory where there is one. Annotations go along.\nWith --json: {workspace, version, root, changed}.",
  async run(cx, { from, to, owner, message }) {
    const [source, target] = [parseFilePlace(from), parsePlace(to)];
    if (source.workspace !== target.workspace) throw new AosError("cli.ref", `${to}: another workspace than ${source.workspace}`, { hint: "copy it with `aos ws cp`, then remove it with `aos ws rm`: each workspace has versions of its own" });
    const place = { ...source, version: source.version ?? target.version };
    const made = await changeWorkspace(cx, place, async ({ root, blobs }) => {
      const entry = await trees.findPath(blobs, root, source.path);
      if (entry === undefined) throw new AosError("tree.not_found", `${from}: there is no such file or directory`);
      const path = await targetPath(blobs, root, { path: target.path, name: lastName(source.path) });
      if (path === source.path) return root;
      if (path.startsWith(`${source.path}/`)) throw new AosError("cli.ref", `${to}: lies in ${from} itself`);
      return placeEntry(blobs, await trees.changeTree(blobs, root, new Map([[source.path, null]])), { path, entry });
    }, { owner, message });
    tellChange(cx, made, "moved");
  },
});
