// aos check: all problems of the world's files at once.

import { relative } from "node:path";
import { AosError } from "@agentos/kernel";
import { checkFolder } from "../check.ts";
import { command } from "../command.ts";
import { checkedLine, diagnosticLines } from "../render/diagnostics.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Exit code 2 when there is an error; warnings do not fail. With --json: {ok, errors, warnings, diagnostics}.",
  async run(cx) {
    const folder = await worldFolder(cx);
    const { world, diagnostics, errors, warnings } = await checkFolder(folder);
    const { style } = cx.out;
    const counts = { definitions: world.control?.nodes.length ?? 0, scenarios: world.scenarios.length, manifest: world.control?.manifestHash };
    cx.out.result({ ok: errors === 0, errors, warnings, diagnostics, ...counts }, [
      ...diagnosticLines(diagnostics, { style, from: relative(cx.cwd, folder) }),
      ...(errors === 0 ? [checkedLine({ ...counts, warnings }, style)] : []),
    ]);
    const first = diagnostics.find(({ severity }) => severity === "error");
    if (first !== undefined) {
      throw new AosError("check.failed", `${folder}: ${errors === 1 ? "1 error" : `${errors} errors`}${warnings === 0 ? "" : `, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`}`, {
        at: { file: first.file, pointer: first.pointer, line: first.line, column: first.column }, hint: "each is told above with a way out",
      });
    }
  },
});
