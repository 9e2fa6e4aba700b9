import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical } from "../air/cbor.ts";
import { hashValue } from "../air/hash.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fold } from "../fold.ts";
import { changedFields, diverges, withInput as forgedInput, withRecord as forged } from "../testing/forge.ts";
import { fingerprint, toldStory } from "../testing/story.ts";
import { decodeRecord, encodeRecord, isInput, type JournalRecord, type RecordKind } from "./record.ts";
import { heldTurn, replayTurn, turnsOf } from "./replay.ts";
import { stateRoot, type World } from "./world.ts";

type Bytes = readonly Uint8Array[];

const story = await toldStory();
const { shelf } = story;
const kinds = new Set(story.turns.flat().map((bytes) => decodeRecord(bytes).kind));

async function replayed(turns: readonly Bytes[], start?: World): Promise<World> {
  const world = await fold(turns, shelf, start);
  assert.ok(world !== undefined);
  return world;
}

test("replay: the story: holds every kind of record that a host makes of its own", () => {
  assert.equal(kinds.size, 13);
});

test("replay: a whole journal: the same root after every turn as live, twice (I6, I8)", async () => {
  assert.equal(story.roots.length, story.turns.length);
  assert.ok(new Set(story.roots).size > 5, "the turns change the world");
  for (const _ of ["once", "twice"]) {
    let world: World | undefined;
    for (const [index, turn] of story.turns.entries()) {
      world = await replayed([turn], world);
      assert.equal(stateRoot(world), story.roots[index], `after turn ${index}`);
    }
  }
});

test("replay: any cut of a journal at a turn boundary: continues to the same world (I6)", async () => {
  let cuts = 0;
  for (let cut = 1; cut <= story.turns.length; cut++) {
    const before = await replayed(story.turns.slice(0, cut));
    const root = stateRoot(before);
    assert.equal(root, story.roots[cut - 1]);
    assert.equal(stateRoot(await replayed(story.turns.slice(cut), before)), story.roots.at(-1));
    assert.equal(stateRoot(before), root, "replay goes on from a world without changing it");
    cuts++;
  }
  assert.equal(cuts, story.turns.length);
});

test("replay: records in one run: cut into the turns they were made in", () => {
  assert.deepEqual([...turnsOf(story.turns.flat())], story.turns);
  assert.deepEqual([...turnsOf([])], []);
});

/** The story with one record's place in one of its turns filled anew. */
function withRecord(turn: number, index: number, records: Bytes): readonly Bytes[] {
  return forged(story.turns, { turn, index }, records);
}
/** The same, every record renumbered by its place, as a careful forger would. */
function renumbered(turns: readonly Bytes[]): readonly Bytes[] {
  let seq = 0;
  return turns.map((turn) => turn.map((bytes) => encodeRecord({ ...decodeRecord(bytes), seq: seq++ } as JournalRecord)));
}

const places = story.turns.flatMap((turn, turnIndex) => turn.map((bytes, index) => ({ turnIndex, index, bytes, record: decodeRecord(bytes) })));
const derived = places.filter(({ record }) => !isInput(record));

test("replay: a field of any derived record changed: divergence at its seq, both hashes told", async () => {
  const tried = new Map<RecordKind, number>();
  for (const { turnIndex, index, bytes, record } of derived) {
    for (const [field, forged] of changedFields(bytes)) {
      await assert.rejects(replayed(withRecord(turnIndex, index, [forged])), diverges(record.seq), `${record.kind}.${field}`);
      tried.set(record.kind, (tried.get(record.kind) ?? 0) + 1);
    }
  }
  assert.deepEqual([...tried.keys()].sort(), ["denied", "intent", "plan_ended", "plan_started", "raised", "step_failed", "stepped"]);
});

const forgeries: readonly { readonly name: string; readonly records: (bytes: Uint8Array, after: Uint8Array | undefined) => Bytes | undefined; readonly at: 0 | 1 }[] = [
  { name: "dropped", records: () => [], at: 0 },
  { name: "added again", records: (bytes) => [bytes, bytes], at: 1 },
  { name: "replaced by the first record of the journal", records: () => story.turns[0]?.slice(0, 1), at: 0 },
  { name: "put behind the next", records: (bytes, after) => (after === undefined ? undefined : [after, bytes]), at: 0 },
];
for (const { name, records, at } of forgeries) {
  for (const numbers of ["as they were", "made to fit"] as const) {
    test(`replay: a derived record ${name}, numbers ${numbers}: divergence at its seq`, async () => {
      let tried = 0;
      for (const { turnIndex, index, bytes, record } of derived) {
        const after = story.turns[turnIndex]?.[index + 1];
        const forged = records(bytes, after);
        if (forged === undefined) continue;
        const moved = name.startsWith("put behind") ? withRecord(turnIndex, index + 1, []) : story.turns;
        const turn = [...(moved[turnIndex] ?? [])];
        turn.splice(index, 1, ...forged);
        const turns = [...moved.slice(0, turnIndex), turn, ...moved.slice(turnIndex + 1)];
        await assert.rejects(replayed(numbers === "made to fit" ? renumbered(turns) : turns), diverges(record.seq + at), `seq ${record.seq} ${record.kind}`);
        tried++;
      }
      assert.ok(tried >= 5, `${tried} records`);
    });
  }
}

const lastTurn = story.turns.length - 1;
const genesis = story.turns[0] ?? [];
const receiptTurn = story.turns.findIndex(([first]) => first !== undefined && decodeRecord(first).kind === "receipt");
const eventTurn = story.turns.findIndex(([first]) => first !== undefined && decodeRecord(first).kind === "event");
const appliedTurn = story.turns.findIndex(([first]) => first !== undefined && decodeRecord(first).kind === "applied");
const firstSeq = (turnIndex: number): number => story.turns.slice(0, turnIndex).flat().length;
/** The story with fields of a turn's input set to other values. */
function withInput(turn: number, changes: Readonly<Record<string, unknown>>): readonly Bytes[] {
  return forgedInput(story.turns, turn, changes);
}

/** Journals that no host can have written, in their inputs: a verdict on the journal, never a broken invariant of ours. */
const impossible: readonly { readonly name: string; readonly turns: readonly Bytes[]; readonly seq: number }[] = [
  { name: "an empty turn", turns: [...story.turns, []], seq: story.turns.flat().length },
  { name: "a turn left out", turns: [...story.turns.slice(0, 2), ...story.turns.slice(3)], seq: firstSeq(3) },
  { name: "a turn twice", turns: [...story.turns, story.turns[lastTurn] ?? []], seq: firstSeq(lastTurn) },
  { name: "a turn that begins with a derived record", turns: withRecord(eventTurn, 0, []), seq: firstSeq(eventTurn) + 1 },
  { name: "two turns in one", turns: [...story.turns.slice(0, lastTurn - 1), [...(story.turns[lastTurn - 1] ?? []), ...(story.turns[lastTurn] ?? [])]], seq: firstSeq(lastTurn) },
  { name: "no genesis", turns: renumbered(story.turns.slice(1)), seq: 0 },
  { name: "a second genesis", turns: renumbered([...story.turns, genesis]), seq: story.turns.flat().length },
  { name: "entropy of 31 bytes", turns: withInput(eventTurn, { entropy: new Uint8Array(31) }), seq: firstSeq(eventTurn) },
  { name: "an event before any control plane", turns: renumbered([genesis, (story.turns[eventTurn] ?? []).slice(0, 1)]), seq: 1 },
  { name: "an event with another event's hash", turns: withInput(eventTurn, { event_hash: hashValue("other") }), seq: firstSeq(eventTurn) },
  { name: "a receipt of an intent that is not open", turns: withInput(receiptTurn, { intent_seq: 0 }), seq: firstSeq(receiptTurn) },
  { name: "a receipt of another intent", turns: withInput(receiptTurn, { intent: hashValue("other") }), seq: firstSeq(receiptTurn) },
  { name: "a receipt that answers a second time", turns: renumbered([...story.turns, (story.turns[receiptTurn] ?? []).slice(0, 1)]), seq: story.turns.flat().length },
  { name: "an applied record with another manifest than its bundle's (I5)", turns: withInput(appliedTurn, { manifest: hashValue("other") }), seq: firstSeq(appliedTurn) },
];
for (const { name, turns, seq } of impossible) {
  test(`replay: ${name}: divergence at seq ${seq}`, () => assert.rejects(replayed(turns), diverges(seq)));
}

test("replay: a refused receipt that would have answered an open intent: divergence", async () => {
  const receipt = decodeRecord(story.turns[receiptTurn]?.[0] ?? new Uint8Array()) as JournalRecord<"receipt">;
  const { intent, intent_seq, adapter, now_ns, logical_ns, entropy, seq } = receipt;
  const refused = encodeRecord({ kind: "receipt_refused", seq, intent, intent_seq, adapter, code: "receipt.not_open", now_ns, logical_ns, entropy });
  await assert.rejects(replayed([...story.turns.slice(0, receiptTurn), [refused]]), diverges(seq));
});

test("replay: bytes that are no record: record.invalid", async () => {
  const world = await replayed(story.turns);
  const wrong = [canonical({ kind: "custom", seq: 1 }), canonical(1), new Uint8Array([0xff]), new Uint8Array()];
  for (const bytes of wrong) assert.throws(() => replayTurn(world, heldTurn([bytes]), shelf), { code: "record.invalid", class: "unverified" });
  assert.equal(wrong.length, 4);
});

const machines: readonly { readonly name: string; readonly flags: readonly string[]; readonly env: Readonly<Record<string, string>> }[] = [
  { name: "interpreted", flags: ["--no-opt", "--no-sparkplug"], env: {} },
  { name: "compiled at once by the baseline compiler", flags: ["--always-sparkplug"], env: {} },
  { name: "in another language and time zone", flags: [], env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Chatham" } },
];
for (const { name, flags, env } of machines) {
  test(`replay: the story told by another process, ${name}: the same bytes and the same roots (I8)`, async () => {
    const script = `import { fingerprint, toldStory } from ${JSON.stringify(new URL("../testing/story.js", import.meta.url).href)}; console.log(fingerprint(await toldStory()));`;
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, "--input-type=module", "--eval", script], { env: { ...process.env, ...env } });
    assert.equal(stdout.trim(), fingerprint(story));
  });
}
