// Waits until an example's world has nothing to do: bounded, and it says what did not come to an end.

import assert from "node:assert/strict";
import { trieEntries, type Clock, type Host } from "@agentos/kernel";
import type { ManualClock } from "@agentos/kernel/testing";

/** Longer than an effect of an example may take by itself. */
const WITHIN_MS = 40_000;
const LOOK_MS = 5;

/**
 * Resolves when nothing runs and no effect is open; virtual time jumps from timer to timer meanwhile.
 *
 * @param options.withinMs - real time; 40 s unless told
 * @throws AssertionError naming the effects that are open, when that is over
 */
export async function atRest(host: Pick<Host, "settled" | "world" | "effectState">, clock: Clock | ManualClock, { withinMs = WITHIN_MS }: { readonly withinMs?: number } = {}): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), withinMs);
  const late = new Promise<void>((resolve) => over.signal.addEventListener("abort", () => resolve()));
  try {
    while (!over.signal.aborted) {
      await Promise.race([host.settled(), late]);
      if (over.signal.aborted) break;
      if (openEffects(host).length === 0) return;
      if ("advance" in clock && clock.nextWakeNs !== undefined) clock.advance(clock.nextWakeNs > clock.now() ? clock.nextWakeNs - clock.now() : 0n);
      else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    clearTimeout(timer);
  }
  assert.fail(`waited ${withinMs} ms in vain for the world to come to rest: ${openEffects(host).join(", ") || "it works, and no effect is open"}`);
}

function openEffects({ world, effectState }: Pick<Host, "world" | "effectState">): readonly string[] {
  return [...trieEntries(world.intents)].sort(([, a], [, b]) => a.seq - b.seq).map(([, { seq, effect }]) => `#${seq} ${effect} (${effectState(seq)?.state ?? "not taken up"})`);
}
