// 03: a reducer asks, a plan fetches over HTTP, the reducer reads the body from the blob store.

import assert from "node:assert/strict";
import { ofKind, type Example, type ExampleWorld } from "./example.ts";
import { ORIGIN, serveLoopback, type Loopback } from "./loopback.ts";

const REDUCER = "demo/FetchNotify@1";
const BODY = '{"url":"https://example.com/data.json","method":"GET","demo":true}';

export const fetchNotify: Example = {
  number: "03",
  slug: "fetch-notify",
  title: "Fetch and notify",
  summary: "an event starts a plan, the plan asks HTTP under a grant, and tells the reducer what came back",
  reducer: REDUCER,
  async begin() {
    const outside = await serveLoopback(() => ({ status: 200, body: BODY }));
    return { settings: { origins: outside.origins }, run: (world) => fetchOnce(world, outside), end: () => outside.close() };
  },
};

async function fetchOnce(world: ExampleWorld, outside: Loopback): Promise<void> {
  const made = await world.send("demo/FetchEvent@1", { $tag: "Start", $value: { url: `${ORIGIN}/data.json`, method: "GET" } });
  assert.deepEqual(outside.asked.map(({ method, path, headers }) => [method, path, headers.host]), [["GET", "/data.json", "example.com"]]);
  world.say("one request: GET https://example.com/data.json");
  const [started] = ofKind(made, "raised");
  assert.deepEqual([started?.schema, started?.key?.length], ["demo/FetchRequest@1", 8]);
  assert.deepEqual(ofKind(made, "intent").map(({ effect, cap, rule }) => [effect, cap, rule]), [["http.request", "cap_http_fetch", 0], ["blob.get", "blob_grant", 1]]);
  assert.deepEqual(ofKind(made, "plan_ended").map(({ plan, instance, status }) => [plan, instance, status]), [["demo/fetch_plan@1", 0, "ok"]]);
  assert.deepEqual(world.state(REDUCER).json, { pc: { $tag: "Done" }, next_request_id: 1, pending_request: null, last_status: 200, last_body_preview: BODY });
  world.say(`answer 200, body ${BODY}`);
  world.say("final state: pc=Done, status=200");
}
