// Nothing is offered of a world whose files do not hold.

import { AosError } from "@agentos/kernel";
import type { Checked } from "./check.ts";
import type { Context } from "./context.ts";
import { diagnosticLines } from "./render/diagnostics.ts";

/** Tells a person what is wrong. @throws AosError `check.failed` where there are errors */
export function requireSound({ out }: Context, folder: string, { diagnostics, errors, hint }: Pick<Checked, "diagnostics" | "errors"> & { readonly hint: string }): void {
  if (errors === 0) return;
  if (out.mode === "text") process.stderr.write(`${diagnosticLines(diagnostics, { style: out.style, from: "" }).join("\n")}\n`);
  throw new AosError("check.failed", `${folder}: ${errors === 1 ? "1 error" : `${errors} errors`} in the world's files`, { hint });
}
