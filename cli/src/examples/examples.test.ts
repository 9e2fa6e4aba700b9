// The examples run to their expected ends, and the runner says so; what it does not know it refuses.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("./main.js", import.meta.url));

function run(...words: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...words], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}

test("examples: all of them end as expected, and their replays in the same state root", async () => {
  const { code, stdout, stderr } = await run("all");
  assert.equal(code, 0, stderr);
  for (const [number, title] of [["00", "Counter"], ["06", "Safe upgrade"]]) assert.match(stdout, new RegExp(`^Running example ${number} — ${title} `, "m"));
  assert.equal(stdout.match(/^ {3}replay check: OK \(state root sha256:[0-9a-f]{64}\)$/gm)?.length, 2);
  assert.match(stdout, /^2 of 2 examples OK$/m);
});

test("examples: without words a list, with an unknown one exit 2", async () => {
  const listed = await run();
  assert.deepEqual([listed.code, listed.stdout.trim().split("\n").length], [0, 2]);
  const unknown = await run("07-nothing");
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(unknown.stderr, /^error: 07-nothing: there is no such example\nhint: 00-counter, 06-safe-upgrade, or all\n$/);
});
