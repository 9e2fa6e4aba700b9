// A story with every kind of record that the fetch world can make: told once, replayed, cut and forged in tests.

import { canonical } from "../air/cbor.ts";
import { hashBytes } from "../air/hash.ts";
import type { Value } from "../air/value.ts";
import { stateRoot } from "../core/world.ts";
import { controlShelf, type ControlShelf } from "../fold.ts";
import { applyFetch, fetchParts, openOn, startOffer, turnsIn } from "./host-kit.ts";
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
