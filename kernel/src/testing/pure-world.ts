// A world of the machine alone: inputs are admitted and stepped by hand, no host, no clock; always replayed at the end.

import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { hashBytes } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { memoryBlobs } from "../adapters/blobs/memory.ts";
import { admitApproval, admitCancel, admitEvent, admitReceipt } from "../core/admit.ts";
import { admitDue } from "../core/due.ts";
import { applyRefusals } from "../core/migrate.ts";
import { normalPayload } from "../core/receipt.ts";
import { encodeRecord, type Input, type JournalRecord, type RecordKind, type Stamp } from "../core/record.ts";
import { step } from "../core/step.ts";
import { trieEntries, trieGet } from "../core/trie.ts";
import { stateRoot, waitIndex, type World } from "../core/world.ts";
import { controlShelf, fold, type ControlShelf } from "../fold.ts";
import type { Blobs, ModuleRunner } from "../ports.ts";
import { controlFrom, TEST_SANDBOX, TEST_WORLD_ID } from "./test-world.ts";

export interface PureWorldOptions {
  /** AIR nodes as plain JSON objects, one manifest among them; applied first. */
  readonly air: readonly unknown[];
  readonly modules: ModuleRunner;
  readonly artifacts: readonly Uint8Array[];
  readonly moduleHashes: ReadonlyMap<string, Hash>;
}
export interface PureAnswer {
  readonly status?: "ok" | "error" | "timeout";
  readonly payload: Encodable;
  readonly costCents?: number;
}
type Made = readonly JournalRecord[];

/** Each act is one turn and gives its records. Time stands still but for `pass`. */
export interface PureWorld {
  world: World;
  readonly records: JournalRecord[];
  readonly turns: (readonly Uint8Array[])[];
  /** The state root after each turn. */
  readonly roots: Hash[];
  readonly shelf: ControlShelf;
  /** Takes an input as it is. */
  take(input: Input): Made;
  stamp(): Stamp;
  pass(ns: bigint): void;
  /** Makes a control plane ready; `apply` takes it then. */
  prepare(air: readonly unknown[]): Promise<ControlPlane>;
  /** Puts a prepared control plane in force; undefined when cells do not fit it. */
  apply(control: ControlPlane): Made | undefined;
  send(schema: string, value: Encodable, key?: Encodable): Made;
  /** Answers an intent, open or not; the payload is made normal as a dispatcher does. */
  answer(seq: number, answer: PureAnswer): Made;
  decide(heldSeq: number, decision: "grant" | "deny", reason?: string): Made;
  cancel(instance: number, reason?: string): Made;
  /** Undefined when nothing is due. */
  due(what: "plan" | "approval", id: number): Made | undefined;
  of<K extends RecordKind>(kind: K): readonly JournalRecord<K>[];
}

/** Runs `use` on a world with its AIR applied, then replays all of it and compares every root. */
export async function inPureWorld(options: PureWorldOptions, use: (world: PureWorld) => Promise<void> | void): Promise<PureWorld> {
  const world = await pureWorld(options);
  await use(world);
  await assertReplay(world);
  return world;
}

/** What every world must be: replayed to the same roots, its index of waits that of its plans. */
async function assertReplay({ world, turns, roots, shelf }: PureWorld): Promise<void> {
  let replayed: World | undefined;
  assert.ok(turns.length >= 2, "there is a journal to replay");
  for (const [index, turn] of turns.entries()) {
    replayed = await fold([turn], shelf, replayed);
    assert.ok(replayed !== undefined);
    assert.equal(stateRoot(replayed), roots[index], `the replay is in the same state after turn ${index} (I6)`);
  }
  assert.deepEqual(new Map(trieEntries(world.waiting)), new Map(trieEntries(waitIndex(world.plans))), "the index of waits follows from the plans");
}

interface Loaded {
  readonly blobs: Blobs;
  readonly shelf: ControlShelf;
  readonly controls: Map<string, Promise<ControlPlane>>;
}
/** What is read once for all worlds on the same modules: control planes are values. */
const loaded = new WeakMap<ModuleRunner, Loaded>();

function loadedFor(modules: ModuleRunner): Loaded {
  const blobs = memoryBlobs();
  const known = loaded.get(modules) ?? { blobs, shelf: controlShelf(modules, blobs), controls: new Map() };
  loaded.set(modules, known);
  return known;
}

async function pureWorld(options: PureWorldOptions): Promise<PureWorld> {
  const { blobs, shelf, controls } = loadedFor(options.modules);
  for (const artifact of options.artifacts) await blobs.put(artifact);
  let now = 1_700_000_000_000_000_000n;
  const genesis = { kind: "genesis", world: TEST_WORLD_ID, sandbox: TEST_SANDBOX, limits: null, now_ns: now, logical_ns: now, entropy: new Uint8Array(32) } as const;
  const first = step(undefined, genesis, shelf);
  const load = async (air: readonly unknown[]): Promise<ControlPlane> => {
    const control = controlFrom(air, options.moduleHashes);
    return shelf.prepare(await blobs.put(bundleOf(control)));
  };
  const self: PureWorld = {
    world: first.world, records: [...first.records], turns: [first.records.map(encodeRecord)], roots: [stateRoot(first.world)], shelf,
    stamp: () => ({ now_ns: now, logical_ns: now, entropy: new Uint8Array(32).fill(self.world.nextSeq % 256) }),
    pass: (ns) => void (now += ns > 0n ? ns : 0n),
    take(input) {
      const made = step(self.world, input, shelf);
      self.world = made.world;
      self.records.push(...made.records);
      self.turns.push(made.records.map(encodeRecord));
      self.roots.push(stateRoot(made.world));
      return made.records;
    },
    prepare(air) {
      const text = JSON.stringify(air);
      const known = controls.get(text) ?? load(air);
      controls.set(text, known);
      return known;
    },
    apply(control) {
      if (applyRefusals(self.world, control, options.modules).length > 0) return undefined;
      return self.take({ kind: "applied", manifest: control.manifestHash, bundle: hashBytes(bundleOf(control)), commit: "0".repeat(40), decision: null, ...self.stamp() });
    },
    send: (schema, value, key) =>
      self.take(admitEvent(self.world, { schema, value: decode(canonical(value)), key: key === undefined ? undefined : canonical(key), sender: "test" }, self.stamp())),
    answer(seq, { status = "ok", payload, costCents }) {
      const intent = self.of("intent").find((made) => made.seq === seq);
      assert.ok(intent !== undefined && self.world.control !== undefined, `#${seq} is an intent`);
      const normal = normalPayload(self.world.control, intent.effect, { status, payload: canonical(payload) });
      return self.take(admitReceipt(self.world, {
        kind: "receipt", intent: intent.intent, intent_seq: seq, adapter: "test", status: normal.status, payload: normal.payload,
        ...(normal.code === undefined ? {} : { code: normal.code }), ...(costCents === undefined ? {} : { cost_cents: costCents }),
        started_ns: now, finished_ns: now, signer: new Uint8Array(32), signature: new Uint8Array(64), ...self.stamp(),
      }));
    },
    decide: (heldSeq, decision, reason) => {
      const said = reason === undefined ? {} : { reason };
      return self.take(admitApproval(self.world, { heldSeq, decision, by: "alex", ...said, signer: new Uint8Array(32), signature: new Uint8Array(64) }, self.stamp()));
    },
    cancel: (instance, reason) => self.take(admitCancel(self.world, { instance, by: "alex", ...(reason === undefined ? {} : { reason }) }, self.stamp())),
    due(what, id) {
      const input = admitDue(self.world, { what, id }, self.stamp());
      return input === undefined ? undefined : self.take(input);
    },
    of: <K extends RecordKind>(kind: K) => self.records.filter((made): made is JournalRecord<K> => made.kind === kind),
  };
  self.apply(await self.prepare(options.air));
  return self;
}

/** The amounts in a grant's ledger as numbers: calls, tokens, cents, bytes; undefined without a ledger. */
export function spentOf({ world }: PureWorld, grant: string): readonly number[] | undefined {
  const spent = trieGet(world.spent, grant);
  return spent === undefined ? undefined : [spent.calls, spent.tokens, spent.cents, spent.bytes].map(Number);
}
