import assert from "node:assert/strict";
import { test } from "node:test";
import { deliver } from "../../testing/github-double/double.ts";
import { listenForWebhooks, PAYLOAD_MAX } from "./webhook.ts";

test("webhooks: signed, forged, replayed, foreign, too large: only a fresh signed one of a known kind nudges", async (t) => {
  let nudges = 0;
  const hooks = await listenForWebhooks({ host: "127.0.0.1", port: 0, secret: "s3cret" }, () => nudges++);
  t.after(() => hooks.close());
  const to = `http://127.0.0.1:${hooks.port}/`;
  const payload = { action: "submitted", review: { id: 80, state: "approved", user: { id: 102, login: "rea" } }, pull_request: { number: 1 } };
  const good = { event: "pull_request_review", payload, secret: "s3cret", delivery: "d-1" };
  const rows = [
    { name: "signed", hook: good, status: 202, nudges: 1 },
    { name: "the same delivery again", hook: good, status: 200, nudges: 1 },
    { name: "another secret", hook: { ...good, delivery: "d-2", secret: "guess" }, status: 401, nudges: 1 },
    { name: "no signature to speak of", hook: { ...good, delivery: "d-3", signature: "sha256=00" }, status: 401, nudges: 1 },
    { name: "the old way to sign", hook: { ...good, delivery: "d-4", signature: `sha1=${"0".repeat(40)}` }, status: 401, nudges: 1 },
    { name: "an event that is none of ours", hook: { ...good, delivery: "d-5", event: "star" }, status: 200, nudges: 1 },
    { name: "a merge group", hook: { ...good, delivery: "d-6", event: "merge_group", payload: { action: "checks_requested", merge_group: { head_sha: "1".repeat(40) } } }, status: 202, nudges: 2 },
    { name: "a payload that says nothing", hook: { ...good, delivery: "d-7", payload: {} }, status: 202, nudges: 3 },
  ];
  for (const { name, hook, status, nudges: expected } of rows) {
    assert.equal(await deliver(to, hook), status, name);
    assert.equal(nudges, expected, name);
  }
  assert.equal(rows.length, 8);
  assert.equal((await fetch(to)).status, 405);
});

test("webhooks: more bytes than GitHub sends: not read to the end", async (t) => {
  let nudges = 0;
  const hooks = await listenForWebhooks({ host: "127.0.0.1", port: 0, secret: "s3cret" }, () => nudges++);
  t.after(() => hooks.close());
  const sent = fetch(`http://127.0.0.1:${hooks.port}/`, { method: "POST", body: new Uint8Array(PAYLOAD_MAX + (1 << 20)), headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}`, "x-github-event": "push", "x-github-delivery": "d" } });
  const status = await sent.then((answer) => answer.status, () => 413);
  assert.equal(status, 413);
  assert.equal(nudges, 0);
});
