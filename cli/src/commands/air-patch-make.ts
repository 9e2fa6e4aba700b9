// aos air patch make: the shortest patch from one world to another.

import { relative, resolve } from "node:path";
import { AosError, makePatch, patchDocJson, writeJson } from "@agentos/kernel";
import { command } from "../command.ts";
import { patchLines } from "../render/air-patch.ts";
import { replaceFiles } from "../replace-files.ts";
import { controlAt } from "../world-at.ts";

export default command({
  positionals: {
    a: { type: "string", demandOption: true, describe: "World the patch applies to: a folder, a commit, or `worktree`" },
    b: { type: "string", demandOption: true, describe: "World it gives, named alike" },
  },
  options: { out: { alias: "o", type: "string", requiresArg: true, describe: "Write this file instead of printing" } },
  epilogue: "The patch applies to exactly the first world. Module code is named by its hash, not carried.\nWith --json: the document on one line, or {path, ...} with --out.",
  async run(cx, { a, b, out }) {
    const doc = makePatch(await controlAt(cx, a), await controlAt(cx, b));
    if (doc.patches.length === 0) throw new AosError("patch.empty", `${a} and ${b}: the same control plane, so there is nothing to patch`, { hint: "`aos air diff` compares them" });
    const json = patchDocJson(doc);
    const text = writeJson(json, 2);
    if (out === undefined) return cx.out.result(json, text.split("\n"));
    const path = resolve(cx.cwd, out);
    await replaceFiles([{ path, text: `${text}\n` }]);
    const shown = relative(cx.cwd, path);
    return cx.out.result({ path: shown, base: doc.base_manifest_hash, operations: doc.patches.length }, [`${cx.out.style.green("written")}  ${shown}`, ...patchLines(doc, cx.out.style)]);
  },
});
