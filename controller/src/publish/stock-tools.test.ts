import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { git } from "../git/run.ts";
import { publishedWorld, type PublishedWorld } from "../testing/published-world.ts";

const run = promisify(execFile);
const DOCS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "docs", "receipts.md");

/** As a user reads it in docs/receipts.md. */
const FETCH = `git fetch origin 'refs/notes/*:refs/notes/*'
`;
const RECEIPTS = `git show main:.aos/allowed_signers > allowed_signers
git ls-tree -r --name-only refs/notes/aos receipts | while read -r file; do
  git show "refs/notes/aos:$file" | while read -r line; do
    printf '%s' "$line" | sed 's/.*"signed":"\\([^"]*\\)".*/\\1/' | base64 -d > signed
    { echo '-----BEGIN SSH SIGNATURE-----'
      printf '%s\\n' "$line" | sed 's/.*"sshsig":"\\([^"]*\\)".*/\\1/' | fold -w 70
      echo '-----END SSH SIGNATURE-----'; } > signed.sig
    who=$(ssh-keygen -Y find-principals -f allowed_signers -s signed.sig < signed) || exit 1
    ssh-keygen -Y verify -f allowed_signers -I "$who" -n aos-receipt -s signed.sig < signed || exit 1
  done || exit 1
done
`;
const COMMITS = `git rev-list --glob='refs/notes/aos*' --glob='refs/aos/*' | while read -r commit; do
  git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile=allowed_signers verify-commit "$commit" || exit 1
done
`;
const DIARY = `git log refs/notes/aos
git log --notes=aos main
`;

let published: PublishedWorld;
let clone: string;
before(async () => {
  published = await publishedWorld();
  clone = `${await published.copy()}-clone`;
  await git(".", ["clone", "--quiet", "--", published.folder, clone]);
  await sh(FETCH);
}, { timeout: 120_000 });
after(() => published.remove());

async function sh(script: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_PAGER: "cat", LC_ALL: "C" };
  return run("sh", ["-c", script], { cwd: clone, env });
}

test("stock tools: the lines in docs/receipts.md: are the ones tested here", async () => {
  const text = await readFile(DOCS, "utf8");
  const blocks = [...text.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]);
  assert.deepEqual(blocks, [FETCH, RECEIPTS, COMMITS, DIARY]);
});

test("stock tools: ssh-keygen: accepts every receipt line", async () => {
  const { stdout } = await sh(RECEIPTS);
  const good = stdout.match(/^Good "aos-receipt" signature for controller with ED25519 key/gm) ?? [];
  assert.equal(good.length, 3);
});

test("stock tools: ssh-keygen: one byte of what was signed changed: refused", async () => {
  const tampered = RECEIPTS.replace("base64 -d > signed", "base64 -d | sed 's/http/hxxp/' > signed");
  assert.notEqual(tampered, RECEIPTS);
  await assert.rejects(sh(tampered), { code: 1, stdout: "Could not verify signature.\n" });
});

test("stock tools: git verify-commit: accepts every commit on refs/notes/aos* and refs/aos/*", async () => {
  const { stderr } = await sh(`git show main:.aos/allowed_signers > allowed_signers\n${COMMITS}`);
  const good = stderr.match(/^Good "git" signature for (controller|reviewer) with ED25519 key/gm) ?? [];
  const commits = (await sh("git rev-list --glob='refs/notes/aos*' --glob='refs/aos/*'")).stdout.trim().split("\n");
  assert.equal(good.length, commits.length);
  assert.ok(commits.length >= 6, `${commits.length} commits: seals, a review, a shadow report`);
  assert.ok(good.some((line) => line.includes("reviewer")));
});

test("stock tools: git log refs/notes/aos: reads as a diary of seals, governance and receipts", async () => {
  const { stdout } = await sh("git log --format=%B refs/notes/aos");
  const seals = stdout.match(/^seal \d+: seq \d+-\d+/gm) ?? [];
  assert.ok(seals.length >= 3, `${seals.length} seals`);
  assert.match(stdout, /^0 genesis of world sha256:[0-9a-f]{64}$/m);
  assert.match(stdout, new RegExp(`^\\d+ applied ${published.merged.slice(0, 12)}, manifest sha256:[0-9a-f]{64}$`, "m"));
  assert.equal(stdout.match(/^\d+ receipt ok from http for intent sha256:[0-9a-f]{64} \(seq \d+\)$/gm)?.length, 3);
  for (const trailer of ["Seq", "Segment", "Journal-Head", "State-Root", "World", "Receipts", "Epoch"]) {
    assert.equal((await sh(`git log --format='%(trailers:key=${trailer},valueonly,separator=%x2C)' refs/notes/aos`)).stdout.trim().split("\n").length, seals.length, trailer);
  }
});

test("stock tools: git log --notes=aos main: under the merge stands what was decided and what was predicted", async () => {
  const { stdout } = await sh("git log --first-parent --notes=aos main");
  assert.match(stdout, /Notes \(aos\):\n {4}Applied: Merge proposal 'follow-up': follow up\n/);
  assert.match(stdout, /- 1 of 1 approvals: reviewer\n/);
  assert.match(stdout, /- predicted: http\.request GET http:\/\/127\.0\.0\.1/);
  assert.match(stdout, /Genesis: the world begins with this commit\n/);
});

test("stock tools: git fsck --strict: finds nothing wrong", async () => {
  const { stdout, stderr } = await sh("git fsck --strict --no-dangling");
  assert.equal(stdout + stderr.replace(/^Checking.*\n?/gm, ""), "");
});
