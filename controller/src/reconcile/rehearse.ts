// A shadow run over a repository: the control plane of a tree, on the recorded state, with what the journal recorded.

import {
  bundleOf, consequencesHash, consequencesOf, hashBytes, reportHash, reportValue, shadow, type ControlPlane, type ControlShelf, type Hash, type Json, type JournalRecord,
  type ModuleRunner, type RecordedReceipt, type ShadowReport, type ShadowWindow, type World, decodeRecord, type Journal,
} from "@agentos/kernel";
import { loadWorld, requireControl, type LoadedWorld, type WorldFiles } from "../world-source.ts";

export interface Rehearsal {
  readonly loaded: LoadedWorld;
  readonly control: ControlPlane;
  readonly report: ShadowReport;
  readonly reportJson: Json;
  readonly reportHash: Hash;
  readonly consequences: Hash;
}

export interface RehearsedOn {
  /** The recorded state, and the receipts that may answer again. */
  readonly world: World;
  readonly recorded: readonly RecordedReceipt[];
  readonly shelf: Rehearsing;
  readonly commit: string;
  /** Recorded traffic to run again, in place of the scenarios. */
  readonly window?: ShadowWindow;
}

/** @throws AosError `air.invalid` for a control plane that does not hold, `scenario.invalid`, `module.refused` */
export async function rehearse(files: WorldFiles, on: RehearsedOn): Promise<Rehearsal> {
  const { window } = on;
  const loaded = await loadWorld(files);
  const control = requireControl(loaded, files.place);
  for (const artifact of loaded.artifacts.values()) await on.shelf.modules.add(artifact);
  const bundle = hashBytes(bundleOf(control));
  const report = shadow({ world: on.world, next: control, nextBundle: bundle, head: { commit: on.commit }, recorded: on.recorded, ...(window === undefined ? { scenarios: loaded.scenarios } : { scenarios: [], window }) }, on.shelf);
  return { loaded, control, report, reportJson: reportValue(report), reportHash: reportHash(report), consequences: consequencesHash(consequencesOf(report)) };
}

/** What a rehearsal runs with: modules, and the control planes the recorded state was made under. */
export interface Rehearsing {
  readonly modules: ModuleRunner;
  readonly control: ControlShelf["control"];
}

/** Receipts kept for rehearsals; older ones answer nothing. */
const RECORDED_MAX = 1000;

/** Collects the receipts of a journal with their intents, the latest of them. */
export function receiptBook(): { take(records: readonly JournalRecord[]): void; readonly recorded: readonly RecordedReceipt[] } {
  const intents = new Map<number, JournalRecord<"intent">>();
  const recorded: RecordedReceipt[] = [];
  return {
    recorded,
    take(records) {
      for (const record of records) {
        if (record.kind === "intent") intents.set(record.seq, record);
        const intent = record.kind === "receipt" ? intents.get(record.intent_seq) : undefined;
        if (record.kind !== "receipt" || intent === undefined) continue;
        intents.delete(record.intent_seq);
        recorded.push({ intent, receipt: record });
        if (recorded.length > RECORDED_MAX) recorded.shift();
      }
    },
  };
}

export async function bookOf(journal: Pick<Journal, "read">): Promise<ReturnType<typeof receiptBook>> {
  const book = receiptBook();
  for await (const turn of journal.read(0)) book.take(turn.records.map(decodeRecord));
  return book;
}
