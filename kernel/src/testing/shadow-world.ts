// Recorded worlds for tests of shadow runs: built with `step` alone, no host, no clock; notes beside the fetch world's counter.

import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { readJson } from "../air/json.ts";
import { hashBytes, hashValue } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Encodable, Hash } from "../air/value.ts";
import { admitEvent } from "../core/admit.ts";
import { normalPayload } from "../core/receipt.ts";
import type { Input, JournalRecord, Stamp } from "../core/record.ts";
import { parseScenario, type Scenario } from "../core/scenario.ts";
import { shadow } from "../core/shadow.ts";
import type { RecordedReceipt } from "../core/shadow-answer.ts";
import { reportHash, type ShadowReport } from "../core/shadow-report.ts";
import { step } from "../core/step.ts";
import type { Dependencies } from "../core/turn.ts";
import { stateRoot, type World } from "../core/world.ts";
import { countAndFetch, FETCH_EDGES, FETCH_STEPS, fetchWorld, type FetchWorldOptions } from "./fetch-world.ts";
import { nativeModules, type NativeReducer } from "./native-modules.ts";
import { controlFrom } from "./test-world.ts";

/** What a recorded receipt says; undefined leaves intents open. */
export interface RecordedPayload {
  readonly status?: "ok" | "error" | "timeout";
  readonly payload: Encodable;
}

export interface ShadowBench {
  readonly deps: Dependencies;
  /** Loads AIR; modules have their code. */
  control(air: readonly unknown[]): ControlPlane;
  /** A world with its genesis record and, where given, a control plane applied. */
  boot(control?: ControlPlane): Recorded;
}

/** A world being recorded. */
export interface Recorded {
  world: World;
  readonly receipts: RecordedReceipt[];
  /** Every turn since the genesis record. */
  readonly turns: (readonly JournalRecord[])[];
  apply(control: ControlPlane): Recorded;
  /** Feeds an event; its intents, and those that follow, get `answer` for a receipt. */
  send(schema: string, value: Encodable, answer?: RecordedPayload): Recorded;
}

const WORLD_ID = hashValue("a world for shadow runs");

/** Modules of the fetch world and of notes, admitted. */
export async function shadowBench(reduce: NativeReducer = countAndFetch): Promise<ShadowBench> {
  const modules = nativeModules();
  const counter = modules.define("demo/Counter@1", reduce);
  const notes = modules.define("demo/Notes@1", (_, event) => ({ state: event as Encodable }));
  for (const { artifact } of [counter, notes]) await modules.add(artifact);
  const hashes = new Map<string, Hash>([["demo/Counter@1", counter.hash], ["demo/Notes@1", notes.hash]]);
  const shelf = new Map<Hash, ControlPlane>();
  const deps: Dependencies = { modules, control: (bundle) => shelf.get(bundle) ?? assert.fail(`${bundle} was not loaded`) };
  const record = (start: World): Recorded => {
    const recorded: Recorded = {
      world: start,
      receipts: [],
      turns: [],
      apply(control) {
        const bundle = hashBytes(bundleOf(control));
        shelf.set(bundle, control);
        take({ kind: "applied", manifest: control.manifestHash, bundle, commit: "b".repeat(40), decision: null, ...stamp(recorded.world) });
        return recorded;
      },
      send(schema, value, answer) {
        const admitted = admitEvent(recorded.world, { schema, value: decode(canonical(value)), key: undefined, sender: "test" }, stamp(recorded.world));
        assert.equal(admitted.kind, "event");
        const open = take(admitted);
        for (let intent = answer === undefined ? undefined : open.shift(); intent !== undefined && answer !== undefined; intent = open.shift()) {
          const input = receiptFor(recorded.world, intent, answer);
          const seq = recorded.world.nextSeq;
          open.push(...take(input));
          recorded.receipts.push({ intent, receipt: { ...input, seq } as JournalRecord<"receipt"> });
        }
        return recorded;
      },
    };
    const take = (input: Input): JournalRecord<"intent">[] => {
      const made = step(recorded.world, input, deps);
      recorded.world = made.world;
      recorded.turns.push(made.records);
      return made.records.filter((made) => made.kind === "intent");
    };
    return recorded;
  };
  return {
    deps,
    control: (air) => controlFrom(air, hashes),
    boot(control) {
      const first = step(undefined, { kind: "genesis", world: WORLD_ID, sandbox: "test-1", limits: null, now_ns: 1000n, logical_ns: 1000n, entropy: new Uint8Array(32) }, deps);
      const recorded = record(first.world);
      return control === undefined ? recorded : recorded.apply(control);
    },
  };
}

function stamp(world: World): Stamp {
  const at = world.logicalNs + 1n;
  return { now_ns: at, logical_ns: at, entropy: new Uint8Array(32).fill(world.nextSeq % 256) };
}

function receiptFor(world: World, intent: JournalRecord<"intent">, answer: RecordedPayload): Input<"receipt"> {
  assert.ok(world.control !== undefined);
  const normal = normalPayload(world.control, intent.effect, { status: answer.status ?? "ok", payload: canonical(answer.payload) });
  const at = stamp(world);
  return {
    kind: "receipt", intent: intent.intent, intent_seq: intent.seq, adapter: "test", status: normal.status, payload: normal.payload,
    ...(normal.code === undefined ? {} : { code: normal.code }), started_ns: at.now_ns, finished_ns: at.now_ns, signer: new Uint8Array(32), signature: new Uint8Array(64), ...at,
  };
}

/** The fetch world and notes: `demo/Note@1` events go to cells of `demo/Notes@1`, one an id. */
export function notesWorld(options: FetchWorldOptions & { readonly noteType?: unknown } = {}): readonly unknown[] {
  const air = fetchWorld(options) as readonly Record<string, unknown>[];
  const manifest = air[air.length - 1] as Record<string, readonly unknown[]> & { readonly routing: { readonly events: readonly unknown[] } };
  return [
    ...air.slice(0, -1),
    { $kind: "defschema", name: "demo/Note@1", type: options.noteType ?? { record: { id: { text: {} }, body: { text: {} } } } },
    { $kind: "defschema", name: "demo/Id@1", type: { text: {} } },
    { $kind: "defmodule", name: "demo/Notes@1", module_kind: "reducer", key_schema: "demo/Id@1", abi: { reducer: { state: "demo/Note@1", event: "demo/Note@1" } } },
    {
      ...manifest,
      schemas: [...(manifest["schemas"] ?? []), { name: "demo/Note@1" }, { name: "demo/Id@1" }],
      modules: [...(manifest["modules"] ?? []), { name: "demo/Notes@1" }],
      routing: { events: [...manifest.routing.events, { event: "demo/Note@1", reducer: "demo/Notes@1", key_field: "id" }] },
    },
  ];
}

/** Version 2: after the fetch it also posts to api.example.net, which the grant now names. */
export const V2: FetchWorldOptions = {
  hosts: ["example.com", "api.example.net"],
  steps: [
    ...FETCH_STEPS.slice(0, 2),
    {
      id: "post", op: "emit_effect", kind: "http.request", cap: "http",
      params: { record: { method: { text: "POST" }, url: { text: "https://api.example.net:8443/hook?token=secret" }, headers: { map: [] }, body_ref: { null: {} } } },
      bind: { effect_id_as: "hook" },
    },
    { id: "posted", op: "await_receipt", for: { ref: "@var:hook" }, bind: { as: "posted_answer" } },
    ...FETCH_STEPS.slice(2),
  ],
  edges: [...FETCH_EDGES.slice(0, 1), { from: "wait", to: "post" }, { from: "post", to: "posted" }, { from: "posted", to: "tell" }, ...FETCH_EDGES.slice(2)],
};

export const START_EVENT = { schema: "demo/Event@1", value: { $tag: "Start", $value: { url: "https://example.com/a" } } } as const;

export function scenarioOf(json: unknown, file = "shadow/one.json"): Scenario {
  return parseScenario(readJson(JSON.stringify(json), file).json, file);
}

/** A shadow run that must leave the recorded world alone and say the same twice. */
export function rehearsal(
  bench: ShadowBench,
  recorded: Pick<Recorded, "world" | "receipts">,
  run: { readonly next: ControlPlane; readonly scenarios?: readonly Scenario[] },
): ShadowReport {
  const before = stateRoot(recorded.world);
  const input = {
    world: recorded.world, next: run.next, nextBundle: hashBytes(bundleOf(run.next)), head: { commit: "c".repeat(40) },
    scenarios: run.scenarios ?? [scenarioOf({ events: [START_EVENT] })], recorded: recorded.receipts,
  };
  const report = shadow(input, bench.deps);
  const again = shadow({ ...input, scenarios: [...input.scenarios].reverse(), recorded: [...input.recorded].reverse() }, bench.deps);
  assert.equal(reportHash(again), reportHash(report), "the same inputs give the same report, in whatever order they are listed");
  assert.equal(stateRoot(recorded.world), before, "the recorded world stays as it is");
  assert.equal(report.base.state_root, before);
  return report;
}
