import assert from "node:assert/strict";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { governedWorld } from "../../testing/governed-world.ts";
import { ALL_GRANTS, githubDouble, type GithubDouble } from "../../testing/github-double/double.ts";
import { ACCOUNTS, apiOf } from "../../testing/github-double/world.ts";
import type { GithubApi } from "./api.ts";

const HEAD = "1".repeat(40);

async function alone(t: { after(end: () => Promise<void>): void }, change: { readonly pageSize?: number } = {}): Promise<{ readonly double: GithubDouble; readonly api: GithubApi; readonly clock: { ms: number } }> {
  const { folder } = await governedWorld(t);
  const double = await githubDouble(folder);
  t.after(() => double.close());
  const clock = { ms: 1_000_000 };
  const token = double.token({ kind: "personal", actor: ACCOUNTS.author, grants: ALL_GRANTS });
  return { double, clock, api: apiOf(double, { kind: "token", token }, { nowMs: () => clock.ms, ...change }) };
}

const fails = (code: string, message?: RegExp) => (error: unknown): boolean => error instanceof AosError && error.code === code && (message?.test(error.message) ?? true);

test("GitHub client: pages: all are read by their links, and no more than thirty", async (t) => {
  const { double, api } = await alone(t, { pageSize: 2 });
  const pull = double.openPull({ ref: "proposals/x", sha: HEAD, by: ACCOUNTS.author });
  for (let count = 0; count < 60; count++) double.review(pull, { by: ACCOUNTS.reviewer, state: "COMMENTED" });
  assert.equal((await api.reviews(pull)).length, 60);
  assert.equal(double.calls.length, 30);
  // The last page is full and stays as it was: a page that begins after it is seen all the same.
  double.review(pull, { by: ACCOUNTS.reviewer, state: "COMMENTED" });
  await assert.rejects(api.reviews(pull), fails("github.pages"));
});

test("GitHub client: asked again: says what it saw, gets 304, and has the same", async (t) => {
  const { double, api } = await alone(t);
  const pull = double.openPull({ ref: "proposals/x", sha: HEAD, by: ACCOUNTS.author });
  double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  const first = await api.reviews(pull);
  assert.deepEqual(await api.reviews(pull), first);
  assert.ok(double.calls.at(-1)?.endsWith(" 304"));
  double.review(pull, { by: ACCOUNTS.second, state: "APPROVED" });
  assert.equal((await api.reviews(pull)).length, 2);
});

test("GitHub client: told to wait: asks nothing until the time is over, then asks again", async (t) => {
  const rows = [
    { name: "retry-after", answer: { status: 403, data: { message: "You have exceeded a secondary rate limit" }, headers: { "retry-after": "7" } }, waitMs: 7000 },
    { name: "429", answer: { status: 429, data: { message: "slow down" }, headers: { "retry-after": "2" } }, waitMs: 2000 },
    { name: "no requests left", answer: { status: 403, data: { message: "API rate limit exceeded" }, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1090" } }, waitMs: 90_000 },
    { name: "a secondary limit without a time", answer: { status: 403, data: { message: "You have exceeded a secondary rate limit" } }, waitMs: 60_000 },
  ];
  for (const { name, answer, waitMs } of rows) {
    const { double, api, clock } = await alone(t);
    double.interrupt(1, answer);
    await assert.rejects(api.openPulls("main"), fails("github.limited"), name);
    clock.ms += waitMs - 1;
    await assert.rejects(api.openPulls("main"), fails("github.limited"), name);
    assert.equal(double.calls.length, 1, name);
    clock.ms += 1;
    assert.deepEqual(await api.openPulls("main"), [], name);
  }
  assert.equal(rows.length, 4);
});

test("GitHub client: told to wait: an App's token for git is renewed all the same; signing in has a silence of its own", async (t) => {
  const { double, clock } = await alone(t);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const hourLater = (): void => t.mock.timers.tick(3_600_000);
  const api = apiOf(double, { kind: "app", appId: double.state.app.id, privateKey: double.state.app.privateKey }, { nowMs: () => clock.ms });
  const { client } = api;
  const first = await client.gitToken();
  const slow = (seconds: string): void => double.interrupt(1, { status: 429, data: { message: "slow down" }, headers: { "retry-after": seconds } });
  slow("3600");
  await assert.rejects(api.openPulls("main"), fails("github.limited"));
  const asked = double.calls.length;
  assert.equal(await client.gitToken(), first, "it is good still");
  assert.equal(double.calls.length, asked);
  hourLater();
  const second = await client.gitToken();
  assert.notEqual(second, first);
  assert.equal(await client.gitToken(), second);
  await assert.rejects(api.openPulls("main"), fails("github.limited"));
  assert.deepEqual(double.calls.slice(asked).map((call) => /access_tokens/.test(call)), [true], "one request, and none beside it");

  hourLater();
  slow("60");
  for (let count = 0; count < 2; count++) await assert.rejects(client.gitToken(), fails("github.limited"));
  assert.equal(double.calls.length, asked + 2);
  clock.ms += 60_000;
  assert.notEqual(await client.gitToken(), second);
});

test("GitHub client: answers that are none: an error of its own each, and no secret in it", async (t) => {
  const rows = [
    { answer: { status: 500, data: { message: "boom" } }, code: "github.away" },
    { answer: { status: 401, data: { message: "Bad credentials" } }, code: "github.auth" },
    { answer: { status: 404, data: { message: "Not Found" } }, code: "github.missing" },
    { answer: { status: 200, data: { pulls: [] } }, code: "github.answer" },
    { answer: { status: 200, data: [{ number: "one" }] }, code: "github.answer" },
    { answer: { status: 200, data: [], headers: { link: '<http://evil.test/steal>; rel="next"' } }, code: "github.answer" },
  ];
  for (const { answer, code } of rows) {
    const { double, api } = await alone(t);
    double.interrupt(1, answer);
    const error: unknown = await api.openPulls("main").catch((cause: unknown) => cause);
    assert.ok(error instanceof AosError && error.code === code, `${code}: ${String(error)}`);
    assert.ok(!JSON.stringify([error.message, error.data]).includes("ghp_"));
  }
  assert.equal(rows.length, 6);
});

test("GitHub client: nobody listens: outside, to be tried again", async (t) => {
  const { double, api } = await alone(t);
  await double.close();
  await assert.rejects(api.openPulls("main"), (error) => error instanceof AosError && error.code === "github.away" && error.class === "outside");
});
