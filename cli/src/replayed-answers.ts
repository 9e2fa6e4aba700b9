// What can be said of a world that does not run: its journal is replayed, and asked as the running world is.

import { isInput } from "@agentos/kernel";
import {
  readApprovals, readCells, readEffects, readPlan, readPlans, readState, readWorldOffline, recordJson, repositoryModules,
  type OfflineWorld, type RecordJson, type Repo, type Times,
} from "@agentos/controller";
import type { Answers, CellsAnswer, StateAnswer } from "./answer.ts";
import { queryOf } from "./query.ts";

/** @throws AosError as readWorldOffline */
export async function replayedAnswers(repo: Repo): Promise<Answers> {
  const offline = await readWorldOffline(repo, { modules: repositoryModules(repo) });
  const { world } = offline;
  const times = timesIn(offline);
  return {
    from: offline.from,
    state: async (reducer, key) => readState(world, { path: "/state", query: queryOf({ reducer, key }) }) as StateAnswer,
    cells: async (reducer, page) => readCells(world, { path: "/cells", query: queryOf({ reducer, ...page }) }) as CellsAnswer,
    plans: (page) => readPlans(world, { path: "/plans", query: queryOf({ ...page }) }, times),
    plan: (id) => readPlan(world, id, times),
    effects: () => readEffects(world, times),
    approvals: () => readApprovals(world, times),
    async journal({ from, limit }) {
      const records: RecordJson[] = [];
      for await (const record of offline.records()) {
        if (record.seq >= from) records.push(recordJson(record));
        if (records.length >= limit) break;
      }
      return { records, next: (records.at(-1)?.seq ?? from - 1) + 1, end: world.nextSeq };
    },
  };
}

/** When records came in: the time of the input that each follows from. */
function timesIn(offline: Pick<OfflineWorld, "records">): Times {
  return async (seqs) => {
    const wanted = new Set(seqs);
    const found = new Map<number, bigint>();
    let now: bigint | undefined;
    if (wanted.size > 0) {
      for await (const record of offline.records()) {
        if (isInput(record)) now = record.now_ns;
        if (now !== undefined && wanted.has(record.seq)) found.set(record.seq, now);
      }
    }
    return found;
  };
}
