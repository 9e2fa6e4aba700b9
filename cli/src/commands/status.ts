// aos status: how the world is, from the running world or from what it left.

import { AosError, stateRoot, trieSize } from "@agentos/kernel";
import { connectWorld, MAIN_REF, readRef, readSuspension, readTip, readWorldOffline, repositoryModules, stateFolderAt, type Repo, type WorldStatus } from "@agentos/controller";
import { command } from "../command.ts";
import { restingLines, statusLines, type RestingWorld } from "../render/status.ts";
import { withStore, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "With --json: {running, status} of a running world, {running: false, resting} otherwise.",
  async run(cx) {
    const repo = await worldRepo(cx);
    const client = await connectWorld(repo);
    if (client === undefined) {
      const resting = await lookAtRest(repo);
      cx.out.result({ running: false, resting }, restingLines(resting, cx.out.style));
      return;
    }
    const status = (await client.ask("GET", "/status")) as WorldStatus;
    cx.out.result({ running: true, status }, statusLines(status, { style: cx.out.style, nowMs: Date.now() }));
  },
});

/** What can be said of a world that does not run here. */
async function lookAtRest(repo: Repo): Promise<RestingWorld> {
  const main = await readRef(repo.commonDir, MAIN_REF);
  const tip = await withStore(repo, (store) => readTip(store));
  const replayed = await readWorldOffline(repo, { modules: repositoryModules(repo) }).catch((error: unknown) => {
    if (error instanceof AosError && error.code === "world.none") return undefined;
    throw error;
  });
  const published = tip === undefined ? undefined : { seal: tip.oid, lastSeq: tip.checkpoint.lastSeq };
  const suspended = await readSuspension(stateFolderAt(repo), Date.now());
  if (replayed === undefined) return { main, published, suspended, journal: undefined };
  const { world, from } = replayed;
  return {
    main, published, suspended,
    journal: { from, world: world.id, seq: world.nextSeq, stateRoot: stateRoot(world), applied: world.commit, manifest: world.control?.manifestHash, openIntents: trieSize(world.intents), plans: trieSize(world.plans), approvals: trieSize(world.held) },
  };
}
