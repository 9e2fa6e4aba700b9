import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { stockGit, temporaryFolder, temporaryRepo } from "./fixture.ts";
import { git, gitEnvironment, redact } from "./run.ts";

test("redact: texts with URLs: no credentials are left, the host is", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["https://github.com/a/b", "https://github.com/a/b"],
    ["https://tok-123@github.com/a/b", "https://***@github.com/a/b"],
    ["fatal: 'https://me:tok-123@github.com/a/b'", "fatal: 'https://***@github.com/a/b'"],
    ["http://me:p@ss@host/x and https://tok-123@h/y", "http://***@host/x and https://***@h/y"],
    ["ssh://git@host/x", "ssh://git@host/x"],
    ["ssh://git:tok-123@host/x", "ssh://git:***@host/x"],
    ["https://h/x?access_token=tok-123&n=1", "https://h/x?access_token=***&n=1"],
    ["git@host:a/b.git", "git@host:a/b.git"],
  ];
  for (const [text, clean] of rows) assert.equal(redact(text), clean);
  assert.equal(rows.length, 8);
});

test("git: output, input and exit codes: as the command gave them", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const hashed = await git(gitDir, ["hash-object", "-w", "--stdin"], { stdin: "hello\n" });
  assert.equal(hashed.stdout.toString("latin1"), "ce013625030ba8dba906f756967f9e9ca394464a\n");
  const absent = await git(gitDir, ["config", "--get", "no.such"], { allowExit: [1] });
  assert.deepEqual([absent.code, absent.stdout.length], [1, 0]);
});

test("git: a failing command: git.failed with git's own sentence", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  await assert.rejects(git(gitDir, ["-c", "a.b=secret", "cat-file", "-t", "0000000000000000000000000000000000000001"]), (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /git cat-file failed \(128\): git cat-file: could not get object info/);
    assert.doesNotMatch(JSON.stringify(error), /secret/);
    return "code" in error && error.code === "git.failed" && "class" in error && error.class === "input";
  });
});

test("git: no such folder: git.absent", async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(git(`${folder}/none`, ["version"]), { code: "git.absent" });
});

test("git: remotes that cannot be reached: git.remote, class outside, a hint, no credentials", async (t) => {
  const { gitDir, folder } = await temporaryRepo(t);
  const rows: readonly (readonly [string, RegExp])[] = [
    [`${folder}/none`, /URL of the remote/],
    ["http://me:tok-123@127.0.0.1:1/x.git", /network/],
    ["git://127.0.0.1:1/x", /network/],
  ];
  for (const [remote, hint] of rows) {
    await assert.rejects(git(gitDir, ["ls-remote", remote]), (error: unknown) => {
      assert.ok(error instanceof Error && "hint" in error && "class" in error && "code" in error);
      assert.equal(error.code, "git.remote");
      assert.equal(error.class, "outside");
      assert.match(String(error.hint), hint);
      assert.doesNotMatch(error.message + JSON.stringify(error), /tok-123/);
      return true;
    });
  }
  assert.equal(rows.length, 3);
});

test("git: a remote that never answers: git.timeout after timeoutMs", async (t) => {
  const { gitDir } = await temporaryRepo(t);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(git(gitDir, ["ls-remote", `git://127.0.0.1:${port}/x`], { timeoutMs: 200 }), { code: "git.timeout", class: "outside" });
});

test("git: variables of another repository in the environment: the folder decides", async (t) => {
  const { folder, gitDir } = await temporaryRepo(t);
  process.env["GIT_DIR"] = "/nonexistent";
  process.env["GIT_INDEX_FILE"] = "/nonexistent/index";
  t.after(() => {
    delete process.env["GIT_DIR"];
    delete process.env["GIT_INDEX_FILE"];
  });
  const { stdout } = await git(folder, ["rev-parse", "--absolute-git-dir"]);
  assert.equal(stdout.toString("utf8").trim(), gitDir);
  assert.equal(gitEnvironment()["GIT_INDEX_FILE"], undefined);
});

test("git: a replacement ref: objects are read as their ids say", async (t) => {
  const { folder } = await temporaryRepo(t);
  const one = (await git(folder, ["hash-object", "-w", "--stdin"], { stdin: "one" })).stdout.toString("utf8").trim();
  const two = (await git(folder, ["hash-object", "-w", "--stdin"], { stdin: "two" })).stdout.toString("utf8").trim();
  await stockGit(folder, "update-ref", `refs/replace/${one}`, two);
  assert.equal((await git(folder, ["cat-file", "blob", one])).stdout.toString("utf8"), "one");
});
