// Opens an example's world: copied to a temporary folder, built, begun, and in the end replayed from its journal.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  allAdapters, canonical, cellKey, controlShelf, createModuleRunner, decode, DEFAULT_CONFIG, ed25519Signer, fileBlobs, fileSnapshots, fold, fromUtf8, hashValue, jsonOf, openFileJournal, openHost,
  SANDBOX_VERSION, secretSources, stateRoot, systemClock, systemEntropy, trieGet,
  type AdapterConfig, type AdapterEnv, type Encodable, type Hash, type Host, type HostOptions, type JournalRecord, type ModuleRunner, type Value, type World,
} from "@agentos/kernel";
import { manualClock } from "@agentos/kernel/testing";
import { filesOfFolder, loadWorld, plainJson, requireControl, type WorldFiles } from "@agentos/controller";
import { buildModules, writeModules } from "../modules.ts";
import { atRest } from "./at-rest.ts";
import { ofKind, type Example, type ExampleWorld, type Scene } from "./example.ts";

/** The commit a world of an example is said to be at: there is no repository. */
const NO_COMMIT = "0".repeat(40);

export interface RunOptions {
  readonly say: (text: string) => void;
  /** `virtual`: time stands still while the world works, and jumps to its next timer when it rests. */
  readonly time: "real" | "virtual";
  /** Where what admission makes of modules is kept from run to run; undefined: it is made anew. */
  readonly cacheDir: string | undefined;
}

/** How a run ended; the replay agreed. */
export interface Ended {
  readonly records: number;
  /** SHA-256 of the canonical state of the main reducer. */
  readonly stateHash: Hash;
  /** In the order they were made. */
  readonly intents: readonly { readonly kind: string; readonly cap: string; readonly intent_hash: Hash }[];
}

/**
 * Runs an example, then replays its journal with new modules and nothing in memory, and opens it from its snapshot.
 *
 * @param source - the example's folder; it is not changed
 */
export async function runExample(example: Example, source: string, options: RunOptions): Promise<Ended> {
  const temporary = await mkdtemp(join(tmpdir(), `aos-example-${example.number}-`));
  const scene = await example.begin();
  try {
    const folder = join(temporary, "world");
    await cp(source, folder, { recursive: true });
    await writeModules(folder, await buildModules(folder));
    const places: Places = { journal: join(temporary, "journal"), blobs: join(temporary, "blobs"), snapshots: join(temporary, "snapshots") };
    const live = await runIn({ example, scene, folder, places }, options);
    const modules = runnerOf(options);
    assertSame(await replay(places, modules), live.world, "the replay");
    assertSame(await reopen(example, places, modules), live.world, "opened from its snapshot, the world");
    return endOf(example, live);
  } finally {
    await scene.end();
    await rm(temporary, { recursive: true, force: true });
  }
}

interface Places {
  readonly journal: string;
  readonly blobs: string;
  readonly snapshots: string;
}
interface Live {
  readonly world: World;
  readonly made: readonly JournalRecord[];
}
interface Stage {
  readonly example: Example;
  readonly scene: Scene;
  readonly folder: string;
  readonly places: Places;
}

function runnerOf({ cacheDir }: RunOptions): ModuleRunner {
  return createModuleRunner(cacheDir === undefined ? {} : { cacheDir });
}

async function runIn({ example, scene, folder, places }: Stage, options: RunOptions): Promise<Live> {
  const loaded = await loadWorld(filesOfFolder(folder));
  const control = requireControl(loaded, folder);
  const clock = options.time === "virtual" ? manualClock(0n) : systemClock();
  const made: JournalRecord[] = [];
  let host = await opened();
  async function opened(): Promise<Host> {
    const at = await openAt(example, places, { clock, modules: runnerOf(options), settings: scene.settings });
    at.onTurn((turn) => made.push(...turn.records));
    return at;
  }
  const world: ExampleWorld = {
    folder,
    get host() {
      return host;
    },
    async reopen() {
      await host.stop();
      host = await opened();
      host.startEffects();
    },
    scenarios: loaded.scenarios,
    say: (text) => options.say(`   ${text}`),
    async send(schema, value) {
      const before = made.length;
      await host.submit({ schema, value: decode(canonical(value as Encodable)), key: undefined, sender: "example" });
      await atRest(host, clock);
      return made.slice(before);
    },
    async decide(offer) {
      const before = made.length;
      await host.decide(offer);
      await atRest(host, clock);
      return made.slice(before);
    },
    state(reducer) {
      const cell = trieGet(host.world.cells, cellKey(reducer, undefined));
      assert.ok(cell !== undefined, `${reducer} has a state`);
      return { json: plainJson(decode(cell.state)), bytes: cell.state, hash: cell.hash };
    },
    blobs: fileBlobs(places.blobs),
    async text(ref) {
      const bytes = await fileBlobs(places.blobs).get(ref);
      assert.ok(bytes !== undefined, `${ref} is among the blobs`);
      return fromUtf8(bytes);
    },
    async overlay(over) {
      const files = overlaid(filesOfFolder(folder), filesOfFolder(join(folder, over)));
      const next = await loadWorld(files);
      return { ...next, control: requireControl(next, over) };
    },
    records: () => made,
  };
  try {
    await host.apply({ control, artifacts: [...loaded.artifacts.values()], commit: NO_COMMIT, base: undefined, decision: jsonOf({ example: example.slug }) as Value });
    host.startEffects();
    await scene.run(world);
    await atRest(host, clock);
    await host.snapshot();
    return { world: host.world, made };
  } finally {
    await host.stop();
  }
}

interface Opening {
  readonly clock: HostOptions["clock"];
  readonly modules: ModuleRunner;
  readonly settings: Scene["settings"];
}

async function openAt(example: Example, places: Places, { clock, modules, settings }: Opening): Promise<Host> {
  const blobs = fileBlobs(places.blobs);
  const secrets = secretSources({ env: settings?.secrets ?? {}, vault: undefined });
  const config: AdapterConfig = { ...DEFAULT_CONFIG, http: { ...DEFAULT_CONFIG.http, origins: settings?.origins ?? {} }, llm: settings?.llm };
  // The adapters ask for the world only while a call runs: it is open then.
  const opened: { host?: Host } = {};
  const hostNow = (): Host => {
    assert.ok(opened.host !== undefined, "effects start after the world is open");
    return opened.host;
  };
  const env: AdapterEnv = { blobs, clock, secrets, vault: undefined, config, world: () => hostNow().world, submit: (offer) => hostNow().submit(offer) };
  opened.host = await openHost({
    journal: await openFileJournal({ dir: places.journal, mode: "append" }), blobs, clock, entropy: systemEntropy(), signer: ed25519Signer(systemEntropy().bytes(32)), modules,
    adapters: allAdapters(env), secrets, snapshots: fileSnapshots(places.snapshots), sandbox: SANDBOX_VERSION, world: hashValue(`example ${example.slug}`),
  });
  return opened.host;
}

async function replay(places: Places, modules: ModuleRunner): Promise<World> {
  const journal = await openFileJournal({ dir: places.journal, mode: "read" });
  const turns = async function* (): AsyncGenerator<readonly Uint8Array[]> {
    for await (const turn of journal.read(0)) yield turn.records;
  };
  const world = await fold(turns(), controlShelf(modules, fileBlobs(places.blobs)));
  assert.ok(world !== undefined, "there is a journal to replay");
  return world;
}

async function reopen(example: Example, places: Places, modules: ModuleRunner): Promise<World> {
  const host = await openAt(example, places, { clock: systemClock(), modules, settings: undefined });
  await host.stop();
  return host.world;
}

function assertSame(other: World, live: World, what: string): void {
  assert.equal(stateRoot(other), stateRoot(live), `${what} is in the state it was left in`);
  assert.equal(other.nextSeq, live.nextSeq, `${what} has as many records`);
}

function endOf(example: Example, { world, made }: Live): Ended {
  const cell = trieGet(world.cells, cellKey(example.reducer, undefined));
  assert.ok(cell !== undefined, `${example.reducer} has a state`);
  return {
    records: world.nextSeq, stateHash: cell.hash,
    intents: ofKind(made, "intent").map(({ effect, cap, intent }) => ({ kind: effect, cap, intent_hash: intent })),
  };
}

/** Files of a world whose AIR folder has some files replaced or added: those that lie directly in `over`. */
function overlaid(base: WorldFiles, over: WorldFiles): WorldFiles {
  return {
    ...base,
    place: over.place,
    read: async (path) => (path.startsWith("air/") ? await over.read(path.slice("air/".length)) : undefined) ?? base.read(path),
    async list(folder) {
      const below = await base.list(folder);
      const added = folder === "air" ? (await over.list(".")).map((path) => `air/${path.replace(/^\.\//, "")}`) : [];
      return [...new Set([...below, ...added])].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    },
  };
}
