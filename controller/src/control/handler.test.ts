import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { AosError } from "@agentos/kernel";
import { openRepo } from "../git/repo.ts";
import { outsideWorld, safeUpgradeRepo, type Outside, type WorldRepo } from "../testing/world-repo.ts";
import { start, until } from "../testing/world-steps.ts";
import type { RunningController } from "../reconcile/controller.ts";
import { connectWorld } from "./connect.ts";
import type { ControlClient } from "./client.ts";
import { controlHandler, type Controls } from "./handler.ts";

let world: WorldRepo;
let outside: Outside;
let controller: RunningController;
let client: ControlClient;
before(async () => {
  [world, outside] = [await safeUpgradeRepo(), await outsideWorld()];
  controller = await start(world);
  await until(controller, ({ ready }) => ready.status === "True");
  client = (await connectWorld(await openRepo(`${world.folder}/world`))) ?? assert.fail("the world runs");
}, { timeout: 120_000 });
after(async () => {
  await controller.stop();
  await outside.close();
  await world.remove();
});

const EVENT = "demo/SafeUpgradeEvent@1";
const REDUCER = "demo/SafeUpgrade@1";
const begin = (): unknown => ({ schema: EVENT, value: { $tag: "Start", $value: { url: outside.url } } });
interface Journal {
  readonly records: readonly { readonly seq: number; readonly kind: string }[];
  readonly next: number;
  readonly end: number;
}

test("handler: requests that are wrong: refused with the reason, the journal stays as it is", async () => {
  const rows: readonly (readonly [method: "GET" | "POST", path: string, body: unknown, code: string, says: RegExp])[] = [
    ["GET", "/", undefined, "control.unknown", /^GET \/: no such request/],
    ["GET", "/events", undefined, "control.unknown", /GET \/events/],
    ["POST", "/status", {}, "control.unknown", /POST \/status/],
    ["GET", "/STATUS", undefined, "control.unknown", /no such request/],
    ["GET", "/status/", undefined, "control.unknown", /no such request/],
    ["POST", "/events", undefined, "control.body", /an event is \{schema, value, key\?\}/],
    ["POST", "/events", null, "control.body", /an event is/],
    ["POST", "/events", [], "control.body", /an event is/],
    ["POST", "/events", "text", "control.body", /an event is/],
    ["POST", "/events", {}, "control.body", /an event is/],
    ["POST", "/events", { schema: EVENT }, "control.body", /an event is/],
    ["POST", "/events", { schema: 7, value: 1 }, "control.body", /an event is/],
    ["POST", "/events", { schema: EVENT, value: 1, sender: "me" }, "control.body", /nothing else/],
    ["POST", "/events", { schema: EVENT, value: 1, key: 1 }, "event.key", /has no keys/],
    ["POST", "/events", { schema: "demo/NotifyComplete@1", value: 1, key: 1 }, "event.key", /no reducer takes this event/],
    ["GET", "/state", undefined, "control.query", /\/state: reducer is missing/],
    ["GET", "/state?reducer=demo/Nope@1", undefined, "state.reducer", /demo\/Nope@1: the world has no such reducer/],
    ["GET", `/state?reducer=${REDUCER}&key=1`, undefined, "event.key", /has no keys/],
    ["GET", `/state?reducer=${REDUCER}&key={`, undefined, "json.syntax", /^key:/],
    ["GET", "/cells", undefined, "control.query", /\/cells: reducer is missing/],
    ["GET", "/cells?reducer=x", undefined, "state.reducer", /x: the world has no such reducer/],
    ["GET", "/journal?from=-1", undefined, "control.query", /from must be a count/],
    ["GET", "/journal?from=1.5", undefined, "control.query", /from must be a count/],
    ["GET", "/journal?limit=many", undefined, "control.query", /limit must be a count/],
    ["GET", "/journal?from=99999999999999999999", undefined, "control.query", /from must be a count/],
  ];
  const { seq } = controller.status();
  for (const [method, path, body, code, says] of rows) {
    await assert.rejects(client.ask(method, path, body), (error: unknown) => error instanceof AosError && error.code === code && error.class === "input" && says.test(error.message), `${method} ${path} ${JSON.stringify(body)}`);
  }
  assert.equal(rows.length, 25);
  assert.equal(controller.status().seq, seq);
});

test("handler: an event that does not fit its schema: answered with the record that rejects it", async () => {
  for (const value of [7, { $tag: "Nope", $value: null }, { $tag: "Start", $value: { url: 7 } }]) {
    const { records } = (await client.ask("POST", "/events", { schema: EVENT, value })) as Journal;
    assert.deepEqual(records.map(({ kind }) => kind), ["rejected"], JSON.stringify([value, records]));
  }
});

test("handler: an event: its turn comes back, state and journal follow; two clients send side by side", async () => {
  const repo = await openRepo(`${world.folder}/world`);
  const other = (await connectWorld(repo)) ?? assert.fail();
  assert.deepEqual(((await client.ask("GET", `/state?reducer=${REDUCER}`)) as { readonly state: unknown }).state, null);
  const { seq: before } = controller.status();
  const answers = (await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? client : other).ask("POST", "/events", begin())))) as readonly Journal[];
  for (const { records } of answers) assert.equal(records[0]?.kind, "event");
  const seqs = answers.map(({ records }) => records[0]?.seq);
  assert.equal(new Set(seqs).size, 6);
  await client.ask("POST", "/settle");

  const { state } = (await client.ask("GET", `/state?reducer=${REDUCER}`)) as { readonly state: { readonly pc: unknown; readonly primary_status: unknown } };
  assert.deepEqual([state.pc, state.primary_status], [{ $tag: "Completed" }, 200]);
  const { cells } = (await client.ask("GET", `/cells?reducer=${REDUCER}`)) as { readonly cells: readonly { readonly key: unknown }[] };
  assert.deepEqual(cells.map(({ key }) => key), [null]);

  const page = (await client.ask("GET", `/journal?from=${before}&limit=4`)) as Journal;
  assert.deepEqual(page.records.map(({ seq }) => seq), [before, before + 1, before + 2, before + 3]);
  assert.equal(page.next, before + 4);
  const rest = (await client.ask("GET", `/journal?from=${page.next}`)) as Journal;
  assert.equal(rest.records[0]?.seq, page.next);
  assert.equal(rest.next, rest.end);
  const none = (await client.ask("GET", `/journal?from=${rest.end}`)) as Journal;
  assert.deepEqual(none, { records: [], next: rest.end, end: rest.end });
  assert.equal(((await client.ask("GET", "/journal?limit=999999")) as Journal).records.length, rest.end);
  assert.equal(((await client.ask("GET", "/journal?limit=0")) as Journal).records.length, 0);
});

test("handler: status and nudge: answered", async () => {
  assert.deepEqual(Object.keys((await client.ask("GET", "/status")) as object).includes("ready"), true);
  assert.deepEqual(await client.ask("POST", "/nudge"), {});
});

test("handler: a fenced controller: takes no events and says why, still answers questions", async () => {
  const controls = { host: {}, journal: {}, times: async () => new Map(), status: () => ({ plans: [], approvals: [], openIntents: [], seq: 4 }), fenced: () => "somebody else seals", nudge: () => undefined, stop: () => undefined } as unknown as Controls;
  const handler = controlHandler(controls);
  const ask = (method: string, path: string): Promise<unknown> => handler({ method, path, query: new URLSearchParams(), body: "{}", bytes: (async function* () {})(), lastEventId: undefined, via: "socket" });
  await assert.rejects(ask("POST", "/events"), { code: "world.fenced", class: "refused", message: /takes no events: somebody else seals/ });
  assert.deepEqual(await ask("GET", "/status"), { plans: [], approvals: [], openIntents: [], seq: 4 });
});

test("handler: stop: answered, then the world is let go", async () => {
  assert.deepEqual(await client.ask("POST", "/stop"), {});
  assert.equal(await controller.stopped, undefined);
  assert.equal(await connectWorld(await openRepo(`${world.folder}/world`)), undefined);
});
