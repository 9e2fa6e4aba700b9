// aos ws ls: the workspaces of a world, or what is in one.

import { trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { listingLines, workspaceLines } from "../render/ws.ts";
import { withWorkspaces, entryAt } from "../workspace.ts";
import { parsePlace } from "../workspace-ref.ts";

/** Entries that are printed at a time. */
const PAGE = 1_000;

export default command({
  positionals: { ref: { type: "string", describe: "NAME[@VERSION][/PATH]; without it: all workspaces" } },
  options: {
    long: { alias: "l", type: "boolean", default: false, describe: "Print mode, size and hash too" },
    recursive: { alias: "R", type: "boolean", default: false, describe: "List everything below" },
    null: { alias: "z", type: "boolean", default: false, describe: "Print paths alone, a zero byte after each" },
    limit: { type: "number", requiresArg: true, default: 0, describe: "How many entries at most; 0: all" },
    after: { type: "string", requiresArg: true, describe: "Go on after this path" },
  },
  epilogue: "Reads the running world, else its journal, else what was published.\nWith --json: {workspaces: [{workspace, version, root, owner, created}]}, or {workspace, version, root, entries: [{path, kind, hash, size, mode}], next?}; next is what --after takes.",
  async run(cx, { ref, long, recursive, null: zero, limit, after }) {
    const most = countOf("--limit", limit);
    await withWorkspaces(cx, async (workspaces) => {
      if (ref === undefined) {
        const rows = await workspaces.list();
        if (zero) process.stdout.write(rows.map(({ workspace }) => `${workspace}\0`).join(""));
        else cx.out.result({ workspaces: rows }, workspaceLines(rows, { style: cx.out.style, nowMs: Date.now() }));
        return;
      }
      const place = parsePlace(ref);
      const { version, entry } = await entryAt(workspaces, place);
      const options = { scope: recursive ? "subtree" : "dir", ...(place.path === undefined ? {} : { path: place.path }), ...(after === undefined ? {} : { after }) } as const;
      const found = entry.kind === "file" ? one({ ...entry, name: "", path: place.path ?? "" }) : trees.walkTree(workspaces.blobs, version.root, options);
      const view = { style: cx.out.style, layout: long ? "long" : "names", width: cx.out.terminal && !recursive ? process.stdout.columns : undefined } as const;
      const print = (page: readonly Row[]): void => {
        if (zero) process.stdout.write(page.map(({ path }) => `${path}\0`).join(""));
        else if (page.length > 0) cx.out.item(undefined, listingLines(page, view));
      };
      const inPages = cx.out.mode === "text";
      const rows: Row[] = [];
      let page: Row[] = [];
      let last: string | undefined;
      let next: string | undefined;
      let count = 0;
      for await (const { path, kind, hash, size, mode } of found) {
        if (most > 0 && count === most) {
          next = last;
          break;
        }
        count++;
        last = path;
        (inPages ? page : rows).push({ path, kind, hash, size, mode });
        if (page.length < PAGE || (view.width !== undefined && !long)) continue;
        print(page);
        page = [];
      }
      if (inPages) print(page);
      else cx.out.result({ workspace: place.workspace, version: version.version, root: version.root, entries: rows, ...(next === undefined ? {} : { next }) }, []);
      if (next !== undefined) cx.out.notice(`more follow: aos ws ls ${ref} --after ${next}`);
    });
  },
});

type Row = Pick<trees.PathEntry, "path" | "kind" | "hash" | "size" | "mode">;

async function* one<T>(entry: T): AsyncGenerator<T> {
  yield entry;
}
