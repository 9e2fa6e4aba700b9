// aos suspend and aos resume, as typed: heeded when the command returns, said by the status, ended, refused with a way out.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, eventually, git, json, ok, startAos, temporaryFolder } from "./testing/aos.ts";
import { place, propose } from "./testing/reviewed-world.ts";
import { endOf } from "./until.ts";

const POLICY = { version: 1, approvals: 1, shadow: "required" };

test("suspend: a world at rest: a merge waits for `aos resume`, and `aos run --once` says so", async (t) => {
  const at = await place(t, POLICY);
  const { world, run } = at;
  const early = await run("suspend");
  assert.deepEqual([early.code, early.stderr], [2, `error: ${world}: no controller of this world has run here, so nobody would heed it\nhint: say it where its controller is: aos -w CONTROLLER.git suspend. A world that has not begun begins with \`aos run\`\n`]);
  assert.deepEqual([(await run("resume")).code, (await run("suspend", "--reason", " ")).code], [2, 2]);
  ok(await run("run", "--once"));
  await propose(at, "text", { "NOTES.md": "notes\n" });
  const before = (await git(world, "rev-parse", "main")).trim();
  const said = json(await run("suspend", "--reason", "incident\u001b 7", "--until", "2h", "--json"));
  const { by, reason, since, until } = said["suspended"] as Record<string, string>;
  assert.deepEqual([by, reason, said["heeded"], Date.parse(until ?? "") - Date.parse(since ?? "")], ["author <author@aos>", "incident\u001b 7", false, 7_200_000]);
  ok(await run("review", "text", "--approve", "--key", "../rev"));
  assert.match(ok(await run("merge", "text")).stderr, /^notice: it waits: suspended by author .*; aos resume ends it\n$/);
  const merged = (await git(world, "rev-parse", "main")).trim();
  const once = ok(await run("run", "--once"));
  assert.match(once.stderr, new RegExp(`^notice: ${merged.slice(0, 12)} waits: suspended by author .*: incident\\\\u\\{1b\\} 7\n$`));
  const resting = json(await run("status", "--json"))["resting"] as { journal: { applied: string }; suspended: object };
  assert.deepEqual([resting.journal.applied, resting.suspended], [before, said["suspended"]]);
  assert.match(ok(await run("status")).stdout, /^suspended {3}by author .*: incident\\u\{1b\} 7; aos resume ends it$/m);
  assert.match((await run("doctor")).stdout, /^\S+ +suspended +by author .*: incident\\u\{1b\} 7; no merge is applied\n +→ aos resume ends it$/m);

  assert.match(ok(await run("resume")).stdout, /^resumed {2}it was suspended by author /);
  assert.deepEqual([ok(await run("resume")).stdout, json(await run("resume", "--json"))], ["it was not suspended\n", { was: null }]);
  ok(await run("run", "--once"));
  assert.equal((json(await run("status", "--json"))["resting"] as { journal: { applied: string } }).journal.applied, merged);
  ok(await run("verify", "--replay"));
});

test("suspend: a running world: heeded when the command returns; what cannot be read is said and removed by resume", async (t) => {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  ok(await aos(["init", "world"], { cwd: folder }));
  const running = await startAos(t, ["run"], { cwd: world, ready: /the world begins/ });
  const said = ok(await aos(["suspend"], { cwd: world }));
  assert.match(said.stdout, /^suspended {2}by author .*\n {2}no merge is applied from here on; what is in force goes on\nNext:\n/);
  assert.match(ok(await aos(["status"], { cwd: world })).stdout, /^suspended {4}by author <author@aos> since \S+; aos resume ends it$/m);
  ok(await aos(["event", "send", "demo/CounterEvent@1", '{"$tag":"Start","$value":{"target":2}}', "--wait"], { cwd: world }));
  ok(await aos(["resume"], { cwd: world }));
  await eventually(async () => ("suspended" in (json(await aos(["status", "--json"], { cwd: world }))["status"] as object) ? undefined : true), "the controller heeds it");
  await writeFile(join(world, ".git/aos/suspended.json"), "{");
  assert.equal(await running.stop(), 0, running.output());
  const broken = json(await aos(["status", "--json"], { cwd: world }))["resting"] as { suspended: { by: string; reason: string } };
  assert.deepEqual([broken.suspended.by, /suspended\.json cannot be read/.test(broken.suspended.reason)], ["somebody", true]);
  assert.match(ok(await aos(["resume"], { cwd: world })).stdout, /^resumed {2}it was suspended by somebody since .*: .*cannot be read/);
  assert.equal("suspended" in (json(await aos(["status", "--json"], { cwd: world }))["resting"] as object), false);
  await rm(world, { recursive: true });
});

test("until: dates and spans: when it ends, or the place and a way out", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  const rows: readonly (readonly [string, string])[] = [
    ["90min", "2026-01-02T04:34:05.000Z"], ["2h", "2026-01-02T05:04:05.000Z"], ["3d", "2026-01-05T03:04:05.000Z"], ["30s", "2026-01-02T03:04:35.000Z"],
    ["2026-02-03", "2026-02-03T00:00:00.000Z"], ["2026-02-03T04:05", "2026-02-03T04:05:00.000Z"], ["2026-02-03T04:05+02:00", "2026-02-03T02:05:00.000Z"],
  ];
  for (const [text, end] of rows) assert.equal(new Date(endOf(text, now)).toISOString(), end, text);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["soon", /neither a date nor a span/], ["2", /neither/], ["2 h", /neither/], ["1e3h", /neither/], ["2026-13-01", /neither/], ["2026-02-30", /neither/], ["2026-02-30T10:00Z", /neither/], ["", /neither/], ["0h", /that is over/], ["2026-01-02", /that is over/], ["999999d", /ten years/],
  ];
  for (const [text, says] of wrong) assert.throws(() => endOf(text, now), (error: Error & { code?: string; hint?: string }) => error.code === "cli.until" && says.test(error.message) && /--until 2h/.test(error.hint ?? ""), text);
  assert.deepEqual([rows.length, wrong.length], [7, 11]);
});
