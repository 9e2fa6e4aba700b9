// A host on parts that outlive it, for tests of crashes, restarts and faults.

import assert from "node:assert/strict";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { memoryJournal } from "../adapters/journal/memory.ts";
import { ed25519Signer } from "../adapters/signer.ts";
import { decodeRecord, type JournalRecord, type RecordKind } from "../core/record.ts";
import { openHost, type Host, type HostOptions } from "../host.ts";
import type { Adapter, AdapterCall, AdapterResult, Blobs, Journal, JournalTurn } from "../ports.ts";
import { fetchModules, fetchWorld, type FetchModules, type FetchWorldOptions } from "./fetch-world.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";
import type { NativeReducer } from "./native-modules.ts";
import { assertReplays, controlFrom, TEST_SANDBOX, TEST_WORLD_ID } from "./test-world.ts";

export interface HostParts extends FetchModules {
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly clock: ManualClock;
}

/** Memory for a fetch world. */
export function fetchParts(reduce?: NativeReducer): HostParts {
  return { ...fetchModules(reduce), journal: memoryJournal(), blobs: memoryBlobs(), clock: manualClock(1_700_000_000_000_000_000n) };
}

/** Opens a host. Its entropy counts up from the journal's length, so that two runs of one story make the same bytes. */
export function openOn(parts: HostParts, options: Partial<HostOptions> = {}): Promise<Host> {
  let draws = parts.journal.nextSeq;
  return openHost({
    ...parts, signer: ed25519Signer(new Uint8Array(32).fill(1)), adapters: [], sandbox: TEST_SANDBOX, world: TEST_WORLD_ID,
    entropy: { bytes: (count) => new Uint8Array(count).fill(draws++ % 256) }, ...options,
  });
}

export function applyFetch(host: Host, parts: HostParts, options: FetchWorldOptions = {}): Promise<readonly JournalRecord[]> {
  const control = controlFrom(fetchWorld(options), parts.moduleHashes);
  return host.apply({ control, artifacts: parts.artifacts, commit: "0".repeat(40), base: undefined, decision: null });
}

/** An offer that starts a count and a fetch of `https://example.com/<path>`. */
export function startOffer(path = "a"): Parameters<Host["submit"]>[0] {
  return { schema: "demo/Start@1", value: new Map([["url", `https://example.com/${path}`]]), key: undefined, sender: "test" };
}

export async function turnsIn(journal: Journal): Promise<readonly JournalTurn[]> {
  const turns: JournalTurn[] = [];
  for await (const turn of journal.read(0)) turns.push(turn);
  assert.notEqual(turns.length, 0, "the journal holds turns");
  return turns;
}

export async function recordsIn(journal: Journal): Promise<readonly JournalRecord[]> {
  return (await turnsIn(journal)).flatMap(({ records }) => records.map(decodeRecord));
}

export async function recordsOf<K extends RecordKind>(journal: Journal, kind: K): Promise<readonly JournalRecord<K>[]> {
  return (await recordsIn(journal)).filter((record): record is JournalRecord<K> => record.kind === kind);
}

/** A new journal with the turns of another: what a crash at this moment leaves. */
export async function journalOf(turns: readonly JournalTurn[]): Promise<Journal> {
  const journal = memoryJournal();
  await journal.append(turns);
  return journal;
}

/** Opens a host with the fetch world in force. */
export async function begin(parts: HostParts, options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await openOn(parts, options);
  if (host.world.control === undefined) await applyFetch(host, parts);
  return host;
}

/** Stops a host, replays its journal and compares. */
export async function end(host: Host, parts: HostParts): Promise<void> {
  const live = host.world;
  await host.stop();
  await assertReplays(parts.journal, parts.blobs, { modules: parts.modules, live });
}

/** A journal that counts appends and does first what the test says. */
export function watched(inner: Journal, before: (turns: readonly JournalTurn[], call: number) => Promise<void> | void): Journal & { readonly groups: readonly number[] } {
  const groups: number[] = [];
  return {
    groups,
    get nextSeq() {
      return inner.nextSeq;
    },
    async append(turns) {
      groups.push(turns.length);
      await before(turns, groups.length);
      await inner.append(turns);
    },
    read: (fromSeq) => inner.read(fromSeq),
    close: () => inner.close(),
  };
}

/** An adapter for `http.request` whose calls the test answers, and which says whether it may be called again. */
export function heldAdapter(resend: "again" | "unknown" = "again", obeys: "signal" | "nothing" = "nothing"): Adapter & { readonly calls: AdapterCall[]; answer(result: AdapterResult): void } {
  const calls: AdapterCall[] = [];
  const waiting: ((result: AdapterResult) => void)[] = [];
  return {
    id: "held", effects: ["http.request"], calls, resend: () => resend,
    run(call) {
      calls.push(call);
      return new Promise((resolve, reject) => {
        waiting.push(resolve);
        if (obeys === "signal") call.signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    },
    answer(result) {
      waiting.shift()?.(result);
    },
  };
}

/** Lets everything that is not waiting for the outside happen. */
export async function quiet(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** The same parts as a crash at this moment leaves them: their journal is open again. */
export async function leftBy<P extends Pick<HostParts, "journal">>(parts: P): Promise<P> {
  return { ...parts, journal: await journalOf(await turnsIn(parts.journal)) };
}
