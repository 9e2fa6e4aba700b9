// What stands in for OpenSSH's ssh-keygen, beside the one that is installed: each believes the other, and says the same.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isProgram, signingSettings, SSH_PROGRAM, STAND_IN } from "./openssh.ts";
import { git, temporaryFolder } from "./testing/aos.ts";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, cwd: string, words: readonly string[], stdin = ""): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, timeout: 60_000 });
    const printed = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (printed.stderr += text));
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...printed }));
    child.stdin.end(stdin);
  });
}

/** A key, a message, its signature by the stand-in for `git`, and a file by which `ada` may sign commits. */
async function signed(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  assert.equal((await run(STAND_IN, folder, ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", "key"])).code, 0);
  await writeFile(join(folder, "message"), "hello\n");
  assert.deepEqual(await run(STAND_IN, folder, ["-Y", "sign", "-n", "git", "-f", "key", "message"]), { code: 0, stdout: "", stderr: "" });
  await writeFile(join(folder, "allowed"), `ada,"b c" namespaces="x"\n# nobody\nada namespaces="git,aos-review" ${await readFile(join(folder, "key.pub"), "utf8")}`);
  return folder;
}

test("stand-in for ssh-keygen: keys and signatures: those of OpenSSH, and both say the same of them", async (t) => {
  const folder = await signed(t);
  const rows: readonly (readonly [words: readonly string[], stdin: string, well: boolean])[] = [
    [["-y", "-f", "key"], "", true],
    [["-l", "-f", "key.pub"], "", true],
    [["-Y", "sign", "-n", "aos-receipt", "-f", "key"], "words\n", true],
    [["-Y", "find-principals", "-f", "allowed", "-s", "message.sig", "-Overify-time=20260101000000"], "", true],
    [["-Y", "verify", "-n", "git", "-f", "allowed", "-I", "ada", "-s", "message.sig", "-Overify-time=20260101000000"], "hello\n", true],
    [["-Y", "check-novalidate", "-n", "git", "-s", "message.sig"], "hello\n", true],
    [["-Y", "find-principals", "-f", "/dev/null", "-s", "message.sig"], "", false],
    [["-Y", "verify", "-n", "git", "-f", "allowed", "-I", "bob", "-s", "message.sig"], "hello\n", false],
    [["-Y", "verify", "-n", "git", "-f", "allowed", "-I", "ada", "-s", "message.sig"], "hullo\n", false],
    [["-Y", "verify", "-n", "aos-review", "-f", "allowed", "-I", "ada", "-s", "message.sig"], "hello\n", false],
    [["-Y", "check-novalidate", "-n", "git", "-s", "message.sig"], "", false],
    [["-Y", "check-novalidate", "-n", "git", "-s", "message"], "hello\n", false],
  ];
  for (const [words, stdin, well] of rows) {
    const [ours, theirs] = await Promise.all([run(STAND_IN, folder, words, stdin), run("ssh-keygen", folder, words, stdin)]);
    assert.equal(ours.code, theirs.code, words.join(" "));
    assert.equal(ours.code === 0, well, `${words.join(" ")}: ${ours.stderr}`);
    assert.equal(ours.stdout, theirs.stdout, words.join(" "));
    assert.ok(well || ours.stderr !== "", words.join(" "));
  }
  assert.equal(rows.length, 12);
});

test("stand-in for ssh-keygen: what it does not know: refused, never believed", async (t) => {
  const folder = await signed(t);
  const line = (await readFile(join(folder, "key.pub"), "utf8")).trim();
  const verify = ["-Y", "verify", "-n", "git", "-I", "ada", "-s", "message.sig", "-f"];
  for (const [name, text] of [["timed", `ada valid-before="20200101" ${line}`], ["ca", `ada cert-authority ${line}`], ["pattern", `* ${line}`], ["others", `!ada,* ${line}`]] as const) await writeFile(join(folder, name), `${text}\n`);
  const rows: readonly (readonly string[])[] = [
    [...verify, "timed"], [...verify, "ca"], [...verify, "pattern"], [...verify, "others"], [...verify, "nowhere"], [...verify, "allowed", "-r", "revoked"],
    ["-Y", "sign", "-U", "-n", "git", "-f", "key.pub", "message"], ["-Y", "sign", "-n", "git", "-f", "nowhere", "message"], ["-Y", "sign", "-n", "git", "-f", "key", "message"],
    ["-Y", "match-principals"], ["-t", "ecdsa", "-f", "other"], ["-t", "ed25519", "-N", "words", "-f", "other"], ["-t", "ed25519", "-f", "key"], ["-Z"], [],
  ];
  for (const words of rows) {
    const { code, stdout, stderr } = await run(STAND_IN, folder, words, "hello\n");
    assert.ok(code === 255 && stdout === (words.includes("verify") ? "Could not verify signature.\n" : "") && /^[^\n]+\n$/.test(stderr) && !/ at .*:\d+/.test(stderr), `${words.join(" ")}: ${stderr}`);
  }
  assert.equal(rows.length, 15);
});

test("git with the stand-in: signs a commit that OpenSSH accepts, and accepts it", async (t) => {
  const folder = await signed(t);
  await git(folder, "init", "--quiet", "repo");
  const repo = join(folder, "repo");
  for (const [key, value] of [["gpg.format", "ssh"], ["user.signingkey", join(folder, "key")], ["gpg.ssh.allowedSignersFile", join(folder, "allowed")], ["user.name", "ada"], ["user.email", "ada@example.org"]] as const) await git(repo, "config", key, value);
  await git(repo, "-c", `${SSH_PROGRAM}=${STAND_IN}`, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "Signed");
  await git(repo, "verify-commit", "HEAD");
  await git(repo, "-c", `${SSH_PROGRAM}=${STAND_IN}`, "verify-commit", "HEAD");
  await git(repo, "config", "gpg.ssh.allowedSignersFile", "/dev/null");
  await assert.rejects(git(repo, "-c", `${SSH_PROGRAM}=${STAND_IN}`, "verify-commit", "HEAD"), /No principal matched/);
});

test("settings of a new world: the stand-in where the path has no ssh-keygen, nothing where it has", async (t) => {
  const folder = await temporaryFolder(t);
  assert.deepEqual(signingSettings(folder), [[SSH_PROGRAM, STAND_IN]]);
  await writeFile(join(folder, "ssh-keygen"), "", { mode: 0o755 });
  assert.deepEqual(signingSettings(`/nowhere:${folder}`), []);
  assert.ok(isProgram(STAND_IN, "") && !isProgram(join(folder, "none")));
});
