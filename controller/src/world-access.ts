// A world from outside its process: ask the running one, or replay what it left.

import { connect } from "node:net";
import {
  AosError, type ControlPlane, controlShelf, decodeRecord, fileBlobs, fold, openFileJournal, turnsOf, type Blobs, type JournalRecord, type ModuleRunner, type RecordedReceipt, type ShadowReport, type ShadowWindow,
  renderReport, type Hash, type Json,
} from "@agentos/kernel";
import { controlClient, type ControlClient } from "./control/client.ts";
import type { Oid } from "./git/objects.ts";
import { mergeTree, type Repo } from "./git/repo.ts";
import { openStore, type ObjectStore } from "./git/store.ts";
import { publishedBlobs, readSeals, readSegment } from "./publish/published.ts";
import { verifyPublished, type VerifyReport } from "./publish/verify.ts";
import { receiptBook, rehearse } from "./reconcile/rehearse.ts";
import { isRestoring, readRunFile, stateFolderAt } from "./reconcile/state-folder.ts";
import { filesOfCommit, type WorldFiles } from "./world-source.ts";
import type { World } from "@agentos/kernel";

/** The running world of a repository; undefined when no live process has it. */
export async function connectWorld(repo: Repo): Promise<ControlClient | undefined> {
  const run = await readRunFile(stateFolderAt(repo));
  // The run file of a process that was killed stays, and its pid may be another process by now: only a listener answers.
  return run === undefined || !(await listens(run.socket)) ? undefined : controlClient(run.socket);
}

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (answer: boolean) => (): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.on("connect", end(true));
    probe.on("error", end(false));
  });
}

/** A world that was replayed, with what its journal says. */
export interface OfflineWorld {
  readonly world: World;
  /** Where the journal was read: the local state, or the published notes. */
  readonly from: "local" | "published";
  readonly records: () => AsyncIterable<JournalRecord>;
  readonly recorded: readonly RecordedReceipt[];
  readonly shelf: ReturnType<typeof controlShelf>;
  /** Recorded traffic up to now: replays what was before it once more. @throws AosError `shadow.window` when nothing is in it */
  readonly window: (wanted: WindowWanted) => Promise<ShadowWindow>;
}

/** The last inputs, `last` of them; those from a seq on; or those since a time, in nanoseconds since 1970. */
export type WindowWanted = { readonly last: number } | { readonly sinceSeq: number } | { readonly sinceNs: bigint };

/**
 * Replays the local journal, or the published one where there is no local one, or only a part that is being rebuilt.
 *
 * @throws AosError `world.none` when there is neither; as fold()
 */
export async function readWorldOffline(repo: Repo, options: { readonly modules: ModuleRunner }): Promise<OfflineWorld> {
  const folder = stateFolderAt(repo);
  const journal = await openFileJournal({ dir: folder.journal, mode: "read" }).catch((error: unknown) => {
    if (error instanceof AosError && error.code === "journal.missing") return undefined;
    throw error;
  });
  if (journal !== undefined && journal.nextSeq > 0 && !(await isRestoring(folder))) {
    const turns = async function* (): AsyncGenerator<readonly Uint8Array[]> {
      for await (const turn of journal.read(0)) yield turn.records;
    };
    return offline("local", turns, { modules: options.modules, blobs: fileBlobs(folder.blobs) });
  }
  const store = openStore(repo.commonDir);
  try {
    const seals = await readSeals(store);
    const tip = seals.at(-1);
    if (tip === undefined) throw new AosError("world.none", `${repo.commonDir}: the world has not run here, and nothing is published`, { hint: "start it with `aos run`, or fetch refs/notes/aos" });
    const records: Uint8Array[] = [];
    for (const seal of seals) records.push(...(await readSegment(store, seal, tip.oid)).segment.records);
    const blobs = await publishedBlobs(store, tip.oid);
    return await offline("published", () => asyncOf(turnsOf(records)), { modules: options.modules, blobs });
  } finally {
    await store.close();
  }
}

async function offline(
  from: OfflineWorld["from"],
  turns: () => AsyncIterable<readonly Uint8Array[]>,
  deps: { readonly modules: ModuleRunner; readonly blobs: Pick<Blobs, "get"> },
): Promise<OfflineWorld> {
  const shelf = controlShelf(deps.modules, deps.blobs);
  const world = await fold(turns(), shelf);
  if (world === undefined) throw new AosError("world.none", "the journal is empty");
  const book = receiptBook();
  for await (const turn of turns()) book.take(turn.map(decodeRecord));
  const records = async function* (): AsyncGenerator<JournalRecord> {
    for await (const turn of turns()) for (const bytes of turn) yield decodeRecord(bytes);
  };
  return { world, from, records, recorded: book.recorded, shelf, window: (wanted) => windowOf(turns, shelf, wanted) };
}

/** The world before the window is folded up to there; what follows is kept decoded. */
async function windowOf(turns: () => AsyncIterable<readonly Uint8Array[]>, shelf: ReturnType<typeof controlShelf>, wanted: WindowWanted): Promise<ShadowWindow> {
  const heads: JournalRecord[] = [];
  for await (const [head] of turns()) if (head !== undefined) heads.push(decodeRecord(head));
  const first = "last" in wanted ? heads.length - wanted.last : heads.findIndex((head) => ("sinceSeq" in wanted ? head.seq >= wanted.sinceSeq : "now_ns" in head && head.now_ns >= wanted.sinceNs));
  // Before a control plane is in force there is nothing to run again.
  const begun = heads.findIndex(({ kind }) => kind === "applied");
  const from = first < 0 && !("last" in wanted) ? heads.length : Math.max(first, begun + 1);
  if (begun < 0 || from >= heads.length) throw new AosError("shadow.window", "no recorded input is in the window", { hint: `the journal holds ${heads.length} inputs, the last at seq ${heads.at(-1)?.seq ?? 0}` });
  const window: (readonly JournalRecord[])[] = [];
  let index = 0;
  const before = async function* (): AsyncGenerator<readonly Uint8Array[]> {
    for await (const turn of turns()) {
      if (index++ < from) yield turn;
      else window.push(turn.map(decodeRecord));
    }
  };
  const world = await fold(before(), shelf);
  if (world === undefined) throw new AosError("world.none", "the journal is empty");
  return { world, turns: window };
}

/** A shadow run in this process, on the recorded state. */
export interface LocalShadow {
  readonly report: ShadowReport;
  readonly json: Json;
  readonly markdown: string;
  readonly consequences: Hash;
  /** The control planes compared: in force and proposed. */
  readonly planes: { readonly before: ControlPlane | undefined; readonly after: ControlPlane };
}

/**
 * Rehearses a proposal's merge into `base`, or files as they lie in a folder.
 *
 * @throws AosError as readWorldOffline and rehearse; `git.conflict`
 */
export async function shadowLocally(
  repo: Repo,
  options: { readonly base: Oid; readonly head: Oid | WorldFiles; readonly modules: ModuleRunner; readonly window?: WindowWanted },
): Promise<LocalShadow> {
  const { world, recorded, shelf, window } = await readWorldOffline(repo, { modules: options.modules });
  const traffic = options.window === undefined ? {} : { window: await window(options.window) };
  const store = openStore(repo.commonDir);
  try {
    const files = typeof options.head === "string" ? filesOfCommit(store, await mergeTree(repo, options.base, options.head)) : options.head;
    const commit = typeof options.head === "string" ? options.head : "worktree";
    const { report, reportJson, consequences, control } = await rehearse(files, { world, recorded, shelf, commit, ...traffic });
    return { report, json: reportJson, markdown: renderReport(report), consequences, planes: { before: world.control, after: control } };
  } finally {
    await store.close();
  }
}

/** Verifies a clone against a pinned trust hash; with `modules` it also replays. */
export async function verifyRepository(options: {
  readonly repo: Repo;
  readonly trust: Hash;
  readonly modules: ModuleRunner | undefined;
  readonly mainRef?: string;
}): Promise<VerifyReport> {
  const store: ObjectStore = openStore(options.repo.commonDir);
  try {
    return await verifyPublished({ repo: options.repo, store, trust: options.trust, replay: options.modules, mainRef: options.mainRef ?? "refs/heads/main" });
  } finally {
    await store.close();
  }
}

async function* asyncOf<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
