// aos ws ann get: what a file, a directory or a root is annotated with.

import { encodeBase64, trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { isBinary } from "../render/ws-diff.ts";
import { columns, shown, short } from "../render/style.ts";
import { entryAt, withWorkspaces } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]" }, key: { type: "string", describe: "Print the value of this key alone" } },
  options: {},
  epilogue: "With --json: {workspace, version, path?, annotations: [{key, hash, text?, base64?}]}; a value that is not stored has its hash alone.",
  async run(cx, { ref, key }) {
    const place = parsePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { version } = await entryAt(workspaces, place);
      const found = [...((await trees.annotations(workspaces.blobs, version.root, place.path)) ?? [])].filter(([one]) => key === undefined || one === key);
      const rows = await Promise.all(found.map(async ([one, hash]) => {
        const bytes = await workspaces.blobs.get(hash);
        return { key: one, hash, ...(bytes === undefined ? {} : isBinary(bytes) ? { base64: encodeBase64(bytes) } : { text: Buffer.from(bytes).toString("utf8") }) };
      }));
      const told = rows.map((row) => ({ ...row, value: "text" in row ? shown(row.text) : short(row.hash) }));
      const lines = key === undefined ? columns(told.map((row) => [cx.out.style.bold(shown(row.key)), row.value])) : told.map(({ value }) => value);
      cx.out.result({ workspace: place.workspace, version: version.version, ...(place.path === undefined ? {} : { path: place.path }), annotations: rows }, lines);
    });
  },
});
