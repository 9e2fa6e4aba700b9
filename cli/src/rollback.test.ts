// Going back: an earlier control plane is offered as a proposal, and what it brings is that control plane to the hash.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { controlPaths } from "./control-paths.ts";
import { git, json, ok } from "./testing/aos.ts";
import { accept, place, propose, type Place } from "./testing/reviewed-world.ts";

const POLICY = { version: 1, approvals: 1, shadow: "required" };
const MANIFEST = "air/manifest.air.json";
const MORE = "air/more.air.json";
const SCENARIO = "shadow/one.json";
const PATHS = [MANIFEST, MORE, SCENARIO];

interface Offer {
  readonly slug: string;
  readonly to: { readonly commit: string };
  readonly after: readonly { readonly title: string }[];
  readonly files: readonly { readonly path: string; readonly act: string }[];
  readonly stays: readonly string[];
  readonly head?: string;
  readonly outcome?: string;
}

/** Main begins, then gets a schema and a scenario more, then a text and code that are none of the control plane's. */
async function changed(at: Place): Promise<{ readonly first: string; readonly manifests: readonly string[] }> {
  const { world, run } = at;
  ok(await run("run", "--once"));
  const first = (await git(world, "rev-parse", "main")).trim();
  const manifests = [await manifestOf(at)];
  const manifest = await readFile(join(world, MANIFEST), "utf8");
  await propose(at, "more", {
    [MANIFEST]: manifest.replace('"schemas": [', '"schemas": [{ "name": "demo/More@1" }, '), [MORE]: '{ "$kind": "defschema", "name": "demo/More@1", "type": { "unit": {} } }\n',
    [SCENARIO]: '{ "events": [{ "schema": "demo/CounterEvent@1", "value": { "$tag": "Start", "$value": { "target": 1 } } }] }\n',
  });
  await accept(at, "more");
  manifests.push(await manifestOf(at));
  await propose(at, "text", { "NOTES.md": "notes\n", "lib.ts": "export {};\n" });
  await accept(at, "text");
  return { first, manifests };
}

async function manifestOf({ run }: Place): Promise<string> {
  return (json(await run("status", "--json"))["resting"] as { journal: { manifest: string } }).journal.manifest;
}

test("rollback: two merges later: the earlier control plane is offered, in force once merged, and all else stays", async (t) => {
  const at = await place(t, POLICY);
  const { world, run } = at;
  const { first, manifests } = await changed(at);
  const slug = `rollback-${first.slice(0, 12)}`;
  const refs = async (): Promise<string> => git(world, "for-each-ref");
  const before = await refs();
  const planned = json(await run("rollback", "--dry-run", "--json")) as unknown as Offer;
  assert.deepEqual([planned.slug, planned.to.commit, planned.after.map(({ title }) => title), planned.files.map(({ path, act }) => `${act} ${path}`), planned.stays, planned.head], [
    slug, first, ["Merge proposal 'text': Change NOTES.md, lib.ts", `Merge proposal 'more': Change ${PATHS.join(", ")}`], [`change ${MANIFEST}`, `remove ${MORE}`, `remove ${SCENARIO}`], ["lib.ts"], undefined,
  ]);
  assert.equal(await refs(), before, "nothing is offered");

  const told = ok(await run("rollback"));
  assert.match(told.stdout, new RegExp(`^proposed {2}${slug}: the control plane of ${first.slice(0, 12)} Begin the world 'world'\n {2}before [0-9a-f]{12} Merge proposal 'text'`));
  const again = json(await run("rollback", "--json")) as unknown as Offer;
  assert.equal(again.outcome, "unchanged");
  assert.equal(await git(world, "status", "--porcelain"), "", "the folder is as it was");
  const changes = (await git(world, "diff", "--name-only", "main", `proposals/${slug}`)).trim().split("\n");
  assert.deepEqual(changes, PATHS);
  assert.match(await git(world, "log", "-1", "--format=%B", `proposals/${slug}`), new RegExp(`^Roll back to ${first.slice(0, 12)}: .*\n\nThe control plane is what it was before\n\n- [0-9a-f]{12} Merge.*\n- [0-9a-f]{12} Merge.*\n\nRolls-Back-To: ${first}\n`));

  ok(await run("run", "--once"));
  await accept(at, slug);
  assert.equal(await manifestOf(at), manifests[0]);
  assert.notEqual(manifests[1], manifests[0]);
  assert.equal(await readFile(join(world, "NOTES.md"), "utf8"), "notes\n");
  ok(await run("verify", "--replay"));

  const forth = json(await run("rollback", "--dry-run", "--json")) as unknown as Offer;
  assert.deepEqual([forth.after.length, forth.files.map(({ path }) => path)], [1, PATHS], "what was taken back can be brought back");
});

test("rollback: asked for what it cannot: the sentence, a way out, exit 2, and no ref moved", async (t) => {
  const at = await place(t, POLICY);
  const { world, run } = at;
  const alone = await run("rollback");
  assert.deepEqual([alone.code, alone.stderr], [2, "error: main: it never had another control plane\nhint: git log --first-parent main: what main was at\n"]);
  const { first } = await changed(at);
  ok(await run("rollback", "main~2", "--proposal", "back"));
  const before = await git(world, "for-each-ref");
  const rows: readonly (readonly [readonly string[], string, RegExp])[] = [
    [["ghost"], "rollback.commit", /^ghost: no such commit here$/],
    [["more"], "rollback.commit", /^more \([0-9a-f]{12}\): main was never at it$/],
    [["main"], "rollback.nothing", /^[0-9a-f]{12}: main has its control plane already$/],
    [["main~1"], "rollback.nothing", /^[0-9a-f]{12}: main has its control plane already$/],
    [["--proposal", "Not A Name"], "proposal.name", /^Not A Name: not a proposal's name$/],
    [["--message", " "], "proposal.message", /^--message: it is empty$/],
    [["--proposal", "back", "--message", "Said otherwise"], "proposal.diverged", /^back: the proposal is at /],
    [["--key", "../nobody"], "key.missing", /nobody/],
  ];
  let asked = 0;
  for (const [words, code, says] of rows) {
    const { code: exit, stdout } = await run("rollback", ...words, "--json");
    const { error } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { error: { code: string; message: string; hint?: string } };
    assert.deepEqual([exit, error.code], [2, code], words.join(" "));
    assert.match(error.message, says, words.join(" "));
    assert.notEqual(error.hint, undefined, words.join(" "));
    asked++;
  }
  assert.equal(asked, 8);
  assert.equal(await git(world, "for-each-ref"), before);
  const replaced = json(await run("rollback", first.slice(0, 12), "--proposal", "back", "--message", "Said otherwise", "--replace", "--json")) as unknown as Offer;
  assert.equal(replaced.outcome, "replaced");
  assert.match(await git(world, "log", "-1", "--format=%s", "proposals/back"), /^Said otherwise$/m);

  await git(world, "clone", "--quiet", "--bare", ".", "../server.git");
  await git(world, "remote", "add", "origin", "../server.git");
  await git(world, "switch", "--quiet", "--detach");
  await git(world, "update-ref", "refs/heads/main", "main~1");
  const stale = await run("rollback", "main", "--dry-run");
  const shared = (await git(world, "rev-parse", "HEAD")).trim();
  assert.deepEqual([stale.code, stale.stderr], [2, `error: ${shared.slice(0, 12)}: main has its control plane already\nhint: git log --first-parent origin/main: what main was at\n`], "main is the one that people share");
});

test("control paths: folders of AIR, modules, scenarios and sources; what lies in .aos is not among them", () => {
  const sources = new Map([["a/M@1", "reducer/m.ts"], ["a/N@1", "reducer/n.ts"], ["a/O@1", "o.ts"], ["a/P@1", ".aos/p.ts"], ["a/Q@1", ".aos/deep/q.ts"]]);
  assert.deepEqual(controlPaths({ airDir: "air", modulesDir: "modules", sources }), { folders: ["air", "modules", "shadow", "reducer"], files: ["aos.sync.json", "o.ts"] });
  assert.deepEqual(controlPaths({ airDir: ".aos/air", modulesDir: ".aos", sources: new Map() }), { folders: ["shadow"], files: ["aos.sync.json"] });
});
