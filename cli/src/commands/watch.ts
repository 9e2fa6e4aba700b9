// aos watch: on every save: check, build, test, and what the folder as it lies would change in the world.

import { AosError, createModuleRunner, InvariantError } from "@agentos/kernel";
import { filesOfFolder, shadowLocally, type Repo } from "@agentos/controller";
import { checkFolder } from "../check.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { failureJson, failureLines } from "../render/failure.ts";
import { checkedLine, diagnosticLines } from "../render/diagnostics.ts";
import { markdownLines } from "../render/markdown.ts";
import { failureOf } from "../failure.ts";
import { buildModules, writeModules } from "../modules.ts";
import { testedBriefly, testedJson } from "../render/test.ts";
import { testScenarios } from "../scenario-tests.ts";
import { withUpstream } from "../upstream.ts";
import { watchWorld } from "../watch.ts";
import { worldFolder, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Until Ctrl-C. The shadow runs on the recorded state, against main: `aos shadow --worktree` is one of its rounds. Nothing leaves this folder.\nWith --json: one {round, ok, modules, diagnostics, tests?, report?} a round; `ok` says that the files hold and the tests pass.",
  async run(cx) {
    const repo = await worldRepo(cx);
    const folder = await worldFolder(cx);
    let round = 0;
    let report: string | undefined;
    await watchWorld(folder, async (which) => {
      round++;
      if (which === "later" && cx.out.mode === "text") cx.out.item(undefined, [cx.out.style.dim(`--- ${new Date().toISOString()}`)]);
      report = await roundOf(cx, { repo, folder, round, before: report });
    });
  },
});

interface Round {
  readonly repo: Repo;
  readonly folder: string;
  readonly round: number;
  /** The report of the round before, where there was one. */
  readonly before: string | undefined;
}

/**
 * One round. What is wrong with the files is told, and does not end the watching.
 *
 * @returns the report, if it came to one: a person is not shown the same again, as after a save that built a module, which is a change too
 */
async function roundOf(cx: Context, { repo, folder, round, before }: Round): Promise<string | undefined> {
  const { style } = cx.out;
  try {
    const modules = await buildModules(folder);
    await writeModules(folder, modules);
    const built = modules.filter(({ state }) => state !== "current").map(({ name }) => name);
    const { world, diagnostics, errors, warnings } = await checkFolder(folder);
    const counts = { definitions: world?.control?.nodes.length ?? 0, scenarios: world?.scenarios.length ?? 0, manifest: world?.control?.manifestHash, warnings };
    const told = [...built.map((name) => `built     ${name}`), ...diagnosticLines(diagnostics, { style, from: "" }), ...(errors === 0 ? [checkedLine(counts, style)] : [])];
    if (errors > 0) {
      cx.out.item({ round, ok: false, modules: built, diagnostics }, told);
      return undefined;
    }
    if (cx.out.mode === "text") cx.out.item(undefined, told);
    const runner = createModuleRunner();
    const tested = world?.control === undefined ? [] : await testScenarios({ ...world, control: world.control }, world.scenarios, runner);
    if (cx.out.mode === "text" && tested.length > 0) cx.out.item(undefined, testedBriefly(tested, style));
    const { json, markdown } = await withUpstream(repo, "as-is", ({ main }) => shadowLocally(repo, { base: main, head: filesOfFolder(folder), modules: runner }));
    const lines = markdown === before ? [style.dim("the shadow run is as it was")] : markdownLines(markdown, { style, for: cx.out.terminal ? "terminal" : "file" });
    cx.out.item({ round, ok: tested.every(({ differences }) => differences.length === 0), modules: built, diagnostics, tests: testedJson(tested), report: json }, lines);
    return markdown;
  } catch (error) {
    if (error instanceof InvariantError || !(error instanceof AosError)) throw error;
    const failure = failureOf(error);
    cx.out.item({ round, ok: false, failure: failureJson(failure) }, failureLines(failure, style));
    return undefined;
  }
}
