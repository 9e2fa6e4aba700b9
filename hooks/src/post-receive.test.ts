import assert from "node:assert/strict";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { configSet, initRepo, openRepo } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { eventually } from "@agentos/controller/testing";
import { CONTROLLER_SETTING } from "./nudge.ts";
import { postReceive } from "./post-receive.ts";
import { enqueue, shadowFolders, workQueue } from "./shadow-queue.ts";
import { ENTRY, MAIN, site } from "./testing/site.ts";

Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });

const ZERO = "0".repeat(40);
const ONE = "1".repeat(40);

/** Something that listens where a controller of the repository would, and what it was asked. */
async function listening(t: { after(end: () => Promise<void>): void }, repo: Repo): Promise<readonly string[]> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  const folder = join(repo.commonDir, "aos");
  await mkdir(folder, { recursive: true });
  await new Promise<void>((resolve) => server.listen(join(folder, "s"), resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  await writeFile(join(folder, "run.json"), JSON.stringify({ pid: process.pid, socket: join(folder, "s"), principal: "ctl", since: "2026-01-01T00:00:00Z" }));
  return asked;
}

function until<T>(look: () => Promise<T | undefined>): Promise<Exclude<T, undefined | false>> {
  return eventually(() => look().catch(() => undefined), look.toString());
}

test("post-receive: a push, no controller: the proposal is rehearsed in the background, and the push does not wait", async (t) => {
  const { world, server, push } = await site(t);
  await world.propose("plain", { "air/p.txt": "p\n" }, { by: "author" });
  await world.propose("agent/helper/task", { "air/q.txt": "q\n" }, { by: "helper" });
  const { code, said } = await push([MAIN, "refs/heads/proposals/plain", "refs/heads/proposals/agent/helper/task"]);
  assert.equal(code, 0, said);
  const { queue, reports } = shadowFolders(await openRepo(server));
  for (const file of ["plain.md", "agent+helper+task.md"]) assert.match(await until(() => readFile(join(reports, file), "utf8")), /^The shadow run found no answer for [0-9a-f]{12} on [0-9a-f]{12}: .*the world has not run here/);
  await until(async () => ((await readdir(join(queue, ".."))).includes("lock") ? undefined : "free"));
  assert.deepEqual(await readdir(queue), []);
});

test("post-receive: the repository's own controller, or the one it names: asked to look, and nothing is rehearsed", async (t) => {
  const { server } = await site(t);
  const lines = [{ old: ZERO, new: ONE, ref: "refs/heads/proposals/plain" }];
  const beside = await initRepo(join(server, "beside.git"), { kind: "bare" });
  const repo = await openRepo(server);
  await configSet(repo, CONTROLLER_SETTING, beside.gitDir);
  const besides = await listening(t, beside);
  assert.deepEqual([await postReceive(server, lines, { entry: ENTRY }), besides], [{ nudged: "answered", rehearsed: [] }, ["POST /nudge"]]);
  const own = await listening(t, repo);
  assert.deepEqual([await postReceive(server, lines, { entry: ENTRY }), own, besides], [{ nudged: "answered", rehearsed: [] }, ["POST /nudge"], ["POST /nudge"]]);
});

/** Lines of a push, and what of them is rehearsed: nothing that is gone, no other ref, no name that is none. */
test("post-receive: what is rehearsed: proposals that are there", async (t) => {
  const { server } = await site(t);
  const lines = ["refs/heads/main", "refs/heads/proposals/one", "refs/notes/aos", "refs/heads/proposals/../x", "refs/heads/proposals/Two"].map((ref) => ({ old: ZERO, new: ONE, ref }));
  const done = await postReceive(server, [...lines, { old: ONE, new: ZERO, ref: "refs/heads/proposals/gone" }], { entry: join(server, "nothing.js") });
  assert.deepEqual(done, { nudged: "nobody", rehearsed: ["one"] });
});

test("shadow queue: two workers, several proposals: one run at a time, each once; a run that fails says so", async (t) => {
  const { server } = await site(t);
  const repo = await openRepo(server);
  const log = join(server, "log");
  const entry = join(server, "entry.mjs");
  await writeFile(entry, `import { appendFileSync } from "node:fs";
appendFileSync(${JSON.stringify(log)}, "begin " + process.argv[3] + "\\n");
await new Promise((resolve) => setTimeout(resolve, 50));
appendFileSync(${JSON.stringify(log)}, "end " + process.argv[3] + "\\n");
process.exitCode = process.argv[3] === "bad" ? 1 : 0;
`);
  assert.deepEqual(await enqueue(repo, ["one", "bad", "agent/helper/x", "one", "No"]), ["one", "bad", "agent/helper/x", "one"]);
  await Promise.all([workQueue(repo, entry), workQueue(repo, entry)]);
  assert.equal(await readFile(log, "utf8"), ["agent/helper/x", "bad", "one"].map((slug) => `begin ${slug}\nend ${slug}\n`).join(""));
  assert.match(await readFile(join(shadowFolders(repo).reports, "bad.md"), "utf8"), /^The shadow run did not finish/);
});

test("shadow queue: more proposals than may wait: the rest is left out", async (t) => {
  const { server } = await site(t);
  const repo = await openRepo(server);
  const taken = await enqueue(repo, Array.from({ length: 150 }, (_, at) => `p${at}`));
  assert.deepEqual([taken.length, (await readdir(shadowFolders(repo).queue)).length, await enqueue(repo, ["p0", "new"])], [100, 100, ["p0"]]);
});
