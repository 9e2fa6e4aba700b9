import assert from "node:assert/strict";
import { test } from "node:test";
import { githubDouble } from "../testing/github-double/double.ts";
import { ACCOUNTS } from "../testing/github-double/world.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { start, until, withRemote } from "../testing/world-steps.ts";
import { clone } from "../git/transport.ts";
import { openStore } from "../git/store.ts";
import { verifyPublished } from "../publish/verify.ts";
import type { LogLine } from "./log.ts";

/** Waits for what another process brings about; the test's own timeout ends a wait for something that never comes. */
async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("a world on GitHub: pull requests, a report, reviews, a merge by GitHub: in force, said there, and verified in a clone", { timeout: 120_000 }, async (t) => {
  const world = await safeUpgradeRepo({ trust: (principals) => ({ principals: withAccounts(principals), merges: "forge" }) });
  t.after(() => world.remove());
  const remote = await withRemote(world);
  const double = await githubDouble(remote.remote, { seconds: Math.floor(Date.now() / 1000) });
  t.after(() => double.close());
  const log: LogLine[] = [];
  const { app } = double.state;
  const controller = await start(world, await remote.clone("controller.git"), {
    remote: "origin", log, pushAfterMs: 50,
    github: { auth: { kind: "app", appId: app.id, privateKey: app.privateKey }, place: { owner: "demo", name: "world", baseUrl: double.baseUrl }, merge: "when-approved" },
  });
  t.after(() => controller.stop());
  await until(controller, ({ appliedRevision }) => appliedRevision !== undefined);

  // A proposal of the world's own people, on a branch that is not called proposals/*, and a stranger's from a fork.
  const head = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", "origin", `${head}:refs/heads/feature`, `${head}:refs/pull/1/head`);
  double.openPull({ ref: "feature", sha: head, by: ACCOUNTS.author });
  await world.git("switch", "--quiet", "--create", "fork", "main");
  const foreign = await world.git("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "main^{tree}", "-p", "main", "-m", "let me in");
  await world.git("push", "--quiet", "origin", `${foreign}:refs/pull/2/head`);
  double.openPull({ ref: "proposals/raise-limit", sha: foreign, by: ACCOUNTS.outsider, fork: true });

  const body = (pull: number): string => double.state.comments.get(pull)?.[0]?.body ?? "";
  await eventually(() => body(1).includes("What would change") && body(2) !== "");
  double.tick();
  double.tick();
  double.review(2, { by: ACCOUNTS.outsider, state: "APPROVED" });
  double.review(1, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await eventually(() => double.state.pulls.get(1)?.merged === true);
  await until(controller, ({ appliedRevision, published }) => appliedRevision !== undefined && published.status === "True");
  const merged = await world.git("--git-dir", remote.remote, "rev-parse", "main");
  await until(controller, ({ appliedRevision }) => appliedRevision === merged);
  await eventually(() => double.state.statuses.get(merged)?.some(({ context, state }) => context === "aos/applied" && state === "success") === true);
  await eventually(() => body(2).includes("is no principal of this world"));
  assert.match(body(2), /### Refused\n[\s\S]*is not signed by a principal/);
  assert.ok(!double.state.checks.some(({ head_sha, fields }) => head_sha === foreign && fields["conclusion"] === "success"));
  await controller.stop();
  assert.deepEqual(log.filter(({ level }) => level === "error"), []);

  const repo = await clone(remote.remote, `${world.folder}/audit.git`, { kind: "bare" });
  const store = openStore(repo.commonDir);
  t.after(() => store.close());
  const report = await verifyPublished({ repo, store, trust: world.trust, replay: undefined, mainRef: "refs/heads/main" });
  assert.deepEqual(report.problems, []);
});

function withAccounts(principals: Readonly<Record<string, object>>): object {
  return Object.fromEntries(Object.entries(principals).map(([name, principal]) => [name, name === "author" || name === "reviewer" ? { ...principal, github: ACCOUNTS[name].id } : principal]));
}
