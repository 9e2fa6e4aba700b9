// The same by hand, as a user: every command of the loop, with real processes, a shared repository, two people and a controller.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, aosProcess, eventually, git, json, ok, startAos, temporaryFolder } from "./testing/aos.ts";

const EVENT = "demo/CounterEvent@1";
const REDUCER = "demo/CounterSM@1";

test("by hand: one repository, one person, no approval: init, run, events, state, journal, log, verify", async (t) => {
  const folder = await temporaryFolder(t);
  const made = json(await aosProcess(["init", "my-world", "--author", "ada", "--json"], { cwd: folder }));
  assert.match(String(made["trust"]), /^sha256:[0-9a-f]{64}$/);
  const world = join(folder, "my-world");
  assert.equal(await git(world, "status", "--porcelain"), "");
  await git(world, "-c", "core.pager=cat", "verify-commit", "HEAD");
  assert.match(ok(await aosProcess(["check"], { cwd: world })).stdout, /^ok {2}6 definitions, 1 scenario, no warnings, manifest sha256:/);
  assert.match(ok(await aosProcess(["build"], { cwd: world })).stdout, /^cached {2}demo\/CounterSM@1 {2}sha256:[0-9a-f]{12} {2}\d+ bytes/);
  assert.match(ok(await aosProcess(["status"], { cwd: world })).stdout, /NotRunning/);

  const running = await startAos(t, ["run"], { cwd: world, ready: /the world begins/ });
  const started = json(await aosProcess(["event", "send", EVENT, '{"$tag":"Start","$value":{"target":2}}', "--json"], { cwd: world }));
  assert.deepEqual((started["records"] as { kind: string }[]).map(({ kind }) => kind), ["event", "stepped"]);
  ok(await aosProcess(["event", "send", EVENT, "@-", "--wait"], { cwd: world, stdin: '{"$tag":"Tick","$value":null}' }));
  await writeFile(join(folder, "tick.json"), '{"$tag":"Tick","$value":null}\n');
  ok(await aosProcess(["event", "send", EVENT, "@../tick.json", "--wait"], { cwd: world }));
  const live = json(await aosProcess(["state", "get", REDUCER, "--json"], { cwd: world }));
  assert.deepEqual(live["state"], { pc: { $tag: "Done" }, remaining: 0 });
  assert.match(ok(await aosProcess(["state", "ls", REDUCER], { cwd: world })).stdout, /^\(no key\) {2}sha256:[0-9a-f]{12} {2}29 bytes\n$/);
  assert.match(ok(await aosProcess(["status"], { cwd: world })).stdout, /ready +True {2}Applied/);
  const tail = ok(await aosProcess(["journal", "tail", "--limit", "2"], { cwd: world })).stdout;
  assert.match(tail, /^#6 +event +demo\/CounterEvent@1 \{"\$tag":"Tick","\$value":null\} from control\n#7 +stepped +demo\/CounterSM@1 state sha256:/);
  assert.equal(await running.stop(), 0, running.output());

  const resting = json(await aosProcess(["state", "get", REDUCER, "--json"], { cwd: world }));
  assert.deepEqual(resting, live, "the replayed journal says what the running world said");
  assert.match(ok(await aosProcess(["journal", "verify"], { cwd: world })).stdout, /^ok {2}8 records in 5 turns replayed alike, 8 of them published as they are, state root sha256:/);
  assert.match(ok(await aosProcess(["log", "-n", "1"], { cwd: world })).stdout, /^seal [0-9a-f]{12} .*Z, controller\n {4}seal \d+: seq /);
  const verified = json(await aosProcess(["verify", "--replay", "--json"], { cwd: world }));
  assert.equal(verified["ok"], true);
  assert.deepEqual((verified["replayed"] as { seq: number }).seq, 8);
});

test("by hand: a shared repository with hooks, an author, a reviewer, a controller: the whole loop", async (t) => {
  const folder = await temporaryFolder(t);
  const at = (name: string): { readonly cwd: string } => ({ cwd: join(folder, name) });
  const reviewer = { ...at("reviewer"), env: { AOS_KEY: join(folder, "reviewer-key") } };

  ok(await aos(["keys", "new", "reviewer", "--out", "reviewer-key"], { cwd: folder }));
  const made = json(await aos(["init", "author", "--name", "shared", "--person", "reviewer=reviewer-key.pub", "--json"], { cwd: folder }));
  const trust = String(made["trust"]);
  await git(folder, "init", "--quiet", "--bare", "server.git");
  ok(await aos(["hooks", "install", "--server", "server.git", "--trust", trust], { cwd: folder }));
  const author = join(folder, "author");
  await git(author, "remote", "add", "origin", join(folder, "server.git"));
  await git(author, "push", "--quiet", "--set-upstream", "origin", "main");
  const controller = await startAos(t, ["controller", "--repo", "server.git", "--dir", "controller.git", "--key", "author/.git/aos/keys/controller", "--trust", trust, "--poll-ms", "200"], { cwd: folder, ready: /the world begins/ });
  ok(await aos(["-w", "controller.git", "event", "send", EVENT, '{"$tag":"Start","$value":{"target":3}}', "--wait"], { cwd: folder }));

  await git(author, "switch", "--quiet", "-c", "Count_Faster");
  const source = join(author, "reducer", "counter.ts");
  await writeFile(source, (await readFile(source, "utf8")).replace("now.remaining - 1", "now.remaining - 3"));
  assert.match(ok(await aos(["build"], at("author"))).stdout, /^built /);
  await git(author, "commit", "--quiet", "--all", "-m", "Count in threes");
  const proposed = json(await aos(["propose", "--json"], at("author")));
  assert.deepEqual([proposed["slug"], proposed["outcome"], proposed["remote"]], ["count-faster", "made", "origin"]);
  assert.equal(json(await aos(["propose", "--json"], at("author")))["outcome"], "unchanged");
  const shadow = json(await aos(["shadow", "count-faster", "--wait", "--json"], at("author")));
  assert.equal(shadow["by"], "controller");
  assert.deepEqual((shadow["report"] as { cells: unknown[] }).cells.length, 1);

  const own = ok(await aos(["review", "count-faster", "--approve"], at("author")));
  assert.match(own.stderr, /^notice: your approval does not count: author is an author of the proposal$/m);
  const refused = await aos(["merge", "count-faster"], at("author"));
  assert.equal(refused.code, 3);
  assert.match(refused.stdout, /^ {2}no {3}0 of 1 approvals$/m);
  await assert.rejects(git(author, "push", "origin", "HEAD:main"), /does not merge a proposal into main/, "the hook enforces the same decision");

  await git(folder, "clone", "--quiet", "server.git", "reviewer");
  assert.match(ok(await aos(["proposals"], reviewer)).stdout, /^count-faster {2}[0-9a-f]{12} {2}waits\n {4}Count in threes \(author\)\n {4}needs {2}0 of 1 approvals$/m);
  const approved = json(await aos(["review", "count-faster", "--approve", "-m", "Faster is better", "--json"], reviewer));
  assert.equal((approved["decision"] as { verdict: string }).verdict, "approved");
  const merged = json(await aos(["merge", "count-faster", "--json"], reviewer));
  assert.equal(merged["merged"], true);
  await eventually(async () => {
    const { status } = json(await aos(["-w", "controller.git", "status", "--json"], { cwd: folder })) as { status: { appliedRevision?: string; published: { status: string } } };
    return status.appliedRevision === merged["commit"] && status.published.status === "True" ? true : undefined;
  }, "the merge is applied and published");

  ok(await aos(["-w", "controller.git", "event", "send", EVENT, '{"$tag":"Tick","$value":null}', "--wait"], { cwd: folder }));
  assert.deepEqual(json(await aos(["-w", "controller.git", "state", "get", REDUCER, "--json"], { cwd: folder }))["state"], { pc: { $tag: "Done" }, remaining: 0 });
  assert.equal(await controller.stop(), 0, controller.output());
  assert.match(ok(await aos(["proposals", "--all"], at("author"))).stdout, /^count-faster {2}[0-9a-f]{12} {2}merged$/m);

  await git(folder, "clone", "--quiet", "server.git", "auditor");
  await git(join(folder, "auditor"), "fetch", "--quiet", "origin", "refs/notes/*:refs/notes/*");
  const verified = json(await aos(["verify", "--replay", "--trust", trust, "--json"], at("auditor")));
  assert.deepEqual([verified["ok"], (verified["checked"] as { decisions: number }).decisions, (verified["replayed"] as { seq: number }).seq], [true, 1, 7]);
  const seals = (await git(join(folder, "auditor"), "rev-list", "refs/notes/aos")).trim().split("\n");
  assert.notEqual(seals.length, 0);
  for (const seal of seals) await git(join(folder, "auditor"), "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile=.aos/allowed_signers", "verify-commit", seal);
  assert.match(await git(join(folder, "auditor"), "log", "-1", "--notes=aos", "main"), /1 of 1 approvals: reviewer/);
});

test("by hand: a rebased proposal takes the place of the old one only when that is said; it is called what was said last", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--template", "empty", "--quiet"], { cwd: folder }));
  const world = join(folder, "world");
  await git(world, "switch", "--quiet", "-c", "notes");
  await writeFile(join(world, "notes.txt"), "one\n");
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "-m", "One");
  assert.equal(json(await aos(["propose", "--json"], { cwd: world }))["outcome"], "made");
  await git(world, "commit", "--quiet", "--amend", "-m", "One, better");
  const refused = await aos(["propose"], { cwd: world });
  assert.deepEqual([refused.code, /hint: `aos propose notes --replace`/.test(refused.stderr)], [2, true]);
  assert.equal(json(await aos(["propose", "--replace", "--json"], { cwd: world }))["outcome"], "replaced");
  assert.equal(await git(world, "rev-parse", "refs/heads/proposals/notes"), await git(world, "rev-parse", "HEAD"));

  const said = ["propose", "--json", "-m", "Take notes\n\nSo that nothing is lost.\nAnd no more."];
  const told = json(await aos(said, { cwd: world }));
  assert.deepEqual([told["outcome"], told["title"], told["commits"]], ["moved", "Take notes", 2]);
  assert.equal(json(await aos(said, { cwd: world }))["outcome"], "unchanged");
  assert.equal(await git(world, "rev-parse", "refs/heads/proposals/notes"), await git(world, "rev-parse", "refs/heads/notes"));
  assert.deepEqual([await git(world, "status", "--porcelain"), await git(world, "diff", "HEAD~1", "HEAD")], ["", ""]);
  await git(world, "verify-commit", "HEAD");
  assert.match(ok(await aos(["proposals"], { cwd: world })).stdout, /^notes {2}[0-9a-f]{12} {2}waits\n {4}Take notes \(author\)\n {6}So that nothing is lost\.\n {6}And no more\.\n/);
});

test("by hand: init: an empty repository keeps its settings, an empty folder stays the same folder", async (t) => {
  const folder = await temporaryFolder(t);
  await git(folder, "init", "--quiet", "--initial-branch=trunk", "repository");
  await git(join(folder, "repository"), "remote", "add", "origin", "../elsewhere.git");
  ok(await aos(["init", "repository", "--quiet"], { cwd: folder }));
  assert.equal((await git(join(folder, "repository"), "remote", "get-url", "origin")).trim(), "../elsewhere.git");
  assert.equal((await git(join(folder, "repository"), "log", "--format=%s %D")).trim(), "Begin the world 'repository' HEAD -> main");
  assert.equal(await git(join(folder, "repository"), "status", "--porcelain"), "");
});

test("by hand: the journal: a damaged one is cut, and comes back whole from what was published", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--quiet"], { cwd: folder }));
  const world = join(folder, "world");
  ok(await aos(["run", "--once"], { cwd: world }));
  const journal = join(world, ".git", "aos", "journal");
  const segment = join(journal, "0000000000000000.aosj");
  const bytes = await readFile(segment);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 0xff;
  await writeFile(segment, bytes);
  assert.equal((await aos(["run", "--once"], { cwd: world })).code, 4);
  const repaired = json(await aos(["journal", "repair", "--json"], { cwd: world }));
  assert.deepEqual([repaired["droppedTurns"], repaired["nextSeq"]], [1, 1]);
  assert.match(String(repaired["keptFile"]), /cut-1-/);
  const behind = await aos(["run", "--once"], { cwd: world });
  assert.deepEqual([behind.code, /hint: .*the controller rebuilds it/.test(behind.stderr)], [4, true], behind.stderr);
  await rm(journal, { recursive: true });
  ok(await aos(["run", "--once"], { cwd: world }));
  assert.match(ok(await aos(["journal", "verify"], { cwd: world })).stdout, /^ok {2}2 records/);
});
