// Random lives of a world: whatever is fed in, in whatever order, replay agrees and nothing is left dangling.

import { test } from "node:test";
import assert from "node:assert/strict";
import { AosError } from "../air/error.ts";
import type { ControlPlane } from "../air/types.ts";
import { fieldOf, armOf, FETCH_EDGES, FETCH_STEPS, fetchModules, fetchWorld, type FetchWorldOptions } from "../testing/fetch-world.ts";
import { inPureWorld, type PureWorld } from "../testing/pure-world.ts";
import { seeded, type Random } from "../testing/random-air.ts";
import { httpReceipt } from "../testing/stub-adapter.ts";
import { duesOf } from "./due.ts";
import { waitsOf } from "./plan-view.ts";
import { trieEntries, trieGet, trieSize } from "./trie.ts";

const WORLDS = 300;
const ACTS = 40;
const MINUTE = 60_000_000_000;

/** Control planes that differ in what judges effects, in how long plans live, and in what they wait for. */
function air(random: Random): readonly unknown[] {
  const rules = [
    [{ when: {}, decision: "allow" }], [{ when: {}, decision: "require_approval" }], [{ when: {}, decision: "require_approval", approval_ttl_ns: MINUTE }], [{ when: {}, decision: "deny" }],
  ];
  const listen = { id: "hear", op: "await_event", event: "demo/Done@1", bind: { as: "heard" } };
  const shapes: readonly FetchWorldOptions[] = [
    {}, { steps: [...FETCH_STEPS, listen], edges: FETCH_EDGES }, { steps: [listen, ...FETCH_STEPS], edges: [{ from: "hear", to: "get" }, ...FETCH_EDGES] },
    { steps: [FETCH_STEPS[0], { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { int: 1 } } } }], edges: [{ from: "get", to: "end" }] },
  ];
  const budgets = [undefined, undefined, { calls: 2 }, { bytes: 600, cents: 9 }];
  const budget = random.pick(budgets);
  const deadline = random.pick([undefined, 2 * MINUTE]);
  const nodes = fetchWorld({ ...random.pick(shapes), policyRules: random.pick(rules), plan: deadline === undefined ? {} : { deadline_ns: deadline } }) as readonly Record<string, unknown>[];
  return nodes.map((node) => {
    if (node["$kind"] !== "manifest" || budget === undefined) return node;
    const { defaults } = node as { readonly defaults: { readonly cap_grants: readonly object[] } };
    return { ...node, defaults: { ...defaults, cap_grants: defaults.cap_grants.map((grant) => ({ ...grant, budget })) } };
  });
}

/** Counts, fetches, traps at some urls. */
const modules = fetchModules((state, event) => {
  const [tag, value] = armOf(event);
  const url = String(fieldOf(value, "url"));
  if (url.endsWith("3")) throw new Error("trapped");
  const starts = Number(fieldOf(state, "starts") ?? 0);
  return tag === "Start" ? { state: { starts: starts + 1, last: null }, events: [{ schema: "demo/Fetch@1", value: { url } }] } : { state: { starts, last: Number(fieldOf(value, "status")) } };
});

/** One random act; what the machine refuses to take changes nothing. */
function act(world: PureWorld, random: Random, shelf: readonly ControlPlane[]): void {
  const url = { url: `https://${random.pick(["example.com", "example.com", "elsewhere.org"])}/${random.below(5)}` };
  const intents = world.of("intent").map(({ seq }) => seq as number);
  const held = world.of("held").map(({ seq }) => seq as number);
  const dues = duesOf(world.world);
  const acts: readonly (() => unknown)[] = [
    () => world.send("demo/Start@1", url), () => world.send("demo/Fetch@1", url), () => world.send("demo/Done@1", { ...url, status: random.below(3) }), () => world.send("demo/Start@1", { wrong: 1 }),
    () => intents.length > 0 && world.answer(random.pick(intents), { status: random.pick(["ok", "ok", "error", "timeout"]), payload: random.pick([httpReceipt(200), httpReceipt(200), null]), costCents: random.below(5) }),
    () => intents.length > 0 && world.answer(intents[intents.length - 1] ?? 0, { payload: httpReceipt(200) }),
    () => held.length > 0 && world.decide(held[held.length - 1] ?? 0, random.pick(["grant", "grant", "deny"])),
    () => held.length > 0 && world.decide(random.pick(held), "grant"),
    () => world.world.nextInstance > 0 && random.below(2) === 0 && world.cancel(random.below(world.world.nextInstance)),
    () => world.pass(BigInt(random.below(20)) * 1_000_000_000n),
    () => {
      if (dues[0] !== undefined && random.below(2) === 0) world.pass(dues[0].atNs - world.world.logicalNs);
      return dues[0] !== undefined && world.due(dues[0].what, dues[0].id);
    },
    () => random.below(3) === 0 && world.apply(random.pick(shelf)),
  ];
  const before = world.world;
  try {
    random.pick(acts)();
  } catch (error) {
    assert.ok(error instanceof AosError, String(error));
    assert.equal(world.world, before);
  }
}

/** What must hold of every world. */
function check({ world, records }: PureWorld): void {
  assert.equal(world.nextSeq, records.length, "a record's seq is the number of records before it (I1)");
  const waits = waitsOf(world);
  assert.equal(waits.length, trieSize(world.plans));
  for (const { instance, waits: list } of waits) assert.ok(list.length > 0, `instance ${instance} waits for something`);
  for (const { waits: list } of waits) {
    for (const wait of list) {
      if (wait.kind !== "event") assert.ok(trieGet(wait.kind === "approval" ? world.held : world.intents, String(wait.seq)) !== undefined, "what it waits for is there");
    }
  }
  for (const [, effect] of [...trieEntries(world.intents), ...trieEntries(world.held)]) assert.equal(trieGet(world.intents, String(effect.seq)) !== undefined, trieGet(world.held, String(effect.seq)) === undefined, "open or held, not both");
  for (const [grant, spent] of trieEntries(world.spent)) {
    for (const amount of Object.values(spent) as readonly bigint[]) assert.ok(amount >= 0n, `${grant}: no ledger owes`);
  }
}

test(`random worlds: ${WORLDS} lives of ${ACTS} acts: replayed to the same roots, nothing dangles (I1, I3, I6, I7)`, async () => {
  const kinds = new Map<string, number>();
  for (let seed = 1; seed <= WORLDS; seed++) {
    const random = seeded(seed);
    const told = `(seed ${seed})`;
    try {
      await inPureWorld({ ...modules, air: air(random) }, async (world) => {
        const shelf = [await world.prepare(air(random)), await world.prepare(air(random))];
        for (let count = 0; count < ACTS; count++) {
          act(world, random, shelf);
          check(world);
        }
        for (const { kind } of world.records) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)} ${told}`, { cause: error });
    }
  }
  for (const kind of ["approval", "cancelled", "due", "held", "settled", "withdrawn", "denied", "rejected", "receipt_refused", "step_failed", "plan_ended"]) {
    assert.ok((kinds.get(kind) ?? 0) > WORLDS / 10, `${kind} happened ${kinds.get(kind) ?? 0} times`);
  }
});
