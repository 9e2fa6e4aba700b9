import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { atEnd } from "../testing/at-end.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { start, until, withRemote } from "../testing/world-steps.ts";

test("loop: refs here move all the time, as of a world that seals: the remote is polled all the same", { timeout: 120_000 }, async (t) => {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const remote = await withRemote(world);
  const path = await remote.clone("ctl.git");
  const controller = await start(world, path, { remote: "origin", pollMs: 500 });
  const { appliedRevision } = await until(controller, (status) => status.appliedRevision !== undefined);
  let [writes, ended] = [0, false];
  const busy = (async () => {
    while (!ended) {
      // As git moves a ref: whoever reads it finds the old commit or the new one.
      await writeFile(join(path, "busy"), `${appliedRevision ?? ""}\n`);
      await rename(join(path, "busy"), join(path, "refs", "heads", "busy"));
      writes++;
      await sleep(20);
    }
  })();
  try {
    const head = await world.git("-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "main^{tree}", "-p", "main", "-m", "later");
    await world.git("push", "--quiet", "origin", `${head}:refs/heads/proposals/later`);
    await until(controller, ({ proposals }) => proposals.some(({ slug }) => slug === "later"));
  } finally {
    ended = true;
    await busy;
    await controller.stop();
  }
  assert.ok(writes > 0);
});
