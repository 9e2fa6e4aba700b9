// 04: three requests go out at once; their answers come back in another order and are kept in the order of the question.

import assert from "node:assert/strict";
import { decode, type JournalRecord } from "@agentos/kernel";
import { plainJson } from "@agentos/controller";
import { ofKind, type Example, type ExampleWorld } from "./example.ts";
import { ORIGIN, serveLoopback, type Loopback } from "./loopback.ts";

const REDUCER = "demo/Aggregator@1";
const TARGETS = [
  { name: "alpha", url: `${ORIGIN}/api/a`, method: "GET" }, { name: "beta", url: `${ORIGIN}/api/b`, method: "GET" }, { name: "gamma", url: `${ORIGIN}/api/c`, method: "GET" },
] as const;
const REPLIES = { "/api/b": { status: 200, body: '{"source":"beta"}' }, "/api/c": { status: 201, body: '{"source":"gamma"}' }, "/api/a": { status: 202, body: '{"source":"alpha"}' } };
/** The order in which the answers come back. */
const ORDER = Object.keys(REPLIES) as readonly (keyof typeof REPLIES)[];

export const aggregator: Example = {
  number: "04",
  slug: "aggregator",
  title: "Aggregator",
  summary: "a plan asks three places at once and joins what they answer, in whatever order that comes",
  reducer: REDUCER,
  async begin() {
    const turns = takingTurns(ORDER);
    const outside = await serveLoopback(async ({ path }) => {
      const asked = path as keyof typeof REPLIES;
      await turns.turnOf(asked);
      return REPLIES[asked];
    });
    return { settings: { origins: outside.origins }, run: (world) => aggregate(world, outside, turns), end: () => outside.close() };
  },
};

async function aggregate(world: ExampleWorld, outside: Loopback, turns: Turns<keyof typeof REPLIES>): Promise<void> {
  world.host.onTurn(({ records }) => ofKind(records, "receipt").forEach(({ intent_seq }) => {
    // An answer goes out when the one before it is in the journal.
    if (urlOf(world.records(), intent_seq) !== undefined) turns.next();
  }));
  const [primary, secondary, tertiary] = TARGETS;
  const made = await world.send("demo/AggregatorEvent@1", { $tag: "Start", $value: { topic: "demo-topic", primary, secondary, tertiary } });

  assert.deepEqual(outside.asked.map(({ method, path }) => `${method} ${path}`).sort(), ["GET /api/a", "GET /api/b", "GET /api/c"]);
  const requests = ofKind(made, "intent").filter(({ effect }) => effect === "http.request");
  assert.deepEqual(requests.map(({ seq, cap, rule }) => [urlOf(made, seq), cap, rule]), TARGETS.map(({ url }) => [url, "cap_http_aggregate", 0]));
  assert.deepEqual(requests.map(({ seq }) => seq - (requests[0]?.seq ?? 0)), [0, 1, 2], "one turn makes all three");
  world.say("three requests at once: alpha, beta, gamma");
  assert.deepEqual(ofKind(made, "receipt").flatMap(({ intent_seq }) => urlOf(made, intent_seq) ?? []), ORDER.map((path) => ORIGIN + path));
  world.say("answers in the order beta, gamma, alpha");

  assert.equal(ofKind(made, "raised").filter(({ schema }) => schema === "demo/AggregateComplete@1").length, 1, "one event tells of all three");
  assert.deepEqual(ofKind(made, "plan_ended").map(({ plan, instance, status }) => [plan, instance, status]), [["demo/aggregator_plan@1", 0, "ok"]]);
  assert.deepEqual(world.state(REDUCER).json, {
    pc: { $tag: "Done" }, next_request_id: 1, pending_request: null, current_topic: "demo-topic", pending_targets: [],
    last_responses: [
      { source: "alpha", status: 202, body_preview: '{"source":"alpha"}' }, { source: "beta", status: 200, body_preview: '{"source":"beta"}' }, { source: "gamma", status: 201, body_preview: '{"source":"gamma"}' },
    ],
  });
  world.say("final state: pc=Done, responses alpha 202, beta 200, gamma 201");
}

/** Where an intent of `http.request` goes; undefined for another effect. */
function urlOf(records: readonly JournalRecord[], seq: number): string | undefined {
  const intent = ofKind(records, "intent").find((one) => one.seq === seq);
  return intent?.effect === "http.request" ? (plainJson(decode(intent.params)) as { readonly url: string }).url : undefined;
}

interface Turns<Name> {
  /** Resolves when it is this one's turn. */
  turnOf(name: Name): Promise<void>;
  /** The one whose turn it is has had it. */
  next(): void;
}

/** Lets the named ones go on in their order. */
function takingTurns<Name extends string>(order: readonly Name[]): Turns<Name> {
  const gates = order.map((name) => {
    let open: () => void = () => undefined;
    const passed = new Promise<void>((resolve) => (open = resolve));
    return { name, passed, open: () => open() };
  });
  let turn = 0;
  gates[turn]?.open();
  return {
    turnOf: async (name) => gates.find((gate) => gate.name === name)?.passed,
    next: () => gates[++turn]?.open(),
  };
}
