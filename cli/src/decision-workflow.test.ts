import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hashValue, jsonOf } from "@agentos/kernel";
import { ACCOUNTS, atEnd, githubDouble, safeUpgradeRepo, type GithubDouble, type WorldRepo } from "@agentos/controller/testing";
import { gitIn, mergeTree, openLocal, parseOid, policyHash, readRules, writeShadowNote } from "@agentos/controller";
import { judgeCiReport, readCiReport } from "./ci-report.ts";
import { runWorkflow, type Ran } from "./testing/workflow-run.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** What GITHUB_TOKEN is, and may do in this workflow. */
const BOT = { id: 41_898_282, login: "github-actions[bot]", type: "Bot" } as const;
const FORK = 815;

interface Here {
  readonly world: WorldRepo;
  readonly remote: string;
  readonly double: GithubDouble;
  /** Runs decision.yml as after a shadow job on a head, which left these files. */
  decide(run: { readonly head: string; readonly repository: number; readonly artifact?: (folder: string) => Promise<void> }): Promise<readonly Ran[]>;
}

async function here(t: { after(end: () => Promise<void>): void }): Promise<Here> {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const remote = join(world.folder, "remote.git");
  await world.git("init", "--quiet", "--bare", "--initial-branch=main", remote);
  await world.git("remote", "add", "origin", remote);
  await world.git("push", "--quiet", "origin", "main");
  const double = await githubDouble(remote);
  atEnd(t, () => double.close());
  return {
    world, remote, double,
    async decide({ head, repository, artifact }) {
      const folder = await mkdtemp(join(tmpdir(), "aos-runner-"));
      atEnd(t, () => rm(folder, { recursive: true, force: true }));
      const left = join(folder, "artifact");
      await mkdir(left);
      await artifact?.(left);
      const token = double.token({ kind: "workflow", actor: BOT, grants: { actions: "read", contents: "read", metadata: "read", pull_requests: "write", statuses: "write" } });
      // As GitHub sends it: of a fork's run there are no pull requests.
      const event = {
        action: "completed",
        workflow_run: { id: 9, name: "shadow", event: "pull_request", status: "completed", conclusion: "success", head_branch: "main", head_sha: head, run_attempt: 1, pull_requests: [], head_repository: { id: repository, full_name: "fork/world", fork: repository === FORK } },
        repository: { id: double.state.repositoryId, full_name: "demo/world", default_branch: "main" },
      };
      return runWorkflow("decision.yml", {
        root: ROOT, folder, event, remote, ...(double.state.private && { origin: double.gitUrl() }), artifact: artifact === undefined ? undefined : left,
        context: { "github.event.repository.default_branch": "main", "github.event.workflow_run.id": "9", "github.event.workflow_run.head_sha": head, "github.token": token },
        env: { GITHUB_REPOSITORY: "demo/world", GITHUB_API_URL: double.baseUrl, GITHUB_SERVER_URL: double.state.private ? double.baseUrl : "https://github.com", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
      });
    },
  };
}

function assertRan(ran: readonly Ran[], steps: number): void {
  assert.deepEqual(ran.filter(({ name, code }) => code !== 0 && name !== "actions/download-artifact").map(({ name, output }) => `${name}: ${output}`), []);
  assert.equal(ran.length, steps);
}

const REPORT = jsonOf({ definitions: [], note: "nothing" });

/** The controller's report on a head, in the remote. */
async function report({ world, remote }: Here, head: string): Promise<void> {
  const local = await openLocal(remote);
  try {
    const base = parseOid(await world.git("rev-parse", "main"));
    const tree = await mergeTree(local.repo, base, parseOid(head));
    const { policy } = await readRules(local.store, base);
    const claim = { world: world.trust, head: parseOid(head), base, tree, policy: policyHash(policy), manifest: hashValue("m"), consequences: hashValue("c"), report: hashValue(REPORT) };
    await writeShadowNote(local, { summary: "## Shadow run: nothing changes", claim, report: REPORT }, { key: world.keys.controller, principal: "controller", timeSeconds: 1_800_000_000 });
  } finally {
    await local.close();
  }
}

test("decision.yml: a pull request in a private repository, whose CI says what the controller says: the decision stands on it, and no check was forged", async (t) => {
  const ours = await here(t);
  const { world, double } = ours;
  double.state.private = true;
  const head = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", "origin", `${head}:refs/heads/proposals/follow`, `${head}:refs/pull/1/head`);
  const pull = double.openPull({ ref: "proposals/follow", sha: head, by: ACCOUNTS.author });
  await report(ours, head);
  assertRan(await ours.decide({ head, repository: double.state.repositoryId, artifact: (folder) => writeFile(join(folder, "report.json"), JSON.stringify({ definitions: [], note: "nothing" })) }), 5);
  const body = double.state.comments.get(pull)?.[0]?.body ?? "";
  assert.match(body, /### Waiting\n[\s\S]*0 of 1 approvals[\s\S]*Shadow run/);
  assert.ok(!body.includes("CI reported"), body);
  assert.deepEqual(double.state.statuses.get(head)?.filter(({ context }) => context === "aos/decision").map(({ state }) => state), ["pending"]);
  assert.ok(double.gitCalls.some((call) => call.endsWith("/git-upload-pack 200 github-actions[bot]")), double.gitCalls.join("\n"));
});

/** What a fork's job may leave behind, and what is said of it: in the comment of a whole run, or by what reads it. */
const LIES: readonly { readonly name: string; readonly run?: "workflow"; readonly says: RegExp; leave(folder: string): Promise<void> }[] = [
  { name: "a forged report", run: "workflow", says: /CI reported sha256&#58;[0-9a-f]{12}…, and controller computed/, leave: (folder) => writeFile(join(folder, "report.json"), JSON.stringify({ definitions: [], note: "all is well" })) },
  {
    name: "a forged number of another pull request", run: "workflow", says: /and controller computed/,
    async leave(folder) {
      await writeFile(join(folder, "NR"), "1");
      await writeFile(join(folder, "pr_number"), "1");
      await writeFile(join(folder, "report.json"), JSON.stringify({ pull_request: 1, verdict: "approved" }));
    },
  },
  { name: "an oversized report", run: "workflow", says: /CI's report is refused&#58; 9437184 bytes/, leave: (folder) => writeFile(join(folder, "report.json"), Buffer.alloc(9 << 20, "x")) },
  { name: "a link instead of a report", says: /report\.json is no plain file/, leave: (folder) => symlink("/etc/passwd", join(folder, "report.json")) },
  { name: "a folder instead of a report", says: /report\.json is no plain file/, async leave(folder) { await mkdir(join(folder, "report.json", "..", "report.json", "x"), { recursive: true }); } },
  { name: "no JSON, but Markdown that acts", run: "workflow", says: /it is no JSON/, leave: (folder) => writeFile(join(folder, "report.json"), "</details><img src=x onerror=alert(1)> @everyone [approved](https://evil.test)") },
  { name: "depth without end", says: /CI's report is refused/, leave: (folder) => writeFile(join(folder, "report.json"), "[".repeat(200_000)) },
  {
    name: "a hundred files", says: /expected at most 16/,
    async leave(folder) {
      for (let count = 0; count < 100; count++) await writeFile(join(folder, `..%2f..%2f${count}`), "x");
    },
  },
];

test("decision.yml: a fork's pull request whose CI lies: gets nothing, is named, and nothing of it runs", async (t) => {
  const ours = await here(t);
  const { world, double, remote } = ours;
  const other = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", "origin", `${other}:refs/heads/proposals/follow`, `${other}:refs/pull/1/head`);
  double.openPull({ ref: "proposals/follow", sha: other, by: ACCOUNTS.author });
  const canary = join(world.folder, "canary");
  await world.git("switch", "--quiet", "--create", "fork", "main");
  const scripts = Object.fromEntries(["preinstall", "install", "postinstall", "prepare"].map((name) => [name, `touch ${canary}`]));
  const head = await world.commit("Looks harmless", { "package.json": JSON.stringify({ name: "x", version: "1.0.0", scripts }), ".npmrc": "ignore-scripts=false\n", "air/x.txt": "x\n" });
  await world.git("push", "--quiet", "origin", `${head}:refs/pull/2/head`);
  const pull = double.openPull({ ref: "proposals/follow", sha: head, by: ACCOUNTS.outsider, fork: true });
  await report(ours, head);
  let told = 0;
  for (const { name, run, says, leave } of LIES) {
    if (run === undefined) {
      const folder = await mkdtemp(join(tmpdir(), "aos-artifact-"));
      atEnd(t, () => rm(folder, { recursive: true, force: true }));
      await leave(folder);
      assert.match(judgeCiReport(await readCiReport(folder), []) ?? "", says, name);
      told++;
      continue;
    }
    assertRan(await ours.decide({ head, repository: FORK, artifact: leave }), 5);
    const comments = double.state.comments.get(pull) ?? [];
    assert.equal(comments.length, 1, name);
    assert.match(comments[0]?.body ?? "", says, name);
    assert.ok(!/<img|\]\(https|### Approved|@everyone/.test(comments[0]?.body ?? ""), name);
    told++;
  }
  assert.equal(told, 8);
  assert.equal(double.state.comments.get(1), undefined, "the other pull request hears nothing");
  assert.equal(double.state.statuses.get(other), undefined);
  const verdicts = [...(double.state.statuses.get(head) ?? [])].filter(({ context }) => context === "aos/decision").map(({ state }) => state);
  assert.ok(verdicts.length > 0 && !verdicts.includes("success"), verdicts.join());
  assert.equal(await stat(canary).catch(() => "absent"), "absent");
  const local = await openLocal(remote);
  atEnd(t, () => local.close());
  assert.equal((await gitIn(local.repo, ["rev-parse", "main"])).stdout.toString("utf8").trim(), await world.git("rev-parse", "main"));
});

test("decision.yml: a run of a commit that is no pull request's head, and one of the same commit in a foreign repository: nothing is said", async (t) => {
  const ours = await here(t);
  const { world, double } = ours;
  const head = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", "origin", `${head}:refs/heads/proposals/follow`, `${head}:refs/pull/1/head`);
  double.openPull({ ref: "proposals/follow", sha: head, by: ACCOUNTS.author });
  assertRan(await ours.decide({ head: "1".repeat(40), repository: double.state.repositoryId }), 5);
  assertRan(await ours.decide({ head, repository: FORK }), 5);
  assert.equal(double.state.comments.size + double.state.statuses.size + double.state.checks.length, 0);
});
