// aos status: how the world is, from the running world or from what it left.

import { AosError, stateRoot, trieSize } from "@agentos/kernel";
import { commitsAhead, connectWorld, isAncestor, isOid, MAIN_REF, readRef, readSuspension, readTip, readWorldOffline, repositoryModules, resolveCommit, stateFolderAt, type Oid, type Repo, type WorldStatus } from "@agentos/controller";
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

async function aheadOf(repo: Repo, main: Oid | undefined, applied: string | undefined): Promise<RestingWorld["ahead"]> {
  if (main === undefined || applied === undefined || !isOid(applied)) return undefined;
  // A clone may have fetched the journal and not main.
  if ((await resolveCommit(repo, applied)) === undefined) return "behind";
  const ahead = await commitsAhead(repo, applied, main);
  return ahead === undefined ? ((await isAncestor(repo, main, applied)) ? "behind" : "apart") : ahead.length;
}

/** What can be said of a world that does not run here. */
async function lookAtRest(repo: Repo): Promise<RestingWorld> {
  const main = await readRef(repo.commonDir, MAIN_REF);
  const tip = await withStore(repo, (store) => readTip(store));
  const replayed = await readWorldOffline(repo, { modules: repositoryModules(repo) }).catch((error: unknown) => {
    if (error instanceof AosError && error.code === "world.none") return undefined;
    throw error;
  });
  const ahead = replayed === undefined ? undefined : await aheadOf(repo, main, replayed.world.commit);
  const published = tip === undefined ? undefined : { seal: tip.oid, lastSeq: tip.checkpoint.lastSeq };
  const suspended = await readSuspension(stateFolderAt(repo), Date.now());
  if (replayed === undefined) return { main, published, suspended, journal: undefined };
  const { world, from } = replayed;
  return {
    main, ahead, published, suspended,
    journal: { from, world: world.id, seq: world.nextSeq, stateRoot: stateRoot(world), applied: world.commit, manifest: world.control?.manifestHash, openIntents: trieSize(world.intents), plans: trieSize(world.plans), approvals: trieSize(world.held) },
  };
}
