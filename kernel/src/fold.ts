// A journal becomes a world: each bundle and module it names is loaded, each turn replayed and compared.

import { AosError } from "./air/error.ts";
import { loadBundle } from "./air/load.ts";
import { ZERO_HASH } from "./air/hash.ts";
import type { ControlPlane } from "./air/types.ts";
import type { Hash } from "./air/value.ts";
import { heldTurn, replayTurn } from "./core/replay.ts";
import type { Dependencies } from "./core/turn.ts";
import type { World } from "./core/world.ts";
import type { Blobs, ModuleRunner } from "./ports.ts";

/** Control planes by the hash of their bundle, with their modules admitted. */
export interface ControlShelf extends Dependencies {
  readonly modules: ModuleRunner;
  /** Makes a bundle and its modules ready. @throws AosError `blob.missing` (unverified) naming what the store lacks */
  prepare(bundle: Hash): Promise<ControlPlane>;
}

export function controlShelf(modules: ModuleRunner, blobs: Pick<Blobs, "get">): ControlShelf {
  const shelf = new Map<Hash, ControlPlane>();
  return {
    modules,
    control(bundle) {
      const control = shelf.get(bundle);
      if (control === undefined) throw new AosError("bundle.unprepared", `${bundle}: the bundle was not made ready`);
      return control;
    },
    async prepare(bundle) {
      const held = shelf.get(bundle);
      if (held !== undefined) return held;
      const control = loadBundle(await need(blobs, bundle, "bundle"));
      for (const module of control.modules.values()) {
        if (module.wasm_hash !== ZERO_HASH && !modules.has(module.wasm_hash)) {
          await modules.add(await need(blobs, module.wasm_hash, `module ${module.name}`));
        }
      }
      shelf.set(bundle, control);
      return control;
    },
  };
}

/**
 * Replays turns onto a world, from the start when there is none.
 *
 * @param turns - each the canonical bytes of an input and of all it led to
 * @param after - called with the world after each turn
 * @throws AosError `replay.divergence`, `record.invalid`, `blob.missing` (all unverified)
 */
export async function fold(
  turns: AsyncIterable<readonly Uint8Array[]> | Iterable<readonly Uint8Array[]>,
  shelf: ControlShelf,
  start?: World,
  after?: (world: World) => void,
): Promise<World | undefined> {
  let world = start;
  const take = (bytes: readonly Uint8Array[]): Promise<void> | undefined => {
    const turn = heldTurn(bytes);
    const replay = (): void => {
      world = replayTurn(world, turn, shelf);
      after?.(world);
    };
    if (turn.head?.kind === "applied") return shelf.prepare(turn.head.bundle).then(replay);
    replay();
    return undefined;
  };
  if (Symbol.asyncIterator in turns) {
    for await (const bytes of turns) await take(bytes);
    return world;
  }
  // What is there already is not waited for, turn by turn.
  for (const bytes of turns) {
    const waits = take(bytes);
    if (waits !== undefined) await waits;
  }
  return world;
}

async function need(blobs: Pick<Blobs, "get">, hash: Hash, what: string): Promise<Uint8Array> {
  const bytes = await blobs.get(hash);
  if (bytes === undefined) throw new AosError("blob.missing", `${what}: the store does not hold ${hash}`, { class: "unverified", hint: "restore the blobs from a copy; docs/operations.md says how to make them again" });
  return bytes;
}
