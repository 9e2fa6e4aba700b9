// aos ws ann get: what a file, a directory or a root is annotated with.

import { encodeBase64, trees, writeJson, type Hash, type Json } from "@agentos/kernel";
import { command } from "../command.ts";
import { isBinary } from "../render/ws-diff.ts";
import { columns, shown, short } from "../render/style.ts";
import { entryAt, withWorkspaces } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

interface Row {
  readonly key: string;
  readonly hash: Hash;
  readonly text?: string;
  /** Of what is no text. */
  readonly base64?: string;
  /** Of a value that a sync map has as JSON. */
  readonly json?: Json;
}

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]" }, key: { type: "string", describe: "Print the value of this key alone" } },
  options: {},
  epilogue: "With --json: {workspace, version, path?, annotations: [{key, hash, text?, base64?, json?}]}; a value that is not stored has its hash alone.",
  async run(cx, { ref, key }) {
    const place = parsePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { version } = await entryAt(workspaces, place);
      const found = [...((await trees.annotations(workspaces.blobs, version.root, place.path)) ?? [])].filter(([one]) => key === undefined || one === key);
      const rows = await Promise.all(found.map(async ([one, hash]): Promise<Row> => {
        const bytes = await workspaces.blobs.get(hash);
        if (bytes === undefined) return { key: one, hash };
        if (!isBinary(bytes)) return { key: one, hash, text: Buffer.from(bytes).toString("utf8") };
        const { annotationJson } = await import("../sync/annotations.ts");
        const json = annotationJson(bytes);
        return { key: one, hash, base64: encodeBase64(bytes), ...(json === undefined ? {} : { json }) };
      }));
      const told = rows.map((row) => ({ ...row, value: row.text !== undefined ? shown(row.text) : row.json !== undefined ? shown(writeJson(row.json)) : short(row.hash) }));
      const lines = key === undefined ? columns(told.map((row) => [cx.out.style.bold(shown(row.key)), row.value])) : told.map(({ value }) => value);
      cx.out.result({ workspace: place.workspace, version: version.version, ...(place.path === undefined ? {} : { path: place.path }), annotations: rows }, lines);
    });
  },
});
