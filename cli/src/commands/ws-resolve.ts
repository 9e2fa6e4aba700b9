// aos ws resolve: which version and which tree a name leads to.

import { command } from "../command.ts";
import { columns, shown } from "../render/style.ts";
import { withWorkspaces } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION]" } },
  options: {},
  epilogue: "With --json: {workspace, exists, head, version?, root?, owner?, created?}. A name that leads nowhere is an answer: exists is false.",
  async run(cx, { ref }) {
    const place = parsePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { head, found } = await workspaces.resolve(place.workspace, place.version);
      const { dim } = cx.out.style;
      const rows = found === undefined ? [] : [[dim("version"), String(found.version)], [dim("root"), found.root], [dim("owner"), shown(found.owner)], [dim("created"), found.created]];
      cx.out.result({ workspace: place.workspace, exists: found !== undefined, head, ...found }, columns([[dim("exists"), found === undefined ? "no" : "yes"], [dim("head"), String(head)], ...rows]));
    });
  },
});
