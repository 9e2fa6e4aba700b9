// aos air patch apply: a patch becomes a change of the world's files.

import { join } from "node:path";
import { AosError, applyPatch, hashBytes, type Hash, type PatchDoc } from "@agentos/kernel";
import { artifactPath, filesOfFolder, loadWorld, requireControl, type SyncMap, type WorldFiles } from "@agentos/controller";
import { readAirText } from "../air-text.ts";
import { command } from "../command.ts";
import { readPatch } from "../patch-file.ts";
import { diagnosticLines } from "../render/diagnostics.ts";
import { fileDiffLines } from "../render/file-diff.ts";
import { replaceFiles } from "../replace-files.ts";
import { worldFolder } from "../world.ts";
import { requireSame, textChanges } from "../write-back.ts";

export default command({
  positionals: { file: { type: "string", demandOption: true, describe: "A patch document; - for standard input" } },
  options: { "dry-run": { type: "boolean", default: false, describe: "Write nothing; print what would change in the files" } },
  epilogue: "Applies only to the world the patch was made for, and writes all files or none. What does not change keeps its text; new\ndefinitions go to a file of their kind.\nWith --json: {manifest, changed, removed, written}.",
  async run(cx, { file, "dry-run": dryRun }) {
    const folder = await worldFolder(cx);
    const { doc, shown, locate } = await readPatch(cx, file);
    const files = filesOfFolder(folder);
    const world = await loadWorld(files);
    const base = requireControl(world, folder);
    const { control, diagnostics } = applyPatch(base, doc, { file: shown, locate, moduleHashes: await builtModules(files, world.sync, doc) });
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    const [first] = errors;
    if (control === undefined || first !== undefined) {
      if (errors.length > 1 && cx.out.mode === "text") process.stderr.write(`${diagnosticLines(errors, { style: cx.out.style, from: "" }).join("\n")}\n`);
      throw new AosError(first?.code ?? "patch.op", `${first?.file ?? shown}:${first?.line ?? 1}:${first?.column ?? 1}: ${first?.message ?? "it does not apply"}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`, {
        ...(first && { at: { file: first.file, pointer: first.pointer, line: first.line, column: first.column } }), ...(first?.hint !== undefined && { hint: first.hint }),
      });
    }
    const paths = (await files.list(world.sync.airDir)).filter((path) => path.endsWith(".json"));
    const texts = new Map(await Promise.all(paths.map(async (path) => [path, await readAirText(join(folder, path), path)] as const)));
    const changes = textChanges(texts, { airDir: world.sync.airDir, base, next: control });
    await requireSame(files, changes, control);
    if (!dryRun) await replaceFiles([...changes].map(([path, text]) => ({ path: join(folder, path), text })));
    const rows = [...changes].map(([path, after]) => ({ path, before: texts.get(path), after }));
    const removed = rows.filter(({ after }) => after === undefined).map(({ path }) => path);
    const changed = rows.filter(({ after }) => after !== undefined).map(({ path }) => path);
    cx.out.result({ manifest: control.manifestHash, changed, removed, written: !dryRun }, dryRun ? fileDiffLines(rows, cx.out.style) : [
      ...changed.map((path) => `${cx.out.style.green("written")}  ${path}`), ...removed.map((path) => `${cx.out.style.red("removed")}  ${path}`), `manifest ${control.manifestHash}`,
    ]);
  },
});

/** Code that lies in the world for modules that the patch gives. */
async function builtModules(files: WorldFiles, sync: SyncMap, doc: PatchDoc): Promise<ReadonlyMap<string, Hash>> {
  const found = new Map<string, Hash>();
  for (const op of doc.patches) {
    const node = op.op === "add_def" ? op.node : op.op === "replace_def" ? op.new_node : undefined;
    if (node?.kind !== "defmodule") continue;
    const bytes = (await files.read(artifactPath(sync, node.name, "js"))) ?? (await files.read(artifactPath(sync, node.name, "wasm")));
    if (bytes !== undefined) found.set(node.name, hashBytes(bytes));
  }
  return found;
}
