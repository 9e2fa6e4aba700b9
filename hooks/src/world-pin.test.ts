// A repository that is pinned to one world: what may begin there, and what its settings say.

import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { configSet } from "@agentos/controller";
import { governedWorld } from "@agentos/controller/testing";
import { installServerHooks, programsGone } from "./install.ts";
import { preReceive } from "./pre-receive.ts";

const NONE = "0".repeat(40);
const MAIN = "refs/heads/main";

test("pinned world: a main that begins it is taken, one that begins another or none is refused with both hashes", async (t) => {
  const { local: { repo }, world, genesis, commit } = await governedWorld(t);
  const bare = await commit({ parents: [], files: { "air/a.txt": "a\n" }, by: "author" });
  const later = await commit({ parents: [genesis], files: { "air/b.txt": "b\n" }, by: null });
  const changed = await commit({ parents: [genesis], files: { ".aos/trust.json": "{}" }, by: "author" });
  const other = hashValue("another world");
  const rows: readonly (readonly [pin: string | undefined, old: string, next: string, says: RegExp | undefined])[] = [
    [undefined, NONE, genesis, undefined], [undefined, NONE, bare, undefined], [world, NONE, genesis, undefined], [world, genesis, later, undefined],
    [other, NONE, genesis, new RegExp(`^refs/heads/main: it would begin the world ${world}, the hash of its \\.aos/trust\\.json, and only the world ${other} is taken here \\(aos\\.world\\)$`)],
    [other, genesis, later, /it would begin the world/],
    [world, NONE, bare, /it has no \.aos\/trust\.json, and only the world sha256:/],
    [world, genesis, changed, /it would begin the world/], [world, NONE, changed, undefined],
    ["main", NONE, genesis, /aos\.world: "main" is not the id of a world/],
  ];
  for (const [pin, old, next, says] of rows) {
    if (pin !== undefined) await configSet(repo, "aos.world", pin);
    const verdict = await preReceive(repo.gitDir, [{ old, new: next, ref: MAIN }]);
    if (says === undefined) assert.deepEqual(verdict, { ok: true });
    else assert.ok(!verdict.ok && verdict.messages.length === 1 && says.test(verdict.messages[0] ?? ""), JSON.stringify([pin, verdict]));
  }
  assert.equal(rows.length, 10);
});

test("install: says which world is there already; later, which of its programs are gone", async (t) => {
  const { folder, local: { repo }, world } = await governedWorld(t);
  const entry = join(folder, "hook.js");
  await writeFile(entry, "");
  assert.equal(await installServerHooks({ gitDir: repo.gitDir, nodePath: process.execPath, entry }), world);
  assert.deepEqual(await programsGone(repo.gitDir), []);
  await installServerHooks({ gitDir: repo.gitDir, nodePath: "/nowhere/node", entry: "/nowhere/hook.js" });
  assert.deepEqual(await programsGone(repo.gitDir), ["/nowhere/node", "/nowhere/hook.js"]);
  await writeFile(join(repo.gitDir, "hooks", "pre-receive"), "#!/bin/sh\n");
  await chmod(join(repo.gitDir, "hooks", "pre-receive"), 0o755);
  assert.deepEqual(await programsGone(repo.gitDir), ["/nowhere/node", "/nowhere/hook.js"], "what the other hook runs");
});
