// A running world's answers, or what can be said without it: the same shapes from both.

import { AosError, createModuleRunner } from "@agentos/kernel";
import { connectWorld, readCells, readState, readWorldOffline, recordJson, type ControlClient, type OfflineWorld, type RecordJson, type Repo } from "@agentos/controller";
import type { Context } from "./context.ts";
import { placeOf } from "./world.ts";

export interface StateAnswer {
  /** undefined: no state was ever made. */
  readonly state: unknown;
  readonly stateHash?: string;
  readonly seq: number;
}
export interface CellsAnswer {
  readonly cells: readonly { readonly key: unknown; readonly stateHash: string; readonly bytes: number }[];
  readonly seq: number;
}
export interface JournalAnswer {
  readonly records: readonly RecordJson[];
  /** Seq to ask from next. */
  readonly next: number;
  /** Seq the next record of the journal will have. */
  readonly end: number;
}

/** Something that answers questions about a world. */
export interface Answers {
  readonly from: "running" | OfflineWorld["from"];
  state(reducer: string, key: string | undefined): Promise<StateAnswer>;
  cells(reducer: string): Promise<CellsAnswer>;
  journal(range: { readonly from: number; readonly limit: number }): Promise<JournalAnswer>;
}

/** The running world where there is one, else its replayed journal, with a notice of which. */
export async function answersOf(cx: Context, repo: Repo): Promise<Answers> {
  const client = await connectWorld(repo);
  if (client !== undefined) return running(client);
  const offline = await readWorldOffline(repo, { modules: createModuleRunner() });
  cx.out.notice(offline.from === "local" ? "the world is not running; this is what its journal says" : "the world does not run here; this is what was published");
  return replayed(offline);
}

/** The running world. @throws AosError `world.away` when there is none */
export async function requireRunning(repo: Repo): Promise<ControlClient> {
  const client = await connectWorld(repo);
  if (client !== undefined) return client;
  throw new AosError("world.away", `${placeOf(repo)}: the world is not running`, { class: "outside", hint: "start it with `aos run`" });
}

function running(client: ControlClient): Answers {
  const ask = async <T>(path: string, query: Readonly<Record<string, string | undefined>>): Promise<T> => {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
    return (await client.ask("GET", `${path}?${given.toString()}`)) as T;
  };
  return {
    from: "running",
    state: (reducer, key) => ask("/state", { reducer, key }),
    cells: (reducer) => ask("/cells", { reducer }),
    journal: ({ from, limit }) => ask("/journal", { from: String(from), limit: String(limit) }),
  };
}

function replayed(offline: OfflineWorld): Answers {
  const { world } = offline;
  return {
    from: offline.from,
    async state(reducer, key) {
      const query = new URLSearchParams({ reducer, ...(key === undefined ? {} : { key }) });
      return readState(world, { method: "GET", path: "/state", query, body: undefined }) as StateAnswer;
    },
    async cells(reducer) {
      return readCells(world, reducer) as CellsAnswer;
    },
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
