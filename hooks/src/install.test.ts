import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { hashValue } from "@agentos/kernel";
import { configGet, configSet, gitEnvironment, initRepo } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { eventually, governedWorld } from "@agentos/controller/testing";
import { installServerHooks, uninstallServerHooks } from "./install.ts";

Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });

interface Bench {
  readonly repo: Repo;
  readonly hook: string;
  /** Installs a hook that runs this instead of the package's entry. */
  install(entry: string): Promise<void>;
  /** Runs the hook as git does. */
  run(stdin: string): Promise<{ readonly code: number; readonly out: string }>;
}

async function bench(t: TestContext, folder = "repo"): Promise<Bench> {
  const base = await mkdtemp(join(tmpdir(), "aos-hooks-"));
  t.after(() => rm(base, { recursive: true, force: true }));
  const repo = await initRepo(join(base, folder), { kind: "bare" });
  const hook = join(repo.gitDir, "hooks", "pre-receive");
  return {
    repo,
    hook,
    async install(text) {
      const entry = join(base, "it's an entry.mjs");
      await writeFile(entry, text);
      await installServerHooks({ gitDir: repo.gitDir, nodePath: process.execPath, entry });
    },
    run: (stdin) =>
      new Promise((resolve) => {
        const child = execFile(hook, { cwd: repo.gitDir, env: { ...gitEnvironment(), GIT_DIR: "." } as NodeJS.ProcessEnv }, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
        });
        child.stdin?.on("error", () => undefined);
        child.stdin?.end(stdin);
      }),
  };
}

const ECHO = 'let text = ""; for await (const part of process.stdin) text += part; console.log("entry", process.argv[2], JSON.stringify(text));';

test("install: into an empty repository: an executable hook that hands the refs on, and the settings", async (t) => {
  const { repo, hook, install, run } = await bench(t, "a b's repo");
  await install(ECHO);
  assert.equal((await stat(hook)).mode & 0o111, 0o111);
  assert.deepEqual(await run("old new refs/heads/main\nold new refs/heads/x\n"), { code: 0, out: 'entry pre-receive "old new refs/heads/main\\nold new refs/heads/x\\n"\n' });
  const settings = { "core.fsync": "all", "gc.auto": "0", "receive.fsckObjects": "true", "receive.unpackLimit": "1" };
  let read = 0;
  for (const [key, value] of Object.entries(settings)) {
    assert.equal(await configGet(repo, key), value);
    read++;
  }
  assert.equal(read, 4);
  assert.equal(await configGet(repo, "aos.world"), undefined);
});

test("install: post-receive: in the background for what people push; a controller's own pushes start nothing", async (t) => {
  const { repo, hook, install } = await bench(t);
  const log = join(repo.gitDir, "log");
  await install(`import { appendFileSync } from "node:fs"; let text = ""; for await (const part of process.stdin) text += part; appendFileSync(${JSON.stringify(log)}, process.argv[2] + " " + text);`);
  const post = hook.replace("pre-receive", "post-receive");
  for (const ref of ["refs/notes/aos", "refs/notes/aos-shadow", "refs/aos/workspaces/docs", "refs/notes/aos-reviews-author"]) {
    await new Promise<void>((resolve, reject) => {
      const child = execFile(post, { cwd: repo.gitDir, env: { ...gitEnvironment(), GIT_DIR: "." } as NodeJS.ProcessEnv }, (error) => (error === null ? resolve() : reject(error)));
      child.stdin?.end(`old new ${ref}\n`);
    });
  }
  const told = await eventually(async () => (await readFile(log, "utf8").catch(() => "")) || undefined, "what runs in the background writes");
  assert.equal(told, "post-receive old new refs/notes/aos-reviews-author\n");
});

test("install: with the id of a world: pinned", async (t) => {
  const { repo } = await bench(t);
  const world = hashValue("world");
  await installServerHooks({ gitDir: repo.gitDir, nodePath: process.execPath, entry: "/nowhere.js", world });
  assert.equal(await configGet(repo, "aos.world"), world);
});

test("install: with the id of a world: another than the repository holds is refused and nothing is installed, its own is pinned", async (t) => {
  const { folder, local: { repo }, world } = await governedWorld(t);
  const options = { gitDir: repo.gitDir, nodePath: process.execPath, entry: "/nowhere.js" };
  await assert.rejects(installServerHooks({ ...options, world: hashValue("world") }), { code: "hooks.world", class: "input" });
  assert.deepEqual([await configGet(repo, "aos.world"), await readFile(join(folder, ".git", "hooks", "pre-receive"), "utf8").catch(() => "none")], [undefined, "none"]);
  await installServerHooks({ ...options, world });
  assert.equal(await configGet(repo, "aos.world"), world);
});

test("install: beside a hook that was there: it is asked first, and its no is enough", async (t) => {
  const { hook, install, run } = await bench(t);
  await writeFile(hook, '#!/bin/sh\nread -r refs\necho "before: $refs"\n[ "$refs" != "a b bad" ]\n');
  await chmod(hook, 0o755);
  await install(ECHO);
  assert.deepEqual(await run("a b good\n"), { code: 0, out: 'before: a b good\nentry pre-receive "a b good\\n"\n' });
  assert.deepEqual(await run("a b bad\n"), { code: 1, out: "before: a b bad\n" });
});

test("install: again: renewed, the hook before it stays", async (t) => {
  const { hook, install, run } = await bench(t);
  await writeFile(hook, "#!/bin/sh\nexit 0\n");
  await install("process.exit(1)");
  await install(ECHO);
  assert.equal((await run("x\n")).code, 0);
  assert.equal(await readFile(`${hook}.local`, "utf8"), "#!/bin/sh\nexit 0\n");
});

test("install: another hook and a kept one: hooks.exists, both as they were", async (t) => {
  const { hook, install } = await bench(t);
  await writeFile(hook, "one");
  await writeFile(`${hook}.local`, "two");
  await assert.rejects(install(ECHO), { code: "hooks.exists" });
  assert.deepEqual([await readFile(hook, "utf8"), await readFile(`${hook}.local`, "utf8")], ["one", "two"]);
});

test("install: a program that breaks or is not there: the push is refused", async (t) => {
  const { repo, install, run } = await bench(t);
  await install("throw new Error('broken')");
  assert.notEqual((await run("x\n")).code, 0);
  await installServerHooks({ gitDir: repo.gitDir, nodePath: "/nowhere/node", entry: "/nowhere.js" });
  assert.notEqual((await run("x\n")).code, 0);
});

test("install: core.hooksPath: where git looks", async (t) => {
  const { repo, hook, install } = await bench(t);
  const folder = join(repo.gitDir, "own-hooks");
  await mkdir(folder);
  await configSet(repo, "core.hooksPath", folder);
  await install(ECHO);
  assert.match(await readFile(join(folder, "pre-receive"), "utf8"), /Installed by aos/);
  await assert.rejects(readFile(hook), { code: "ENOENT" });
});

test("uninstall: ours, with and without one before it, and not ours", async (t) => {
  const { repo, hook, install } = await bench(t);
  assert.equal(await uninstallServerHooks(repo.gitDir), "absent");
  await install(ECHO);
  assert.equal(await uninstallServerHooks(repo.gitDir), "removed");
  await assert.rejects(readFile(hook), { code: "ENOENT" });
  await writeFile(hook, "theirs");
  assert.equal(await uninstallServerHooks(repo.gitDir), "absent");
  await install(ECHO);
  assert.equal(await uninstallServerHooks(repo.gitDir), "removed");
  assert.equal(await readFile(hook, "utf8"), "theirs");
});
