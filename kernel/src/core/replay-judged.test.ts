import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, plain } from "../air/cbor.ts";
import { hashBytes, hashValue } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import { fold } from "../fold.ts";
import { fetchWorld } from "../testing/fetch-world.ts";
import { changedFields, diverges, withInput, withRecord, type Turns } from "../testing/forge.ts";
import { judgedStory } from "../testing/story.ts";
import { decodeRecord, encodeRecord, isInput, place, RECORD_KINDS, type RecordKind } from "./record.ts";
import { hashEvent } from "./turn.ts";

const story = await judgedStory();
const { turns, shelf } = story;
const places = turns.flatMap((records, turn) => records.map((bytes, index) => ({ turn, index, bytes, record: decodeRecord(bytes) })));
const JUDGED: readonly RecordKind[] = ["approval", "cancelled", "due", "held", "settled", "withdrawn", "migrated", "receipt_refused"];

test("replay: the judged story: holds every kind that the other does not; the two have them all", () => {
  const kinds = new Set(places.map(({ record }) => record.kind));
  assert.deepEqual(JUDGED.filter((kind) => !kinds.has(kind)), []);
  assert.equal(new Set([...JUDGED, ...kinds]).size, RECORD_KINDS.length - 2, "all but a step that failed and a controller's note");
});

test("replay: a field of any derived record of the judged story changed: divergence at its seq", async () => {
  const tried = new Map<RecordKind, number>();
  for (const { turn, index, bytes, record } of places.filter(({ record }) => !isInput(record))) {
    for (const [field, forged] of changedFields(bytes)) {
      await assert.rejects(fold(withRecord(turns, { turn, index }, [forged]), shelf), diverges(record.seq), `${record.kind}.${field}`);
      tried.set(record.kind, (tried.get(record.kind) ?? 0) + 1);
    }
    await assert.rejects(fold(withRecord(turns, { turn, index }, []), shelf), diverges(record.seq), `${record.kind} dropped`);
  }
  for (const kind of JUDGED) assert.ok((tried.get(kind) ?? 0) > 0 || ["approval", "cancelled", "due", "receipt_refused"].includes(kind), kind);
});

const turnOf = (kind: RecordKind, which = 0): number => places.filter(({ record, index }) => index === 0 && record.kind === kind)[which]?.turn ?? -1;
const seqOf = (turn: number): number => turns.slice(0, turn).flat().length;
const stampNow = { now_ns: story.stamp().now_ns, logical_ns: story.stamp().logical_ns, entropy: new Uint8Array(32) };
const [start] = story.of("event");
const badEvent = (value: Uint8Array, schema: string = start?.schema ?? ""): Readonly<Record<string, unknown>> => ({ schema, value, event_hash: hashEvent({ schema, value, key: undefined }) });

/** Inputs that no host can have taken, and what replay says of them. */
const impossible: readonly { readonly name: string; readonly kind: RecordKind; readonly which?: number; readonly change: Readonly<Record<string, unknown>> }[] = [
  { name: "a decision on nothing that is held", kind: "approval", change: { held_seq: 1 } },
  { name: "a decision of another word", kind: "approval", change: { decision: "perhaps" } },
  { name: "a decision after its time", kind: "approval", change: { now_ns: 1n << 61n, logical_ns: 1n << 61n } },
  { name: "an end of an instance that never was", kind: "cancelled", change: { instance: 99 } },
  { name: "a due that is none", kind: "due", change: { what: "tea" } },
  { name: "a due of what was not due yet", kind: "due", which: 1, change: { id: 99 } },
  { name: "a time that goes back", kind: "cancelled", change: { logical_ns: 1n } },
  { name: "an event that fits no schema", kind: "event", change: badEvent(canonical({ nothing: 1 })) },
  { name: "an event of an unknown schema", kind: "event", change: badEvent(start?.value ?? canonical(1), "demo/None@1") },
  { name: "an event in another encoding", kind: "event", change: badEvent(plain({ url: "https://example.com/a" })) },
  { name: "an event that is no CBOR", kind: "event", change: badEvent(Uint8Array.of(0xff)) },
  { name: "an event whose arm has no value", kind: "event", change: badEvent(canonical({ $tag: "Start" }), "demo/Event@1") },
  { name: "an event over the size", kind: "event", change: badEvent(canonical({ url: "x".repeat(1 << 20) })) },
  { name: "an event with another event's hash", kind: "event", change: { event_hash: hashValue("other") } },
  { name: "a receipt in another encoding", kind: "receipt", change: { payload: plain(null) } },
  { name: "a receipt that is no CBOR", kind: "receipt", change: { payload: Uint8Array.of(0xff) } },
  { name: "a receipt of another status", kind: "receipt", change: { status: "maybe" } },
];
for (const { name, kind, which = 0, change } of impossible) {
  test(`replay: ${name}: divergence, never a broken invariant of ours`, async () => {
    const turn = turnOf(kind, which);
    await assert.rejects(fold(withInput(turns, turn, change), shelf), diverges(seqOf(turn)));
  });
}

test("replay: a control plane that a cell does not fit: divergence", async () => {
  const air = fetchWorld() as readonly Record<string, unknown>[];
  const next = await story.prepare(air.map((node) => (node["name"] === "demo/State@1" ? { ...node, type: { record: { starts: { text: {} } } } } : node)));
  const forged = encodeRecord(place({ kind: "applied", manifest: next.manifestHash, bundle: hashBytes(bundleOf(next)), commit: "c", decision: null, ...stampNow }, story.world.nextSeq));
  await assert.rejects(fold([...turns, [forged]] satisfies Turns, shelf), diverges(story.world.nextSeq));
});
