// `GH_TOKEN=… node cli/scripts/test-live.mjs OWNER/NAME`: asks GitHub itself what the tests' double claims of it, in a scratch repository.
// It opens a pull request on a branch of its own, says things on it, closes it and takes everything away again. main stays as it is.
// For an Enterprise Server set GITHUB_API_URL. Without a token and a name it does nothing and ends with 2.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Octokit } from "octokit";

const [, owner, repo] = /^([A-Za-z0-9-]+)\/([A-Za-z0-9._-]+)$/.exec(process.argv[2] ?? "") ?? [];
const token = process.env.GH_TOKEN ?? "";
const baseUrl = (process.env.GITHUB_API_URL ?? "https://api.github.com").replace(/\/$/, "");

function giveUp(why) {
  console.error(`test-live: ${why}; nothing was done\nusage: GH_TOKEN=… node cli/scripts/test-live.mjs OWNER/NAME, where NAME is a repository to try things in and holds the word scratch`);
  process.exit(2);
}
if (owner === undefined) giveUp("no repository is named");
if (!/scratch/i.test(repo)) giveUp(`${owner}/${repo} does not look like a scratch repository`);
if (token === "") giveUp("GH_TOKEN is not set");

const at = { owner, repo };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const { rest, request } = new Octokit({ auth: token, baseUrl, userAgent: "agentos-test-live", retry: { enabled: false }, throttle: { enabled: false }, log: quiet });
const api = new URL(baseUrl);
const web = `${api.protocol}//${api.host.replace(/^api\.github\.com$/, "github.com")}`;
const url = `${web}/${owner}/${repo}.git`;
/** GitHub asks for a second between writes. */
const paceMs = api.hostname === "127.0.0.1" ? 0 : 1000;
const name = `aos-live-${randomBytes(6).toString("hex")}`;
const folder = mkdtempSync(join(tmpdir(), "aos-live-"));
const env = {
  ...process.env, GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_GLOBAL: "/dev/null", GIT_AUTHOR_NAME: "test-live", GIT_AUTHOR_EMAIL: "test-live@aos", GIT_COMMITTER_NAME: "test-live", GIT_COMMITTER_EMAIL: "test-live@aos",
  GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: `http.${web}/.extraHeader`, GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`,
};
const git = async (...args) => (await promisify(execFile)("git", ["-C", folder, ...args], { env, timeout: 60_000 })).stdout.trim();
const refused = (status) => (error) => error.status === status;

const known = {};
/** What the double claims, in an order in which each finds what it needs. */
const STEPS = [
  ["the repository: default branch main", async () => assert.equal((await rest.repos.get(at)).data.default_branch, "main")],
  ["git: main fetched, a branch pushed with the token", async () => {
    await git("init", "--quiet");
    await git("fetch", "--quiet", "--depth=1", url, "refs/heads/main");
    writeFileSync(join(folder, `${name}.txt`), "a pull request of cli/scripts/test-live.mjs, to be closed by it\n");
    await git("checkout", "--quiet", "--detach", "FETCH_HEAD");
    await git("add", "--all");
    await git("commit", "--quiet", "--no-gpg-sign", "--message", name);
    known.head = await git("rev-parse", "HEAD");
    await git("push", "--quiet", url, `HEAD:refs/heads/${name}`);
  }],
  ["git: notes pushed, and listed by the API", async () => {
    await git("push", "--quiet", url, `HEAD:refs/notes/${name}`);
    const { data } = await rest.git.listMatchingRefs({ ...at, ref: `notes/${name}` });
    assert.deepEqual(data.map(({ ref, object }) => [ref, object.sha]), [[`refs/notes/${name}`, known.head]]);
  }],
  ["statuses: none are pending, not success", async () => {
    const { data } = await rest.repos.getCombinedStatusForRef({ ...at, ref: known.head });
    assert.deepEqual([data.state, data.total_count], ["pending", 0]);
  }],
  ["statuses: posted, the newest first; a description of 141 characters: 422", async () => {
    for (const state of ["pending", "success"]) await rest.repos.createCommitStatus({ ...at, sha: known.head, context: name, state, description: "x".repeat(140) });
    assert.deepEqual((await rest.repos.listCommitStatusesForRef({ ...at, ref: known.head })).data.map(({ state }) => state), ["success", "pending"]);
    await assert.rejects(rest.repos.createCommitStatus({ ...at, sha: known.head, context: name, state: "success", description: "x".repeat(141) }), refused(422));
  }],
  ["checks: a person's token makes none: 403", () => assert.rejects(rest.checks.create({ ...at, name, head_sha: known.head }), refused(403))],
  ["pull requests: opened, with a head that is known by its repository's id", async () => {
    const { data } = await rest.pulls.create({ ...at, head: name, base: "main", title: name });
    known.pull = data.number;
    assert.deepEqual([data.head.sha, data.head.repo.id], [known.head, data.base.repo.id]);
  }],
  ["pull requests: refs/pull/N/head can be fetched and not pushed", async () => {
    assert.match(await git("ls-remote", url, `refs/pull/${known.pull}/head`), new RegExp(`^${known.head}\t`));
    await assert.rejects(git("push", "--quiet", url, `HEAD~1:refs/pull/${known.pull}/head`), /hidden ref|deny|declined|rejected/i);
  }],
  ["pull requests: whether it merges is null until it is computed", async () => {
    for (let tries = 0; tries < 30; tries++) {
      const { data } = await rest.pulls.get({ ...at, pull_number: known.pull });
      if (data.mergeable !== null) return assert.equal(data.mergeable, true);
      await sleep(1000);
    }
    assert.fail("null for 30 s");
  }],
  ["reviews: approving one's own: 422; a comment is a review with a commit, a state in capitals and a time", async () => {
    await assert.rejects(rest.pulls.createReview({ ...at, pull_number: known.pull, event: "APPROVE" }), refused(422));
    await rest.pulls.createReview({ ...at, pull_number: known.pull, event: "COMMENT", body: "said" });
    const [review] = (await rest.pulls.listReviews({ ...at, pull_number: known.pull, per_page: 1 })).data;
    assert.deepEqual([review.state, review.commit_id, Number.isNaN(Date.parse(review.submitted_at))], ["COMMENTED", known.head, false]);
  }],
  ["comments: made, edited in place, found by their author; one of 65,537 characters: 422", async () => {
    const { data: made } = await rest.issues.createComment({ ...at, issue_number: known.pull, body: "first" });
    await rest.issues.updateComment({ ...at, comment_id: made.id, body: "second" });
    const found = (await rest.issues.listComments({ ...at, issue_number: known.pull })).data.find(({ id }) => id === made.id);
    assert.deepEqual([found.body, found.user.id], ["second", made.user.id]);
    await assert.rejects(rest.issues.createComment({ ...at, issue_number: known.pull, body: "x".repeat(65_537) }), refused(422));
  }],
  ["ETags: asked again with what it said: 304", async () => {
    const path = `/repos/${owner}/${repo}/pulls/${known.pull}/reviews`;
    const { headers } = await request(`GET ${path}`);
    await assert.rejects(request(`GET ${path}`, { headers: { "if-none-match": headers.etag } }), refused(304));
  }],
  ["merging: with a head that is not the head: 409", () => assert.rejects(rest.pulls.merge({ ...at, pull_number: known.pull, sha: "1".repeat(40), merge_method: "merge" }), refused(409))],
  ["rules of main: answered, with or without rulesets", async () => assert.ok(Array.isArray((await rest.repos.getBranchRules({ ...at, branch: "main" })).data))],
];

const TIDY = [
  async () => known.pull !== undefined && rest.pulls.update({ ...at, pull_number: known.pull, state: "closed" }),
  async () => known.head !== undefined && git("push", "--quiet", url, `:refs/heads/${name}`),
  async () => known.head !== undefined && git("push", "--quiet", url, `:refs/notes/${name}`),
];

let failed = 0;
for (const [title, run] of STEPS) {
  try {
    await run();
    console.log(`ok      ${title}`);
  } catch (error) {
    failed++;
    console.log(`not ok  ${title}\n        ${String(error.message ?? error).replaceAll(token, "***").split("\n").slice(0, 3).join("\n        ")}`);
  }
  await sleep(paceMs);
}
for (const step of TIDY) {
  await step().catch((error) => {
    failed++;
    console.log(`not ok  tidying up: ${String(error.message).replaceAll(token, "***")}`);
  });
}
rmSync(folder, { recursive: true, force: true });
console.log(`${STEPS.length} questions, ${failed} answered otherwise than the double`);
process.exitCode = failed === 0 ? 0 : 1;
