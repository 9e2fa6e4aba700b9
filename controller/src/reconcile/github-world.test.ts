import assert from "node:assert/strict";
import { test } from "node:test";
import { Octokit } from "octokit";
import { atEnd, type AtEnd } from "../testing/at-end.ts";
import { githubClient } from "../forge/github/client.ts";
import { gitAccess } from "../forge/github/git-access.ts";
import { clone } from "../git/transport.ts";
import { openStore } from "../git/store.ts";
import { verifyPublished } from "../publish/verify.ts";
import { eventually } from "../testing/eventually.ts";
import { ALL_GRANTS, deliver, FORK_GRANTS, githubDouble, type GithubDouble } from "../testing/github-double/double.ts";
import { gitAt, mergeOf } from "../testing/github-double/git.ts";
import type { Actor, Grants } from "../testing/github-double/state.ts";
import { ACCOUNTS } from "../testing/github-double/world.ts";
import { outsideWorld, safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { sendStart, settle, start, until, withRemote } from "../testing/world-steps.ts";
import type { RunningController } from "./controller.ts";
import type { LogLine } from "./log.ts";

/** Longer than the test takes: what happens in time happens because a webhook said so. */
const POLL_MS = 600_000;
const SECRET = "s3cret";
const AT = { owner: "demo", repo: "world" };
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface Hosted {
  readonly world: WorldRepo;
  readonly double: GithubDouble;
  readonly log: readonly LogLine[];
  readonly controller: RunningController;
  /** Somebody with a token, and octokit as it is. */
  person(actor: Actor, grants: Grants): { readonly token: string; readonly octokit: Octokit };
  /** Has GitHub send an event. */
  tell(event: string): Promise<void>;
  /** The comment on a pull request. */
  body(pull: number): string;
}

/** A world on GitHub in a private repository, and its controller, which has nothing but an App's key to reach it. */
async function hosted(t: AtEnd, merge: "by-people" | "when-approved"): Promise<Hosted> {
  const world = await safeUpgradeRepo({ trust: (principals) => ({ principals: withAccounts(principals), merges: "forge" }) });
  atEnd(t, () => world.remove());
  const { remote } = await withRemote(world);
  const double = await githubDouble(remote, { seconds: Math.floor(Date.now() / 1000) });
  atEnd(t, () => double.close());
  double.state.private = true;
  const { app } = double.state;
  const github = { auth: { kind: "app", appId: app.id, privateKey: app.privateKey }, place: { owner: "demo", name: "world", baseUrl: double.baseUrl }, merge, webhook: { host: "127.0.0.1", port: 0, secret: SECRET } } as const;
  const access = gitAccess(githubClient(github), { url: double.gitUrl() });
  await access.refresh();
  await clone(double.gitUrl(), `${world.folder}/controller.git`, { kind: "bare", env: access.env });
  const log: LogLine[] = [];
  const controller = await start(world, `${world.folder}/controller.git`, { remote: "origin", log, pushAfterMs: 50, pollMs: POLL_MS, github });
  atEnd(t, () => controller.stop());
  const { port } = await eventually(() => log.find(({ message }) => message === "listening for webhooks"), "a port for webhooks");
  const url = `http://127.0.0.1:${String(port)}/`;
  double.state.hooks.push({ url, secret: SECRET });
  await until(controller, ({ appliedRevision }) => appliedRevision !== undefined);
  return {
    world, double, log, controller,
    person(actor, grants) {
      const token = double.token({ kind: "personal", actor, grants });
      return { token, octokit: new Octokit({ auth: token, baseUrl: double.baseUrl, throttle: { enabled: false }, retry: { enabled: false }, log: QUIET }) };
    },
    tell: async (event) => void (await deliver(url, { event, payload: {}, secret: SECRET, delivery: `by-hand-${event}` })),
    body: (pull) => double.state.comments.get(pull)?.[0]?.body ?? "",
  };
}

/** What a clone with a reader's token holds: problems, decisions derived again, receipts. */
async function verified(t: AtEnd, { world, double }: Hosted, token: string): Promise<readonly [readonly unknown[], number, number]> {
  const repo = await clone(double.gitUrl({ as: token }), `${world.folder}/audit.git`, { kind: "bare" });
  const store = openStore(repo.commonDir);
  atEnd(t, () => store.close());
  const { problems, checked } = await verifyPublished({ repo, store, trust: world.trust, replay: undefined, mainRef: "refs/heads/main" });
  return [problems, checked.decisions, checked.receipts];
}

function withAccounts(principals: Readonly<Record<string, object>>): object {
  return Object.fromEntries(Object.entries(principals).map(([name, principal]) => [name, name === "author" || name === "reviewer" ? { ...principal, github: ACCOUNTS[name].id } : principal]));
}

test("a world on GitHub: git and the API alone, from the proposal's push to the receipts': in force, said there, and verified in a clone; a fork gets nothing", { timeout: 120_000 }, async (t) => {
  const here = await hosted(t, "when-approved");
  const { world, double, log, controller, person, body } = here;

  // A proposal of the world's own people, pushed and opened as anybody does it.
  const author = person(ACCOUNTS.author, ALL_GRANTS);
  const head = await world.proposeUpgrade("follow");
  await world.git("push", "--quiet", double.gitUrl({ as: author.token }), `${head}:refs/heads/feature`);
  const { data: pull } = await author.octokit.rest.pulls.create({ ...AT, head: "feature", base: "main", title: "Follow up" });
  assert.equal(pull.head.sha, head);
  await assert.rejects(world.git("push", "--quiet", double.gitUrl({ as: author.token }), `${head}:refs/pull/1/head`), /deny updating a hidden ref/);

  // A stranger's, from a fork: what they may not, GitHub refuses; what they may, the world refuses.
  const stranger = person(ACCOUNTS.outsider, FORK_GRANTS);
  await clone(double.state.gitDir, `${world.folder}/fork.git`, { kind: "bare" });
  double.addFork(ACCOUNTS.outsider, `${world.folder}/fork.git`);
  const foreign = await world.git("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "main^{tree}", "-p", "main", "-m", "let me in");
  await world.git("push", "--quiet", double.gitUrl({ owner: "passer-by", as: stranger.token }), `${foreign}:refs/heads/proposals/raise-limit`);
  await assert.rejects(world.git("push", "--quiet", double.gitUrl({ as: stranger.token }), `${foreign}:refs/heads/main`), /403/);
  await assert.rejects(stranger.octokit.rest.checks.create({ ...AT, name: "aos/decision", head_sha: foreign, status: "completed", conclusion: "success" }), { status: 403 });
  double.openPull({ ref: "proposals/raise-limit", sha: foreign, by: ACCOUNTS.outsider, fork: true });
  await world.git("push", "--quiet", double.gitUrl({ owner: "passer-by", as: stranger.token }), `${foreign}:refs/heads/again`);

  await eventually(() => body(1).includes("What would change") && body(2) !== "", "comments on both pull requests", { seen: () => [body(1), body(2)] });
  double.tick();
  double.tick();
  double.review(2, { by: ACCOUNTS.outsider, state: "APPROVED" });
  await assert.rejects(author.octokit.rest.pulls.createReview({ ...AT, pull_number: 1, event: "APPROVE" }), { status: 422 });
  const reviewer = person(ACCOUNTS.reviewer, ALL_GRANTS);
  await reviewer.octokit.rest.pulls.createReview({ ...AT, pull_number: 1, event: "APPROVE", commit_id: head, body: "Yes." });

  await eventually(() => double.state.pulls.get(1)?.merged === true, "the merge of pull request 1", { seen: () => [body(1), log.slice(-5)] });
  const { data: merged } = await author.octokit.rest.pulls.get({ ...AT, pull_number: 1 });
  await until(controller, ({ appliedRevision, published }) => appliedRevision === merged.merge_commit_sha && published.status === "True");
  await eventually(() => double.state.statuses.get(merged.merge_commit_sha ?? "")?.some(({ context, state }) => context === "aos/applied" && state === "success") === true, "the status of the merge");
  await eventually(() => body(2).includes("is no principal of this world"), "the comment on pull request 2", { seen: () => body(2) });
  assert.match(body(2), /### Refused\n[\s\S]*is not signed by a principal/);
  assert.ok(!double.state.checks.some(({ head_sha, fields }) => head_sha === foreign && fields["conclusion"] === "success"));
  // What the new control plane does has receipts, and they are published.
  const outside = await outsideWorld();
  atEnd(t, () => outside.close());
  await sendStart(`${world.folder}/controller.git`, outside.url);
  await settle(`${world.folder}/controller.git`);
  await until(controller, ({ published, seq, sealedSeq }) => published.status === "True" && sealedSeq === seq - 1);
  const { github: standing } = controller.status();
  assert.deepEqual([standing?.place, standing?.trouble, standing?.rate?.limit], ["demo/world", undefined, 5000]);
  await controller.stop();
  assert.deepEqual(log.filter(({ level }) => level === "error"), []);
  assert.ok(!JSON.stringify(log).includes("ghs_"));

  // Everything the controller published went over HTTP, under the App's name.
  const pushes = double.gitCalls.filter((call) => call.startsWith("POST /demo/world.git/git-receive-pack 200 "));
  assert.ok(pushes.length >= 3 && pushes.every((call) => call.endsWith(" agentos[bot]") || call.endsWith(" ann")), double.gitCalls.join("\n"));
  assert.equal(await world.git("config", "--file", `${world.folder}/controller.git/config`, "remote.origin.url"), double.gitUrl());
  await assert.rejects(clone(double.gitUrl(), `${world.folder}/nobody.git`, { kind: "bare" }), /could not reach it/);
  assert.deepEqual(await verified(t, here, stranger.token), [[], 1, 2]);
});

test("a world on GitHub with a merge queue: a group of two: both judged on its head, both in force after it landed at once", { timeout: 120_000 }, async (t) => {
  const here = await hosted(t, "by-people");
  const { world, double, log, controller, person, tell, body } = here;
  const { gitDir } = double.state;
  double.state.queue = true;
  const author = person(ACCOUNTS.author, ALL_GRANTS);
  const first = await world.proposeUpgrade("follow");
  await world.git("switch", "--quiet", "--create", "words", "main");
  const second = await world.commit("Say more", { "README.md": "More words.\n" });
  await world.git("push", "--quiet", double.gitUrl({ as: author.token }), `${first}:refs/heads/proposals/follow`, `${second}:refs/heads/proposals/words`);
  for (const head of ["proposals/follow", "proposals/words"]) await author.octokit.rest.pulls.create({ ...AT, head, base: "main", title: head });
  await eventually(() => [1, 2].every((pull) => body(pull).includes("What would change")), "reports on both pull requests", { seen: () => [body(1), body(2)] });
  double.tick();
  double.tick();
  const reviewer = person(ACCOUNTS.reviewer, ALL_GRANTS);
  for (const pull_number of [1, 2]) await reviewer.octokit.rest.pulls.createReview({ ...AT, pull_number, event: "APPROVE" });
  await eventually(() => [1, 2].every((pull) => body(pull).includes("### Approved")), "both approved", { seen: () => [body(1), body(2)] });
  await assert.rejects(author.octokit.rest.pulls.merge({ ...AT, pull_number: 1 }), { status: 405 });

  // What GitHub's queue makes of them, where it may be looked at before it becomes main.
  const base = await gitAt(gitDir, "rev-parse", "main");
  const one = await mergeOf(gitDir, { base, head: first, message: "Merge pull request #1 from demo/proposals/follow" });
  const group = await mergeOf(gitDir, { base: one ?? "", head: second, message: "Merge pull request #2 from demo/proposals/words" });
  assert.ok(one !== undefined && group !== undefined);
  await gitAt(gitDir, "update-ref", `refs/heads/gh-readonly-queue/main/pr-2-${base}`, group);
  await tell("merge_group");
  const check = await eventually(() => double.state.checks.find(({ head_sha, name }) => head_sha === group && name === "aos/decision"), "a check on the group");
  const { summary } = check.fields["output"] as { readonly summary: string };
  assert.equal(check.fields["conclusion"], "success", summary);
  assert.match(summary, /pull request 1: 1 of 1 approvals[\s\S]*pull request 2: 1 of 1 approvals/);

  await gitAt(gitDir, "update-ref", "refs/heads/main", group, base);
  await gitAt(gitDir, "update-ref", "-d", `refs/heads/gh-readonly-queue/main/pr-2-${base}`);
  await tell("push");
  await until(controller, ({ appliedRevision, published }) => appliedRevision === group && published.status === "True");
  await controller.stop();
  assert.deepEqual(log.filter(({ level }) => level === "error"), []);
  assert.deepEqual(log.flatMap(({ message, commit }) => (message === "applied" ? [commit] : [])), [one, group]);
  assert.deepEqual(await verified(t, here, reviewer.token), [[], 2, 0]);
});
