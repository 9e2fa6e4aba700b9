import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gitIn, readRef } from "@agentos/controller";
import type { Oid } from "@agentos/controller";
import { governedWorld } from "@agentos/controller/testing";
import { preReceive } from "./pre-receive.ts";
import { MAIN } from "./testing/site.ts";

/** No configuration of the person who runs the tests reaches them. */
Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });

const endings: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of endings.reverse()) await end();
});

const NOTHING = "0".repeat(40);
const PROPOSAL = "refs/heads/proposals/agent/helper/long";
const COMMITS = 100;

/** The git commands that are started meanwhile, as git itself tells them. */
async function startedBy(act: () => Promise<void>): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "aos-trace-"));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const trace = join(folder, "events");
  process.env["GIT_TRACE2_EVENT"] = trace;
  try {
    await act();
  } finally {
    delete process.env["GIT_TRACE2_EVENT"];
  }
  const events = (await readFile(trace, "utf8")).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as { readonly event: string; readonly argv?: readonly string[] });
  return events.flatMap(({ event, argv }) => (event === "start" ? [argv?.find((word) => /^(?:rev-|cat-|config|merge|for-|diff|log)/.test(word)) ?? String(argv)] : []));
}

test("pre-receive: a push of many signed commits: as few git processes as one of one commit", async () => {
  const world = await governedWorld({ after: (end) => void endings.push(async () => end()) });
  const { gitDir } = world.local.repo;
  const commits: Oid[] = [];
  for (let at = 0; at < COMMITS; at++) commits.push(await world.commit({ parents: [commits.at(-1) ?? (await world.main())], files: { "air/a.txt": `${at}\n` }, by: "helper", message: `Change ${at}\n` }));
  assert.equal(await readRef(gitDir, PROPOSAL), undefined);
  assert.equal((await gitIn(world.local.repo, ["rev-list", "--count", `${MAIN}..${commits.at(-1) ?? ""}`])).stdout.toString("utf8").trim(), String(COMMITS));
  const pushes: readonly (readonly [tip: Oid | undefined, processes: readonly string[]])[] = [
    [commits[0], ["rev-parse", "cat-file", "rev-list", "cat-file"]],
    [commits.at(-1), ["rev-parse", "cat-file", "rev-list", "cat-file"]],
  ];
  for (const [tip = "", processes] of pushes) {
    const started = await startedBy(async () => assert.deepEqual(await preReceive(gitDir, [{ old: NOTHING, new: tip, ref: PROPOSAL }]), { ok: true }));
    assert.deepEqual([...started].sort(), [...processes].sort());
  }
  assert.equal(pushes.length, 2);
});
