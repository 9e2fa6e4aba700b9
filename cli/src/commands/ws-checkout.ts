// aos ws checkout: writes the files of a version to a directory.

import { command } from "../command.ts";
import { withProgress } from "../progress.ts";
import { count } from "../render/style.ts";
import { resolve } from "node:path";
import { entryAt, withWorkspaces } from "../workspace.ts";
import { checkOut } from "../workspace-checkout.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: {
    ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH], the path of a directory" },
    dir: { type: "string", demandOption: true, describe: "The directory; it is made where there is none" },
  },
  options: { force: { type: "boolean", default: false, describe: "Write over files that are there" } },
  epilogue: "Files get their real names, bytes and modes. Nothing is removed. A name that would lead out of the directory, or that git acts upon, is refused before anything is written.\nWith --json: {workspace, version, dir, files, bytes}.",
  async run(cx, { ref, dir, force }) {
    const place = parsePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { version } = await entryAt(workspaces, place);
      const done = await withProgress(cx.out, "writing files", (shown) =>
        checkOut(workspaces, { root: version.root, path: place.path, dir: resolve(cx.cwd, dir), over: force ? "replace" : "refuse", onEntry: (total) => shown.step({ total }) }));
      cx.out.result({ workspace: place.workspace, version: version.version, dir, ...done }, [`${count(done.files, "file")}, ${count(done.bytes, "byte")}  ${place.workspace}@${version.version} in ${dir}`]);
    });
  },
});
