// aos ws stat: what is at a place.

import { trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { statLines } from "../render/ws.ts";
import { entryAt, withWorkspaces } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]" } },
  options: {},
  epilogue: "With --json: {workspace, version, path?, kind, hash, size, mode, annotations: [key]}.",
  async run(cx, { ref }) {
    const place = parsePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { version, entry } = await entryAt(workspaces, place);
      const annotations = [...((await trees.annotations(workspaces.blobs, version.root, place.path)) ?? new Map<string, string>()).keys()];
      const { kind, hash, size, mode } = entry;
      const { workspace, path } = place;
      const where = `${workspace}@${version.version}${path === undefined ? "" : `/${path}`}`;
      cx.out.result({ workspace, version: version.version, ...(path === undefined ? {} : { path }), kind, hash, size, mode, annotations }, statLines({ place: where, kind, hash, size, mode, annotations }, cx.out.style));
    });
  },
});
