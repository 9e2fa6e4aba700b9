// Runs the steps of a workflow's job as GitHub's runner would: every script for real, and of others' actions what they leave behind.

import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { stepsOf } from "../tidy/workflow-rules.ts";
import { isYamlMap, readYaml, type YamlMap } from "../tidy/workflow-yaml.ts";

const run = promisify(execFile);

export interface Runner {
  /** The folder that holds `.github`. */
  readonly root: string;
  /** Where workflow files are; by default those of the root. */
  readonly workflows?: string;
  /** An empty folder for the run. */
  readonly folder: string;
  readonly event: object;
  /** What expressions such as `github.token` stand for. */
  readonly context: Readonly<Record<string, string>>;
  /** Variables as GitHub sets them. */
  readonly env: Readonly<Record<string, string>>;
  /** The repository that a checkout clones. */
  readonly remote: string;
  /** The address that the clone keeps, which needs credentials that the checkout does not leave there. */
  readonly origin?: string;
  /** What is checked out where a step does not say; by default main. */
  readonly ref?: string;
  /** What an artifact of the earlier run holds; undefined: there is none. */
  readonly artifact: string | undefined;
}
export interface Ran {
  readonly name: string;
  readonly code: number;
  readonly output: string;
}

/** Runs the one job of a workflow; stops at the first step that fails and may not. */
export async function runWorkflow(file: string, runner: Runner): Promise<readonly Ran[]> {
  const workflow = readYaml(await readFile(join(runner.workflows ?? join(runner.root, ".github", "workflows"), file), "utf8"));
  const job = isYamlMap(workflow) && isYamlMap(workflow["jobs"]) ? Object.values(workflow["jobs"])[0] : undefined;
  if (!isYamlMap(job)) throw new Error(`${file}: no job`);
  const work = join(runner.folder, "work");
  await mkdir(work, { recursive: true });
  await mkdir(join(runner.folder, "temp"), { recursive: true });
  for (const name of ["path", "env", "output", "summary"]) await writeFile(join(runner.folder, name), "");
  await writeFile(join(runner.folder, "event.json"), JSON.stringify(runner.event));
  const ran: Ran[] = [];
  for (const step of stepsOf(job)) {
    const done = await runStep(step, { runner, work, inputs: {} });
    ran.push(...done);
    if (done.some(({ code }) => code !== 0) && step["continue-on-error"] !== "true") break;
  }
  return ran;
}

interface Around {
  readonly runner: Runner;
  readonly work: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly actionPath?: string;
}

async function runStep(step: YamlMap, around: Around): Promise<readonly Ran[]> {
  const uses = step["uses"];
  const inputs = filled(step["with"], around);
  if (typeof uses !== "string") return [await runScript(step, around)];
  // Our own, as this repository names them and as another does.
  const own = /^(?:\.\/|[\w.-]+\/[\w.-]+\/)(\.github\/actions\/[\w-]+)(?:@[0-9a-f]{40})?$/.exec(uses)?.[1];
  if (own !== undefined) return runAction(own, { ...around, inputs });
  const name = uses.split("@")[0] ?? uses;
  if (name === "actions/checkout") {
    await run("git", ["clone", "--quiet", "--branch", "main", around.runner.remote, around.work]);
    const { ref } = around.runner;
    if (ref !== undefined) await run("git", ["-C", around.work, "fetch", "--quiet", "origin", inputs["ref"] ?? ref]).then(() => run("git", ["-C", around.work, "checkout", "--quiet", "--detach", "FETCH_HEAD"]));
    if (around.runner.origin !== undefined) await run("git", ["-C", around.work, "remote", "set-url", "origin", around.runner.origin]);
    return [{ name, code: 0, output: "" }];
  }
  if (name === "actions/download-artifact") {
    if (around.runner.artifact === undefined) return [{ name, code: 1, output: "no artifact" }];
    await cp(around.runner.artifact, inputs["path"] ?? "", { recursive: true, verbatimSymlinks: true });
    return [{ name, code: 0, output: "" }];
  }
  if (name === "actions/setup-node" || name === "actions/upload-artifact") return [{ name, code: 0, output: "" }];
  throw new Error(`${name}: what it leaves behind is not known here`);
}

async function runAction(uses: string, around: Around): Promise<readonly Ran[]> {
  const actionPath = join(around.runner.root, uses);
  const action = readYaml(await readFile(join(actionPath, "action.yml"), "utf8"));
  if (!isYamlMap(action) || !isYamlMap(action["runs"])) throw new Error(`${uses}: no composite action`);
  const declared = isYamlMap(action["inputs"]) ? action["inputs"] : {};
  const defaults = filled(Object.fromEntries(Object.entries(declared).map(([name, input]) => [name, isYamlMap(input) ? (input["default"] ?? "") : ""])), around);
  const ran: Ran[] = [];
  for (const step of stepsOf(action["runs"])) {
    const done = await runStep(step, { ...around, inputs: { ...defaults, ...around.inputs }, actionPath });
    ran.push(...done);
    if (done.some(({ code }) => code !== 0)) break;
  }
  return ran;
}

async function runScript(step: YamlMap, around: Around): Promise<Ran> {
  const { runner } = around;
  const at = (name: string): string => join(runner.folder, name);
  const added = (await readFile(at("path"), "utf8")).split("\n").filter((line) => line !== "").reverse();
  const env = {
    HOME: runner.folder, PATH: [...added, process.env["PATH"] ?? ""].join(delimiter), RUNNER_TEMP: at("temp"), GITHUB_PATH: at("path"), GITHUB_ENV: at("env"), GITHUB_OUTPUT: at("output"),
    GITHUB_STEP_SUMMARY: at("summary"), GITHUB_EVENT_PATH: at("event.json"), GITHUB_WORKSPACE: around.work, GITHUB_ACTIONS: "true", CI: "true", ...runner.env,
    ...(around.actionPath !== undefined && { GITHUB_ACTION_PATH: around.actionPath }), ...filled(step["env"], around),
  };
  const name = String(step["name"] ?? "script");
  try {
    const { stdout, stderr } = await run("bash", ["-e", "-o", "pipefail", "-c", String(step["run"])], { cwd: around.work, env });
    return { name, code: 0, output: stdout + stderr };
  } catch (error) {
    const { code = 1, stdout = "", stderr = "" } = error as { readonly code?: number; readonly stdout?: string; readonly stderr?: string };
    return { name, code: Number(code) || 1, output: stdout + stderr };
  }
}

/** Values with their expressions filled in; one that is not known is an error. */
function filled(map: YamlMap[string] | undefined, { runner, inputs }: Around): Readonly<Record<string, string>> {
  if (!isYamlMap(map)) return {};
  const known: Readonly<Record<string, string>> = { "runner.temp": join(runner.folder, "temp"), ...runner.context, ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`inputs.${name}`, value])) };
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [
      name,
      String(value).replaceAll(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, expression: string) => {
        const found = known[expression];
        if (found === undefined) throw new Error(`${expression}: not known to this runner`);
        return found;
      }),
    ]),
  );
}
