import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatAir } from "@agentos/kernel";
import { PLAN, cloneOf, removeTemplate } from "./testing/clone.ts";
import type { Clone } from "./testing/clone.ts";

Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });
after(removeTemplate);

/** The same definition in one line, which is not how it is laid out. */
function squeezed(text: string): string {
  return `${JSON.stringify(JSON.parse(text))}\n`;
}

/** The plan renamed: whatever names it is wrong then. */
function broken(text: string): string {
  return text.replaceAll(/"\$kind": ?"defplan"/g, '"$kind": "defplam"');
}

const head = (clone: Clone): Promise<string> => clone.git("rev-parse", "HEAD");

test("pre-commit: staged AIR that is not laid out: committed laid out, and so on disk", async (t) => {
  const clone = await cloneOf(t);
  const laidOut = formatAir(await clone.read(PLAN), PLAN);
  await clone.write(PLAN, squeezed(laidOut));
  await clone.write("air/../README.txt", "words\n");
  await clone.git("add", "--all");
  const { code, said } = await clone.run(["commit", "-m", "One line"]);
  assert.equal(code, 0, said);
  assert.match(said, /aos: laid out: air\/fetch-plan-1\.air\.json/);
  assert.deepEqual([await clone.git("show", `HEAD:${PLAN}`), await clone.read(PLAN), await clone.git("status", "--porcelain")], [laidOut.trimEnd(), laidOut, ""]);
});

test("pre-commit: a file that is staged in part: the rest stays on disk, byte for byte, and is not committed", async (t) => {
  const clone = await cloneOf(t);
  const laidOut = formatAir(await clone.read(PLAN), PLAN);
  await clone.write(PLAN, squeezed(laidOut));
  await clone.git("add", PLAN);
  const unstaged = `${squeezed(laidOut)}\n\n`;
  await clone.write(PLAN, unstaged);
  const { code, said } = await clone.run(["commit", "-m", "In part"]);
  assert.equal(code, 0, said);
  assert.match(said, /aos: left as they are on disk, with changes that are not staged: air\/fetch-plan-1\.air\.json/);
  assert.deepEqual([await clone.git("show", `HEAD:${PLAN}`), await clone.read(PLAN)], [laidOut.trimEnd(), unstaged]);
});

/** What is staged, what is on disk, and whether the commit is made: by the index alone. */
const CHECKED: readonly (readonly [what: string, staged: (text: string) => string, onDisk: (text: string) => string, refused: RegExp | undefined])[] = [
  ["wrong in the index, right on disk", broken, (text) => text, /aos: air\/fetch-plan-1\.air\.json:\d+:\d+: /],
  ["right in the index, wrong on disk", (text) => `${text}\n`, broken, undefined],
  ["not JSON in the index", () => "{", (text) => text, /aos: air\/fetch-plan-1\.air\.json:\d+:\d+: /],
];

for (const [what, staged, onDisk, refused] of CHECKED)
  test(`pre-commit: ${what}: ${refused === undefined ? "committed" : "refused, the place told, nothing lost"}`, async (t) => {
    const clone = await cloneOf(t);
    const text = await clone.read(PLAN);
    const before = await head(clone);
    await clone.write(PLAN, staged(text));
    await clone.git("add", PLAN);
    await clone.write(PLAN, onDisk(text));
    await clone.write("notes.txt", "words\n");
    await clone.git("add", "notes.txt");
    const { code, said } = await clone.run(["commit", "-m", "Change"]);
    assert.equal(code === 0, refused === undefined, said);
    if (refused !== undefined) assert.match(said, refused);
    assert.equal((await head(clone)) === before, refused !== undefined);
    assert.equal(await clone.read(PLAN), onDisk(text));
  });

test("pre-commit: a policy or keys that cannot be read: refused, with the place", async (t) => {
  const clone = await cloneOf(t);
  const before = await head(clone);
  let told = 0;
  for (const [file, text, said] of [["policy", "{bad", /aos: \.aos\/policy\.json:1:2: expected a key/], ["trust", '{"version": 1}', /aos: \.aos\/trust\.json:1:1: /]] as const) {
    await clone.write(`.aos/${file}.json`, text);
    await clone.git("add", `.aos/${file}.json`);
    assert.match((await clone.run(["commit", "-m", "Rules"])).said, said);
    await clone.git("rm", "--quiet", "--cached", `.aos/${file}.json`);
    told++;
  }
  assert.deepEqual([told, await head(clone)], [2, before]);
});

test("pre-commit: a link or a submodule among the world's files: refused, with the place", async (t) => {
  const clone = await cloneOf(t);
  const before = await head(clone);
  const target = await clone.git("rev-parse", `HEAD:${PLAN}`);
  const rows: readonly (readonly [mode: string, oid: string, path: string, says: RegExp])[] = [
    ["120000", target, "air/linked.json", /aos: air\/linked\.json:1:1: a symbolic link/],
    ["120000", target, "shadow", /aos: shadow:1:1: a symbolic link/],
    ["160000", before, "air/sub", /aos: air\/sub:1:1: a repository of its own/],
  ];
  for (const [mode, oid, path, says] of rows) {
    await clone.git("rm", "--cached", "-r", "--quiet", "--ignore-unmatch", path);
    await clone.git("update-index", "--add", "--cacheinfo", `${mode},${oid},${path}`);
    const { code, said } = await clone.run(["commit", "-m", "Not here"]);
    assert.notEqual(code, 0, said);
    assert.match(said, says);
    assert.equal(await head(clone), before);
    await clone.git("reset", "--quiet");
  }
  assert.equal(rows.length, 3);
});

test("pre-commit: a definition removed that others need: refused; with --no-verify it is committed, and holds up no other change", async (t) => {
  const clone = await cloneOf(t);
  await clone.git("rm", "--quiet", PLAN);
  const { code, said } = await clone.run(["commit", "-m", "Remove"]);
  assert.notEqual(code, 0);
  assert.match(said, /aos: not committed \(git commit --no-verify/);
  await clone.git("commit", "--quiet", "--no-verify", "-m", "Remove");
  await clone.write("notes.txt", "words\n");
  await clone.git("add", "notes.txt");
  await clone.git("commit", "--quiet", "-m", "Words");
  // What HEAD has wrong is not laid at the door of another change.
  await clone.write("aos.sync.json", `${await clone.read("aos.sync.json")}\n`);
  await clone.git("add", "aos.sync.json");
  await clone.git("commit", "--quiet", "-m", "Another change");
});

test("pre-commit: commit --all lays out; a commit of named files is refused instead, because its index is not the one that stays", async (t) => {
  const clone = await cloneOf(t);
  const laidOut = formatAir(await clone.read(PLAN), PLAN);
  await clone.write(PLAN, squeezed(laidOut));
  const named = await clone.run(["commit", "-m", "Named", "--", PLAN]);
  assert.notEqual(named.code, 0);
  assert.match(named.said, /air\/fetch-plan-1\.air\.json: not in the layout of `aos fmt`/);
  assert.equal(await clone.read(PLAN), squeezed(laidOut));
  await clone.write("notes.txt", "words\n");
  await clone.git("add", "notes.txt");
  await clone.git("commit", "--quiet", "--all", "-m", "All");
  assert.deepEqual([await clone.read(PLAN), await clone.git("status", "--porcelain")], [laidOut, ""]);
});

test("hooks: in a linked worktree, and as an editor runs git, with its variables and without a terminal: the same", async (t) => {
  const clone = await cloneOf(t);
  const other = join(clone.base, "other");
  await clone.git("worktree", "add", "--quiet", "-b", "raise-limit", other);
  const laidOut = formatAir(await clone.read(PLAN), PLAN);
  await writeFile(join(other, PLAN), `${squeezed(laidOut)}`);
  await clone.run(["add", "--all"], { cwd: other });
  await writeFile(join(other, "notes.txt"), "words\n");
  await clone.run(["add", "--all"], { cwd: other });
  const linked = await clone.run(["commit", "-m", "Linked"], { cwd: other });
  assert.equal(linked.code, 0, linked.said);
  assert.match(await clone.git("log", "-1", "--format=%B", "raise-limit"), /^Linked\n\nProposal: raise-limit$/);
  assert.equal(await clone.git("show", `raise-limit:${PLAN}`), laidOut.trimEnd());

  await clone.write(PLAN, broken(await clone.read(PLAN)));
  const env = { GIT_DIR: join(clone.folder, ".git"), GIT_WORK_TREE: clone.folder, GIT_INDEX_FILE: join(clone.folder, ".git", "index"), GIT_EDITOR: "true", GIT_ASKPASS: "true" };
  await clone.run(["add", "--all"], { cwd: clone.base, env });
  const edited = await clone.run(["commit", "-m", "Edited"], { cwd: clone.base, env });
  assert.notEqual(edited.code, 0, edited.said);
  assert.match(edited.said, /aos: air\/fetch-plan-1\.air\.json:\d+:\d+: /);
});

/** A message on the branch `feature/Raise_Limit`, and what becomes of it. */
const MESSAGES: readonly (readonly [what: string, message: string, outcome: string | RegExp])[] = [
  ["plain", "Raise the limit", "Raise the limit\n\nProposal: raise-limit"],
  ["with trailers of people", "Raise\n\nSigned-off-by: A <a@b>", "Raise\n\nSigned-off-by: A <a@b>\nProposal: raise-limit"],
  ["for another proposal", "Raise\n\nProposal: other", "Raise\n\nProposal: other"],
  ["for an agent's proposal", "Raise\n\nProposal: agent/helper/other", "Raise\n\nProposal: agent/helper/other"],
  ["that git joins later", "fixup! Raise the limit", "fixup! Raise the limit"],
  ["for a proposal of no name", "Raise\n\nProposal: No Name", /Proposal: "No Name" is not a proposal's name/],
  ["for two proposals", "Raise\n\nProposal: one\nProposal: two", /a commit is for one proposal/],
  ["that claims a decision", "Raise\n\nDecision: sha256:0\nCid: sha256:0", /Decision: only a merge by `aos merge` or a seal says that.*\naos: Cid: only/],
  ["that claims to be a seal", "Raise\n\njournal-head: sha256:0", /Journal-Head: only a merge/],
];

test("commit-msg: trailers: added where one is due, refused where they claim what only merges and seals may", async (t) => {
  const clone = await cloneOf(t);
  await clone.git("switch", "--quiet", "-c", "feature/Raise_Limit");
  let rows = 0;
  for (const [what, message, outcome] of MESSAGES) {
    const { code, said } = await clone.run(["commit", "--allow-empty", "--quiet", "-m", message]);
    assert.equal(code === 0, typeof outcome === "string", `${what}: ${said}`);
    if (typeof outcome === "string") assert.equal(await clone.git("log", "-1", "--format=%B"), outcome, what);
    else assert.match(said, outcome, what);
    rows++;
  }
  assert.equal(rows, 9);
  await clone.git("switch", "--quiet", "main");
  await clone.git("commit", "--allow-empty", "--quiet", "-m", "On main");
  assert.equal(await clone.git("log", "-1", "--format=%B"), "On main");
});

const TOKEN = `${"ghp"}_${"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}`;

interface Pushing {
  readonly clone: Clone;
  readonly push: (ref: string) => Promise<{ readonly code: number; readonly said: string }>;
}

async function pushing(t: Parameters<typeof cloneOf>[0]): Promise<Pushing> {
  const clone = await cloneOf(t);
  await clone.git("init", "--quiet", "--bare", join(clone.base, "server.git"));
  await clone.git("remote", "add", "origin", join(clone.base, "server.git"));
  await clone.git("push", "--quiet", "--no-verify", "origin", "main");
  await clone.git("switch", "--quiet", "-c", "change");
  return { clone, push: (ref) => clone.run(["push", "origin", `HEAD:${ref}`]) };
}

test("pre-push: a secret that a later commit took out again: refused, its place told and never its value; allowed where somebody says so", async (t) => {
  const { clone, push } = await pushing(t);
  await clone.write("settings.txt", `one\ntoken ${TOKEN}\n`);
  await clone.git("add", "--all");
  await clone.git("commit", "--quiet", "-m", "Add");
  await clone.git("rm", "--quiet", "settings.txt");
  await clone.git("commit", "--quiet", "-m", "Take out");
  let refused = 0;
  for (const ref of ["refs/heads/proposals/change", "refs/heads/change", "refs/tags/v1"]) {
    const { code, said } = await push(ref);
    assert.notEqual(code, 0, said);
    assert.match(said, /aos: settings\.txt:2: a GitHub token/);
    assert.equal(said.includes(TOKEN.slice(4)), false);
    refused++;
  }
  assert.equal(refused, 3);
  await clone.git("reset", "--quiet", "--hard", "main");
  await clone.write("settings.txt", `one\ntoken ${TOKEN} # aos:allow-secret\n`);
  await clone.git("add", "--all");
  await clone.git("commit", "--quiet", "-m", "Add an example");
  assert.equal((await push("refs/heads/proposals/change")).code, 0);
});

test("pre-push: a secret in a message, or in a file's name: refused, and not told", async (t) => {
  const { clone, push } = await pushing(t);
  await clone.git("commit", "--quiet", "--allow-empty", "-m", `Use ${TOKEN}`);
  const message = await push("refs/heads/change");
  assert.match(message.said, /aos: message of commit [0-9a-f]{12}, line 1: a GitHub token/);
  await clone.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Use");
  await clone.write(`${TOKEN}.txt`, `${TOKEN}\n`);
  await clone.git("add", "--all");
  await clone.git("commit", "--quiet", "-m", "Name");
  const named = await push("refs/heads/change");
  assert.match(named.said, /aos: \(a file whose name looks like a secret\):1: a GitHub token/);
  assert.deepEqual([message.code, named.code, (message.said + named.said).includes(TOKEN.slice(4))], [1, 1, false]);
});

test("pre-push: a proposal that does not compile: refused; as a branch of work it is pushed; a deletion is not judged", async (t) => {
  const { clone, push } = await pushing(t);
  await clone.write(PLAN, broken(await clone.read(PLAN)));
  await clone.git("commit", "--quiet", "--all", "--no-verify", "-m", "Break");
  const { code, said } = await push("refs/heads/proposals/change");
  assert.notEqual(code, 0);
  assert.match(said, /aos: refs\/heads\/proposals\/change: it does not compile: air\/fetch-plan-1\.air\.json:\d+:\d+: /);
  assert.equal((await push("refs/heads/change")).code, 0);
  await clone.git("push", "--quiet", "origin", ":refs/heads/change");
});

test("hooks: where no world is: nothing is said, nothing is changed", async (t) => {
  const clone = await cloneOf(t);
  await clone.git("rm", "--quiet", "--cached", "aos.sync.json");
  await clone.git("switch", "--quiet", "-c", "plain");
  await mkdir(join(clone.folder, "air"), { recursive: true });
  await clone.write("air/x.json", "{");
  await clone.git("add", "air/x.json");
  await clone.git("commit", "--quiet", "-m", "Not AIR");
  assert.equal(await clone.git("log", "-1", "--format=%B"), "Not AIR");
});
