// The wait for a world to come to rest: it ends, and says what for when that was in vain.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, type Host } from "@agentos/kernel";
import { applyFetch, fetchParts, heldAdapter, openOn, startOffer } from "@agentos/kernel/testing";
import { atRest } from "./at-rest.ts";

test("at rest: an effect that nobody answers: ends in time and names it, on a clock that stands still and on the system's", async () => {
  const parts = fetchParts();
  const host = await openOn(parts, { adapters: [heldAdapter("again", "signal")] });
  await applyFetch(host, parts);
  host.startEffects();
  await atRest(host, parts.clock);
  await host.submit(startOffer());
  const intent = (await host.submit(startOffer("b"))).find(({ kind }) => kind === "intent");
  assert.ok(intent !== undefined);
  const said = new RegExp(`^AssertionError[^:]*: waited 20 ms in vain for the world to come to rest: #\\d+ http\\.request \\(running\\), #${intent.seq} http\\.request \\(running\\)$`);
  const still = { now: () => 0n, monotonic: () => 0n };
  for (const clock of [still, systemClock()]) await assert.rejects(atRest(host, clock, { withinMs: 20 }), said);
  await host.stop(0);
});

test("at rest: effects that are open and not running, with no timer to come: ends in time", async () => {
  const parts = fetchParts();
  const host = await openOn(parts, { adapters: [] });
  await applyFetch(host, parts);
  await host.submit(startOffer());
  await assert.rejects(atRest(host, parts.clock, { withinMs: 20 }), /in vain for the world to come to rest: #\d+ http\.request \(not taken up\)$/);
  const busy: Pick<Host, "settled" | "world" | "effectState"> = { settled: () => new Promise(() => undefined), world: (await openOn(fetchParts())).world, effectState: () => undefined };
  await assert.rejects(atRest(busy, parts.clock, { withinMs: 20 }), /it works, and no effect is open$/);
  await host.stop(0);
});
