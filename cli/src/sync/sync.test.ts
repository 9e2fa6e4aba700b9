// Push and pull against a running world, as a person types them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { aos, AOS, eventually, git, startAos, temporaryFolder, type Ran } from "../testing/aos.ts";

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
  await write({ "air/more.air.json": '{"$kind": "defschema"}' });
  for (const more of [[], ["--dry-run"]]) {
    const broken = await run("push", "--only", "air", ...more);
    assert.deepEqual([broken.code, /error: .*: \d errors? in the world's files/.test(broken.stderr)], [2, true], broken.stderr);
  }
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
    [["push", "--only", "air", "--proposal", ""], 2, /error: "": not a proposal's name/],
  ];
  for (const [words, code, says] of rows) {
    const ran = await aos(words, { cwd: world });
    assert.deepEqual([ran.code, says.test(ran.stderr)], [code, true], `${words.join(" ")}: ${ran.stderr}`);
  }
  assert.equal(rows.length, 7);
});
