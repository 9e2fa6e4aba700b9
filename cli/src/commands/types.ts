// aos types: TypeScript declarations of the world's schemas.

import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { AosError, declarationsOf } from "@agentos/kernel";
import { filesOfFolder, loadWorld, requireControl } from "@agentos/controller";
import { command } from "../command.ts";
import { replaceFiles } from "../replace-files.ts";
import { typesLine } from "../render/air.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: {
    out: { alias: "o", type: "string", requiresArg: true, describe: "Write this file instead of printing" },
    check: { type: "boolean", default: false, describe: "Write nothing; fail when the file of --out differs" },
  },
  epilogue: "Events, effects and state, for `import type` in modules.\nWith --json: {types}, or {path, outcome} with --out.",
  async run(cx, { out, check }) {
    if (check && out === undefined) throw new AosError("cli.usage", "aos types: --check needs a file to look at", { hint: "aos types --out reducer/types.ts --check" });
    const folder = await worldFolder(cx);
    const types = declarationsOf(requireControl(await loadWorld(filesOfFolder(folder)), folder));
    if (out === undefined) return cx.out.result({ types }, types.replace(/\n$/, "").split("\n"));
    const path = resolve(cx.cwd, out);
    const before = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    const shown = relative(cx.cwd, path);
    const outcome = before === types ? "current" : check ? (before === undefined ? "missing" : "stale") : "written";
    if (outcome === "written") await replaceFiles([{ path, text: types }]);
    cx.out.result({ path: shown, outcome }, [typesLine(shown, outcome, cx.out.style)]);
    if (outcome === "missing" || outcome === "stale") throw new AosError(`types.${outcome}`, `${shown}: the types are ${outcome}`, { at: { file: shown }, hint: `run \`aos types --out ${shown}\`` });
  },
});
