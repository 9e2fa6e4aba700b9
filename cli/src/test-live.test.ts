import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ACCOUNTS, ALL_GRANTS, githubDouble, governedWorld } from "@agentos/controller/testing";

const SCRIPT = fileURLToPath(new URL("../../cli/scripts/test-live.mjs", import.meta.url));

interface Ran {
  readonly code: number;
  readonly said: string;
}

function live(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  const { PATH = "" } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...args], { env: { PATH, ...env }, timeout: 50_000 }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: stdout + stderr }));
  });
}

test("test-live: without a token, a name, a scratch repository: does nothing, says what it needs, exit 2", async () => {
  const rows: readonly (readonly [readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
    [[], { GH_TOKEN: "x" }, /no repository is named/], [["demo/scratch"], {}, /GH_TOKEN is not set/], [["demo/world"], { GH_TOKEN: "x" }, /does not look like a scratch repository/],
  ];
  const ran = await Promise.all(rows.map(([args, env]) => live(args, env)));
  for (const [index, { code, said }] of ran.entries()) {
    assert.equal(code, 2, said);
    assert.match(said, rows[index]?.[2] ?? /never/);
    assert.match(said, /nothing was done\nusage: GH_TOKEN=… node cli\/scripts\/test-live\.mjs OWNER\/NAME/);
  }
  assert.equal(ran.length, 3);
});

test("test-live: asked of the double: answers as it claims that GitHub does, and is left as it was found", async (t) => {
  const world = await governedWorld(t);
  const double = await githubDouble(world.folder, { name: "scratch" });
  t.after(() => double.close());
  const token = double.token({ kind: "personal", actor: ACCOUNTS.author, grants: ALL_GRANTS });
  const { code, said } = await live(["demo/scratch"], { GH_TOKEN: token, GITHUB_API_URL: double.baseUrl });
  assert.equal(code, 0, said);
  assert.match(said, /\n14 questions, 0 answered otherwise than the double\n$/);
  assert.ok(!said.includes(token));
  assert.deepEqual([...(await world.local.refs.list("refs/"))].map(([ref]) => ref).filter((ref) => !ref.startsWith("refs/pull/")), ["refs/heads/main"]);
  assert.equal(double.state.pulls.get(1)?.state, "closed");
});
