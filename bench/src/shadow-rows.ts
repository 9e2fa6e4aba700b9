// What is measured of shadow runs: a window of recorded events run again under a candidate, against the replay of the same events.

import { bundleOf, decodeRecord, hashBytes, replayTurn, heldTurn, shadow, stateRoot, type Hash, type ShadowReport, type World } from "@agentos/kernel";
import { expect, type Row, type Work } from "./measure.ts";
import { memoryWorld, type MemoryWorld, type Subject } from "./worlds.ts";

/** At least 0.7 times the rate of a replay. */
const REACH = 1 / 0.7;

/** Both sides begin with the bytes of the journal and the world before the window. */
export function shadowRows(subject: Subject, events: number): readonly Row[] {
  let made: { readonly memory: MemoryWorld; readonly start: World; readonly from: number } | undefined;
  const recorded = (): NonNullable<typeof made> => (made ??= record(subject, events));
  return [{
    name: `backtest of ${events} events`, count: events, unit: "events", reach: REACH,
    subject: () => Promise.resolve(backtest(subject, recorded())),
    baseline: { name: "replay of them", prepare: () => Promise.resolve(replay(subject, recorded())) },
  }];
}

type Recording = { readonly memory: MemoryWorld; readonly start: World; readonly from: number };

function record(subject: Subject, events: number): Recording {
  const memory = memoryWorld(subject);
  const [start, from] = [memory.world, memory.turns.length];
  for (let event = 0; event < events; event++) memory.send(subject.offer);
  return { memory, start, from };
}

function backtest({ control, modules }: Subject, { memory, start, from }: Recording): Work {
  let report: ShadowReport | undefined;
  const bundle: Hash = hashBytes(bundleOf(control));
  return {
    run() {
      const turns = memory.turns.slice(from).map((turn) => turn.map(decodeRecord));
      report = shadow(
        { world: memory.world, next: control, nextBundle: bundle, head: { commit: "1".repeat(40) }, scenarios: [], recorded: [], window: { world: start, turns } },
        { modules, control: () => control },
      );
    },
    done() {
      expect(report?.window?.inputs === memory.turns.length - from && report.divergence?.turns === 0, "all inputs were run again and none diverged");
    },
  };
}

function replay({ control, modules }: Subject, { memory, start, from }: Recording): Work {
  let world = start;
  return {
    run() {
      for (const turn of memory.turns.slice(from)) world = replayTurn(world, heldTurn(turn), { modules, control: () => control });
    },
    done() {
      expect(stateRoot(world) === stateRoot(memory.world), "the replay comes to the same state");
    },
  };
}
