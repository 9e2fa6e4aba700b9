// The worlds that are measured: a counter in WebAssembly text, and the example `00-counter` in TypeScript.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  admitEvent, bundleOf, bundleReducer, canonical, createModuleRunner, decode, encodeRecord, hashBytes, hashValue, LIMITS, loadFiles, memoryBlobs, SANDBOX_VERSION, step,
  type ControlPlane, type Encodable, type EventOffer, type Hash, type ModuleCall, type ModuleRunner, type World,
} from "@agentos/kernel";
import { COUNTER_MULTI } from "@agentos/kernel/testing";
import wabt from "wabt";

export const WORLD = hashValue("a world for benchmarks");

/** A control plane with its one module admitted. */
export interface Subject {
  readonly control: ControlPlane;
  readonly artifact: Uint8Array;
  readonly modules: ModuleRunner;
  /** Sent once before anything is measured. */
  readonly first: EventOffer;
  /** Sent again and again. */
  readonly offer: EventOffer;
}

/** A reducer of a few instructions: what is measured is everything around it. */
export async function wasmCounter(): Promise<Subject> {
  const module = (await wabt()).parseWat("counter.wat", COUNTER_MULTI, { multi_value: true });
  const artifact = module.toBinary({}).buffer;
  const air = [
    { $kind: "defschema", name: "bench/State@1", type: { nat: {} } },
    { $kind: "defschema", name: "bench/Tick@1", type: { record: { n: { nat: {} } } } },
    { $kind: "defmodule", name: "bench/Counter@1", module_kind: "reducer", abi: { reducer: { state: "bench/State@1", event: "bench/Tick@1" } } },
    {
      $kind: "manifest", air_version: "1", schemas: [{ name: "bench/State@1" }, { name: "bench/Tick@1" }], modules: [{ name: "bench/Counter@1" }], plans: [], effects: [], caps: [],
      policies: [], routing: { events: [{ event: "bench/Tick@1", reducer: "bench/Counter@1" }] },
    },
  ];
  const files = air.map((node, index) => ({ path: `air/${index}.air.json`, text: JSON.stringify(node) }));
  const tick = offerOf("bench/Tick@1", { n: 1 });
  return subject({ files, module: "bench/Counter@1", artifact, first: tick, offer: tick });
}

/** The example's reducer, set to count down from far away. */
export async function scriptCounter(): Promise<Subject> {
  const folder = fileURLToPath(new URL("../../examples/00-counter/", import.meta.url));
  const { artifact } = await bundleReducer({ entry: join(folder, "reducer", "counter.ts") });
  const files = readdirSync(join(folder, "air")).map((name) => ({ path: `air/${name}`, text: readFileSync(join(folder, "air", name), "utf8") }));
  const first = offerOf("demo/CounterEvent@1", { $tag: "Start", $value: { target: 1_000_000_000 } });
  return subject({ files, module: "demo/CounterSM@1", artifact, first, offer: offerOf("demo/CounterEvent@1", { $tag: "Tick", $value: null }) });
}

async function subject(parts: {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly module: string;
  readonly artifact: Uint8Array;
  readonly first: EventOffer;
  readonly offer: EventOffer;
}): Promise<Subject> {
  const modules = createModuleRunner();
  const hash = await modules.add(parts.artifact);
  const { control, diagnostics } = loadFiles(parts.files, { moduleHashes: new Map<string, Hash>([[parts.module, hash]]) });
  if (control === undefined) throw new Error(`the AIR of the benchmark: ${diagnostics.map(({ message }) => message).join("; ")}`);
  return { ...parts, control, modules };
}

function offerOf(schema: string, value: Encodable): EventOffer {
  return { schema, value: decode(canonical(value)), key: undefined, sender: "bench" };
}

/** A world in memory alone: turns without a journal, their bytes made as a journal would take them. */
export interface MemoryWorld {
  world: World;
  readonly turns: (readonly Uint8Array[])[];
  /** The last call the world made of its module. */
  lastCall(): ModuleCall;
  send(offer: EventOffer): void;
}

/** A world of the subject: genesis, its control plane applied, its first event taken. */
export function memoryWorld({ control, modules, first }: Subject): MemoryWorld {
  let last: ModuleCall | undefined;
  const recording: ModuleRunner = {
    ...modules,
    call(call) {
      last = call;
      return modules.call(call);
    },
  };
  const deps = { modules: recording, control: () => control };
  const bundle = hashBytes(bundleOf(control));
  const turns: (readonly Uint8Array[])[] = [];
  const take = (world: World | undefined, input: Parameters<typeof step>[1]): World => {
    const made = step(world, input, deps);
    turns.push(made.records.map(encodeRecord));
    return made.world;
  };
  const genesis = take(undefined, { kind: "genesis", world: WORLD, sandbox: SANDBOX_VERSION, limits: decode(canonical({ ...LIMITS })), ...stampAt(0) });
  const applied = take(genesis, { kind: "applied", manifest: control.manifestHash, bundle, commit: "0".repeat(40), decision: null, ...stampAt(1) });
  const memory: MemoryWorld = {
    world: applied, turns,
    lastCall() {
      if (last === undefined) throw new Error("the module was not called");
      return last;
    },
    send(offer) {
      memory.world = take(memory.world, admitEvent(memory.world, offer, stampAt(memory.world.nextSeq)));
    },
  };
  memory.send(first);
  return memory;
}

function stampAt(seq: number): { readonly now_ns: bigint; readonly logical_ns: bigint; readonly entropy: Uint8Array } {
  const now = 1_700_000_000_000_000_000n + BigInt(seq);
  return { now_ns: now, logical_ns: now, entropy: ENTROPIES[seq % 256] as Uint8Array };
}

/** Made before anything is measured: in a host they come from the system. */
const ENTROPIES = Array.from({ length: 256 }, (_, byte) => new Uint8Array(32).fill(byte));

/** Blobs that hold what a replay of the subject's journal needs. */
export async function blobsOf({ control, artifact }: Subject): Promise<ReturnType<typeof memoryBlobs>> {
  const blobs = memoryBlobs();
  await blobs.put(bundleOf(control));
  await blobs.put(artifact);
  return blobs;
}
