// A dress rehearsal of an example: its world in a shadow run, on no recorded state.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bundleOf, controlShelf, createModuleRunner, ed25519Signer, hashBytes, hashValue, memoryBlobs, memoryJournal, openHost, SANDBOX_VERSION, shadow, systemClock, systemEntropy,
  type Scenario, type ShadowReport,
} from "@agentos/kernel";
import { filesOfFolder, loadWorld, requireControl, type LoadedWorld } from "@agentos/controller";
import type { Example } from "../examples/example.ts";
import { buildModules, writeModules } from "../modules.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Where what admission makes of modules is kept, as the examples' runner does. */
export const CACHE = join(ROOT, "node_modules/.cache/agentos-modules");

export function exampleFolder({ number, slug }: Pick<Example, "number" | "slug">): string {
  return join(ROOT, "examples", `${number}-${slug}`);
}

/** The world of an example, put in force in a new world and played through scenarios; its own unless told. Nobody is called. */
export async function rehearse(example: Pick<Example, "number" | "slug">, scenarios?: readonly Scenario[]): Promise<ShadowReport> {
  const folder = exampleFolder(example);
  const modules = createModuleRunner({ cacheDir: CACHE });
  const loaded = await loadBuilt(folder);
  const control = requireControl(loaded, folder);
  for (const artifact of loaded.artifacts.values()) await modules.add(artifact);
  const [blobs, entropy] = [memoryBlobs(), systemEntropy()];
  const host = await openHost({
    journal: memoryJournal(), blobs, clock: systemClock(), entropy, signer: ed25519Signer(entropy.bytes(32)), modules, adapters: [], sandbox: SANDBOX_VERSION, world: hashValue("rehearsal"),
  });
  await host.stop();
  const input = { world: host.world, next: control, nextBundle: hashBytes(bundleOf(control)), head: { commit: "0".repeat(40) }, scenarios: scenarios ?? loaded.scenarios, recorded: [] };
  return shadow(input, controlShelf(modules, blobs));
}

async function loadBuilt(folder: string): Promise<LoadedWorld> {
  const copy = await mkdtemp(join(tmpdir(), "aos-rehearsal-"));
  try {
    await cp(folder, copy, { recursive: true });
    await writeModules(copy, await buildModules(copy));
    return await loadWorld(filesOfFolder(copy));
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
