// Push and pull against a running world, as a person types them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { aos, AOS, eventually, git, ok, startAos, temporaryFolder, type Ran } from "../testing/aos.ts";

const MANIFEST = {
  $kind: "manifest", air_version: "1", schemas: [{ name: "sys/WorkspaceCommit@1" }], modules: [{ name: "sys/Workspace@1" }], plans: [], effects: [], caps: [], policies: [], triggers: [],
  routing: { events: [{ event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" }] },
};
const LIMIT = { timeout: 120_000 };

interface Place {
  readonly world: string;
  run(...words: readonly string[]): Promise<Ran>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

/** A world that keeps workspaces and links `docs` to `notes`; running. */
async function running(t: TestContext, links: readonly unknown[] = [{ ref: "notes", dir: "docs" }]): Promise<Place> {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  assert.equal((await aos(["init", "world", "--template", "empty"], { cwd: folder })).code, 0);
  const place: Place = {
    world,
    run: (...words) => aos(words, { cwd: world }),
    async write(files) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(world, path)), { recursive: true });
        await writeFile(join(world, path), text);
      }
    },
  };
  await place.write({ "air/manifest.air.json": JSON.stringify(MANIFEST), "aos.sync.json": JSON.stringify({ version: 1, workspaces: links }) });
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "--amend", "--no-edit");
  await startAos(t, ["run"], { cwd: world, ready: /"message":"the world begins"/ });
  return place;
}

test("aos push, pull: two folders of one workspace: one push wins, the other is told what to pull, both end the same", LIMIT, async (t) => {
  const { world, run, write } = await running(t, [{ ref: "notes", dir: "docs", annotations: { "a b.txt": { tag: "x", list: [1, "y"] } } }]);
  await write({ "docs/a b.txt": "1\n2\n3\n", "docs/bin/run.sh": "#!\n" });
  await chmod(join(world, "docs/bin/run.sh"), 0o755);
  const planned = await run("push", "--dry-run");
  assert.match(planned.stdout, /^docs → notes {2}would make version 1, the first\n {2}A a b\.txt\n {2}A bin\/run\.sh\n {2}@ a b\.txt\n$/);
  assert.match((await run("push", "--message", "The first words")).stdout, /^docs → notes {2}version 1, the first\n/);
  assert.match((await run("push")).stdout, /^docs → notes {2}in step with version 1\n$/);
  assert.match((await run("ws", "ann", "get", "notes/a b.txt")).stdout, /^list {2}\[1,"y"\]$/m);
  const told = await eventually(() => git(world, "log", "-1", "--format=%s", "refs/aos/workspaces/notes").catch(() => undefined), "the version as a commit");
  assert.equal(told, "The first words\n");

  assert.equal((await run("pull", "copy", "notes")).code, 0);
  assert.equal(await readFile(join(world, "copy/a b.txt"), "utf8"), "1\n2\n3\n");
  await write({ "copy/a b.txt": "1\n2\nIII\n", "docs/a b.txt": "I\n2\n3\n" });
  const both = await Promise.all([run("push", "docs"), run("push", "copy", "notes")]);
  const codes = both.map(({ code }) => code).sort();
  assert.deepEqual(codes, [0, 3], both.map(({ stdout, stderr }) => stdout + stderr).join("\n"));
  const loser = both.find(({ code }) => code === 3);
  assert.match(loser?.stderr ?? "", /error: notes: (?:version 2 has changes since version 1 that (?:docs|copy) has not|somebody else made version 2 meanwhile): a b\.txt\nhint: `aos pull`/);
  for (const words of [["pull"], ["pull", "copy", "notes"], ["push"], ["push", "copy", "notes"], ["pull"], ["pull", "copy", "notes"]]) await run(...words);
  const texts = await Promise.all(["docs", "copy"].map((dir) => readFile(join(world, dir, "a b.txt"), "utf8")));
  assert.deepEqual(texts, ["I\n2\nIII\n", "I\n2\nIII\n"]);
  const answer = JSON.parse((await run("push", "--json")).stdout) as { readonly workspaces: readonly unknown[] };
  assert.deepEqual(answer.workspaces, [{ ref: "notes", dir: "docs", changes: [], from: 3, version: 3 }]);
  await rm(join(world, "docs/bin"), { recursive: true });
  assert.match((await run("push")).stdout, /version 3 → 4\n {2}D bin\/run\.sh\n$/);

  assert.equal((await run("ws", "ann", "set", "notes", "owner=ada")).code, 0);
  assert.match((await run("pull")).stdout, /^docs ← notes {2}version 5\n {2}@ \.\n$/);
  assert.match(await readFile(join(world, "aos.sync.json"), "utf8"), /"annotations":\{"a b\.txt":\{"tag":"x","list":\[1,"y"\]\},"":\{"owner":"ada"\}\}/);
  assert.match((await run("push", "--only", "workspaces")).stdout, /in step with version 5\n$/);
});

test("aos push: killed at many points: the next one finishes, and there is one version", LIMIT, async (t) => {
  const { world, run, write } = await running(t);
  await write(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`docs/d${at % 7}/f${at}.txt`, `text ${at}\n`])));
  for (const delayMs of [250, 400, 500, 600, 700, 800]) {
    const child = spawn(process.execPath, [AOS, "push"], { cwd: world, stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    await sleep(delayMs);
    child.kill("SIGKILL");
    await ended;
  }
  const last = await run("push");
  assert.equal(last.code, 0, last.stderr);
  assert.match(last.stdout, /version 1/);
  assert.equal((await run("pull", "copy", "notes")).code, 0);
  assert.equal(await readFile(join(world, "copy/d1/f8.txt"), "utf8"), "text 8\n");
  assert.match((await run("push", "copy", "notes")).stdout, /in step with version 1\n$/);
});

test("aos push: a change of the control plane: a proposal, never more; the next push goes on with it", LIMIT, async (t) => {
  const { world, run, write } = await running(t);
  const manifest = (await git(world, "rev-parse", "main")).trim();
  await write({ "air/more.air.json": JSON.stringify({ $kind: "defschema", name: "demo/More@1", type: { text: {} } }), "air/manifest.air.json": JSON.stringify({ ...MANIFEST, schemas: [...MANIFEST.schemas, { name: "demo/More@1" }] }), "notes.md": "mine\n" });
  const index = await git(world, "status", "--porcelain");
  assert.match((await run("push", "--only", "air", "--dry-run")).stdout, /^control plane → proposal push-author {2}2 files, would be offered\n/);
  assert.equal(await git(world, "branch", "--list", "proposals/*"), "");
  assert.match((await run("push", "--only", "air", "-m", "Add more")).stdout, /proposal push-author {2}2 files, made\n/);
  assert.match((await run("push", "--only", "air")).stdout, /2 files, as it was\n/);
  await write({ "air/more.air.json": JSON.stringify({ $kind: "defschema", name: "demo/More@1", type: { nat: {} } }) });
  assert.match((await run("push", "--only", "air")).stdout, /2 files, brought up to date\n/);
  assert.deepEqual((await git(world, "diff", "--name-only", "main", "proposals/push-author")).trim().split("\n"), ["air/manifest.air.json", "air/more.air.json"]);
  assert.deepEqual([(await git(world, "rev-parse", "main")).trim(), await git(world, "status", "--porcelain")], [manifest, index]);
  assert.equal((await git(world, "log", "--format=%s", "main..proposals/push-author")).trim(), "Change air/manifest.air.json, air/more.air.json\nAdd more");
  await git(world, "switch", "--quiet", "--create", "topic");
  await git(world, "-c", "commit.gpgsign=false", "commit", "--quiet", "--allow-empty", "--message=Not signed");
  for (const more of [[], ["--dry-run"]]) {
    const unsigned = await run("push", "--only", "air", ...more);
    assert.deepEqual([unsigned.code, /^error: commit [0-9a-f]{12}: .*so nobody could approve it\n/.test(unsigned.stderr)], [2, true], unsigned.stderr);
  }
  await git(world, "switch", "--quiet", "main");
  await write({ "air/more.air.json": '{"$kind": "defschema"}' });
  for (const more of [[], ["--dry-run"]]) {
    const broken = await run("push", "--only", "air", ...more);
    assert.deepEqual([broken.code, /error: .*: \d errors? in the world's files/.test(broken.stderr)], [2, true], broken.stderr);
  }
});

test("aos push: all of it is looked at before any of it is done: what is refused is told together, and nothing was done", LIMIT, async (t) => {
  const links = [{ ref: "notes", dir: "docs", annotations: { "a.md": { tag: "x" } } }, { ref: "site/public", dir: "www" }, { ref: "site/more", dir: "more" }, { ref: "old@1", dir: "old" }];
  const { world, run, write } = await running(t, links);
  const more = (type: string): string => JSON.stringify({ $kind: "defschema", name: "demo/More@1", type: { [type]: {} } });
  await write({ "air/more.air.json": more("text"), "air/manifest.air.json": JSON.stringify({ ...MANIFEST, schemas: [...MANIFEST.schemas, { name: "demo/More@1" }] }) });
  await write({ "docs/a.md": "a\n", "www/index.html": "i\n", "more/m": "m\n" });
  await Promise.all(["docs/link", "more/link"].map((path) => symlink("nowhere", join(world, path))));
  const nothing = async (): Promise<readonly unknown[]> => [await git(world, "for-each-ref", "refs/heads/proposals"), (await run("ws", "ls")).stdout];
  const rows: readonly (readonly [readonly string[], RegExp, RegExp])[] = [
    [[], /^$/, /^error: \S+docs: 1 path cannot .*link \(a symbolic link\)\nhint: .*\nerror: \S+more: .*\nhint: .*\nerror: \S+: nothing was pushed: 2 parts of it are refused\n$/],
    [["--dry-run"], /^$/, /docs: [^]*more: [^]*2 parts of it are refused\n$/],
    [["--json"], /^\{"refused":\[\{"code":"sync\.files",.*"hint":.*\},\{"code":"sync\.files".*\}\]\}\n\{"error":\{"code":"sync\.refused".*\n$/, /^$/],
    [["--only", "workspaces"], /^$/, /2 parts of it are refused\n$/],
    [["docs"], /^$/, /^error: \S+docs: 1 path cannot/],
  ];
  for (const [words, stdout, stderr] of rows) {
    const ran = await run("push", ...words);
    assert.deepEqual([ran.code, stdout.test(ran.stdout), stderr.test(ran.stderr)], [2, true, true], `${words.join(" ")}: ${ran.stdout}${ran.stderr}`);
  }
  assert.equal(rows.length, 5);
  await rm(join(world, "more/link"));
  await write({ "air/more.air.json": "{" });
  assert.match((await run("push")).stderr, /error: .* in the world's files\nhint: .*\nerror: .*link[^]*2 parts of it are refused\n$/);
  await write({ "air/more.air.json": more("text") });
  assert.match((await run("push")).stderr, /^notice: nothing was pushed\nerror: \S+docs: 1 path/);
  assert.deepEqual(await nothing(), ["", "the world has no workspaces\n"]);

  await rm(join(world, "docs/link"));
  const done = await run("push", "-m", "All of it");
  assert.match(done.stdout, /made\n[^]*docs → notes {2}version 1[^]*www → site\/public {2}version 1[^]*more → site\/more {2}version 1/);
  assert.equal((await run("ws", "log", "site")).stdout.match(/^version /gm)?.length, 1, "two parts of one workspace: one version");
  const before = await nothing();

  // Somebody else's version, found before a proposal is moved on or another folder is sent.
  assert.equal((await run("ws", "write", "site/public/theirs", "--text-in", "t")).code, 0);
  await write({ "air/more.air.json": more("nat"), "docs/a.md": "A\n", "www/index.html": "I\n" });
  for (const words of [[], ["--dry-run"]]) {
    const behind = await run("push", ...words);
    assert.deepEqual([behind.code, behind.stdout, /error: site\/public: version 2 has changes since version 1 that www has not: theirs\nhint: `aos pull`/.test(behind.stderr)], [3, "", true], behind.stderr);
  }
  assert.equal((await nothing())[0], before[0]);
  assert.match((await run("ws", "log", "notes")).stdout, /^version notes@1$/m);
  assert.match((await run("pull")).stderr, /error: old@1: there is no such version; done before that: www brought to version 2\nhint: /);
  await rm(join(world, "docs/a.md"));
  assert.match((await run("push")).stdout, /brought up to date\n[^]*docs → notes {2}version 1 → 2\n {2}D a\.md\n {2}- a\.md: its annotations went out of aos\.sync\.json, as the file went\n/);
  assert.deepEqual((JSON.parse(await readFile(join(world, "aos.sync.json"), "utf8")) as { readonly workspaces: readonly { readonly annotations?: unknown }[] }).workspaces[0]?.annotations, {});
});

test("aos push, pull: bad input: the place and a way out", LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal((await aos(["init", "world", "--template", "empty"], { cwd: folder })).code, 0);
  const world = join(folder, "world");
  await writeFile(join(world, "aos.sync.json"), '{"version":1,"workspaces":[{"ref":"notes","dir":"docs"},{"ref":"site@2","dir":"www"}]}');
  const rows: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["push", "doc"], 2, /error: doc: aos\.sync\.json links no workspace to it\nhint: did you mean docs\?/], [["pull", "../x", "notes"], 2, /error: \.\.\/x: outside of the world/],
    [["push", "docs", "a b"], 2, /error: "a b": not a workspace\nhint: WORKSPACE/], [["push", "--only", "workspaces"], 1, /the world is not running, so its workspaces cannot be pushed to\nhint: start it with `aos run`/],
    [["pull"], 2, /the world has not run here, and nothing is published/], [["push", ".git/aos/keys", "notes"], 2, /error: \.git\/aos\/keys: leads into \.git, which is git's own\nhint: /],
    [["push", "--only", "air", "--proposal", ""], 2, /error: "": not a proposal's name/], [["push", "docs", "--only", "air"], 2, /error: docs: --only air leaves every folder out/],
    [["push", "--proposal", ""], 2, /error: "": not a proposal's name\nhint: .*\nerror: .*: the world is not running, so [^]*2 parts of it are refused/],
  ];
  for (const [words, code, says] of rows) {
    const ran = await aos(words, { cwd: world });
    assert.deepEqual([ran.code, says.test(ran.stderr)], [code, true], `${words.join(" ")}: ${ran.stderr}`);
  }
  assert.equal(rows.length, 9);
  await startAos(t, ["run"], { cwd: world, ready: /"message":"the world begins"/ });
  for (const words of [["push", "--dry-run"], ["push"]]) {
    const unrouted = await aos(words, { cwd: world });
    assert.deepEqual([unrouted.code, unrouted.stdout, /error: workspace notes: the world keeps no workspaces\nhint: list the module/.test(unrouted.stderr)], [3, "", true], unrouted.stdout + unrouted.stderr);
  }
  assert.equal(await git(world, "for-each-ref", "refs/heads/proposals"), "");
});

test("aos push: a source that changed: its module is written where something is offered, not where it is refused", LIMIT, async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world"], { cwd: folder }));
  const world = join(folder, "world");
  const [source, module, map] = ["reducer/counter.ts", "modules/demo/CounterSM@1.js.cbor", "aos.sync.json"].map((path) => join(world, path)) as [string, string, string];
  const linked = await readFile(map, "utf8");
  await writeFile(source, (await readFile(source, "utf8")).replace("now.remaining - 1", "now.remaining - 2"));
  await writeFile(map, JSON.stringify({ ...(JSON.parse(linked) as object), workspaces: [{ ref: "notes", dir: "docs" }] }));
  await mkdir(join(world, "docs"));
  await symlink("nowhere", join(world, "docs/link"));
  const before = await readFile(module);
  const refused = await aos(["push"], { cwd: world });
  assert.deepEqual([refused.code, (await readFile(module)).equals(before)], [1, true], refused.stderr);
  assert.match(refused.stderr, /the world is not running/);
  ok(await aos(["push", "--only", "air", "--dry-run"], { cwd: world }));
  assert.ok((await readFile(module)).equals(before));
  ok(await aos(["push", "--only", "air"], { cwd: world }));
  assert.ok(!(await readFile(module)).equals(before));
});
