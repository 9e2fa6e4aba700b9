import assert from "node:assert/strict";
import { test } from "node:test";
import { keyNamed } from "../testing/governed-world.ts";
import { ACCOUNTS, githubWorld } from "../testing/github-double/world.ts";
import { openHosting } from "./hosting.ts";

test("hosting: GitHub fails, goes on failing, wants silence, answers again: told once each, since when, until when, and then no more", async (t) => {
  const here = await githubWorld(t);
  const { double, world, api } = here;
  double.openPull({ ref: "proposals/none", sha: world.genesis, by: ACCOUNTS.author });
  const lines: string[] = [];
  const hosting = openHosting({ auth: { kind: "token", token: "" }, place: api.client.place }, {
    client: api.client, access: { env: {}, refresh: async () => undefined }, local: world.local, key: keyNamed("ctl"), principal: "ctl", world: world.world,
    log: (level, message) => void lines.push(`${level} ${message}`),
  });
  const round = async (): Promise<ReturnType<typeof hosting.status>> => {
    await hosting.refspecs();
    await hosting.witness();
    await hosting.post({ applied: undefined, held: new Map() });
    return hosting.status();
  };
  const calm = await round();
  assert.deepEqual([calm.place, calm.trouble, calm.quietUntilMs, calm.rate?.remaining], ["demo/world", undefined, undefined, 4999]);
  const boom = { status: 500, data: { message: "boom" } };
  double.interrupt(1, boom);
  const first = (await round()).trouble;
  assert.deepEqual([first?.what, first?.code], ["looking", "github.away"]);
  double.interrupt(1, boom);
  const second = (await round()).trouble;
  assert.equal(second?.sinceMs, first?.sinceMs, "since the first of them");
  assert.equal((await round()).trouble, undefined);
  double.interrupt(1, { status: 429, data: { message: "slow down" }, headers: { "retry-after": "60", "x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000000" } });
  const limited = await round();
  assert.deepEqual([limited.trouble?.code, limited.rate], ["github.limited", { limit: 5000, remaining: 0, resetMs: 1_800_000_000_000 }]);
  assert.ok((limited.quietUntilMs ?? 0) > Date.now());
  const asked = double.calls.length;
  await round();
  assert.equal(double.calls.length, asked, "silence is kept");
  assert.deepEqual(lines, ["warn GitHub: looking failed", "warn GitHub: looking failed"]);
});
