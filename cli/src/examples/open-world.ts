// Opens an example's world: copied to a temporary folder, built, begun, and in the end replayed from its journal.

import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  canonical, cellKey, controlShelf, createModuleRunner, decode, ed25519Signer, fileBlobs, fold, hashValue, httpAdapter, jsonOf, openFileJournal, openHost, SANDBOX_VERSION, stateRoot,
  systemClock, systemEntropy, trieGet, type Encodable, type Hash, type JournalRecord, type Value, type World,
} from "@agentos/kernel";
import { filesOfFolder, loadWorld, plainJson, requireControl, type WorldFiles } from "@agentos/controller";
import { buildModules, writeModules } from "../modules.ts";
import type { Example, ExampleWorld } from "./example.ts";

/** The commit a world of an example is said to be at: there is no repository. */
const NO_COMMIT = "0".repeat(40);

/**
 * Runs an example and then replays its journal with new modules and nothing in memory.
 *
 * @param source - the example's folder; it is not changed
 * @returns the state root, the same live and replayed
 */
export async function runExample(example: Example, source: string, say: (text: string) => void): Promise<Hash> {
  const temporary = await mkdtemp(join(tmpdir(), `aos-example-${example.number}-`));
  try {
    const folder = join(temporary, "world");
    await cp(source, folder, { recursive: true });
    await writeModules(folder, await buildModules(folder));
    const places = { journal: join(temporary, "journal"), blobs: join(temporary, "blobs") };
    const live = await runIn(example, folder, { ...places, say });
    const replayed = await replay(places);
    assert.equal(stateRoot(replayed), stateRoot(live), "the replay ends in the state the world was left in");
    assert.equal(replayed.nextSeq, live.nextSeq, "the replay has as many records");
    return stateRoot(replayed);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function runIn(example: Example, folder: string, options: { readonly journal: string; readonly blobs: string; readonly say: (text: string) => void }): Promise<World> {
  const loaded = await loadWorld(filesOfFolder(folder));
  const control = requireControl(loaded, folder);
  const journal = await openFileJournal({ dir: options.journal, mode: "append" });
  const blobs = fileBlobs(options.blobs);
  const clock = systemClock();
  const made: JournalRecord[] = [];
  const host = await openHost({
    journal, blobs, clock, entropy: systemEntropy(), signer: ed25519Signer(systemEntropy().bytes(32)), modules: createModuleRunner(), adapters: [httpAdapter({ blobs, clock })],
    sandbox: SANDBOX_VERSION, world: hashValue(`example ${example.slug}`),
  });
  host.onTurn((turn) => made.push(...turn.records));
  const world: ExampleWorld = {
    folder,
    host,
    scenarios: loaded.scenarios,
    say: (text) => options.say(`   ${text}`),
    async send(schema, value) {
      const before = made.length;
      await host.submit({ schema, value: decode(canonical(value as Encodable)), key: undefined, sender: "example" });
      await host.settled();
      return made.slice(before);
    },
    state(reducer) {
      const cell = trieGet(host.world.cells, cellKey(reducer, undefined));
      assert.ok(cell !== undefined, `${reducer} has a state`);
      return { json: plainJson(decode(cell.state)), bytes: cell.state };
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
    await example.run(world);
    await host.settled();
    return host.world;
  } finally {
    await host.stop();
  }
}

async function replay(places: { readonly journal: string; readonly blobs: string }): Promise<World> {
  const journal = await openFileJournal({ dir: places.journal, mode: "read" });
  const turns = async function* (): AsyncGenerator<readonly Uint8Array[]> {
    for await (const turn of journal.read(0)) yield turn.records;
  };
  const world = await fold(turns(), controlShelf(createModuleRunner(), fileBlobs(places.blobs)));
  assert.ok(world !== undefined, "there is a journal to replay");
  return world;
}

/** Files of a world whose AIR folder has some files replaced or added: those that lie directly in `over`. */
function overlaid(base: WorldFiles, over: WorldFiles): WorldFiles {
  return {
    place: over.place,
    read: async (path) => (path.startsWith("air/") ? await over.read(path.slice("air/".length)) : undefined) ?? base.read(path),
    async list(folder) {
      const below = await base.list(folder);
      const added = folder === "air" ? (await over.list(".")).map((path) => `air/${path.replace(/^\.\//, "")}`) : [];
      return [...new Set([...below, ...added])].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    },
  };
}
