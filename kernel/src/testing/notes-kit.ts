// A world of everything that a snapshot holds: keyed cells that come and go, plans that wait, effects open and held, a budget.

import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { memoryJournal } from "../adapters/journal/memory.ts";
import type { Encodable, Hash } from "../air/value.ts";
import type { JournalRecord } from "../core/record.ts";
import type { Host, HostOptions } from "../host.ts";
import { countAndFetch, fieldOf, type FetchWorldOptions } from "./fetch-world.ts";
import { openOn, startOffer, type HostParts } from "./host-kit.ts";
import { manualClock } from "./manual-clock.ts";
import { nativeModules } from "./native-modules.ts";
import { notesWorld } from "./shadow-world.ts";
import { controlFrom } from "./test-world.ts";

/** Memory for a notes world. A note without a body deletes its cell. */
export function notesParts(): HostParts {
  const modules = nativeModules();
  const counter = modules.define("demo/Counter@1", countAndFetch);
  const notes = modules.define("demo/Notes@1", (_, event) => ({ state: fieldOf(event, "body") === "" ? null : (event as Encodable) }));
  return {
    modules, artifacts: [counter.artifact, notes.artifact], moduleHashes: new Map<string, Hash>([["demo/Counter@1", counter.hash], ["demo/Notes@1", notes.hash]]),
    journal: memoryJournal(), blobs: memoryBlobs(), clock: manualClock(1_700_000_000_000_000_000n),
  };
}

/** Puts the notes world in force; its grant has a budget of 1,000 calls. */
export function applyNotes(host: Host, parts: HostParts, options: FetchWorldOptions = {}): Promise<readonly JournalRecord[]> {
  const air = notesWorld(options) as readonly Record<string, unknown>[];
  const manifest = air[air.length - 1] as { readonly defaults: { readonly cap_grants: readonly object[] } };
  const defaults = { ...manifest.defaults, cap_grants: manifest.defaults.cap_grants.map((grant) => ({ ...grant, budget: { calls: 1000 } })) };
  const control = controlFrom([...air.slice(0, -1), { ...manifest, defaults }], parts.moduleHashes);
  return host.apply({ control, artifacts: parts.artifacts, commit: "0".repeat(40), base: undefined, decision: null });
}

export function noteOffer(id: string, body: string): Parameters<Host["submit"]>[0] {
  return { schema: "demo/Note@1", value: new Map([["id", id], ["body", body]]), key: undefined, sender: "test" };
}

/**
 * What happens in such a world, act by act, each some turns long: notes written, changed and deleted; fetches that stay open;
 * from the third act on fetches that a person must see first, under another control plane than the plans before.
 */
export const NOTES_ACTS: readonly ((host: Host, parts: HostParts) => Promise<void>)[] = [
  async (host, parts) => {
    await applyNotes(host, parts);
    for (let index = 0; index < 40; index++) await host.submit(noteOffer(`note ${index}`, "first"));
    for (const path of ["a", "b", "c"]) await host.submit(startOffer(path));
  },
  async (host) => {
    for (let index = 0; index < 40; index += 4) await host.submit(noteOffer(`note ${index}`, "second"));
    for (let index = 1; index < 40; index += 4) await host.submit(noteOffer(`note ${index}`, ""));
  },
  async (host, parts) => {
    await applyNotes(host, parts, { policyRules: [{ when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: 3_600_000_000_000 }], plan: { deadline_ns: 7_200_000_000_000 } });
    for (const path of ["d", "e"]) await host.submit(startOffer(path));
  },
  async (host) => {
    for (let index = 1; index < 40; index += 8) await host.submit(noteOffer(`note ${index}`, "again"));
    await host.submit(noteOffer("note 2", "third"));
  },
];

/** Such a world after its first act; the host goes on. */
export async function notesBegun(options: Partial<HostOptions> = {}): Promise<{ readonly parts: HostParts; readonly host: Host }> {
  const parts = notesParts();
  const host = await openOn(parts, options);
  for (const act of NOTES_ACTS.slice(0, 1)) await act(host, parts);
  return { parts, host };
}
