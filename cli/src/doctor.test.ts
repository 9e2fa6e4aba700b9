import assert from "node:assert/strict";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ACCOUNTS, ALL_GRANTS, apiOf, githubDouble, safeUpgradeRepo, type GithubDouble } from "@agentos/controller/testing";
import { checkBranch, checkGithub } from "./doctor-github.ts";
import { checkVersions, type Checks } from "./doctor-here.ts";
import { aos, git, temporaryFolder } from "./testing/aos.ts";

const states = (checks: Checks): Readonly<Record<string, string>> => Object.fromEntries(checks.map(({ name, state }) => [name, state]));

test("doctor: versions: too old ones are bad and say what to install", () => {
  const rows = [
    ["20.20.2", "git version 2.39.5", "fine", "fine"], ["20.18.0", "git version 2.38.0", "bad", "fine"], ["24.1.0", "git version 2.30.2", "fine", "bad"], ["9.9.9", "git version 3.0.0", "bad", "fine"], ["21.0.0", "git version 2.100.1 (Apple Git-1)", "fine", "fine"],
  ] as const;
  for (const [node, git, wantNode, wantGit] of rows) {
    const checks = checkVersions({ node, git });
    assert.deepEqual(states(checks), { node: wantNode, git: wantGit }, `${node}, ${git}`);
    assert.ok(checks.every(({ state, mend }) => (state === "fine") === (mend === undefined)));
  }
  assert.equal(rows.length, 5);
});

test("doctor: rules of main: a required check that anybody can post is bad, one from our App is fine", () => {
  const check = (context: string, source?: number | null) => ({ type: "required_status_checks", parameters: { required_status_checks: [{ context, ...(source !== undefined && { integration_id: source }) }] } });
  const rows = [
    [[], 77, "bad"], [[check("ci")], 77, "bad"], [[check("aos/decision")], 77, "bad"], [[check("aos/decision", null)], 77, "bad"], [[check("aos/decision", 15368)], 77, "bad"], [[check("aos/decision", 77)], 77, "fine"], [[check("aos/decision")], null, "odd"],
  ] as const;
  for (const [found, app, expected] of rows) assert.equal(states(checkBranch(found, app))["required check"], expected, JSON.stringify(found));
  assert.equal(rows.length, 7);
  const guarded = states(checkBranch([check("aos/decision", 77), { type: "pull_request" }, { type: "deletion" }, { type: "non_fast_forward" }], 77));
  assert.deepEqual(new Set(Object.values(guarded)), new Set(["fine"]));
});

async function onGithub(t: { after(end: () => Promise<void>): void }): Promise<GithubDouble> {
  const double = await githubDouble("/nonexistent");
  t.after(() => double.close());
  return double;
}

test("doctor: an App with all rights, one without, a token, none that is valid: each is said", async (t) => {
  const double = await onGithub(t);
  const { app } = double.state;
  const auth = { kind: "app", appId: app.id, privateKey: app.privateKey } as const;
  const whole = states(await checkGithub(apiOf(double, auth), undefined));
  assert.deepEqual([whole["repository"], whole["account"], whole["rights"], whole["required check"], whole["notes"]], ["fine", "fine", "fine", "bad", "odd"]);
  const token = (grants: typeof ALL_GRANTS): string => double.token({ kind: "personal", actor: ACCOUNTS.author, grants });
  const writer = states(await checkGithub(apiOf(double, { kind: "token", token: token(ALL_GRANTS) }), undefined));
  assert.deepEqual([writer["rights"], writer["check"]], ["fine", "odd"]);
  const reader = await checkGithub(apiOf(double, { kind: "token", token: token({ ...ALL_GRANTS, contents: "read" }) }), undefined);
  assert.equal(states(reader)["rights"], "bad");
  const stranger = await checkGithub(apiOf(double, { kind: "token", token: "ghp_guess" }), undefined);
  assert.deepEqual(states(stranger), { github: "bad" });
  assert.ok(!JSON.stringify(stranger).includes("ghp_guess"));
  Object.assign(double.state.app.grants, { checks: "read" });
  const narrow = await checkGithub(apiOf(double, auth), undefined);
  assert.match(narrow.find(({ name }) => name === "rights")?.says ?? "", /missing: checks: write \(the required check\)/);
});

test("aos doctor: a world as it should be, then a key that others read: exit 0, then 3 with what to do", async (t) => {
  const world = await safeUpgradeRepo();
  t.after(() => world.remove());
  const cwd = join(world.folder, "world");
  await world.git("config", "aos.trust", world.trust);
  await world.git("config", "aos.key", join(world.folder, "author"));
  const good = await aos(["doctor", "--json"], { cwd });
  assert.equal(good.code, 0, good.stdout + good.stderr);
  const { checks } = JSON.parse(good.stdout) as { readonly checks: Checks };
  assert.ok(checks.length >= 9 && checks.every(({ state }) => state !== "bad"), good.stdout);
  await chmod(join(world.folder, "author"), 0o644);
  const open = await aos(["doctor"], { cwd });
  assert.equal(open.code, 3);
  assert.match(open.stdout, /no\s+key\s+.*others may read this private key.*\n\s+→ chmod 600 /);
  const wrong = await aos(["doctor", "--github", "nonsense"], { cwd });
  assert.equal(wrong.code, 2, wrong.stderr);
  await chmod(join(world.folder, "author"), 0o600);
  await world.git("config", "gpg.ssh.program", "/nowhere/ssh-keygen");
  const unsigned = await aos(["doctor"], { cwd });
  assert.equal(unsigned.code, 3);
  assert.match(unsigned.stdout, /no\s+signing\s+\/nowhere\/ssh-keygen is not here, and git signs with it\n\s+→ .*git config gpg\.ssh\.program '.*\/openssh\/ssh-keygen'/);
  await world.git("config", "--unset", "gpg.ssh.program");
  await world.git("config", "aos.trust", `sha256:${"0".repeat(64)}`);
  const other = await aos(["doctor"], { cwd });
  assert.equal(other.code, 3);
  assert.match(other.stdout, /no\s+trust\s+pinned is sha256:0+, main begins with sha256:/);
});

test("aos doctor: a server's repository: empty, pinned, with a world, with another one, without hooks, with hooks that run nothing", async (t) => {
  const world = await safeUpgradeRepo();
  t.after(() => world.remove());
  const folder = await temporaryFolder(t);
  await git(folder, "init", "--quiet", "--bare", "server.git");
  const server = join(folder, "server.git");
  const install = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await aos(["hooks", "install", "--server", server, ...words], { cwd: folder });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  let looked = 0;
  const expect = async (expected: Readonly<Record<string, readonly [state: string, says: RegExp, mend?: RegExp]>>, exit: 0 | 3): Promise<void> => {
    const { code, stdout } = await aos(["doctor", "-w", server, "--json"], { cwd: folder });
    assert.equal(code, exit, stdout);
    const checks = new Map((JSON.parse(stdout.split("\n")[0] ?? "") as { readonly checks: Checks }).checks.map((check) => [check.name, check]));
    assert.ok(!checks.has("key") && !checks.has("trust"), stdout);
    for (const [name, [state, says, mend]] of Object.entries(expected)) {
      const check = checks.get(name);
      assert.equal(check?.state, state, `${name} in ${stdout}`);
      assert.match(check.says, says);
      assert.equal(check.mend === undefined, mend === undefined);
      assert.match(check.mend ?? "", mend ?? /^$/);
    }
    looked++;
  };
  const byHooks = new RegExp(`aos hooks install --server ${server}`);
  await expect({ main: ["odd", /no world was pushed yet/, /git push .*server\.git main/], world: ["odd", /none is pinned/, byHooks], hooks: ["odd", /Every push is taken/, byHooks] }, 0);
  assert.match(await install("--trust", world.trust, "--controller", "beside.git"), /^pinned {3}sha256:[0-9a-f]{64}: no world is here yet to compare it with; a main that begins another is refused/m);
  await expect({ main: ["odd", /no world/, /git push/], world: ["fine", /^pinned: sha256:.*any other is refused/], hooks: ["fine", /^pre-receive, post-receive$/], controller: ["odd", /beside\.git, which is not there/, /aos controller --repo/] }, 0);
  await world.git("push", "--quiet", server, "main");
  await expect({ rules: ["fine", /principals: 3/], world: ["fine", new RegExp(`^pinned: ${world.trust}$`)], published: ["odd", /the world has not begun/, /aos controller --repo/], clock: ["fine", /not behind/], signers: ["fine", /trust file/] }, 0);
  assert.match(await install(), new RegExp(`^pinned {3}${world.trust}, the world that is here$`, "m"));
  await git(server, "config", "aos.world", `sha256:${"0".repeat(64)}`);
  await writeFile(join(server, "hooks", "post-receive"), "#!/bin/sh\n");
  await expect({ world: ["bad", new RegExp(`pinned is sha256:0+, here is ${world.trust}`), byHooks], hooks: ["odd", /missing: post-receive\. Nobody is told/, byHooks] }, 3);
  await git(server, "config", "--unset", "aos.world");
  const script = join(server, "hooks", "pre-receive");
  assert.match(await install(), /^no pin {3}it holds the world sha256:/m);
  await writeFile(script, (await readFile(script, "utf8")).replace(process.execPath, "/nowhere/node"));
  await expect({ world: ["odd", new RegExp(`none is pinned, ${world.trust} is here`), byHooks], hooks: ["bad", /they run \/nowhere\/node, which is not there: every push is refused/, byHooks] }, 3);
  assert.equal(looked, 5);
});
