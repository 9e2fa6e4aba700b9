// A world from outside its process: replays what it left.

import {
  AosError, controlShelf, decodeRecord, fileBlobs, fileSnapshots, fold, openFileJournal, openSnapshots, openWorld, recordedWindow, renderReport, SANDBOX_VERSION, StateLost, turnsOf,
  type Blobs, type ControlPlane, type ControlShelf, type Hash, type JournalRecord, type Json, type ModuleRunner, type RecordedReceipt, type ShadowReport, type ShadowWindow, type SnapshotStore,
  type WindowSource, type WindowWanted, type World,
} from "@agentos/kernel";
import type { Oid } from "./git/objects.ts";
import { mergeTree, type Repo } from "./git/repo.ts";
import { openStore, type ObjectStore } from "./git/store.ts";
import { publishedBlobs, readSeals, readSegment } from "./publish/published.ts";
import { verifyPublished, type VerifyReport } from "./publish/verify.ts";
import { receiptBook } from "./reconcile/receipt-book.ts";
import { rehearse } from "./reconcile/rehearse.ts";
import { isRestoring, stateFolderAt } from "./reconcile/state-folder.ts";
import { filesOfCommit, type WorldFiles } from "./world-files.ts";

/** A world that was replayed, with what its journal says. */
export interface OfflineWorld {
  readonly world: World;
  /** Where the journal was read: the local state, or the published notes. */
  readonly from: "local" | "published";
  readonly records: () => AsyncIterable<JournalRecord>;
  readonly recorded: readonly RecordedReceipt[];
  readonly shelf: ReturnType<typeof controlShelf>;
  /** Recorded traffic up to now, as recordedWindow() reads it. @throws AosError `shadow.window` when nothing is in it */
  readonly window: (wanted: WindowWanted) => Promise<ShadowWindow>;
  /** Lets go what was opened; parts of a world from a snapshot are read from there while it is looked at. */
  close(): Promise<void>;
}

interface OfflineOptions {
  readonly modules: ModuleRunner;
  /** `snapshot`: the local journal is taken up from its newest good snapshot, and only what follows is replayed; by default all of it is. */
  readonly from?: "start" | "snapshot";
}

/**
 * Replays the local journal, or the published one where there is no local one, or only a part that is being rebuilt.
 *
 * @throws AosError `world.none` when there is neither; as fold() and openWorld()
 */
export async function readWorldOffline(repo: Repo, { modules, from }: OfflineOptions): Promise<OfflineWorld> {
  const folder = stateFolderAt(repo);
  const journal = await openFileJournal({ dir: folder.journal, mode: "read" }).catch((error: unknown) => {
    if (error instanceof AosError && error.code === "journal.missing") return undefined;
    throw error;
  });
  if (journal !== undefined && journal.nextSeq > 0 && !(await isRestoring(folder))) {
    const snapshots = from === "snapshot" ? fileSnapshots(folder.snapshots) : undefined;
    return offline("local", journal, { modules, blobs: fileBlobs(folder.blobs), snapshots });
  }
  const store = openStore(repo.commonDir);
  try {
    const seals = await readSeals(store);
    const tip = seals.at(-1);
    if (tip === undefined) throw new AosError("world.none", `${repo.commonDir}: the world has not run here, and nothing is published`, { hint: "start it with `aos run`, or fetch refs/notes/aos" });
    const records: Uint8Array[] = [];
    for (const seal of seals) records.push(...(await readSegment(store, seal, tip.oid)).segment.records);
    const blobs = await publishedBlobs(store, tip.oid);
    return await offline("published", heldJournal(records), { modules, blobs, snapshots: undefined });
  } finally {
    await store.close();
  }
}

type ReadJournal = WindowSource["journal"];

/** The records of a whole journal, as one reads a journal. */
function heldJournal(records: readonly Uint8Array[]): ReadJournal {
  return {
    nextSeq: records.length,
    async *read(fromSeq) {
      let firstSeq = 0;
      for (const turn of turnsOf(records)) {
        if (firstSeq + turn.length > fromSeq) yield { firstSeq, records: turn };
        firstSeq += turn.length;
      }
    },
  };
}

async function offline(
  from: OfflineWorld["from"],
  journal: ReadJournal,
  deps: { readonly modules: ModuleRunner; readonly blobs: Pick<Blobs, "get">; readonly snapshots: SnapshotStore | undefined },
): Promise<OfflineWorld> {
  const shelf = controlShelf(deps.modules, deps.blobs);
  const turns = async function* (): AsyncGenerator<readonly Uint8Array[]> {
    for await (const turn of journal.read(0)) yield turn.records;
  };
  const snapshots = await usable(journal, deps.snapshots);
  const world = await openReadOnly(journal, shelf, snapshots);
  if (world === undefined) throw new AosError("world.none", "the journal is empty");
  const book = receiptBook();
  for await (const turn of turns()) book.take(turn.map(decodeRecord));
  const records = async function* (): AsyncGenerator<JournalRecord> {
    for await (const turn of turns()) for (const bytes of turn) yield decodeRecord(bytes);
  };
  // A journal that a running world goes on writing ends here where the world does that was read of it.
  const read = { nextSeq: world.nextSeq, read: (seq: number) => journal.read(seq) };
  return {
    world, from, records, recorded: book.recorded, shelf,
    window: (wanted) => recordedWindow({ journal: read, shelf, snapshots }, wanted),
    close: async () => deps.snapshots?.close(),
  };
}

/** Snapshots of another build are left alone, and the journal is replayed from its start, which says what differs. */
async function usable(journal: ReadJournal, store: SnapshotStore | undefined): Promise<WindowSource["snapshots"]> {
  if (store === undefined) return undefined;
  for await (const { records: [first] } of journal.read(0)) {
    const genesis = first === undefined ? undefined : decodeRecord(first);
    return genesis?.kind === "genesis" && genesis.sandbox === SANDBOX_VERSION ? { store, world: genesis.world, sandbox: genesis.sandbox } : undefined;
  }
  return undefined;
}

async function openReadOnly(journal: ReadJournal, shelf: ControlShelf, snapshots: WindowSource["snapshots"]): Promise<World | undefined> {
  if (snapshots !== undefined) return (await openWorld(journal, shelf, { ...snapshots, snapshots: openSnapshots(snapshots.store, shelf, snapshots) })).world;
  const turns = async function* (): AsyncGenerator<readonly Uint8Array[]> {
    for await (const turn of journal.read(0)) yield turn.records;
  };
  return fold(turns(), shelf);
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
  try {
    return await rehearseOffline(repo, "snapshot", options);
  } catch (error) {
    // A running world may have taken away a snapshot that was about to be read.
    if (!(error instanceof StateLost)) throw error;
    return rehearseOffline(repo, "start", options);
  }
}

async function rehearseOffline(repo: Repo, from: "start" | "snapshot", options: Parameters<typeof shadowLocally>[1]): Promise<LocalShadow> {
  const offlineWorld = await readWorldOffline(repo, { modules: options.modules, from });
  const { world, recorded, shelf, window } = offlineWorld;
  const store = openStore(repo.commonDir);
  try {
    const traffic = options.window === undefined ? {} : { window: await window(options.window) };
    const files = typeof options.head === "string" ? filesOfCommit(store, await mergeTree(repo, options.base, options.head)) : options.head;
    const commit = typeof options.head === "string" ? options.head : "worktree";
    const { report, reportJson, consequences, control } = await rehearse(files, { world, recorded, shelf, commit, ...traffic });
    return { report, json: reportJson, markdown: renderReport(report), consequences, planes: { before: world.control, after: control } };
  } finally {
    await offlineWorld.close();
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
