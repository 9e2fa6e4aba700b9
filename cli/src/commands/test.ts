// aos test: the world's scenarios, each in an empty world, and whether what comes of them is what their authors expect.

import { readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { AosError, createModuleRunner, expectationOf, formatAir, nearest, readJson, writeJson, type Json, type Scenario } from "@agentos/kernel";
import { requireControl } from "@agentos/controller";
import { checkFolder } from "../check.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { buildModules } from "../modules.ts";
import { withProgress } from "../progress.ts";
import { testedJson, testedLines, updatedLines } from "../render/test.ts";
import { requireSound } from "../require-sound.ts";
import { testScenarios, type ScenarioResult } from "../scenario-tests.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: { file: { type: "string", array: true, describe: "Scenarios [default: all of shadow/]" } },
  options: { update: { type: "boolean", default: false, describe: "Write what came into the scenarios, as what is expected from now on" } },
  epilogue:
    "Modules are built from their sources, nothing of a world's state is read and nobody is called: effects get the scenario's answers, else the plainest value of their receipt schema.\n" +
    "Exit code 2 when one fails. With --json: {ok, scenarios: [{file, name, ok, expects, events, differences}], written?}; `expects` false: it says nothing of what is to come, and passes where nothing fails.",
  async run(cx, { file: typed = [], update }) {
    const folder = await worldFolder(cx);
    const modules = await withProgress(cx.out, "building modules", () => buildModules(folder));
    const checked = await checkFolder(folder, modules);
    requireSound(cx, folder, { ...checked, hint: "run `aos check`, and correct them" });
    const world = checked.world;
    if (world === undefined) throw new AosError("air.missing", `${folder}: no manifest`, { hint: "run `aos check`" });
    const wanted = chosen(cx, { folder, scenarios: world.scenarios, typed });
    const results = await testScenarios({ artifacts: world.artifacts, control: requireControl(world, folder) }, wanted, createModuleRunner());
    const written = update ? await rewrite(folder, results) : undefined;
    const failed = update ? [] : results.filter(({ differences }) => differences.length > 0);
    cx.out.result(testedJson(results, written), written === undefined ? testedLines(results, cx.out.style) : updatedLines(results, written, cx.out.style));
    if (failed.length > 0) throw new AosError("test.failed", `${failed.length === 1 ? failed[0]?.scenario.file : `${failed.length} scenarios`}: not what is expected`, { hint: "if it is meant: aos test --update, and look at what git says has changed" });
  },
});

function chosen(cx: Context, { folder, scenarios, typed }: { readonly folder: string; readonly scenarios: readonly Scenario[]; readonly typed: readonly string[] }): readonly Scenario[] {
  if (typed.length === 0) return scenarios;
  return [...new Set(typed)].map((path) => {
    const file = relative(folder, resolve(cx.cwd, path)).split(sep).join("/");
    const found = scenarios.find((scenario) => scenario.file === file);
    if (found !== undefined) return found;
    const meant = scenarios.find((scenario) => scenario.file.endsWith(`/${file}`))?.file ?? nearest(file, scenarios.map((scenario) => scenario.file));
    throw new AosError("test.scenario", `${path}: no scenario of this world`, { at: { file: path }, hint: meant === undefined ? "scenarios are in shadow/*.json" : `did you mean ${meant}?` });
  });
}

/** @returns the files that are others now. @throws AosError `test.cut` for a run that did not go to its end: nothing is written then */
async function rewrite(folder: string, results: readonly ScenarioResult[]): Promise<readonly string[]> {
  const cut = results.find(({ report }) => report.runs.candidate !== "complete");
  if (cut !== undefined) throw new AosError("test.cut", `${cut.scenario.file}: the run was cut at its limit of effects, so what came is not all`, { hint: "does it call itself for ever?" });
  const written: string[] = [];
  for (const { scenario: { file }, report } of results) {
    const before = await readFile(join(folder, file), "utf8");
    const { json } = readJson(before, file);
    const text = formatAir(writeJson(new Map([...(json as ReadonlyMap<string, Json>), ["expect", new Map(expectationOf(report)) as Json]])), file);
    if (text === before) continue;
    await writeFile(join(folder, file), text);
    written.push(file);
  }
  return written;
}
