// AIR nodes by themselves, by what a person calls their place: a file, or a file of a commit as git names it.

import { stat } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import { AosError, parseNode, type Node, type Problem, type Value } from "@agentos/kernel";
import { resolveCommit } from "@agentos/controller";
import { nodesOfText, placeIn, readAirText } from "./air-text.ts";
import type { Context } from "./context.ts";
import { withStore, worldRepo } from "./world.ts";

/**
 * The nodes that `typed` names: a file, or `REV:path` with a path from the top of the repository, or from here where it begins with `./`.
 *
 * @returns undefined when it names neither. @throws AosError when what it names is not AIR
 */
export async function nodesAt(cx: Context, typed: string): Promise<readonly Node[] | undefined> {
  const path = resolve(cx.cwd, typed);
  if ((await stat(path).catch(() => undefined))?.isFile() === true) return nodesOf(await readAirText(path, typed), typed);
  const colon = typed.indexOf(":");
  if (colon <= 0) return undefined;
  const text = await textAt(cx, typed.slice(0, colon), typed.slice(colon + 1));
  return text === undefined ? undefined : nodesOf(text, typed);
}

async function textAt(cx: Context, revision: string, typed: string): Promise<string | undefined> {
  const repo = await worldRepo(cx);
  const commit = await resolveCommit(repo, revision);
  if (commit === undefined) return undefined;
  const here = typed.startsWith("./") || typed.startsWith("../");
  const path = here && repo.workTree !== undefined ? relative(repo.workTree, resolve(cx.cwd, typed)).split(sep).join("/") : typed;
  const bytes = await withStore(repo, (store) => store.readPath(commit, path));
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AosError("world.file", `${revision}:${path}: not UTF-8`, { at: { file: path } });
  }
}

function nodesOf(text: string, shown: string): readonly Node[] {
  return nodesOfText(text, shown).map((part) => {
    const found: Problem[] = [];
    const node = parseNode(part.tree as Value, (problem) => void (problem.severity === "warning" || found.push(problem)));
    const [first] = found;
    if (node !== undefined && first === undefined) return node;
    const { line, column } = placeIn(text, part.start);
    const inside = first === undefined || first.pointer === "" ? "" : `${first.pointer}: `;
    throw new AosError(first?.code ?? "file.shape", `${shown}:${line}:${column}: ${inside}${first?.message ?? "not a node"}${found.length > 1 ? ` (and ${found.length - 1} more)` : ""}`, {
      at: { file: shown, line, column }, ...(first?.hint === undefined ? {} : { hint: first.hint }),
    });
  });
}
