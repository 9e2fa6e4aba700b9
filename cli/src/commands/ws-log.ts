// aos ws log: the versions of a workspace, newest first.

import { annotatedMessage } from "@agentos/controller";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { briefVersionLines, versionLines, type LogRow } from "../render/ws.ts";
import { versionAt, withWorkspaces } from "../workspace.ts";
import { parseName } from "../workspace-ref.ts";

export default command({
  positionals: { name: { type: "string", demandOption: true, describe: "Name of the workspace" } },
  options: {
    limit: { alias: "n", type: "number", requiresArg: true, default: 0, describe: "How many versions at most; 0: all" },
    oneline: { type: "boolean", default: false, describe: "One line a version" },
  },
  epilogue: "`git log refs/aos/workspaces/NAME` tells the same.\nWith --json: {workspace, latest, versions: [{version, root, owner, created, message?}]}.",
  async run(cx, { name, limit, oneline }) {
    const workspace = parseName(name);
    const most = countOf("--limit", limit);
    await withWorkspaces(cx, async (workspaces) => {
      const { version: latest } = await versionAt(workspaces, { workspace, version: undefined });
      const newest = [...(await workspaces.versions(workspace))].reverse();
      const rows: LogRow[] = [];
      for (const row of most === 0 ? newest : newest.slice(0, most)) rows.push({ ...row, message: await annotatedMessage(workspaces.blobs, row.root) });
      cx.out.result({ workspace, latest, versions: rows }, oneline ? briefVersionLines(rows, cx.out.style) : versionLines(workspace, rows, cx.out.style));
    });
  },
});
