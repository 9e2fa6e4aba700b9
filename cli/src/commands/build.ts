// aos build: every source of the sync map becomes a module artifact.

import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AosError, bake, hashBytes, InvariantError } from "@agentos/kernel";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { failureOf } from "../failure.ts";
import { buildModules, writeModules, type ModuleBuild } from "../modules.ts";
import { withProgress } from "../progress.ts";
import { failureJson, failureLines } from "../render/failure.ts";
import { moduleLines, type ModuleRow } from "../render/modules.ts";
import { watchWorld } from "../watch.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: {},
  options: {
    check: { type: "boolean", default: false, describe: "Write nothing; fail when a module is not what its source gives" },
    watch: { type: "boolean", default: false, describe: "Build again on every change of a file, until Ctrl-C" },
    bake: { type: "string", requiresArg: true, describe: "Also write each module to this folder as plain WebAssembly without imports" },
  },
  epilogue:
    "A module whose source gives the bytes that lie there is left alone (cached). A baked module gives the same answers in any host of the\nABI (docs/modules.md); the world itself runs the small artifact. With --watch --json: one object a line.",
  async run(cx, { check, watch, bake }) {
    if (check && (watch || bake !== undefined)) throw new AosError("cli.usage", `--check writes nothing, so it does not go with ${watch ? "--watch" : "--bake"}`, { hint: "leave one of them out" });
    const folder = await worldFolder(cx);
    const target = bake === undefined ? undefined : await bakeFolder(cx, bake);
    if (watch) return watchWorld(folder, (round) => buildAgain(cx, { folder, target, round }));
    const modules = await withProgress(cx.out, "building modules", (shown) => buildModules(folder, (total) => shown.step({ total })));
    if (!check) await writeModules(folder, modules);
    const rows = [...modules.map((module) => rowOf(module, check ? "check" : "write")), ...(target === undefined ? [] : await bakeAll(modules, target))];
    cx.out.result({ modules: rows }, moduleLines(rows, cx.out.style));
    const first = rows.find(({ outcome }) => outcome === "stale" || outcome === "missing");
    if (first !== undefined) throw new AosError(`module.${first.outcome}`, `${first.path}: the module is ${first.outcome}`, { at: { file: first.path }, hint: "run `aos build`" });
  },
});

/** @throws AosError `cli.usage` for what is there and no folder */
async function bakeFolder(cx: Context, typed: string): Promise<string> {
  const folder = resolve(cx.cwd, typed);
  const there = await stat(folder).catch(() => undefined);
  if (typed !== "" && (there === undefined || there.isDirectory())) return folder;
  throw new AosError("cli.usage", `--bake ${typed === "" ? '""' : typed}: not a folder`, { hint: "name a folder; it is made where there is none" });
}

interface Round {
  readonly folder: string;
  /** Where baked modules go. */
  readonly target: string | undefined;
  readonly round: "first" | "later";
}

/** One round of watching: what cannot be built is told, and does not end it. */
async function buildAgain(cx: Context, round: Round): Promise<void> {
  try {
    await buildRound(cx, round);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    const failure = failureOf(error);
    cx.out.item(failureJson(failure), failureLines(failure, cx.out.style));
  }
}

/** What is as it was is not told again. */
async function buildRound(cx: Context, at: Round): Promise<void> {
  const modules = await buildModules(at.folder);
  await writeModules(at.folder, modules);
  const changed = at.round === "first" ? modules : modules.filter(({ state }) => state !== "current");
  if (changed.length === 0 && at.round === "later") return;
  const rows = [...changed.map((module) => rowOf(module, "write")), ...(at.target === undefined ? [] : await bakeAll(changed, at.target))];
  cx.out.item({ modules: rows }, moduleLines(rows, cx.out.style));
}

function rowOf({ name, hash, artifact, path, state }: ModuleBuild, mode: "check" | "write"): ModuleRow {
  return { name, hash, bytes: artifact.length, path, outcome: state === "current" ? "cached" : mode === "check" ? state : "built" };
}

/** Writes `<folder>/<module>.wasm` for each module. */
async function bakeAll(modules: readonly ModuleBuild[], folder: string): Promise<readonly ModuleRow[]> {
  const rows: ModuleRow[] = [];
  for (const { name, artifact } of modules) {
    const bytes = await bake(artifact);
    const path = join(folder, `${name}.wasm`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    rows.push({ name, hash: hashBytes(bytes), bytes: bytes.length, path, outcome: "baked" });
  }
  return rows;
}
