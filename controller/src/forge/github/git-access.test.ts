import assert from "node:assert/strict";
import { test } from "node:test";
import { gitAccess } from "./git-access.ts";

const GITHUB = "https://api.github.com";

test("git's access to GitHub: for the place that the API is about and for no other, and no second name beside one that is there", async () => {
  const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
    [GITHUB, "https://github.com/demo/world.git", "https://github.com"], [GITHUB, "https://api.github.com/demo/world.git", undefined], [GITHUB, "https://github.com.evil.test/demo/world.git", undefined],
    [GITHUB, "http://github.com/demo/world.git", undefined], [GITHUB, "https://ann:secret@github.com/demo/world.git", undefined], [GITHUB, "https://x@github.com/demo/world.git", undefined],
    [GITHUB, "git@github.com:demo/world.git", undefined], [GITHUB, "ssh://git@github.com/demo/world.git", undefined], [GITHUB, "../remote.git", undefined], [GITHUB, undefined, undefined],
    ["https://ghe.test/api/v3", "https://ghe.test/demo/world.git", "https://ghe.test"], ["https://ghe.test/api/v3", "https://github.com/demo/world.git", undefined], ["https://ghe.test:8443/api/v3", "https://ghe.test/demo/world.git", undefined],
  ];
  for (const [baseUrl, remote, scope] of rows) {
    let asked = 0;
    const access = gitAccess({ place: { owner: "demo", name: "world", baseUrl }, gitToken: async () => `token-${++asked}` }, { url: remote });
    await access.refresh();
    assert.equal(access.env["GIT_CONFIG_KEY_0"], scope === undefined ? undefined : `http.${scope}/.extraHeader`, `${baseUrl}, ${String(remote)}`);
    assert.equal(asked, scope === undefined ? 0 : 1);
  }
  assert.equal(rows.length, 13);
});

test("git's access to GitHub: settings in the environment already: stay, and ours comes after them", async (t) => {
  const client = { place: { owner: "demo", name: "world", baseUrl: GITHUB }, gitToken: async () => "token" };
  const url = "https://github.com/demo/world.git";
  process.env["GIT_CONFIG_COUNT"] = "2";
  t.after(() => delete process.env["GIT_CONFIG_COUNT"]);
  const access = gitAccess(client, { url });
  await access.refresh();
  assert.deepEqual(Object.keys(access.env), ["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_2", "GIT_CONFIG_VALUE_2"]);
  assert.equal(access.env["GIT_CONFIG_COUNT"], "3");

  const own: Readonly<Record<string, string>> = { GIT_SSH_COMMAND: "ssh -F none", GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.proxy", GIT_CONFIG_VALUE_0: "http://proxy.test" };
  const beside = gitAccess(client, { url, env: own });
  assert.deepEqual({ ...beside.env }, own);
  for (let count = 0; count < 2; count++) await beside.refresh();
  const { GIT_CONFIG_VALUE_1: header, ...others } = beside.env;
  assert.deepEqual(others, { ...own, GIT_CONFIG_COUNT: "2", GIT_CONFIG_KEY_1: "http.https://github.com/.extraHeader" });
  assert.match(header ?? "", /^Authorization: Basic /);
});

test("git's access to GitHub: refreshed: whoever holds the environment has the new token", async () => {
  let asked = 0;
  const access = gitAccess({ place: { owner: "demo", name: "world", baseUrl: GITHUB }, gitToken: async () => `token-${++asked}` }, { url: "https://github.com/demo/world.git" });
  const held = access.env;
  for (const expected of ["token-1", "token-2"]) {
    await access.refresh();
    assert.equal(held["GIT_CONFIG_VALUE_0"], `Authorization: Basic ${Buffer.from(`x-access-token:${expected}`).toString("base64")}`);
  }
});
