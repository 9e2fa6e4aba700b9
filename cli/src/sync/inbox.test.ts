// Push and pull with nothing but a Git remote: events travel as signed commits, and so do the answers.

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, eventually, git, startAos, temporaryFolder, type Ran } from "../testing/aos.ts";

const MANIFEST = {
  $kind: "manifest", air_version: "1", schemas: [{ name: "sys/WorkspaceCommit@1" }], modules: [{ name: "sys/Workspace@1" }], plans: [], effects: [], caps: [], policies: [], triggers: [],
  routing: { events: [{ event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" }] },
};

function ok(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}

test("aos push, pull through Git: two clones, a guarded server, a controller that is away for a while", { timeout: 300_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const at = (name: string): string => join(folder, name);
  ok(await aos(["keys", "new", "stranger", "--out", "stranger"], { cwd: folder }));
  const made = JSON.parse(ok(await aos(["init", "author", "--template", "empty", "--json"], { cwd: folder })).stdout) as { readonly trust: string };
  await mkdir(at("author/air"), { recursive: true });
  await writeFile(at("author/air/manifest.air.json"), JSON.stringify(MANIFEST));
  await writeFile(at("author/aos.sync.json"), '{"version":1,"workspaces":[{"ref":"notes","dir":"docs"}]}');
  await git(at("author"), "add", "--all");
  await git(at("author"), "commit", "--quiet", "--amend", "--no-edit");
  await git(folder, "init", "--quiet", "--bare", "server.git");
  ok(await aos(["hooks", "install", "--server", "server.git", "--trust", made.trust], { cwd: folder }));
  await git(at("author"), "remote", "add", "origin", at("server.git"));
  await git(at("author"), "push", "--quiet", "origin", "main");
  await git(folder, "clone", "--quiet", "server.git", "second");
  const words = ["controller", "--repo", "server.git", "--dir", "controller.git", "--key", "author/.git/aos/keys/controller", "--trust", made.trust, "--poll-ms", "200", "--log-level", "debug"];
  const first = await startAos(t, words, { cwd: folder, ready: /the world begins/ });
  const second = { cwd: at("second"), env: { AOS_KEY: at("author/.git/aos/keys/author") } };

  await mkdir(at("author/docs"));
  await writeFile(at("author/docs/a b.txt"), "1\n2\n3\n");
  assert.match(ok(await aos(["push", "-m", "First"], { cwd: at("author") })).stdout, /^docs → notes {2}version 1, the first\n {2}A a b\.txt\n$/);
  await eventually(async () => ((await git(at("server.git"), "for-each-ref", "refs/aos/inbox")) === "" ? true : undefined), "the letter gone");
  await eventually(async () => (/version 1/.test((await aos(["pull"], second)).stdout) ? true : undefined), "the version, published");
  assert.equal(await readFile(at("second/docs/a b.txt"), "utf8"), "1\n2\n3\n");

  const refused = await aos(["push", "--key", at("stranger")], { cwd: at("author") });
  assert.equal(refused.code, 0, "there is nothing to sign");
  await writeFile(at("author/docs/c"), "c\n");
  for (const more of [[], ["--dry-run"]]) assert.match((await aos(["push", "--key", at("stranger"), ...more], { cwd: at("author") })).stderr, /nobody in \.aos\/trust\.json has it/);

  // The control plane, from two clones of one person: neither takes back what the other pushed.
  const changed = async (name: string, type: string): Promise<void> => {
    await writeFile(at(`${name}/air/${type}.air.json`), JSON.stringify({ $kind: "defschema", name: `demo/${type}@1`, type: { [type]: {} } }));
    await writeFile(at(`${name}/air/manifest.air.json`), JSON.stringify({ ...MANIFEST, schemas: [...MANIFEST.schemas, { name: `demo/${type}@1` }] }));
  };
  await changed("author", "text");
  await changed("second", "nat");
  const air = ["push", "--only", "air"];
  assert.match(ok(await aos(air, { cwd: at("author") })).stdout, /made\n/);
  for (const more of [[], ["--dry-run"]]) {
    const elsewhere = await aos([...air, ...more], second);
    assert.deepEqual([elsewhere.code, /^error: push-author: .* was not pushed from here, .*\nhint: bring it here: git merge --autostash origin\/proposals\/push-author;/m.test(elsewhere.stderr)], [3, true], elsewhere.stderr);
  }
  assert.match(ok(await aos([...air, "--proposal", "second"], second)).stdout, /made\n/);
  assert.match(ok(await aos([...air, "--force"], second)).stdout, /brought up to date\n/);
  assert.equal((await aos(air, { cwd: at("author") })).code, 3, "what was forced is not taken back either");
  for (const name of ["author", "second"]) await git(at(name), "checkout", "--quiet", "--", "air");
  for (const path of ["author/air/text.air.json", "second/air/nat.air.json"]) await rm(at(path));

  // The controller is away: two letters wait for it, both made from version 1. One wins.
  assert.equal(await first.stop(), 0);
  await writeFile(at("second/docs/a b.txt"), "I\n2\n3\n");
  assert.match(ok(await aos(["push", "--detach"], second)).stdout, /sent: a controller takes it, and makes version 2 of it or refuses it/);
  ok(await aos(["push", "--detach"], { cwd: at("author") }));
  assert.equal((await git(at("server.git"), "for-each-ref", "refs/aos/inbox")).trim().split("\n").length, 2);
  const again = await startAos(t, words, { cwd: folder, ready: /event from the inbox[^]*event from the inbox/ });
  await eventually(async () => ((await git(at("server.git"), "for-each-ref", "refs/aos/inbox")) === "" ? true : undefined), "both letters answered");
  assert.ok((await git(at("server.git"), "for-each-ref", "refs/aos/outbox")).trim().split("\n").length >= 2, "answers for whoever asks");
  for (const one of [second, { cwd: at("author") }, second, { cwd: at("author") }]) {
    // What the other pushed may be published after the pull: then the push says to pull again.
    await eventually(async () => (await aos(["pull"], one)).code === 0 && (await aos(["push"], one)).code === 0, "a pull, and a push that follows it");
  }
  await eventually(async () => {
    await aos(["pull"], second);
    await aos(["pull"], { cwd: at("author") });
    const texts = await Promise.all(["author", "second"].flatMap((name) => [`${name}/docs/a b.txt`, `${name}/docs/c`]).map((path) => readFile(at(path), "utf8").catch(() => "")));
    return texts.join("|") === "I\n2\n3\n|c\n|I\n2\n3\n|c\n" ? true : undefined;
  }, "both clones alike");
  assert.equal(await again.stop(), 0);
});
