import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { clone, lsRemote } from "../../git/transport.ts";
import { gitIn, openRepo } from "../../git/repo.ts";
import type { AtEnd } from "../at-end.ts";
import { governedWorld, type GovernedWorld } from "../governed-world.ts";
import { describedFrom, operationIds } from "./description.ts";
import { ALL_GRANTS, FORK_GRANTS, githubDouble, ROUTES, type GithubDouble } from "./double.ts";
import type { Actor, Grants } from "./state.ts";
import { ACCOUNTS } from "./world.ts";

const HEAD = "1".repeat(40);

interface Asking {
  readonly double: GithubDouble;
  /** Asks as somebody, by default the author. @returns status and answer */
  ask(method: string, path: string, body?: object, as?: string): Promise<{ readonly status: number; readonly data: Readonly<Record<string, unknown>> }>;
  person(actor: Actor, grants?: Grants): string;
}

async function asking(t: AtEnd, gitDir = "/nonexistent"): Promise<Asking> {
  const double = await githubDouble(gitDir);
  // Those that look at faults have taken them out by then.
  t.after(() => double.close());
  const person = (actor: Actor, grants: Grants = ALL_GRANTS): string => double.token({ kind: "personal", actor, grants });
  const author = person(ACCOUNTS.author);
  return {
    double, person,
    async ask(method, path, body, as = author) {
      const answer = await fetch(`${double.baseUrl}${path.startsWith("/repo:") ? path.replace("/repo:", "/repos/demo/world") : path}`, { method, headers: { authorization: `token ${as}` }, ...(body !== undefined && { body: JSON.stringify(body) }) });
      const text = await answer.text();
      return { status: answer.status, data: (text === "" ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>> };
    },
  };
}

test("GitHub double: what it answers: is described, by the published description of one version", () => {
  assert.match(describedFrom(), /^@octokit\/openapi \d+\.\d+\.\d+, .*OpenAPI 3/);
  const described = operationIds();
  assert.ok(described.length >= 60, String(described.length));
  assert.deepEqual(Object.keys(ROUTES).filter((id) => !described.includes(id)), []);
  assert.ok(Object.keys(ROUTES).length >= 35);
});

test("GitHub double: requests that do not fit the description: 422, and nothing is there", async (t) => {
  const { double, ask } = await asking(t);
  double.openPull({ ref: "x", sha: HEAD, by: ACCOUNTS.reviewer });
  const app = double.token({ kind: "installation", actor: double.state.app.bot, grants: ALL_GRANTS });
  const rows: readonly (readonly [string, string, object | undefined, RegExp])[] = [
    ["POST", "/repo:/check-runs", { name: "x" }, /head_sha/], ["POST", "/repo:/check-runs", { name: "x", head_sha: HEAD, output: { title: "t" } }, /\/output must have required property 'summary'/],
    ["POST", "/repo:/check-runs", { name: "x", head_sha: HEAD, output: { title: "t", summary: "y".repeat(65_536) } }, /must NOT have more than 65535/], ["POST", "/repo:/check-runs", undefined, /a body is missing/],
    ["POST", "/repo:/check-runs", { name: "x", head_sha: HEAD, status: "completed" }, /needs a conclusion/],
    ["POST", `/repo:/statuses/${HEAD}`, { state: "ok" }, /\/state must be equal to one of/], ["POST", `/repo:/statuses/${HEAD}`, { state: "success", description: "y".repeat(141) }, /maximum is 140/],
    ["POST", "/repo:/issues/1/comments", { body: 7 }, /\/body must be string/], ["POST", "/repo:/issues/one/comments", { body: "x" }, /issue_number: it must be/],
    ["POST", "/repo:/pulls/1/reviews", { event: "MAYBE" }, /\/event must be equal to one of/], ["GET", "/repo:/pulls?per_page=many", undefined, /per_page: it must be/], ["PUT", "/repo:/pulls/1/merge", { merge_method: "octopus" }, /merge_method/],
  ];
  for (const [method, path, body, says] of rows) {
    const { status, data } = await ask(method, path, body, app);
    assert.equal(status, 422, `${method} ${path}`);
    assert.match(String(data["message"]), says);
  }
  assert.equal(rows.length, 12);
  assert.equal(double.state.checks.length + double.state.statuses.size + double.state.comments.size + double.state.reviews.size, 0);
  assert.deepEqual(double.faults, []);
});

test("GitHub double: what GitHub does not know: an operation, a parameter, a field: the test that asked fails", async () => {
  const double = await githubDouble("/nonexistent");
  const headers = { authorization: `token ${double.token({ kind: "personal", actor: ACCOUNTS.author, grants: ALL_GRANTS })}` };
  const at = `${double.baseUrl}/repos/demo/world`;
  for (const [path, init] of [["/stargazers", {}], ["/pulls?status=open", {}], ["/issues/1/comments", { method: "POST", body: JSON.stringify({ body: "x", text: "y" }) }], ["/rulesets", {}]] as const) await fetch(at + path, { headers, ...init });
  await assert.rejects(double.close(), (error) => {
    assert.ok(error instanceof Error);
    assert.deepEqual(error.message.split("\n").slice(1), [
      "GET /repos/demo/world/stargazers: not among the operations that are described", "pulls/list: query parameter status: GitHub does not know it", "issues/create-comment: field text of the body: GitHub does not know it",
      "repos/get-repo-rulesets: described, but the double has no answer to it",
    ]);
    return true;
  });
});

test("GitHub double: quirks of reviews: a commit of now, one's own, pending ones, dismissed ones", async (t) => {
  const { double, ask, person } = await asking(t);
  const pull = double.openPull({ ref: "x", sha: HEAD, by: ACCOUNTS.author });
  const reviewer = person(ACCOUNTS.reviewer);
  const own = await ask("POST", `/repo:/pulls/${pull}/reviews`, { event: "APPROVE" });
  assert.match(`${own.status} ${String(own.data["message"])}`, /^422 .*own pull request/);
  const { data: pending } = await ask("POST", `/repo:/pulls/${pull}/reviews`, {}, reviewer);
  assert.deepEqual([pending["state"], pending["commit_id"], pending["submitted_at"]], ["PENDING", HEAD, undefined]);
  const seen = async (as?: string): Promise<number> => ((await ask("GET", `/repo:/pulls/${pull}/reviews`, undefined, as)).data as unknown as readonly unknown[]).length;
  assert.deepEqual([await seen(), await seen(reviewer)], [0, 1]);
  const { data: said } = await ask("POST", `/repo:/pulls/${pull}/reviews/${String(pending["id"])}/events`, { event: "APPROVE" }, reviewer);
  double.tick();
  const { data: dismissed } = await ask("PUT", `/repo:/pulls/${pull}/reviews/${String(pending["id"])}/dismissals`, { message: "no" });
  assert.deepEqual([dismissed["state"], dismissed["id"], dismissed["submitted_at"]], ["DISMISSED", said["id"], said["submitted_at"]]);
  const { data: none } = await ask("GET", `/repo:/commits/${HEAD}/status`);
  assert.deepEqual([none["state"], none["total_count"]], ["pending", 0]);
});

async function pushedTo(world: GovernedWorld, url: string, refspec: string): Promise<string> {
  return gitIn(world.local.repo, ["push", "--quiet", url, refspec]).then(() => "taken", (error: unknown) => (error instanceof AosError ? `${error.message} ${String(error.data["stderr"])}` : String(error)));
}

test("GitHub double: git over HTTP: who may read and push what, and what becomes of pull requests", async (t) => {
  const world = await governedWorld(t);
  const bare = await clone(world.folder, `${world.folder}/served.git`, { kind: "bare" });
  const { double, ask, person } = await asking(t, bare.gitDir);
  await clone(world.folder, `${world.folder}/fork.git`, { kind: "bare" });
  double.addFork(ACCOUNTS.outsider, `${world.folder}/fork.git`);
  const [author, stranger, other] = [person(ACCOUNTS.author), person(ACCOUNTS.outsider, FORK_GRANTS), person(ACCOUNTS.second, FORK_GRANTS)];
  const head = await world.propose("one", { "air/a.txt": "one\n" }, { by: "author" });
  const rival = await world.propose("two", { "air/a.txt": "two\n" }, { by: "author" });
  const rows: readonly (readonly [string, string, string, RegExp])[] = [
    ["nobody pushes", double.gitUrl(), `${head}:refs/heads/one`, /could not reach it.*(?:terminal prompts disabled|Authentication)/], ["a token that is none", double.gitUrl({ as: "ghp_guess" }), `${head}:refs/heads/one`, /could not reach it/],
    ["a reader pushes", double.gitUrl({ as: stranger }), `${head}:refs/heads/one`, /403/], ["a stranger pushes to another's fork", double.gitUrl({ owner: "passer-by", as: other }), `${head}:refs/heads/one`, /403/],
    ["a fork's owner", double.gitUrl({ owner: "passer-by", as: stranger }), `${rival}:refs/heads/two`, /^taken$/], ["a writer", double.gitUrl({ as: author }), `${head}:refs/heads/one`, /^taken$/],
    ["a writer, a pull request's ref", double.gitUrl({ as: author }), `${head}:refs/pull/9/head`, /hidden ref/], ["no such repository", double.gitUrl({ owner: "nobody", as: author }), `${head}:refs/heads/one`, /not found|404/],
  ];
  for (const [name, url, refspec, says] of rows) assert.match(await pushedTo(world, url, refspec), says, name);
  assert.equal(rows.length, 8);

  const refs = async (): Promise<readonly string[]> => [...(await lsRemote(await openRepo(world.folder), double.gitUrl(), { patterns: ["refs/pull/*"] })).keys()];
  assert.equal((await ask("POST", "/repo:/pulls", { head: "one", base: "main", title: "One" })).status, 201);
  assert.equal((await ask("POST", "/repo:/pulls", { head: "passer-by:two", base: "main", title: "Two" }, person(ACCOUNTS.outsider))).status, 201);
  assert.deepEqual(await refs(), ["refs/pull/1/head", "refs/pull/1/merge", "refs/pull/2/head", "refs/pull/2/merge"]);
  const mergeable = async (pull: number): Promise<unknown> => (await ask("GET", `/repo:/pulls/${pull}`)).data["mergeable"];
  assert.deepEqual([await mergeable(2), await mergeable(2)], [null, true], "computed after the first question");
  const merged = await ask("PUT", "/repo:/pulls/1/merge", { sha: head });
  assert.equal(merged.data["merged"], true);
  assert.deepEqual(await refs(), ["refs/pull/1/head", "refs/pull/1/merge", "refs/pull/2/head"], "what conflicts has no test merge");
  assert.deepEqual([await mergeable(2), await mergeable(2)], [null, false], "and again when main has moved");
  double.state.private = true;
  await assert.rejects(refs(), /could not reach it/);
  assert.ok(double.gitCalls.some((call) => call === "POST /demo/world.git/git-receive-pack 200 ann"), double.gitCalls.join("\n"));
});
