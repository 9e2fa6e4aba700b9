// aos ws cp: copies a file or a directory, also from an old version or another workspace, as a new version.

import { AosError } from "@agentos/kernel";
import { command } from "../command.ts";
import { CHANGE_OPTIONS, changeWorkspace, entryAt, lastName, targetPath, tellChange } from "../workspace.ts";
import { parseFilePlace, parsePlace } from "../workspace-ref.ts";
import { placeEntry } from "../workspace-graft.ts";

export default command({
  positionals: {
    from: { type: "string", demandOption: true, describe: "NAME[@VERSION]/PATH" },
    to: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]; the version must be the head" },
  },
  options: { recursive: { alias: "r", type: "boolean", default: false, describe: "Copy a directory with all that is in it" }, ...CHANGE_OPTIONS },
  epilogue: "Into a directory where there is one. Annotations go along. Nothing is sent: contents are shared.\nExample, to take back a change: aos ws cp notes@3/plan.md notes/plan.md\nWith --json: {workspace, version, root, changed}.",
  async run(cx, { from, to, recursive, owner, message }) {
    const [source, target] = [parseFilePlace(from), parsePlace(to)];
    const made = await changeWorkspace(cx, target, async ({ root, blobs, workspaces }) => {
      const { version, entry } = await entryAt(workspaces, source);
      if (entry.kind === "dir" && !recursive) throw new AosError("tree.not_file", `${from}: is a directory`, { hint: "use -r to copy it with all that is in it" });
      const path = await targetPath(blobs, root, { path: target.path, name: lastName(source.path) });
      if (version.root === root && `${path}/`.startsWith(`${source.path}/`)) throw new AosError("cli.ref", `${to}: lies in ${from} itself`);
      return placeEntry(blobs, root, { path, entry });
    }, { owner, message });
    tellChange(cx, made, "copied");
  },
});
