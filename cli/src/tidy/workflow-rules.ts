// What our workflow files may do: the rules that keep a stranger's pull request from running with our rights.

import { isYamlMap, readYaml, type Yaml, type YamlMap } from "./workflow-yaml.ts";

/** Rights to read, which a job may have that runs a stranger's code. */
const READ_ONLY: readonly string[] = ["read", "none", "read-all"];
/** Events in which a stranger's contents, words or commits come with rights of ours. */
const PRIVILEGED: readonly string[] = ["issue_comment", "issues", "pull_request_review", "pull_request_review_comment", "pull_request_target", "workflow_run"];
/** Where a pull request's own contents are named. */
const HEAD = /github\.head_ref|pull_request\.head|workflow_run\.head_|refs\/pull|github\.event\.number|pull_request\.number|gh pr checkout|GITHUB_HEAD_REF/;
/** What a stranger writes: put into a script it is run. */
const INJECTED = /\$\{\{/;

/** Sentences about what is wrong with a workflow, or with an action. */
export function workflowFaults(text: string): readonly string[] {
  const file = readYaml(text);
  if (!isYamlMap(file)) return ["it is no map"];
  const runs = file["runs"];
  if (isYamlMap(runs)) return stepsOf(runs).flatMap((step) => stepFaults(step));
  const events = eventsOf(file["on"]);
  const faults: string[] = [];
  if (file["permissions"] === "write-all") faults.push("it may write everything");
  if (file["permissions"] === undefined) faults.push("it says no permissions: it would get those of the repository's settings");
  if (events.includes("pull_request_target")) faults.push("it runs on pull_request_target, with our rights beside a stranger's code");
  const jobs = isYamlMap(file["jobs"]) ? Object.entries(file["jobs"]) : [];
  if (jobs.length === 0) faults.push("it has no jobs");
  for (const [name, job] of jobs) {
    if (!isYamlMap(job)) continue;
    faults.push(...calledFaults(job).map((fault) => `job ${name}: ${fault}`));
    if (job["timeout-minutes"] === undefined && job["uses"] === undefined) faults.push(`job ${name}: it has no end in time`);
    const writes = writesOf(job["permissions"] ?? file["permissions"]);
    if (events.includes("pull_request") && writes.length > 0) faults.push(`job ${name}: on pull_request it may write ${writes.join(", ")}`);
    const privileged = writes.length > 0 || events.some((event) => PRIVILEGED.includes(event));
    for (const step of stepsOf(job)) faults.push(...stepFaults(step, { privileged }).map((fault) => `job ${name}: ${fault}`));
  }
  return faults;
}

/** The rights to write among permissions: a map of them, or one word for all. */
function writesOf(permissions: Yaml | undefined): readonly string[] {
  if (isYamlMap(permissions)) return Object.entries(permissions).filter(([, level]) => !READ_ONLY.includes(String(level))).map(([right]) => right);
  return permissions === undefined || READ_ONLY.includes(String(permissions)) || (Array.isArray(permissions) && permissions.length === 0) ? [] : ["everything"];
}

/** A job that is a workflow of somebody's. */
function calledFaults(job: YamlMap): readonly string[] {
  const uses = job["uses"];
  const faults: string[] = [];
  if (typeof uses === "string" && !isPinned(uses)) faults.push(`${uses} is not pinned by commit`);
  if (job["secrets"] === "inherit") faults.push("it hands all secrets on");
  return faults;
}

/** Ours, or somebody's at one commit; of an image its digest. */
function isPinned(uses: string): boolean {
  return uses.startsWith("./") || /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(uses) || /^docker:\/\/[\w./-]+@sha256:[0-9a-f]{64}$/.test(uses);
}

function eventsOf(on: Yaml | undefined): readonly string[] {
  if (typeof on === "string") return [on];
  if (isYamlMap(on)) return Object.keys(on);
  return (on ?? []).map(String);
}

export function stepsOf(job: YamlMap): readonly YamlMap[] {
  const steps = job["steps"];
  return Array.isArray(steps) ? (steps as readonly Yaml[]).filter(isYamlMap) : [];
}

function stepFaults(step: YamlMap, job: { readonly privileged: boolean } = { privileged: false }): readonly string[] {
  const faults: string[] = [];
  const uses = step["uses"];
  if (typeof uses === "string" && !isPinned(uses)) faults.push(`${uses} is not pinned by commit`);
  const inputs: YamlMap = isYamlMap(step["with"]) ? step["with"] : {};
  if (typeof uses === "string" && uses.startsWith("actions/checkout@")) {
    if (inputs["persist-credentials"] !== "false") faults.push("the checkout leaves the token in the repository");
    if (job.privileged && HEAD.test(JSON.stringify(inputs))) faults.push("it checks out a stranger's commit with rights to write");
  }
  if (typeof inputs["script"] === "string" && INJECTED.test(inputs["script"])) faults.push("an expression stands in a script; it belongs into env");
  const run = step["run"];
  if (typeof run === "string" && INJECTED.test(run)) faults.push("an expression stands in a script; it belongs into env");
  if (typeof run === "string" && job.privileged && HEAD.test(run)) faults.push("a script with rights to write names a stranger's commit");
  return faults;
}
