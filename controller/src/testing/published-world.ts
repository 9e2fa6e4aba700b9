// A world that has run, been upgraded and run again, published in a bare repository of its own, to be looked at and tampered with.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey, publicKeyLine, writeKey } from "../git/keys.ts";
import { git } from "../git/run.ts";
import type { Oid } from "../git/objects.ts";
import { outsideWorld, safeUpgradeRepo, type WorldRepo } from "./world-repo.ts";
import { carryThrough, sendStart, settle, start, until } from "./world-steps.ts";

export interface PublishedWorld {
  /** The author's repository, where the controller ran; its keys and its trust hash. */
  readonly world: WorldRepo;
  /** Bare and packed: main, the proposal, and all notes. */
  readonly folder: string;
  readonly merged: Oid;
  /** A copy of `folder`, for one test; gone when the world is removed. */
  copy(): Promise<string>;
  remove(): Promise<void>;
}

/** An agent `helper` is among its principals. Genesis, one event with a receipt, a merge, one event with two receipts, each in seals of their own. */
export async function publishedWorld(): Promise<PublishedWorld> {
  const helper = generateKey("helper");
  const world = await safeUpgradeRepo({ trust: (principals) => ({ principals: { ...principals, helper: { kind: "agent", keys: [publicKeyLine(helper.key)] } } }) });
  await writeKey(`${world.folder}/helper`, helper);
  const outside = await outsideWorld();
  const path = `${world.folder}/world`;
  const controller = await start(world);
  const sealed = (): Promise<unknown> => until(controller, ({ published }) => published.status === "True");
  try {
    await until(controller, ({ ready }) => ready.status === "True");
    await sendStart(path, outside.url);
    await settle(path);
    await sealed();
    const merged = await carryThrough(world, controller, { slug: "follow-up", head: await world.proposeUpgrade("follow-up") });
    await sealed();
    await sendStart(path, outside.url);
    await settle(path);
    await sealed();
    await controller.stop();
    const place = await mkdtemp(join(tmpdir(), "aos-published-"));
    const folder = join(place, "base.git");
    await git(place, ["clone", "--quiet", "--mirror", "--no-local", "--template=", "--", path, folder]);
    let copies = 0;
    return {
      world, folder, merged,
      async copy() {
        const to = join(place, `copy-${++copies}.git`);
        await cp(folder, to, { recursive: true });
        return to;
      },
      async remove() {
        await rm(place, { recursive: true, force: true });
        await world.remove();
      },
    };
  } finally {
    await controller.stop();
    await outside.close();
  }
}
