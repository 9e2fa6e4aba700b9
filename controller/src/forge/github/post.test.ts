import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { parseOid } from "../../git/objects.ts";
import { ALL_GRANTS, FORK_GRANTS } from "../../testing/github-double/double.ts";
import { ACCOUNTS, apiOf, githubTrust, githubWorld } from "../../testing/github-double/world.ts";
import { parseMergeMessage } from "../merge.ts";
import { marker } from "./comment.ts";
import { nothingPosted, postStatus } from "./post.ts";

test("posting: a proposal from its report to its approval: one comment edited in place, one check that says it", async (t) => {
  const here = await githubWorld(t);
  const { double } = here;
  const pull = await here.open("raise-limit");
  const check = (): unknown => double.state.checks.map(({ name, fields }) => [name, fields["status"], fields["conclusion"]]);
  assert.deepEqual(check(), [["aos/decision", "in_progress", undefined]]);
  assert.match(double.state.comments.get(pull)?.[0]?.body ?? "", /### Waiting\n[\s\S]*0 of 1 approvals[\s\S]*Nothing changes\./);
  double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  assert.deepEqual(check(), [["aos/decision", "completed", "success"]]);
  const comments = double.state.comments.get(pull) ?? [];
  assert.equal(comments.length, 1);
  assert.match(comments[0]?.body ?? "", /### Approved\n/);
  const head = await here.world.head("raise-limit");
  const { cid } = await here.decision("raise-limit");
  assert.deepEqual(double.state.statuses.get(head)?.map(({ context, description }) => [context, description]), [["aos/report", `binds ${cid}`]]);
});

test("posting: somebody's comment with our marker: is left alone; ours when it was removed: is made again", async (t) => {
  const here = await githubWorld(t);
  const { double, world } = here;
  const head = await world.propose("raise-limit", { "air/x.txt": "x\n" }, { by: "author" });
  const pull = double.openPull({ ref: "proposals/raise-limit", sha: head, by: ACCOUNTS.author });
  const theirs = { id: 1, user: ACCOUNTS.outsider, body: `${marker(world.world)}\n### Approved` };
  double.state.comments.set(pull, [theirs]);
  await here.round();
  assert.equal(theirs.body, `${marker(world.world)}\n### Approved`);
  assert.equal(double.state.comments.get(pull)?.length, 2);
  double.state.comments.set(pull, [theirs]);
  await world.report(head, { by: "ctl" });
  await here.round();
  assert.deepEqual(double.state.comments.get(pull)?.map(({ user }) => user.login), ["passer-by", "agentos[bot]"]);
});

test("posting: another controller process on the same pull request: finds the comment, the check and the status", async (t) => {
  const here = await githubWorld(t);
  const pull = await here.open("raise-limit");
  const again = await import("./github.ts");
  const { keyNamed } = await import("../../testing/governed-world.ts");
  const forge = again.githubForge({ local: here.world.local, api: apiOf(here.double, { kind: "app", appId: here.double.state.app.id, privateKey: here.double.state.app.privateKey }), key: keyNamed("ctl"), principal: "ctl", world: here.world.world });
  await forge.look();
  await forge.witness();
  await forge.post();
  assert.equal(here.double.state.comments.get(pull)?.length, 1);
  assert.equal(here.double.state.statuses.size, 1);
  assert.ok([...here.double.state.statuses.values()].every((statuses) => statuses.length === 1));
});

test("posting: words that another put above this controller's claim: are not shown", async (t) => {
  const here = await githubWorld(t);
  const { world, double } = here;
  const pull = await here.open("raise-limit");
  const { readShadowNote, SHADOW_REF } = await import("../local-shadow.ts");
  const { appendSigned } = await import("../../git/signed-ref.ts");
  const { keyNamed } = await import("../../testing/governed-world.ts");
  const head = await world.head("raise-limit");
  const [entry] = (await readShadowNote(world.local, head)).entries;
  assert.ok(entry !== undefined);
  const forged = new TextEncoder().encode(`${entry.lines.replace("Nothing changes.", "FORGED WORDS")}\n`);
  const tip = await world.local.refs.read(SHADOW_REF);
  await appendSigned({ store: world.local.store, ref: SHADOW_REF, key: keyNamed("runner"), identity: { name: "runner", email: "runner@aos" }, message: "words\n", timeSeconds: world.tick(), changes: { notes: new Map([[head, forged]]), entries: new Map() }, expected: tip ?? null });
  double.review(pull, { by: ACCOUNTS.reviewer, state: "CHANGES_REQUESTED" });
  await here.round();
  const body = double.state.comments.get(pull)?.[0]?.body ?? "";
  assert.match(body, /reviewer asks for changes/);
  assert.ok(!body.includes("FORGED"), body);
});

test("posting with a token: no check may be made: the verdict is a status", async (t) => {
  const here = await githubWorld(t, { auth: "token" });
  const pull = await here.open("raise-limit");
  const head = await here.world.head("raise-limit");
  const verdicts = (): unknown => here.double.state.statuses.get(head)?.filter(({ context }) => context === "aos/decision").map(({ state }) => state);
  assert.deepEqual(verdicts(), ["pending"]);
  here.double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  assert.deepEqual(verdicts(), ["pending", "success"]);
  assert.equal(here.double.state.checks.length, 0);
});

test("posting: tokens that may not: are refused by name, and nothing stands there", async (t) => {
  const here = await githubWorld(t);
  const head = await here.world.propose("raise-limit", { "air/x.txt": "x\n" }, { by: "author" });
  const draft = { name: "aos/decision", head_sha: head, status: "completed", conclusion: "success", external_id: "x", output: { title: "x", summary: "x" } } as const;
  const fork = apiOf(here.double, { kind: "token", token: here.double.token({ kind: "workflow", actor: ACCOUNTS.bot, grants: FORK_GRANTS }) });
  const person = apiOf(here.double, { kind: "token", token: here.double.token({ kind: "personal", actor: ACCOUNTS.author, grants: ALL_GRANTS }) });
  const rows: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
    ["a fork's workflow makes a check", () => fork.createCheck(draft), /^GitHub: POST \/check-runs: Resource not accessible by integration$/],
    ["a fork's workflow posts a status", () => fork.createStatus(head, { context: "aos/decision", state: "success", description: "x" }), /Resource not accessible/],
    ["a fork's workflow comments", () => fork.createComment(1, "hello"), /Resource not accessible/],
    ["a person's token makes a check", () => person.createCheck(draft), /You must authenticate via a GitHub App/],
  ];
  for (const [name, run, message] of rows) {
    await assert.rejects(run(), (error) => error instanceof AosError && error.code === "github.forbidden" && error.class === "refused" && message.test(error.message), name);
  }
  assert.equal(rows.length, 4);
  assert.equal(here.double.state.checks.length + here.double.state.statuses.size + here.double.state.comments.size, 0);
});

test("statuses: the same again, a long description, a thousand: written once, cut, refused by GitHub", async (t) => {
  const here = await githubWorld(t);
  const head = await here.world.propose("raise-limit", { "air/x.txt": "x\n" }, { by: "author" });
  const posted = nothingPosted();
  for (let times = 0; times < 3; times++) await postStatus(here.api, posted, head, { context: "aos/applied", state: "success", description: "y".repeat(500) });
  const statuses = here.double.state.statuses.get(head) ?? [];
  assert.deepEqual(statuses.map(({ description }) => description?.length), [140]);
  here.double.state.statuses.set(head, Array.from({ length: 1000 }, () => ({ ...statuses[0], context: "aos/applied", state: "pending", description: null, created_at: "2027-01-01T00:00:00Z", creator: ACCOUNTS.bot })));
  await assert.rejects(here.api.createStatus(head, { context: "aos/applied", state: "success", description: "z" }), (error) => error instanceof AosError && error.code === "github.invalid");
});

test("merging on GitHub: not approved, moved, queued, then well: refused by name, then a merge that names its decision", async (t) => {
  const here = await githubWorld(t, { trust: githubTrust({ merges: "forge" }) });
  const { double, forge, world } = here;
  const pull = await here.open("raise-limit");
  await assert.rejects(forge.merge("raise-limit"), (error) => error instanceof AosError && error.code === "merge.refused" && /0 of 1 approvals/.test(error.message));
  await assert.rejects(forge.merge("no-such"), (error) => error instanceof AosError && error.code === "proposal.missing");
  double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  const found = double.state.pulls.get(pull);
  assert.ok(found !== undefined);
  const { head } = found;
  found.head = { ...head, sha: world.genesis };
  await assert.rejects(forge.merge("raise-limit"), (error) => error instanceof AosError && error.code === "github.conflict");
  found.head = head;
  double.state.queue = true;
  await assert.rejects(forge.merge("raise-limit"), (error) => error instanceof AosError && error.code === "github.refused" && /merge queue/.test(error.message));
  double.state.queue = false;
  const { cid } = await here.decision("raise-limit");
  const commit = await forge.merge("raise-limit");
  const { message, parents } = await world.local.store.readCommit(parseOid(commit));
  assert.deepEqual(parents, [world.genesis, head.sha]);
  assert.equal(parseMergeMessage(message)?.slug, "raise-limit");
  assert.equal(parseMergeMessage(message)?.cid, cid);
});
