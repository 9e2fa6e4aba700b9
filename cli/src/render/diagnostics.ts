// Diagnostics as compilers print them: place, severity, code, sentence, and the way out below.

import { posix } from "node:path";
import type { Diagnostic } from "@agentos/kernel";
import { count, short, shown, type Style } from "./style.ts";

/**
 * `file:line:column: error code: message`, then an indented hint.
 *
 * @param options.from - the world's folder as seen from where the person is, so that an editor finds the file
 */
export function diagnosticLines(diagnostics: readonly Diagnostic[], options: { readonly style: Style; readonly from: string }): readonly string[] {
  const { style, from } = options;
  return diagnostics.flatMap(({ severity, code, file, line, column, message, hint }) => {
    const place = `${shown(posix.join(from, file))}:${line}:${column}:`;
    const word = severity === "error" ? style.red("error") : style.yellow("warning");
    const told = `${style.bold(place)} ${word} ${code}: ${shown(message)}`;
    return hint === undefined ? [told] : [told, `  ${style.cyan("hint:")} ${shown(hint)}`];
  });
}

interface CheckedCounts {
  readonly definitions: number;
  readonly scenarios: number;
  readonly warnings: number;
  readonly manifest: string | undefined;
}

export function checkedLine({ definitions, scenarios, warnings, manifest }: CheckedCounts, style: Style): string {
  const parts = [count(definitions, "definition"), count(scenarios, "scenario"), warnings === 0 ? "no warnings" : count(warnings, "warning")];
  return `${style.green("ok")}  ${parts.join(", ")}${manifest === undefined ? "" : `, manifest ${short(manifest)}`}`;
}
