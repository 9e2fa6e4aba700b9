import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode, plain } from "../air/cbor.ts";
import { AosError, InvariantError } from "../air/error.ts";
import { hashValue, isHash } from "../air/hash.ts";
import { Float, type Encodable, type Value } from "../air/value.ts";
import { readCommonRecord } from "./record-read.ts";
import { decodeRecord, encodeRecord, isInput, place, placeInput, RECORD_KINDS, stampOf, type Draft, type JournalRecord, type RecordKind } from "./record.ts";

const HASH = hashValue("x");
const BYTES = Uint8Array.of(1, 2, 3);
const STAMP = { now_ns: -1n, logical_ns: 1n << 62n, entropy: new Uint8Array(32).fill(7) };
const SPEND = new Map([["calls", 1]]);
const BY_PLAN = { instance: 4, step: "get" };

/** One draft a kind, with every field it can have: a new kind or field does not compile until it stands here. */
const FULL: { readonly [K in RecordKind]: Required<Draft<K>> } = {
  genesis: { kind: "genesis", world: HASH, sandbox: "sandbox-1", limits: new Map([["a", 1]]), ...STAMP },
  applied: { kind: "applied", manifest: HASH, bundle: HASH, commit: "c", base: "b", decision: new Map([["verdict", true]]), ...STAMP },
  event: { kind: "event", schema: "a/B@1", value: BYTES, key: BYTES, event_hash: HASH, sender: "s", ...STAMP },
  receipt: {
    kind: "receipt", intent: HASH, intent_seq: 3, adapter: "http", status: "ok", payload: BYTES, code: "c", cost_cents: 0, started_ns: 0n, finished_ns: 1n,
    signer: BYTES, signature: BYTES, ...STAMP,
  },
  receipt_refused: { kind: "receipt_refused", intent: HASH, intent_seq: 3, adapter: "http", code: "receipt.not_open", ...STAMP },
  rejected: { kind: "rejected", schema: "a/B@1", value_hash: HASH, code: "value.invalid", message: "no", sender: "s", ...STAMP },
  approval: { kind: "approval", held_seq: 3, decision: "grant", by: "alex", reason: "seen", signer: BYTES, signature: BYTES, ...STAMP },
  cancelled: { kind: "cancelled", instance: 4, by: "alex", reason: "enough", ...STAMP },
  due: { kind: "due", what: "plan", id: 4, ...STAMP },
  transition: { kind: "transition", state: "hold", commit: "c", detail: new Map([["why", null]]), ...STAMP },
  raised: { kind: "raised", schema: "a/B@1", value: BYTES, key: BYTES, event_hash: HASH, by: "a/P@1", ...BY_PLAN, cause: 1 },
  stepped: { kind: "stepped", reducer: "a/R@1", key: BYTES, state: HASH, fuel: 12, cause: 1 },
  plan_started: { kind: "plan_started", plan: "a/p@1", instance: 4, correlation: BYTES, cause: 1 },
  plan_ended: { kind: "plan_ended", plan: "a/p@1", instance: 4, status: "ok", code: "c", message: "m", step: "s", output: "a/O@1", result: BYTES, cause: 1 },
  intent: {
    kind: "intent", intent: HASH, effect: "http.request", params: BYTES, cap: "http", idempotency_key: BYTES, grant: HASH, enforcer: "a/E@1", policy: "a/p@1", rule: 0,
    origin: "plan", by: "a/p@1", ...BY_PLAN, key: BYTES, approved: 2, reserved: SPEND, cause: 1,
  },
  held: {
    kind: "held", intent: HASH, effect: "http.request", params: BYTES, cap: "http", idempotency_key: BYTES, grant: HASH, enforcer: "a/E@1", policy: "a/p@1", rule: 0,
    origin: "plan", by: "a/p@1", ...BY_PLAN, key: BYTES, reserved: SPEND, expires_ns: 5n, cause: 1,
  },
  settled: { kind: "settled", cap: "http", intent_seq: 3, took: SPEND, spent: SPEND, cause: 1 },
  withdrawn: { kind: "withdrawn", intent_seq: 3, cause: 1 },
  migrated: { kind: "migrated", reducer: "a/R@1", key: BYTES, state: HASH, module: "a/M@1", fuel: 0, cause: 1 },
  denied: {
    kind: "denied", intent: HASH, effect: "http.request", params: new Uint8Array([1]), cap: "http", stage: "policy", code: "c", message: "m", policy: "a/p@1", rule: 0, origin: "plan", by: "a/p@1", ...BY_PLAN,
    cause: 1,
  },
  step_failed: { kind: "step_failed", by: "a/R@1", code: "c", message: "m", input: HASH, fuel: 0, cause: 1 },
};

/** The fields a record of the kind can do without. */
const OPTIONAL: { readonly [K in RecordKind]: readonly string[] } = {
  genesis: [], applied: ["base"], event: ["key"], receipt: ["code", "cost_cents"], receipt_refused: [], rejected: [], approval: ["reason"], cancelled: ["reason"], due: [],
  transition: ["commit"],
  raised: ["key", "instance", "step"], stepped: ["key", "state"], plan_started: ["correlation"], plan_ended: ["code", "message", "step", "output", "result"],
  intent: ["rule", "instance", "step", "key", "approved", "reserved"], held: ["instance", "step", "key", "reserved", "expires_ns"], settled: [], withdrawn: [],
  migrated: ["key", "state"], denied: ["intent", "params", "policy", "rule", "instance", "step"], step_failed: ["input", "fuel"],
};

const sampleOf = (kind: RecordKind): JournalRecord => place(FULL[kind] as Draft, 5);
const fieldsOf = (kind: RecordKind): readonly string[] => Object.keys(FULL[kind]).filter((field) => field !== "kind");

/** The bytes of a sample with some fields set anew, or left out where undefined. */
function bytesWith(kind: RecordKind, changes: { readonly [field: string]: Encodable | undefined }): Uint8Array {
  return canonical({ ...(sampleOf(kind) as unknown as { readonly [field: string]: Encodable }), ...changes });
}

/** Values that no field of the sample's type takes. */
function wrongFor(sample: unknown): readonly Encodable[] {
  if (typeof sample === "string" && isHash(sample)) return ["x", HASH.toUpperCase(), HASH.slice(0, -1), 1, BYTES, null];
  if (typeof sample === "string") return [1, BYTES, null, ["x"]];
  if (sample instanceof Uint8Array) return ["abc", 1, null, [1, 2]];
  if (typeof sample === "number") return [-1, new Float(1.5), 1n << 60n, "1", null];
  if (typeof sample === "bigint") return [new Float(1), "1", null];
  return [];
}

test("record: kinds: each has a sample and a list of optional fields", () => {
  assert.equal(RECORD_KINDS.length, 21);
  assert.deepEqual(Object.keys(FULL).sort(), [...RECORD_KINDS].sort());
});

for (const kind of RECORD_KINDS) {
  test(`record: ${kind}: with every field and with the fewest: encodes to canonical bytes and decodes to the same`, () => {
    const full = sampleOf(kind);
    const least = Object.fromEntries(Object.entries(full).filter(([field]) => !OPTIONAL[kind].includes(field))) as unknown as JournalRecord;
    assert.equal(Object.keys(full).length, Object.keys(least).length + OPTIONAL[kind].length);
    for (const record of [full, least]) {
      const bytes = encodeRecord(record);
      assert.deepEqual(decodeRecord(bytes), record);
      assert.deepEqual(bytes, canonical(decode(bytes)));
    }
  });

  test(`record: ${kind}: a field missing: refused by name, unless it is optional`, () => {
    const fields = fieldsOf(kind);
    assert.notEqual(fields.length, 0);
    for (const field of fields) {
      const bytes = bytesWith(kind, { [field]: undefined });
      if (OPTIONAL[kind].includes(field)) assert.equal(field in decodeRecord(bytes), false);
      else assert.throws(() => decodeRecord(bytes), isRefusal(new RegExp(`${kind}\\.${field} at seq 5: expected`)));
    }
  });

  test(`record: ${kind}: a field of another type: refused by name`, () => {
    let tried = 0;
    for (const field of fieldsOf(kind)) {
      for (const wrong of wrongFor((sampleOf(kind) as unknown as { readonly [field: string]: unknown })[field])) {
        assert.throws(() => decodeRecord(bytesWith(kind, { [field]: wrong })), isRefusal(new RegExp(`${kind}\\.${field} at seq 5: expected`)), `${field} = ${String(wrong)}`);
        tried++;
      }
    }
    assert.ok(tried >= 8, `${tried} wrong values`);
  });

  test(`record: ${kind}: a field it does not have: refused by name`, () => {
    for (const field of ["extra", "__proto__", "toString", "kind2"]) {
      const bytes = canonical(new Map<Value, Value>([...(decode(encodeRecord(sampleOf(kind))) as ReadonlyMap<Value, Value>), [field, 1]]));
      assert.throws(() => decodeRecord(bytes), isRefusal(new RegExp(`unknown field ${field}`)));
    }
    const withNumber = canonical(new Map<Value, Value>([...(decode(encodeRecord(sampleOf(kind))) as ReadonlyMap<Value, Value>), [1, 1]]));
    assert.throws(() => decodeRecord(withNumber), isRefusal(/unknown field 1/));
  });
}

function isRefusal(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof AosError && error.code === "record.invalid" && error.class === "unverified" && message.test(error.message);
}

const strangers: readonly { readonly name: string; readonly bytes: Uint8Array; readonly message: RegExp }[] = [
  { name: "a list", bytes: canonical([1]), message: /a record is a map/ },
  { name: "no kind", bytes: canonical({ seq: 1 }), message: /unknown kind undefined/ },
  { name: "a kind of nobody", bytes: canonical({ kind: "custom", seq: 1 }), message: /unknown kind "custom"/ },
  { name: "a kind every object inherits", bytes: canonical({ kind: "constructor", seq: 1 }), message: /unknown kind "constructor"/ },
  { name: "a seq below zero", bytes: bytesWith("stepped", { seq: -1 }), message: /seq must be a count/ },
  { name: "a seq that is a text", bytes: bytesWith("stepped", { seq: "5" }), message: /seq must be a count/ },
];
for (const { name, bytes, message } of strangers) {
  test(`record: ${name}: refused`, () => assert.throws(() => decodeRecord(bytes), isRefusal(message)));
}

test("record: bytes that canonical CBOR would not write: refused, so equal records have equal bytes (I7)", () => {
  const record = sampleOf("stepped") as unknown as { readonly [field: string]: Encodable };
  const canonicalBytes = encodeRecord(sampleOf("stepped"));
  const strange = [plain(record), canonicalBytes.subarray(3), new Uint8Array([...canonicalBytes, 0]), canonicalBytes.subarray(0, -1), new Uint8Array()];
  assert.equal(strange.length, 5);
  for (const bytes of strange) assert.throws(() => decodeRecord(bytes), isRefusal(/not a record/));
});

test("record: the order of an object's fields: does not reach the bytes (I7)", () => {
  let tried = 0;
  for (const kind of RECORD_KINDS) {
    const turned = Object.fromEntries(Object.entries(sampleOf(kind)).reverse()) as unknown as JournalRecord;
    assert.deepEqual(encodeRecord(turned), encodeRecord(sampleOf(kind)));
    tried++;
  }
  assert.equal(tried, RECORD_KINDS.length);
});

test("record: inputs: begin a turn, no other kind does", () => {
  assert.deepEqual(RECORD_KINDS.filter((kind) => isInput(sampleOf(kind))), ["genesis", "applied", "event", "receipt", "receipt_refused", "rejected", "approval", "cancelled", "due", "transition"]);
});

test("record: an input that is in its place: not copied; of another place or of none: placed, the input as it was", () => {
  const here = sampleOf("event") as JournalRecord<"event">;
  assert.equal(placeInput(here, 5), here);
  assert.deepEqual([placeInput(here, 6).seq, here.seq], [6, 5]);
  assert.deepEqual(placeInput(FULL.due, 5), place(FULL.due, 5));
});

test("stamp: entropy of another length than 32 bytes: invariant", () => {
  assert.deepEqual(stampOf({ ...FULL.event }), STAMP);
  for (const length of [0, 31, 33]) assert.throws(() => stampOf({ ...STAMP, entropy: new Uint8Array(length) }), InvariantError);
});

/** Events and steps with each field there and not, and numbers on both sides of every length. */
function written(): readonly JournalRecord[] {
  const counts = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  const times = [0n, 23n, 24n, 0xffffn, 0x1_0000n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 53n, 2n ** 64n - 1n, -1n, -25n];
  const values = [0, 1, 23, 24, 25, 64, 65, 255, 256].map((size) => new Uint8Array(size).fill(size));
  const texts = ["", "s", "x".repeat(23), "x".repeat(24), "x".repeat(64), "x".repeat(65), "x".repeat(130), "é", "x".repeat(40) + "ü"];
  const keys = [{}, { key: BYTES }, { key: new Uint8Array(70) }];
  return [
    ...counts.map((seq) => place(FULL.event, seq)),
    ...counts.flatMap((fuel) => keys.map((key) => place({ kind: "stepped", reducer: "a/R@1", ...key, state: HASH, fuel, cause: fuel }, fuel))),
    ...keys.map((key) => place({ kind: "stepped", reducer: "a/R@1", ...key, fuel: 1, cause: 2 }, 3)),
    ...keys.flatMap((key) => times.map((now_ns) => place({ kind: "event", schema: "a/B@1", value: BYTES, ...key, event_hash: HASH, sender: "s", ...STAMP, now_ns, logical_ns: now_ns }, 5))),
    ...values.map((value) => place({ ...FULL.event, value, key: value }, 6)),
    ...texts.flatMap((text) => [place({ ...FULL.event, sender: text, schema: text }, 7), place({ ...FULL.stepped, reducer: text }, 8)]),
  ];
}

test("record: those written field by field: the bytes of their shape, and read back", () => {
  const records = written();
  assert.equal(records.length, 10 + 30 + 3 + 33 + 9 + 18);
  for (const record of records) {
    const bytes = encodeRecord(record);
    assert.deepEqual(bytes, canonical(record as Encodable));
    assert.deepEqual(decodeRecord(bytes), record);
  }
});

test("record: an event or a step read field by field: canonical bytes alone, whatever byte is changed, cut or added", () => {
  const whole = [place(FULL.event, 300), place({ ...FULL.event, now_ns: 5n, logical_ns: 70_000n, value: new Uint8Array(30) }, 24), place(FULL.stepped, 300), place({ kind: "stepped", reducer: "a/R@1", fuel: 70_000, cause: 2 }, 3)].map(encodeRecord);
  let read = 0;
  let left = 0;
  const check = (bytes: Uint8Array): void => {
    const record = readCommonRecord(bytes);
    if (record === undefined) left++;
    else {
      read++;
      assert.deepEqual(canonical(record as Encodable), bytes);
    }
  };
  for (const bytes of whole) {
    for (let at = 0; at < bytes.length; at++) {
      check(bytes.subarray(0, at));
      for (const change of [1, 2, 3, 16, 31, 32, 64, 128]) check(bytes.map((byte, index) => (index === at ? (byte + change) % 256 : byte)));
    }
    check(Uint8Array.from([...bytes, 0]));
  }
  assert.equal(read + left, whole.reduce((sum, { length }) => sum + 9 * length + 1, 0));
  assert.ok(read > 500 && left > 1500, `${read} read, ${left} left to the general way`);
});
