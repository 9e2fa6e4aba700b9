// What a decision says of the change it judged, held against the repository: definitions, time, and what was approved before.

import { diffControl, hashValue, jsonOf, type ControlPlane, type Json, type JournalRecord } from "@agentos/kernel";
import { fileChanges } from "../forge/file-changes.ts";
import type { Carried, DecisionInputs } from "../governance/decision.ts";
import { readConsequences } from "../governance/consequences.ts";
import { mergeTree } from "../git/repo.ts";
import { filesOfCommit, loadWorld, requireControl } from "../world-source.ts";
import type { Oid } from "../git/objects.ts";
import { unverified, type Checking } from "./verify-check.ts";

interface Brought {
  readonly base: Oid;
  readonly control: ControlPlane;
  readonly place: string;
}

/** Records from before these inputs were written down have none of them, and nothing is held against what is not said. */
export async function checkBrought(check: Checking, record: JournalRecord<"applied">, inputs: DecisionInputs, brought: Brought): Promise<void> {
  await checkDefinitions(check, inputs, brought);
  checkTime(record, inputs, brought.place);
  for (const carried of inputs.carried ?? []) await checkCarried(check, carried, brought.place);
}

/** Which definitions change can be read off both commits; how authority is put into words, and what a run did, cannot. */
async function checkDefinitions({ store }: Checking, inputs: DecisionInputs, { base, control, place }: Brought): Promise<void> {
  const { consequences, consequencesHash } = inputs;
  if (consequences === undefined || consequences === null) return;
  if (readConsequences(consequences, consequencesHash) === undefined) throw unverified("decision.inputs", `${place}: its decision was made of other consequences than the ones it names by hash`);
  const files = filesOfCommit(store, base);
  const before = requireControl(await loadWorld(files), files.place);
  const changed = diffControl(before, control).definitions.map(({ kind, name, change, after }) => ({ kind, name, change, after }));
  const said = consequences instanceof Map ? (consequences as ReadonlyMap<string, Json>).get("definitions") : undefined;
  if (said === undefined || hashValue(said) !== hashValue(jsonOf(changed))) throw unverified("decision.inputs", `${place}: its decision was made of other definitions than the merge changes`);
}

/** Between judging and recording lies one rehearsal at most. */
const JUDGED_WITHIN_S = 600;

function checkTime({ now_ns: recordedNs }: JournalRecord<"applied">, { time }: DecisionInputs, place: string): void {
  if (time === undefined) return;
  const recorded = Number(recordedNs / 1_000_000_000n);
  if (Math.abs(recorded - time) > JUDGED_WITHIN_S) throw unverified("decision.time", `${place}: it was recorded at ${recorded}, and says that it was judged at ${time}`);
}

/** Commits of a proposal that was replaced may be gone; what is here must agree. */
async function checkCarried({ repo, store }: Checking, { claim, changes }: Carried, place: string): Promise<void> {
  for (const commit of [claim.base, claim.head]) if ((await store.read(commit)) === undefined) return;
  const tree = await mergeTree(repo, claim.base, claim.head);
  const found = tree === claim.tree ? (await fileChanges(repo, claim.base, tree)).changes : null;
  if (found === null || hashValue(jsonOf(found)) !== hashValue(jsonOf(changes))) {
    throw unverified("decision.carried", `${place}: what was approved at ${claim.head.slice(0, 12)} changes other files than its decision says`);
  }
}
