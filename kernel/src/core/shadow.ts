// A dress rehearsal: the proposed control plane runs on the recorded state, every effect is caught and answered, nothing lands.

import { diffControl } from "../air/diff.ts";
import { compareText } from "../air/text.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Hash } from "../air/value.ts";
import { applyRefusals, type Misfit } from "./migrate.ts";
import type { Input } from "./record.ts";
import type { Scenario } from "./scenario.ts";
import { answerBook, type RecordedReceipt } from "./shadow-answer.ts";
import type { ShadowReport } from "./shadow-report.ts";
import { cellRows, compareEffects, deniedRows, keyField, migratedRows, planRows, recordsOf } from "./shadow-rows.ts";
import { beginRun, playScenarios, stampAt, standstill, take, type Run } from "./shadow-run.ts";
import { playWindow, type ShadowWindow } from "./shadow-window.ts";
import type { Dependencies } from "./turn.ts";
import { stateRoot, type World } from "./world.ts";

interface ShadowInput {
  /** The recorded state. It is not changed. */
  readonly world: World;
  /** The control plane to try, and the hash of its bundle. */
  readonly next: ControlPlane;
  readonly nextBundle: Hash;
  readonly head: { readonly commit: string };
  /** What both runs are fed, in the order of their files. */
  readonly scenarios: readonly Scenario[];
  /** Receipts of the journal that may answer again. */
  readonly recorded: readonly RecordedReceipt[];
  /** Recorded traffic to run again in place of the scenarios' events; it ends at `world`. Answers of scenarios still come first. */
  readonly window?: ShadowWindow;
}

/**
 * Runs `next` on the recorded state and compares it with a run of the control plane in force, which is fed the same.
 * Intents that are open in the recorded state stay open. With a window its recorded inputs are run instead, from the state at its
 * beginning, and compared with what was recorded of them. Where cells do not fit, nothing is run and the report lists them.
 *
 * @returns the same report for the same inputs, whatever the order in which the world was built or the lists are given
 * @throws AosError `module.missing` when a module was not added to `deps.modules`
 */
export function shadow(input: ShadowInput, deps: Dependencies): ShadowReport {
  const { world, next } = input;
  const { definitions, sections, authority } = diffControl(world.control, next);
  const scenarios = [...input.scenarios].sort((a, b) => compareText(a.file, b.file));
  const runs = bothRuns(input, { scenarios, deps });
  const { unfit, candidate, baseline, divergence } = runs;
  const migrated = migratedRows(candidate);
  return {
    version: 1,
    base: baseOf(world),
    head: { commit: input.head.commit, manifest: next.manifestHash },
    runs: { baseline: world.control === undefined ? "none" : stateOf(baseline), candidate: stateOf(candidate) },
    scenarios: scenarios.map(({ file, name, events }) => ({ file, ...(name === undefined ? {} : { name }), events: events.length })),
    definitions, sections, authority,
    misfits: unfit.map(({ reducer, key, reason }) => ({ reducer, ...keyField(key), reason })),
    ...compareEffects(candidate, baseline),
    denied: deniedRows(candidate, baseline),
    plans: planRows(candidate),
    cells: cellRows(world, candidate, baseline),
    failures: recordsOf(candidate, "step_failed").map(({ by, code, message }) => ({ by, code, message })),
    rejected: candidate?.rejected ?? [],
    fuel: candidate?.fuel ?? 0,
    ...(candidate === undefined || candidate.costCents === 0 ? {} : { cost_cents: candidate.costCents }),
    ...(migrated.length === 0 ? {} : { migrated }),
    ...(input.window === undefined ? {} : { window: windowOf(input.window, world) }),
    ...(divergence === undefined ? {} : { divergence }),
  };
}

interface Runs {
  readonly unfit: readonly Misfit[];
  readonly candidate: Run | undefined;
  /** In a window what was recorded, never run again. */
  readonly baseline: Pick<Run, "records" | "cut"> | undefined;
  readonly divergence: ShadowReport["divergence"];
}

function bothRuns(input: ShadowInput, { scenarios, deps }: { readonly scenarios: readonly Scenario[]; readonly deps: Dependencies }): Runs {
  const { world, next, nextBundle, window } = input;
  const own: Dependencies = { modules: deps.modules, control: (bundle) => (bundle === nextBundle ? next : deps.control(bundle)) };
  const start = window?.world ?? world;
  const unfit = start === world ? applyRefusals(world, next, deps.modules) : later(applyRefusals(world, next, deps.modules), () => applyRefusals(start, next, deps.modules));
  const feed = { book: answerBook(input.recorded), deps: own };
  if (unfit.length > 0) return { unfit, candidate: undefined, baseline: undefined, divergence: undefined };
  const candidate = beginRun(start, feed);
  take(candidate, applied(input, start));
  if (window !== undefined) {
    // As if the candidate had been in force before the window: both number their records alike as long as they do alike.
    candidate.world = { ...candidate.world, nextSeq: start.nextSeq };
    const divergence = playWindow(candidate, window, { answers: scenarios.flatMap(({ answers }) => answers), used: new Map() });
    return { unfit, candidate, baseline: { records: window.turns.flat(), cut: false }, divergence };
  }
  playScenarios(candidate, scenarios);
  if (world.control === undefined) return { unfit, candidate, baseline: undefined, divergence: undefined };
  const baseline = beginRun(world, feed);
  // Takes the place of the applied record, so that both runs number their records alike.
  take(baseline, standstill(stampAt(world, 0)));
  playScenarios(baseline, scenarios);
  return { unfit, candidate, baseline, divergence: undefined };
}

function later(first: readonly Misfit[], second: () => readonly Misfit[]): readonly Misfit[] {
  return first.length > 0 ? first : second();
}

function windowOf({ world, turns }: ShadowWindow, end: World): NonNullable<ShadowReport["window"]> {
  return { from_seq: world.nextSeq, to_seq: end.nextSeq, state_root: stateRoot(world), inputs: turns.length };
}

function applied({ world, next, nextBundle, head }: ShadowInput, base: World): Input<"applied"> {
  const before = world.commit === undefined ? {} : { base: world.commit };
  return { kind: "applied", manifest: next.manifestHash, bundle: nextBundle, commit: head.commit, ...before, decision: null, ...stampAt(base, 0) };
}

function baseOf(world: World): ShadowReport["base"] {
  return {
    ...(world.commit === undefined ? {} : { commit: world.commit }),
    ...(world.control === undefined ? {} : { manifest: world.control.manifestHash }),
    seq: world.nextSeq, state_root: stateRoot(world),
  };
}

function stateOf(run: Pick<Run, "cut"> | undefined): "complete" | "cut" | "skipped" {
  if (run === undefined) return "skipped";
  return run.cut ? "cut" : "complete";
}
