// What a person does with workspaces: written through the running world, read from it, from its journal, and with stock git.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, eventually } from "./testing/aos.ts";
import { workspaceWorld } from "./testing/workspace-world.ts";

const LIMIT = { timeout: 180_000 };
type Row = Readonly<Record<string, unknown>>;

test("aos ws: a workspace from its first file to its last version: written, read, compared, checked out, and told by git", LIMIT, async (t) => {
  const { folder, world, run, pipe, out, json, git, start } = await workspaceWorld(t);
  const allSay = (rows: readonly (readonly [words: readonly string[], says: string | RegExp])[]): Promise<unknown> => Promise.all(rows.map(async ([words, says]) => {
    const printed = await out("ws", ...words);
    if (typeof says === "string") assert.equal(printed, says, words.join(" "));
    else assert.match(printed, says, words.join(" "));
  }));
  assert.match((await run("ws", "ls")).stderr, /the world has not run here/);
  const running = await start();
  assert.equal(await out("ws", "ls"), "the world has no workspaces\n");
  assert.deepEqual(await json("ws", "resolve", "notes"), { workspace: "notes", exists: false, head: 0 });

  assert.equal((await pipe("one\ntwo\nthree\n", "ws", "write", "notes/src/main.ts", "--in", "@-")).stdout, "written  notes@1\n");
  await writeFile(join(folder, "tool.sh"), "#!/bin/sh\n", { mode: 0o755 });
  assert.equal(await out("ws", "write", "notes/bin/tool", "--in", join(folder, "tool.sh"), "-m", "Add a tool"), "written  notes@2\n");
  assert.equal(await out("ws", "write", "notes/café au lait.txt", "--text-in", "milk\n", "--file-mode", "755"), "written  notes@3\n");
  assert.equal(await out("ws", "write", "notes/café au lait.txt", "--text-in", "milk\n"), "notes@3 is so already\n");
  assert.equal((await pipe("one\n2\nthree\n", "ws", "write", "notes/src/main.ts", "--in", "@-")).stdout, "written  notes@4\n");
  assert.equal(await out("ws", "write", "notes/data.json", "--json-in", '{"b":12345678901234567890,"a":[true]}'), "written  notes@5\n");

  const reads: readonly (readonly [words: readonly string[], says: string | RegExp])[] = [
    [["ls", "notes"], "bin/\ndata.json\nsrc/\ncafé au lait.txt\n"],
    [["ls", "-l", "notes/bin"], /^-rwxr-xr-x {2}10 {2}[0-9a-f]{12} {2}bin\/tool\n$/],
    [["ls", "-R", "-z", "notes@3"], "bin\0bin/tool\0src\0src/main.ts\0~636166C3A9206175206C6169742E747874\0"],
    [["ls", "-R", "notes", "--limit", "2", "--after", "bin", "--json"], /"path":"bin\/tool"[^]*"path":"data\.json"[^]*"next":"data\.json"/],
    [["ls"], /^notes {2}@5 {2}Ann <ann@example\.org> {2}\d+ (?:s|min)[^\n]* ago\n$/],
    [["cat", "notes@1/src/main.ts"], "one\ntwo\nthree\n"],
    [["cat", "notes/src/main.ts", "--range", "4:5"], "2"],
    [["cat", "notes/data.json"], '{\n  "b": 12345678901234567890,\n  "a": [\n    true\n  ]\n}\n'],
    [["cat", "notes/bin/tool", "--json"], /"text":"#!\/bin\/sh\\n"/],
    [["stat", "notes/bin/tool"], /^place +notes@5\/bin\/tool\nkind +file\nsize +10\nmode +0755\nhash +sha256:[0-9a-f]{64}\n$/],
    [["stat", "notes/café au lait.txt"], /^mode +0755$/m],
    [["diff", "notes@3", "notes@4"], "diff --git a/src/main.ts b/src/main.ts\n--- a/src/main.ts\n+++ b/src/main.ts\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"],
    [["diff", "notes@4"], /\n-two\n\+2\n/],
    [["diff", "notes@1", "notes@5", "--name-status"], "A\tbin/tool\nA\tdata.json\nM\tsrc/main.ts\nA\tcafé au lait.txt\n"],
    [["diff", "notes@1"], /^diff --git a\/src\/main\.ts b\/src\/main\.ts\nnew file mode 100644\n--- \/dev\/null\n\+\+\+ b\/src\/main\.ts\n@@ -0,0 \+1,3 @@\n\+one\n/],
  ];
  await allSay(reads);
  assert.equal(reads.length, 15);

  await out("ws", "ann", "set", "notes/data.json", "http.content-type=application/json", "k=v=w");
  await out("ws", "ann", "set", "notes", "about=all of it");
  assert.equal(await out("ws", "ann", "get", "notes/data.json"), "k                  v=w\nhttp.content-type  application/json\n");
  assert.equal(await out("ws", "ann", "get", "notes", "about"), "all of it\n");
  assert.equal(await out("ws", "diff", "notes@5", "notes@7"), "diff --git a/. b/.\n+annotation about: all of it\ndiff --git a/data.json b/data.json\n+annotation http.content-type: application/json\n+annotation k: v=w\n");
  assert.deepEqual([await out("ws", "diff", "notes@5", "notes@7", "--name-status"), await out("ws", "diff", "notes@5", "notes@7", "-z")], ["M\t.\nM\tdata.json\n", ".\0data.json\0"]);
  await out("ws", "ann", "del", "notes/data.json", "k");
  await out("ws", "mv", "notes/bin/tool", "notes/src");
  await out("ws", "cp", "-r", "notes/src", "notes/copy");
  await out("ws", "cp", "notes@1/src/main.ts", "other/first.ts");
  await out("ws", "rm", "-r", "notes/src");
  await out("ws", "rm", "notes/bin");
  assert.equal(await out("ws", "ls", "-R", "notes"), "copy/\ncopy/main.ts\ncopy/tool\ndata.json\ncafé au lait.txt\n");
  const log = await json("ws", "log", "notes");
  assert.deepEqual([(log["versions"] as Row[]).length, log["latest"], (log["versions"] as Row[]).filter(({ message }) => message !== undefined).map(({ version, message }) => [version, message])], [12, 12, [[2, "Add a tool"]]]);
  assert.match(await out("ws", "log", "notes", "-n", "1"), /^version notes@12\nRoot: {3}sha256:[0-9a-f]{64}\nAuthor: Ann <ann@example\.org>\nDate: {3}20\d\d-[^\n]*Z\n$/);

  assert.equal(await out("ws", "checkout", "notes", join(folder, "out")), `4 files, 82 bytes  notes@12 in ${join(folder, "out")}\n`);
  assert.equal(await readFile(join(folder, "out", "café au lait.txt"), "utf8"), "milk\n");
  assert.equal((await stat(join(folder, "out", "copy", "tool"))).mode & 0o777, 0o755);

  await eventually(async () => ((await git("for-each-ref", "--format=%(refname) %(contents:trailers:key=Version,valueonly,separator=%x2C)", "refs/aos/workspaces")).trim() === "refs/aos/workspaces/notes 12\nrefs/aos/workspaces/other 1" ? true : undefined), "the refs");
  assert.equal(await git("show", "refs/aos/workspaces/notes:café au lait.txt"), "milk\n");
  assert.equal((await git("log", "--format=%an <%ae> %s", "-1", "refs/aos/workspaces/notes~10")).trim(), "Ann <ann@example.org> Add a tool");
  assert.match(await git("show", "refs/aos/workspaces/notes:.aos-annotations.json"), /"about": "all of it"[^]*"http\.content-type": "application\/json"/);
  assert.equal(await running.stop(), 0);

  const rested = await run("ws", "cat", "notes@4/src/main.ts");
  assert.deepEqual([rested.stdout, rested.code], ["one\n2\nthree\n", 0]);
  assert.match(rested.stderr, /not running; this is what its journal says/);
  assert.equal((await run("ws", "rm", "notes/data.json")).code, 1);
  const { stdout, code } = await run("verify", "--replay");
  assert.equal(code, 0, stdout);
  await rm(join(world, ".git", "aos", "journal"), { recursive: true });
  await rm(join(world, ".git", "aos", "blobs"), { recursive: true });
  const published = await run("ws", "ls", "-R", "notes@9");
  assert.match(published.stderr, /does not run here; this is what was published/);
  assert.match(published.stdout, /^bin\/\ndata\.json\nsrc\/\nsrc\/main\.ts\nsrc\/tool\n/);
  const again = await start("before");
  assert.equal(await out("ws", "cat", "notes/copy/main.ts"), "one\n2\nthree\n");
  assert.equal(await again.stop(), 0);
});

test("aos ws: what cannot be done: said with the place and a hint, and no version is made", LIMIT, async (t) => {
  const { folder, run, out, json, start } = await workspaceWorld(t);
  const running = await start();
  for (const text of ["a", "b"]) await out("ws", "write", "w/f", "--text-in", text);
  await out("ws", "write", "w/d/g", "--text-in", "x");
  await mkdir(join(folder, "full"));
  await writeFile(join(folder, "full", "f"), "mine");
  await mkdir(join(folder, "linked"));
  await symlink(join(folder, "full"), join(folder, "linked", "d"));
  const rows: readonly (readonly [words: readonly string[], code: number, says: RegExp])[] = [
    [["ws", "ls", "nope"], 2, /nope: the world has no such workspace\nhint: its workspaces: w$/m],
    [["ws", "ls", "ww"], 2, /hint: did you mean w\?/],
    [["ws", "ls", "w@9"], 2, /w@9: there is no such version\nhint: the latest is 3/],
    [["ws", "ls", "w@x"], 2, /"x" is no version/],
    [["ws", "ls", "/f"], 2, /the name of a workspace is missing/],
    [["ws", "ls", "w//f"], 2, /invalid path/],
    [["ws", "cat", "w"], 2, /the path of a file in the workspace is missing/],
    [["ws", "cat", "w/d"], 2, /w\/d: is a directory/],
    [["ws", "cat", "w/none"], 2, /none: there is no such file or directory/],
    [["ws", "cat", "w/f", "--range", "1:9"], 2, /not a range of the file's 1 bytes/],
    [["ws", "cat", "w/f", "--range", "x"], 2, /expected START:END/],
    [["ws", "write", "w@1/f", "--text-in", "c"], 3, /w@1: the head is 3, and only the head can be changed/],
    [["ws", "write", "w/f"], 2, /nothing to write is given/],
    [["ws", "write", "w/f", "--text-in", "a", "--json-in", "1"], 2, /only one thing can be written/],
    [["ws", "write", "w/f", "--in", "/nonexistent"], 2, /cannot be read/],
    [["ws", "write", "w/d", "--text-in", "c"], 2, /d: path is a directory/],
    [["ws", "write", "w/f/g", "--text-in", "c"], 2, /f: path is not a directory/],
    [["ws", "write", "w x/f", "--text-in", "c"], 2, /invalid workspace name/],
    [["ws", "rm", "w/d"], 2, /is a directory, and not empty\nhint: use -r/],
    [["ws", "rm", "w/none"], 2, /there is no such file/],
    [["ws", "mv", "w/d", "w/d/e"], 2, /lies in w\/d itself/],
    [["ws", "mv", "w/f", "v/f"], 2, /another workspace than w/],
    [["ws", "cp", "w/d", "w/e"], 2, /use -r to copy/],
    [["ws", "ann", "set", "w/f", "novalue"], 2, /expected KEY=VALUE/],
    [["ws", "ann", "set", "w/none", "k=v"], 2, /path not found/],
    [["ws", "ann", "del", "w/f", "k"], 2, /has no annotation "k"/],
    [["ws", "ann", "set", "w/f", "k=abc", "--values-are-hashes"], 2, /not a hash/],
    [["ws", "write", "w/f", "--text-in", "c", "--file-mode", "777"], 2, /--file-mode "777": expected one of "644", "755"/],
    [["state", "get", "sys/Workspace@1"], 2, /sys\/Workspace@1: the reducer has a cell for each key\nhint: say which: --key JSON/],
    [["ws", "log", "w/f"], 2, /expected the name of a workspace alone/],
    [["ws", "diff", "w/f", "w/d"], 2, /different paths/],
    [["ws", "checkout", "w", join(folder, "full")], 2, /full\/f: there already\nhint: use --force/],
    [["ws", "checkout", "w", join(folder, "linked"), "--force"], 2, /linked\/d: there already/],
  ];
  await Promise.all(rows.map(async ([words, code, says]) => {
    const answer = await run(...words);
    assert.deepEqual([answer.code, answer.stdout], [code, ""], `${words.join(" ")}: ${answer.stderr}`);
    assert.match(answer.stderr, says, words.join(" "));
  }));
  assert.equal(rows.length, 33);
  assert.equal((await json("ws", "resolve", "w"))["head"], 3);
  await out("ws", "write", "w/~2E2E", "--text-in", "up");
  const bad = await run("ws", "checkout", "w", join(folder, "new"));
  assert.match(bad.stderr, /~2E2E: no file may be called so/);
  await assert.rejects(stat(join(folder, "new")), { code: "ENOENT" });
  assert.equal(await out("ws", "checkout", "w@3", join(folder, "full"), "--force").then(() => readFile(join(folder, "full", "f"), "utf8")), "b");
  assert.equal(await running.stop(), 0);
});

test("aos ws: a large file: streamed there and back; one that the world has is not sent again", LIMIT, async (t) => {
  const { folder, out, json, start } = await workspaceWorld(t);
  const running = await start();
  const bytes = Buffer.alloc(20 << 20);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at);
  await writeFile(join(folder, "large"), bytes);
  await out("ws", "write", "w/large", "--in", join(folder, "large"));
  await out("ws", "write", "w/copy", "--in", join(folder, "large"));
  assert.equal((await json("ws", "stat", "w/copy"))["hash"], `sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  await out("ws", "cat", "w/copy", "--out", join(folder, "back"));
  assert.ok((await readFile(join(folder, "back"))).equals(bytes));
  assert.match(await out("ws", "diff", "w@1", "w@2"), /^diff --git a\/copy b\/copy\nnew file mode 100644\nLarge files \/dev\/null and b\/copy differ \(0 and 20971520 bytes\)\n$/);
  assert.equal(await running.stop(), 0);
});

test("aos ws: a world that keeps no workspaces: says what is missing in the manifest", LIMIT, async (t) => {
  const { folder, world, start } = await workspaceWorld(t);
  await rm(join(folder, "world"), { recursive: true });
  assert.equal((await aos(["init", "world"], { cwd: folder })).code, 0);
  const running = await start();
  const { code, stderr } = await aos(["ws", "write", "w/f", "--text-in", "x"], { cwd: world });
  assert.equal(code, 3);
  assert.match(stderr, /sys\/WorkspaceCommit@1/);
  assert.equal(await running.stop(), 0);
});
