// aos check: all problems of the world's files at once.

import { relative } from "node:path";
import { AosError, InvariantError } from "@agentos/kernel";
import { checkFolder, type Checked } from "../check.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { failureOf } from "../failure.ts";
import { checkedLine, diagnosticLines } from "../render/diagnostics.ts";
import { failureLines } from "../render/failure.ts";
import { watchWorld } from "../watch.ts";
import { worldFolder } from "../world.ts";

const EXIT_INPUT = 2;

export default command({
  positionals: {},
  options: { watch: { type: "boolean", default: false, describe: "Check again on every change of a file, until Ctrl-C" } },
  epilogue: "Exit code 2 when there is an error; warnings do not fail. With --json: one {ok, diagnostics}, with --watch one a round;\na diagnostic is {severity, code, file, pointer, line, column, message, hint?}.",
  async run(cx, { watch }) {
    const folder = await worldFolder(cx);
    if (watch) {
      await watchWorld(folder, (round) => checkAgain(cx, folder, round));
      return;
    }
    const { diagnostics, errors, warnings } = await checkOnce(cx, folder);
    const first = diagnostics.find(({ severity }) => severity === "error");
    if (first === undefined) return;
    if (cx.out.mode === "json") {
      // The diagnostics are the answer, and nothing comes after them.
      process.exitCode = EXIT_INPUT;
      return;
    }
    throw new AosError("check.failed", `${folder}: ${errors === 1 ? "1 error" : `${errors} errors`}${warnings === 0 ? "" : `, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`}`, {
      at: { file: first.file, pointer: first.pointer, line: first.line, column: first.column }, hint: "each is told above with a way out",
    });
  },
});

async function checkOnce(cx: Context, folder: string): Promise<Checked> {
  const checked = await checkFolder(folder);
  const { world, diagnostics, errors, warnings } = checked;
  const { style } = cx.out;
  const counts = { definitions: world?.control?.nodes.length ?? 0, scenarios: world?.scenarios.length ?? 0, manifest: world?.control?.manifestHash };
  cx.out.item({ ok: errors === 0, diagnostics }, [
    ...diagnosticLines(diagnostics, { style, from: relative(cx.cwd, folder) }),
    ...(errors === 0 ? [checkedLine({ ...counts, warnings }, style)] : []),
  ]);
  return checked;
}

/** One round of watching: what cannot be read at all is told as well, and does not end it. */
async function checkAgain(cx: Context, folder: string, round: "first" | "later"): Promise<void> {
  if (round === "later" && cx.out.mode === "text") cx.out.item(undefined, [cx.out.style.dim(`--- ${new Date().toISOString()}`)]);
  try {
    await checkOnce(cx, folder);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    const { code, message, at, hint } = failureOf(error);
    const { file = "", pointer = "", line = 1, column = 1 } = at ?? {};
    const diagnostic = { severity: "error", code, file, pointer, line, column, message, ...(hint === undefined ? {} : { hint }) };
    cx.out.item({ ok: false, diagnostics: [diagnostic] }, failureLines({ message, hint }, cx.out.style));
  }
}
