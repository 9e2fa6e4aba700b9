// 05: an order of three calls. Where the second fails, what the first did is taken back.

import assert from "node:assert/strict";
import { decode, hashBytes, plain, type Encodable, type JournalRecord } from "@agentos/kernel";
import { plainJson } from "@agentos/controller";
import { ofKind, type Example, type ExampleWorld, type Scene } from "./example.ts";
import { ORIGIN, serveLoopback, type Asked, type Loopback, type Reply } from "./loopback.ts";

const REDUCER = "demo/ChainComp@1";
const CALLS = ["charge", "reserve", "notify", "refund"] as const;
type Call = (typeof CALLS)[number];

const CHARGED: Reply = { status: 201, body: '{"charge":"ok"}' };
const FAILING: Partial<Record<Call, Reply>> = { charge: CHARGED, reserve: { status: 503, body: '{"reserve":"error"}' }, refund: { status: 202, body: '{"refund":"ok"}' } };
const FITTING: Partial<Record<Call, Reply>> = { charge: CHARGED, reserve: { status: 200, body: '{"reserve":"ok"}' }, notify: { status: 202, body: '{"notify":"ok"}' } };

const ORDER = { order_id: "ORDER-1", customer_id: "cust-123", amount_cents: 1999, reserve_sku: "sku-123" };
/** SHA-256 of the completed order as a reducer in a language with structs writes it: plain CBOR, fields as they are declared. */
const COMPLETED = "sha256:897ca1414f2d04a3ceb1197fd342e59c17adf29945c1b1982dd7fd3f341a862b";
const STATUSES = { charge_status: null, reserve_status: null, notify_status: null, refund_status: null, last_error: null };

export const chainComp: Example = {
  number: "05",
  slug: "chain-comp",
  title: "Chain with compensation",
  summary: "charge, reserve, notify, each by a plan of its own; a reservation that fails is followed by a refund",
  reducer: REDUCER,
  begin: () => scene(FAILING, async (world, outside) => {
    const made = await order(world);
    assertCalls(made, outside, ["charge", "reserve", "refund"]);
    world.say("charged 201, reserved 503, refunded 202");
    assertEnd(world, "Refunded", { ...STATUSES, charge_status: 201, reserve_status: 503, refund_status: 202, last_error: '{"reserve":"error"}' });
    world.say("final state: phase=Refunded, the last error is what the reservation answered");
  }),
  variants: [{
    name: "the reservation holds",
    begin: () => scene(FITTING, async (world, outside) => {
      const made = await order(world);
      assertCalls(made, outside, ["charge", "reserve", "notify"]);
      const notify = ofKind(made, "raised").find(({ schema }) => schema === "demo/NotifyRequested@1");
      assert.equal((jsonOf(notify?.value) as { readonly status_text?: unknown }).status_text, 'reserved: {"reserve":"ok"}');
      world.say("charged 201, reserved 200, notified 202");
      const end = assertEnd(world, "Completed", { ...STATUSES, charge_status: 201, reserve_status: 200, notify_status: 202 });
      assert.equal(hashBytes(plain(end)), COMPLETED);
      world.say("final state: phase=Completed");
    }),
  }],
};

async function scene(replies: Partial<Record<Call, Reply>>, run: (world: ExampleWorld, outside: Loopback) => Promise<void>): Promise<Scene> {
  const outside = await serveLoopback(({ path }) => replies[path.slice(1) as Call] ?? { status: 500, body: "" });
  return { settings: { origins: outside.origins }, run: (world) => run(world, outside), end: () => outside.close() };
}

function order(world: ExampleWorld): Promise<readonly JournalRecord[]> {
  return world.send("demo/ChainEvent@1", { $tag: "Start", $value: { ...ORDER, ...Object.fromEntries(CALLS.map((call) => [call, targetOf(call)])) } });
}

function targetOf(name: Call): { readonly name: Call; readonly method: string; readonly url: string } {
  return { name, method: "POST", url: `${ORIGIN}/${name}` };
}

/** Each call is made once, by a plan of its own and after the one before it was answered; the rule that allows it is that of its plan. */
function assertCalls(made: readonly JournalRecord[], outside: Loopback, calls: readonly Call[]): void {
  assert.deepEqual(outside.asked.map(({ method, path }: Asked) => `${method} ${path}`), calls.map((call) => `POST /${call}`));
  const requests = ofKind(made, "intent").filter(({ effect }) => effect === "http.request");
  assert.deepEqual(requests.map(({ cap, rule }) => [cap, rule]), calls.map((call) => ["cap_http_order", CALLS.indexOf(call)]));
  const seqs = new Set<number>(requests.map(({ seq }) => seq));
  const answers = ofKind(made, "receipt").filter(({ intent_seq }) => seqs.has(intent_seq));
  assert.equal(answers.length, calls.length);
  for (const [index, { seq, intent_seq }] of answers.entries()) {
    assert.equal(intent_seq, requests[index]?.seq);
    assert.ok(seq < (requests[index + 1]?.seq ?? Infinity), "one request at a time");
  }
  assert.deepEqual(ofKind(made, "plan_ended").map(({ plan, status }) => `${plan} ${status}`), calls.map((call) => `demo/${call}_plan@1 ok`));
}

/** Gives the state with its fields in the order in which they are declared. */
function assertEnd(world: ExampleWorld, phase: string, outcome: Readonly<Record<keyof typeof STATUSES, number | string | null>>): Encodable {
  const targets = Object.fromEntries(CALLS.map((call) => [`${call}_target`, targetOf(call)]));
  const end = { phase: { $tag: phase }, next_request_id: 1, current_saga: { request_id: 0, ...ORDER, ...outcome, ...targets } };
  assert.deepEqual(world.state(REDUCER).json, end);
  return end;
}

function jsonOf(bytes: Uint8Array | undefined): unknown {
  assert.ok(bytes !== undefined);
  return plainJson(decode(bytes));
}
