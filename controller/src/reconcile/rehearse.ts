// A shadow run over a repository: the control plane of a tree, on the recorded state, with what the journal recorded.

import {
  bundleOf, consequencesHash, consequencesOf, hashBytes, reportHash, reportValue, shadow, type ControlPlane, type ControlShelf, type Hash, type Json,
  type ModuleRunner, type RecordedReceipt, type ShadowReport, type ShadowWindow, type World,
} from "@agentos/kernel";
import type { WorldFiles } from "../world-files.ts";
import { loadWorld, requireControl, type LoadedWorld } from "../world-source.ts";

export interface Rehearsal {
  readonly loaded: LoadedWorld;
  readonly control: ControlPlane;
  readonly report: ShadowReport;
  readonly reportJson: Json;
  readonly reportHash: Hash;
  readonly consequences: Hash;
}

export interface RehearsedOn {
  /** The recorded state, and the receipts that may answer again, or what reads those. */
  readonly world: World;
  readonly recorded: readonly RecordedReceipt[] | (() => Promise<readonly RecordedReceipt[]>);
  readonly shelf: Rehearsing;
  readonly commit: string;
  /** Recorded traffic to run again, in place of the scenarios. */
  readonly window?: ShadowWindow;
}

/** @throws AosError `air.invalid` for a control plane that does not hold, `scenario.invalid`, `module.refused` */
export async function rehearse(files: WorldFiles, on: RehearsedOn): Promise<Rehearsal> {
  const { window } = on;
  const recorded = typeof on.recorded === "function" ? await on.recorded() : on.recorded;
  const loaded = await loadWorld(files);
  const control = requireControl(loaded, files.place);
  for (const artifact of loaded.artifacts.values()) await on.shelf.modules.add(artifact);
  const bundle = hashBytes(bundleOf(control));
  const report = shadow({ world: on.world, next: control, nextBundle: bundle, head: { commit: on.commit }, recorded, ...(window === undefined ? { scenarios: loaded.scenarios } : { scenarios: [], window }) }, on.shelf);
  return { loaded, control, report, reportJson: reportValue(report), reportHash: reportHash(report), consequences: consequencesHash(consequencesOf(report)) };
}

/** What a rehearsal runs with: modules, and the control planes the recorded state was made under. */
export interface Rehearsing {
  readonly modules: ModuleRunner;
  readonly control: ControlShelf["control"];
}
