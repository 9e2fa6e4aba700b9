// aos shadow and aos ci shadow: windows of recorded traffic, several proposals together, pages and CI jobs, in real repositories.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, git, startAos, temporaryFolder, type Ran } from "./testing/aos.ts";

const EVENT = "demo/CounterEvent@1";
const START = '{"$tag":"Start","$value":{"target":9}}';
const TICK = '{"$tag":"Tick","$value":null}';

function ok(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

function json(ran: Ran): Record<string, unknown> {
  return JSON.parse(ok(ran).stdout) as Record<string, unknown>;
}

interface Told {
  readonly report: {
    readonly window?: { readonly inputs: number };
    readonly divergence?: { readonly turns: number; readonly left_out: number };
    readonly cells: readonly { readonly before: { readonly remaining: number }; readonly after: { readonly remaining: number } }[];
  };
}

/** A branch on which the counter counts down in another step, offered as a proposal. */
async function propose(world: string, slug: string, change: (source: string) => string): Promise<void> {
  await git(world, "switch", "--quiet", "-c", slug, "main");
  const source = join(world, "reducer", "counter.ts");
  await writeFile(source, change(await readFile(source, "utf8")));
  ok(await aos(["build"], { cwd: world }));
  await git(world, "commit", "--quiet", "--all", "-m", `Propose ${slug}`);
  ok(await aos(["propose", slug], { cwd: world }));
}

test("aos shadow: a recorded world, two proposals: windows, both together, a page, a CI job on a shallow clone", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--author", "ada"], { cwd: folder }));
  const world = join(folder, "world");
  const running = await startAos(t, ["run"], { cwd: world, ready: /the world begins/ });
  ok(await aos(["event", "send", EVENT, START, "--wait"], { cwd: world }));
  for (let tick = 0; tick < 3; tick++) ok(await aos(["event", "send", EVENT, TICK, "--wait"], { cwd: world }));
  assert.equal(await running.stop(), 0, running.output());

  await propose(world, "by-two", (source) => source.replace("now.remaining - 1", "now.remaining - 2"));
  await propose(world, "by-three", (source) => source.replace("now.remaining - 1", "now.remaining - 3"));
  await git(world, "switch", "--quiet", "main");

  const governance = ["shadow", "--worktree"] as const;
  await writeFile(join(world, ".aos/notes.txt"), "new\n");
  assert.match(ok(await aos(governance, { cwd: world })).stdout, /^rules: it changes \.aos\/notes\.txt, which say who decides\..*\n\n## Shadow run: /);
  assert.deepEqual(json(await aos([...governance, "--json"], { cwd: world }))["rules"], [".aos/notes.txt"]);
  await rm(join(world, ".aos/notes.txt"));
  assert.deepEqual(json(await aos([...governance, "--json"], { cwd: world }))["rules"], []);

  const same = json(await aos(["shadow", "--worktree", "--last", "3", "--json"], { cwd: world })) as unknown as Told;
  assert.deepEqual([same.report.window?.inputs, same.report.divergence?.turns, same.report.cells], [3, 0, []]);
  const last = json(await aos(["shadow", "by-two", "--last", "2", "--json"], { cwd: world })) as unknown as Told;
  assert.deepEqual(last.report.cells.map(({ before, after }) => [before.remaining, after.remaining]), [[6, 4]]);
  assert.deepEqual([last.report.divergence?.turns, last.report.divergence?.left_out], [2, 0]);
  for (const since of ["1", "2001-02-03", "2001-02-03T04:05Z"]) {
    const { report } = json(await aos(["shadow", "by-two", "--since", since, "--json"], { cwd: world })) as unknown as Told;
    assert.deepEqual(report.cells.map(({ before, after }) => [before.remaining, after.remaining]), [[6, 3]], since);
  }
  assert.match(ok(await aos(["shadow", "by-two", "--last", "2"], { cwd: world })).stdout, /### Against the recording\n\n2 inputs of 2 led to something else/);

  const joint = json(await aos(["shadow", "by-two", "by-three", "--json"], { cwd: world }));
  assert.deepEqual(joint["conflicts"], [{ kind: "text", proposals: ["by-two", "by-three"], text: "both change modules/demo/CounterSM@1.js.cbor, reducer/counter.ts, and not alike" }]);
  assert.match(ok(await aos(["shadow", "by-two", "by-three"], { cwd: world })).stdout, /cannot be merged/);

  ok(await aos(["shadow", "by-two", "--html", "page.html", "--last", "2"], { cwd: world }));
  const page = await readFile(join(world, "page.html"), "utf8");
  assert.match(page, /^<!doctype html>/);
  assert.doesNotMatch(page, /<script|src=|href=|url\(|which say who decides/);

  await git(world, "switch", "--quiet", "-c", "ruled", "by-two");
  await writeFile(join(world, ".aos", "a`<b>.txt"), "new\n");
  await git(world, "add", "--all", ".aos");
  await git(world, "commit", "--quiet", "-m", "Change the rules too");
  await git(world, "switch", "--quiet", "main");
  const ruled = json(await aos(["ci", "shadow", "--base", "main", "--head", "ruled", "--out", "../ruled", "--json"], { cwd: world }));
  assert.deepEqual(ruled["rules"], [".aos/a`<b>.txt"]);
  const told = async (name: string): Promise<string> => readFile(join(folder, "ruled", name), "utf8");
  assert.match(await told("report.md"), /^> It changes `\.aos\/a'<b>\.txt`, which say who decides\. The report does not cover that; .*\n\n## Shadow run: /);
  assert.match(await told("report.html"), /<p>It changes <code>\.aos\/a&#39;&#60;b&#62;\.txt<\/code>, which say who decides\./);

  await git(folder, "clone", "--quiet", "--bare", world, "server.git");
  await git(world, "push", "--quiet", join(folder, "server.git"), "refs/notes/*:refs/notes/*");
  await git(folder, "clone", "--quiet", "--depth", "1", "--branch", "proposals/by-two", `file://${join(folder, "server.git")}`, "job");
  const job = join(folder, "job");
  const [base, head] = [(await git(world, "rev-parse", "main")).trim(), (await git(world, "rev-parse", "refs/heads/proposals/by-two")).trim()];
  await writeFile(join(folder, "event.json"), JSON.stringify({ pull_request: { base: { sha: base }, head: { sha: head } } }));
  const env = { GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: join(folder, "event.json"), GITHUB_STEP_SUMMARY: join(folder, "summary.md"), GITHUB_OUTPUT: join(folder, "outputs") };
  const made = json(await aos(["ci", "shadow", "--json"], { cwd: job, env }));
  assert.deepEqual([made["base"], made["head"]], [base, head]);
  assert.match(await readFile(join(folder, "summary.md"), "utf8"), /^## Shadow run: /);
  assert.match(await readFile(join(folder, "outputs"), "utf8"), new RegExp(`^report=${String(made["report"])}\nconsequences=sha256:`));
  const deaf = await aos(["ci", "shadow"], { cwd: job, env: { ...env, GITHUB_OUTPUT: join(folder, "none", "outputs") } });
  assert.deepEqual([deaf.code, /none\/outputs: cannot be written\nhint: GITHUB_STEP_SUMMARY and GITHUB_OUTPUT/.test(deaf.stderr)], [1, true], deaf.stderr);
  const here = json(await aos(["shadow", "by-two", "--json"], { cwd: world }));
  assert.deepEqual(JSON.parse(await readFile(join(job, "shadow-report", "report.json"), "utf8")), here["report"], "a CI that has only the clone says what the controller's repository says");
});

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["two windows", ["shadow", "a", "--since", "1", "--last", "2"], /two windows/],
  ["no number", ["shadow", "a", "--last", "0"], /whole number/],
  ["no date", ["shadow", "a", "--since", "yesterday"], /neither a seq nor a date/],
  ["a window of two proposals", ["shadow", "a", "b", "--last", "2"], /for one proposal/],
  ["a proposal and the folder", ["shadow", "a", "--worktree"], /--worktree is about this folder, and a is named too/],
  ["waiting for what runs here", ["shadow", "a", "--wait", "--last", "2"], /--wait is for the controller's report, and --last runs here/],
  ["waiting for the folder", ["shadow", "--worktree", "--wait"], /and --worktree runs here/],
  ["one proposal twice", ["shadow", "a", "b", "a"], /a is named twice/],
  ["no job", ["ci", "shadow", "--head", "nowhere"], /no such commit/],
];
test("aos shadow: arguments that do not fit: exit 2, said why", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world", "--author", "ada"], { cwd: folder }));
  let rows = 0;
  for (const [name, words, says] of REFUSED) {
    const { code, stderr } = await aos(words, { cwd: join(folder, "world") });
    assert.equal(code, 2, `${name}: ${stderr}`);
    assert.match(stderr, says, name);
    rows++;
  }
  assert.equal(rows, 9);
});
