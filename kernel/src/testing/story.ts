// A story with every kind of record that the fetch world can make: told once, replayed, cut and forged in tests.

import { canonical } from "../air/cbor.ts";
import { hashBytes } from "../air/hash.ts";
import type { Encodable, Value } from "../air/value.ts";
import { stateRoot } from "../core/world.ts";
import { controlShelf, type ControlShelf } from "../fold.ts";
import { applyFetch, fetchParts, openOn, startOffer, turnsIn } from "./host-kit.ts";
import { fetchModules, fetchWorld, fieldOf } from "./fetch-world.ts";
import { inPureWorld, type PureWorld } from "./pure-world.ts";
import { httpReceipt, stubAdapter } from "./stub-adapter.ts";

/** The turns of a journal, and the state root after each. */
export interface Story {
  readonly turns: readonly (readonly Uint8Array[])[];
  readonly roots: readonly string[];
  readonly shelf: ControlShelf;
}

/** Counts, fetches, a trap, an error, a denial, a rejection, a note of the controller. */
export async function toldStory(): Promise<Story> {
  // A start of `…trap` traps; the others count and fetch.
  const parts = fetchParts((state, event) => {
    const { $tag, $value } = Object.fromEntries(event as ReadonlyMap<string, Value>) as { $tag: string; $value: ReadonlyMap<string, string> };
    if ($value.get("url")?.endsWith("trap") === true) throw new Error("trapped");
    const starts = state instanceof Map ? Number(state.get("starts")) : 0;
    if ($tag === "Done") return { state: { starts, last: Number($value.get("status")) } };
    return { state: { starts: starts + 1, last: null }, events: [{ schema: "demo/Fetch@1", value: { url: $value.get("url") ?? "" } }] };
  });
  const adapter = stubAdapter(["http.request"], [{ payload: httpReceipt(200) }, { status: "error", payload: httpReceipt(599) }]);
  const host = await openOn(parts, { adapters: [adapter] });
  const roots = [stateRoot(host.world)];
  host.onTurn((turn) => roots.push(stateRoot(turn.world)));
  await applyFetch(host, parts);
  host.startEffects();
  for (const path of ["a", "b", "trap"]) {
    await host.submit(startOffer(path));
    await host.settled();
    parts.clock.advance(1_000n);
  }
  await host.submit({ ...startOffer(), value: new Map([["url", "https://elsewhere.org/"]]) });
  await host.submit({ ...startOffer(), schema: "demo/Nothing@1" });
  await host.transition("observe", new Map([["seen", true]]), "c".repeat(40));
  await host.settled();
  await host.stop();
  return { turns: (await turnsIn(parts.journal)).map(({ records }) => records), roots, shelf: controlShelf(parts.modules, parts.blobs) };
}

/** One hash over all of a story's bytes and roots. */
export function fingerprint(story: Story): string {
  return hashBytes(canonical([story.turns, story.roots]));
}

const HOUR_NS = 3_600_000_000_000;

/** The kinds that need somebody else: a person, a time that is over, a budget, a migration, a receipt too late. Stepped by hand. */
export async function judgedStory(): Promise<PureWorld> {
  const modules = fetchModules();
  const move = modules.modules.definePure("demo/Move@1", (given) => ({ ...Object.fromEntries(fieldOf(given, "state") as ReadonlyMap<string, Encodable>), more: 1 }));
  const url = { url: "https://example.com/a" };
  const options = { ...modules, air: judgedAir({}), artifacts: [...modules.artifacts, move.artifact], moduleHashes: new Map([...modules.moduleHashes, ["demo/Move@1", move.hash]]) };
  return inPureWorld(options, async (world) => {
    const held = (): number => world.of("held").at(-1)?.seq ?? 0;
    world.send("demo/Start@1", url);
    world.decide(held(), "grant", "seen");
    const [intent] = world.of("intent");
    world.answer(intent?.seq ?? 0, { payload: httpReceipt(200), costCents: 3 });
    world.answer(intent?.seq ?? 0, { payload: httpReceipt(200) });
    for (const end of [() => world.decide(held(), "deny"), () => world.cancel(world.world.nextInstance - 1, "enough")]) {
      world.send("demo/Fetch@1", url);
      end();
    }
    world.send("demo/Fetch@1", url);
    world.pass(BigInt(HOUR_NS));
    world.due("approval", held());
    world.apply(await world.prepare(judgedAir({ state: { more: { nat: {} } }, ttl: 99 * HOUR_NS })));
    world.send("demo/Fetch@1", url);
    world.pass(BigInt(9 * HOUR_NS));
    world.due("plan", world.world.nextInstance - 1);
    world.send("demo/Start@1", { wrong: 1 });
  });
}

/** The fetch world where each fetch waits for a person, has a budget and a deadline; the counter's state may have more fields. */
function judgedAir({ state = {}, ttl = HOUR_NS }: { readonly state?: object; readonly ttl?: number }): readonly unknown[] {
  const rule = { when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: ttl };
  const old = { starts: { nat: {} }, last: { option: { int: {} } } };
  const air = fetchWorld({ policyRules: [rule], plan: { deadline_ns: 9 * HOUR_NS } }) as readonly Record<string, unknown>[];
  const nodes = air.map((node) => {
    if (node["name"] === "demo/State@1") return { ...node, type: { record: { ...old, ...state } } };
    if (node["$kind"] !== "manifest") return node;
    const { defaults } = node as { readonly defaults: { readonly cap_grants: readonly object[] } };
    const grants = defaults.cap_grants.map((grant) => ({ ...grant, budget: { calls: 9 } }));
    return {
      ...node, modules: [...(node["modules"] as readonly unknown[]), { name: "demo/Move@1" }], schemas: [...(node["schemas"] as readonly unknown[]), { name: "demo/Given@1" }, { name: "demo/Moved@1" }],
      defaults: { ...defaults, cap_grants: grants }, migrations: [{ reducer: "demo/Counter@1", module: "demo/Move@1" }],
    };
  });
  return [
    { $kind: "defschema", name: "demo/Given@1", type: { record: { reducer: { text: {} }, key: { option: { text: {} } }, state: { record: old } } } },
    { $kind: "defschema", name: "demo/Moved@1", type: { record: { ...old, more: { nat: {} } } } },
    { $kind: "defmodule", name: "demo/Move@1", module_kind: "pure", abi: { pure: { input: "demo/Given@1", output: "demo/Moved@1" } } },
    ...nodes,
  ];
}
