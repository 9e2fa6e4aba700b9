// aos build: every source of the sync map becomes a module artifact.

import { AosError } from "@agentos/kernel";
import { command } from "../command.ts";
import { buildModules, writeModules } from "../modules.ts";
import { moduleLines } from "../render/modules.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: { check: { type: "boolean", default: false, describe: "Write nothing; fail when a module is not what its source gives" } },
  async run(cx, { check }) {
    const folder = await worldFolder(cx);
    const modules = await buildModules(folder);
    if (!check) await writeModules(folder, modules);
    const rows = modules.map(({ name, hash, artifact, path, state }) => ({
      name, hash, bytes: artifact.length, path, outcome: state === "current" ? ("cached" as const) : check ? state : ("built" as const),
    }));
    cx.out.result({ modules: rows }, moduleLines(rows, cx.out.style));
    const first = rows.find(({ outcome }) => outcome === "stale" || outcome === "missing");
    if (first !== undefined) throw new AosError(`module.${first.outcome}`, `${first.path}: the module is ${first.outcome}`, { at: { file: first.path }, hint: "run `aos build`" });
  },
});
