// aos ws diff: what differs between two versions, directories or files, line by line.

import { AosError, trees } from "@agentos/kernel";
import { command } from "../command.ts";
import { diffLines, statusOf } from "../render/ws-diff.ts";
import { realPath } from "../render/ws.ts";
import { versionAt, withWorkspaces } from "../workspace.ts";
import { compareVersions } from "../workspace-compare.ts";
import { parsePlace } from "../workspace-ref.ts";

export default command({
  positionals: {
    a: { type: "string", demandOption: true, describe: "NAME[@VERSION][/PATH]" },
    b: { type: "string", describe: "The same of what to compare it with; without it: the version before A and A" },
  },
  options: {
    prefix: { type: "string", requiresArg: true, describe: "Only what is at or below this path" },
    "name-status": { type: "boolean", default: false, describe: "Only paths, with A, M or D" },
    null: { alias: "z", type: "boolean", default: false, describe: "Print paths alone, a zero byte after each" },
  },
  epilogue: "Text is compared line by line; binary files and those over 4 MiB only differ.\nWith --json: {a: {workspace, version, root}, b, changes: [{path, status, old?: {hash, size, mode}, new?, annotations: [{key, old?, new?}]}]}.",
  async run(cx, args) {
    await withWorkspaces(cx, async (workspaces) => {
      const place = parsePlace(args.a);
      const other = args.b === undefined ? undefined : parsePlace(args.b);
      const first = await versionAt(workspaces, place);
      const [before, after] = other === undefined ? [await beforeOf(first.version), first] : [first, await versionAt(workspaces, other)];
      const paths = [place.path, other?.path ?? place.path, args.prefix].filter((path) => path !== undefined);
      const [prefix] = paths;
      if (paths.some((path) => path !== prefix)) throw new AosError("cli.ref", `${args.a} and ${args.b ?? ""}: different paths`, { hint: "name the same path on both sides" });
      const rows = await compareVersions(workspaces, { before: before.root, after: after.root }, { contents: cx.out.mode === "text" && !args["name-status"] && !args.null ? "read" : "leave", ...(prefix === undefined ? {} : { prefix }) });
      if (args.null) {
        process.stdout.write(rows.map(({ path }) => `${pathOf(path)}\0`).join(""));
        return;
      }
      const side = ({ version, root }: typeof after, workspace: string): unknown => ({ workspace, version, root });
      const changes = rows.map(({ path, old, now, annotations }) => ({
        path, status: statusOf({ old, now }), ...(old === undefined ? {} : { old: factsOf(old) }), ...(now === undefined ? {} : { new: factsOf(now) }),
        annotations: annotations.map(({ key, old: was, now: is }) => ({ key, ...(was === undefined ? {} : { old: was }), ...(is === undefined ? {} : { new: is }) })),
      }));
      const lines = args["name-status"] ? rows.map((row) => `${statusOf(row)}\t${realPath(pathOf(row.path))}`) : diffLines(rows, cx.out.style);
      cx.out.result({ a: side(before, place.workspace), b: side(after, other?.workspace ?? place.workspace), changes }, lines);

      async function beforeOf(version: number): Promise<typeof first> {
        return version <= 1 ? { ...first, version: 0, root: trees.EMPTY_TREE_HASH } : versionAt(workspaces, { ...place, version: version - 1 });
      }
    });
  },
});

/** What the workspace itself is annotated with has no path of a file. */
function pathOf(path: string): string {
  return path === "" ? "." : path;
}

function factsOf({ hash, size, mode }: { readonly hash: string; readonly size: number; readonly mode: number }): unknown {
  return { hash, size, mode };
}
