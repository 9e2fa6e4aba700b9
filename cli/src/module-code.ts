// Whether the code of a world's modules is what its definitions take it for.

import { AosError, entriesOf, inspectModule, ZERO_HASH, type DefModule, type Diagnostic } from "@agentos/kernel";
import { artifactPath, type LoadedWorld, type WorldFiles } from "@agentos/controller";

/** The export that a module of this kind is called by. */
function entryOf({ module_kind: kind }: DefModule): "step" | "run" {
  return kind === "reducer" ? "step" : "run";
}

/** The entries of an artifact that nobody has run yet. @throws AosError `module.refused` */
function entriesIn(artifact: Uint8Array): readonly string[] {
  const entries = entriesOf(artifact);
  if (entries !== undefined) return entries;
  const report = inspectModule(artifact);
  if (report.refused !== undefined) throw new AosError("module.refused", report.refused.message);
  return report.entries.map(({ name }) => name);
}

/**
 * Has a bundle that was admitted the entry that its definition is called by? The text of one made with the SDK names its entry, and most name
 * no other: those need no engine, which takes longer to start than everything else a command does.
 */
export function hasEntry(bundle: Uint8Array, module: DefModule): boolean {
  const wanted = entryOf(module);
  const text = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const named = (["step", "run"] as const).filter((entry) => text.includes(`entry:"${entry}"`));
  return (named.length === 1 && named[0] === wanted) || entriesIn(bundle).includes(wanted);
}

/** What `aos check` says of the artifacts in the world's folder; one that is built here is judged where it is built. */
export async function codeDiagnostics({ control, artifacts, sync }: LoadedWorld, files: WorldFiles): Promise<readonly Diagnostic[]> {
  const paths = new Set(await files.list(sync.modulesDir));
  return [...(control?.modules.values() ?? [])].flatMap((module) => {
    const path = (["js", "wasm"] as const).map((kind) => artifactPath(sync, module.name, kind)).find((one) => paths.has(one));
    const artifact = artifacts.get(module.wasm_hash);
    if (artifact !== undefined) return path === undefined || (sync.sources.has(module.name) && path === artifactPath(sync, module.name, "js")) ? [] : codeProblem(module, path, artifact);
    if (module.wasm_hash === ZERO_HASH || path !== undefined) return [];
    const message = `the code of \`${module.name}\`, ${module.wasm_hash}, is not here`;
    const hint = "put the file there, or leave `wasm_hash` out and build the module";
    return [{ severity: "warning", code: "module.missing", file: artifactPath(sync, module.name, "wasm"), pointer: "", line: 1, column: 1, message, hint } as const];
  });
}

function codeProblem(module: DefModule, file: string, artifact: Uint8Array): readonly Diagnostic[] {
  const problem = (code: string, message: string, hint: string): Diagnostic => ({ severity: "error", code, file, pointer: "", line: 1, column: 1, message, hint });
  try {
    if (entriesIn(artifact).includes(entryOf(module))) return [];
    return [problem("module.entry", `\`${module.name}\` is defined as a ${module.module_kind} module, and its code exports no "${entryOf(module)}"`, `\`aos module inspect ${file}\` says what it exports`)];
  } catch (error) {
    if (!(error instanceof AosError) || error.code !== "module.refused") throw error;
    return [problem(error.code, error.message.replace(/^module: /, ""), `\`aos module inspect ${file}\` says what it is`)];
  }
}
