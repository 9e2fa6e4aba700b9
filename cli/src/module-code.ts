// Whether the code of a world's modules is what its definitions take it for.

import { AosError, entriesOf, ZERO_HASH, type DefModule, type Diagnostic } from "@agentos/kernel";
import { artifactPath, type LoadedWorld, type WorldFiles } from "@agentos/controller";

/** The export that a module of this kind is called by. */
export function entryOf({ module_kind: kind }: DefModule): "step" | "run" {
  return kind === "reducer" ? "step" : "run";
}

/** What `aos check` says of the artifacts in the world's folder. What a bundle exports is looked at when it is built. */
export async function codeDiagnostics({ control, artifacts, sync }: LoadedWorld, files: WorldFiles): Promise<readonly Diagnostic[]> {
  const paths = new Set(await files.list(sync.modulesDir));
  return [...(control?.modules.values() ?? [])].flatMap((module) => {
    const path = (["js", "wasm"] as const).map((kind) => artifactPath(sync, module.name, kind)).find((one) => paths.has(one));
    const artifact = artifacts.get(module.wasm_hash);
    if (artifact !== undefined) return path === undefined ? [] : codeProblem(module, path, artifact);
    if (module.wasm_hash === ZERO_HASH || path !== undefined) return [];
    const message = `the code of \`${module.name}\`, ${module.wasm_hash}, is not here`;
    const hint = "put the file there, or leave `wasm_hash` out and build the module";
    return [{ severity: "warning", code: "module.missing", file: artifactPath(sync, module.name, "wasm"), pointer: "", line: 1, column: 1, message, hint } as const];
  });
}

function codeProblem(module: DefModule, file: string, artifact: Uint8Array): readonly Diagnostic[] {
  const problem = (code: string, message: string, hint: string): Diagnostic => ({ severity: "error", code, file, pointer: "", line: 1, column: 1, message, hint });
  try {
    const entries = entriesOf(artifact);
    const entry = entryOf(module);
    if (entries === undefined || entries.includes(entry)) return [];
    return [problem("module.entry", `\`${module.name}\` is defined as a ${module.module_kind} module, and its code exports no "${entry}"`, `\`aos module inspect ${file}\` says what it exports`)];
  } catch (error) {
    if (!(error instanceof AosError) || error.code !== "module.refused") throw error;
    return [problem(error.code, error.message.replace(/^module: /, ""), `\`aos module inspect ${file}\` says what it is`)];
  }
}
