import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { clone, lsRemote, startController } from "@agentos/controller";
import { ACCOUNTS, ALL_GRANTS, atEnd, eventually, githubDouble, safeUpgradeRepo, type AtEnd, type GithubDouble, type WorldRepo } from "@agentos/controller/testing";
import { githubFiles } from "./github-files.ts";
import { runWorkflow, type Ran, type Runner } from "./testing/workflow-run.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

interface Here {
  readonly world: WorldRepo;
  readonly double: GithubDouble;
  /** Runs a workflow of `aos init --github` in the private repository. @returns what ran, and where its temporary files are */
  run(file: string, job: Pick<Runner, "event" | "ref" | "artifact"> & { readonly name: string; readonly rights: Parameters<GithubDouble["token"]>[0]["grants"] }): Promise<{ readonly ran: readonly Ran[]; readonly temp: string }>;
}

async function here(t: AtEnd): Promise<Here> {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const remote = join(world.folder, "remote.git");
  await world.git("init", "--quiet", "--bare", "--initial-branch=main", remote);
  await world.git("push", "--quiet", remote, "main");
  const double = await githubDouble(remote);
  atEnd(t, () => double.close());
  double.state.private = true;
  const folder = await mkdtemp(join(tmpdir(), "aos-runner-"));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const workflows = join(folder, "workflows");
  await mkdir(workflows);
  for (const [path, bytes] of githubFiles({ repository: "demo/agentos", commit: "a".repeat(40) }, world.trust)) await writeFile(join(workflows, basename(path)), bytes);
  let runs = 0;
  return {
    world, double,
    async run(file, { name, rights, ...job }) {
      const place = join(folder, `run-${++runs}`);
      const token = double.token({ kind: "workflow", actor: { id: 41_898_282, login: "github-actions[bot]", type: "Bot" }, grants: rights });
      const ran = await runWorkflow(file, {
        root: ROOT, workflows, folder: place, remote, origin: double.gitUrl(), ...job,
        context: { "github.event.repository.default_branch": "main", "github.event.workflow_run.id": "9", "github.token": token },
        env: { GITHUB_EVENT_NAME: name, GITHUB_REPOSITORY: "demo/world", GITHUB_API_URL: double.baseUrl, GITHUB_SERVER_URL: double.baseUrl, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
      });
      assert.deepEqual(ran.filter(({ code }) => code !== 0).map(({ name: step, output }) => `${step}: ${output}`), []);
      assert.ok(!JSON.stringify(ran).includes(token), "no step says the token");
      return { ran, temp: join(place, "temp") };
    },
  };
}

test("aos init --github: its workflows in a private repository: shadow reports as the controller does, decision finds that it does, verify holds", { timeout: 120_000 }, async (t) => {
  const { world, double, run } = await here(t);
  const author = double.token({ kind: "personal", actor: ACCOUNTS.author, grants: ALL_GRANTS });
  const head = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", double.gitUrl({ as: author }), `${head}:refs/heads/proposals/follow`);
  await fetch(`${double.baseUrl}/repos/demo/world/pulls`, { method: "POST", headers: { authorization: `token ${author}` }, body: JSON.stringify({ head: "proposals/follow", base: "main", title: "Follow up" }) });
  const repo = await clone(double.state.gitDir, join(world.folder, "ctl.git"), { kind: "bare" });
  const controller = await startController({ repo, key: world.keys.controller, remote: "origin", trust: world.trust, pollMs: 200, pushAfterMs: 20, log: () => undefined });
  const notes = async (): Promise<boolean> => {
    const published = await lsRemote(repo, double.state.gitDir);
    return ["refs/notes/aos", "refs/notes/aos-shadow"].every((ref) => published.has(ref));
  };
  try {
    await eventually(notes, "the controller's report in the repository", { seen: () => controller.status() });
  } finally {
    await controller.stop();
  }

  const base = await world.git("rev-parse", "main");
  const pull = { number: 1, base: { ref: "main", sha: base }, head: { ref: "proposals/follow", sha: head } };
  const shadow = await run("shadow.yml", { name: "pull_request", ref: "refs/pull/1/merge", event: { action: "opened", number: 1, pull_request: pull }, artifact: undefined, rights: { contents: "read", metadata: "read" } });
  assert.equal(shadow.ran.length, 5);

  const event = { action: "completed", workflow_run: { id: 9, event: "pull_request", conclusion: "success", head_sha: head, pull_requests: [], head_repository: { id: double.state.repositoryId } }, repository: { id: double.state.repositoryId, full_name: "demo/world", default_branch: "main" } };
  await run("decision.yml", { name: "workflow_run", event, artifact: join(shadow.temp, "aos-shadow"), rights: { actions: "read", contents: "read", metadata: "read", pull_requests: "write", statuses: "write" } });
  const body = double.state.comments.get(1)?.[0]?.body ?? "";
  assert.match(body, /### Waiting\n[\s\S]*0 of 1 approvals/);
  assert.ok(!/CI reported|CI's report/.test(body), body);

  const verify = await run("verify.yml", { name: "push", event: { ref: "refs/heads/main" }, artifact: undefined, rights: { contents: "read", metadata: "read" } });
  assert.match(verify.ran.at(-1)?.output ?? "", /^verified {2}looked at 1 seal, 2 records/m);
  assert.ok(double.gitCalls.every((call) => !call.includes("git-receive-pack") || call.endsWith(" ann") || call.includes(" 401 ")), double.gitCalls.join("\n"));
});
