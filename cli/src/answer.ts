// A running world's answers, or what can be said without it: the same shapes from both.

import { AosError } from "@agentos/kernel";
import { connectWorld, type ApprovalRow, type ControlClient, type EffectRow, type OfflineWorld, type PlanDetail, type PlanRow, type RecordJson, type Repo } from "@agentos/controller";
import type { Context } from "./context.ts";
import { queryOf, type Query } from "./query.ts";
import { placeOf } from "./world.ts";

export interface StateAnswer {
  /** undefined: no state was ever made. */
  readonly state: unknown;
  readonly stateHash?: string;
  readonly seq: number;
}
export interface CellsAnswer {
  readonly cells: readonly { readonly key: unknown; readonly stateHash: string; readonly bytes: number }[];
  /** Where the next page begins; undefined: there is none. */
  readonly next?: string;
  readonly seq: number;
}
interface PlansAnswer {
  readonly plans: readonly PlanRow[];
  readonly next?: number;
  readonly seq: number;
}
/** A part of a list: at most so many, after the cursor that a page before gave. */
interface Page<C> {
  readonly after: C | undefined;
  readonly limit: number;
}
interface JournalAnswer {
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
  cells(reducer: string, page: Page<string>): Promise<CellsAnswer>;
  plans(page: Page<number>): Promise<PlansAnswer>;
  /** @throws AosError `plan.unknown` */
  plan(id: number): Promise<{ readonly plan: PlanDetail; readonly seq: number }>;
  effects(): Promise<{ readonly effects: readonly EffectRow[]; readonly seq: number }>;
  approvals(): Promise<{ readonly approvals: readonly ApprovalRow[]; readonly seq: number }>;
  journal(range: { readonly from: number; readonly limit: number }): Promise<JournalAnswer>;
}

/** The running world where there is one, else its replayed journal, with a notice of which. */
export async function answersOf(cx: Context, repo: Repo): Promise<Answers> {
  const client = await connectWorld(repo);
  if (client !== undefined) return running(client);
  const { replayedAnswers } = await import("./replayed-answers.ts");
  const offline = await replayedAnswers(repo);
  cx.out.notice(offline.from === "local" ? "the world is not running; this is what its journal says" : "the world does not run here; this is what was published");
  return offline;
}

/** The running world. @throws AosError `world.away` when there is none */
export async function requireRunning(repo: Repo): Promise<ControlClient> {
  const client = await connectWorld(repo);
  if (client !== undefined) return client;
  throw new AosError("world.away", `${placeOf(repo)}: the world is not running`, { class: "outside", hint: "start it with `aos run`" });
}

function running(client: ControlClient): Answers {
  const ask = async <T>(path: string, query: Query = {}): Promise<T> => (await client.ask("GET", `${path}?${queryOf(query).toString()}`)) as T;
  return {
    from: "running",
    state: (reducer, key) => ask("/state", { reducer, key }),
    cells: (reducer, page) => ask("/cells", { reducer, ...page }),
    plans: (page) => ask("/plans", { ...page }),
    plan: (id) => ask(`/plans/${id}`),
    effects: () => ask("/effects"),
    approvals: () => ask("/approvals"),
    journal: (range) => ask("/journal", { ...range }),
  };
}
