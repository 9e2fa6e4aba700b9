// What a decision says of the change it judged, held against the repository: definitions, time, and what was approved before.

import { diffControl, hashValue, jsonOf, type AuthorityChange, type ControlPlane, type Json, type JournalRecord } from "@agentos/kernel";
import { fileChanges } from "../forge/file-changes.ts";
import type { Carried, DecisionInputs } from "../governance/decision.ts";
import { readConsequences, type Consequences } from "../governance/consequences.ts";
import { mergeTree } from "../git/repo.ts";
import { filesOfCommit } from "../world-files.ts";
import { loadWorld, requireControl } from "../world-source.ts";
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

/** Which definitions change, and whose authority which way, can be read off both commits; what a run did cannot. */
async function checkDefinitions({ store, reworded }: Checking, inputs: DecisionInputs, { base, control, place }: Brought): Promise<void> {
  const { consequences, consequencesHash } = inputs;
  if (consequences === undefined || consequences === null) return;
  const read = readConsequences(consequences, consequencesHash);
  if (read === undefined) throw unverified("decision.inputs", `${place}: its decision was made of other consequences than the ones it names by hash`);
  const files = filesOfCommit(store, base);
  const before = requireControl(await loadWorld(files), files.place);
  const diff = diffControl(before, control);
  const changed = diff.definitions.map(({ kind, name, change, after }) => ({ kind, name, change, after }));
  const said = consequences instanceof Map ? (consequences as ReadonlyMap<string, Json>).get("definitions") : undefined;
  if (said === undefined || hashValue(said) !== hashValue(jsonOf(changed))) throw unverified("decision.inputs", `${place}: its decision was made of other definitions than the merge changes`);
  const authority = compareAuthority(read.authority, diff.authority);
  if (authority === "other") throw unverified("decision.inputs", `${place}: its decision was made of other changes of authority than the merge brings`);
  if (authority !== "same") reworded.push(`${place}: its decision says ${authority.said}, this release says ${authority.now}`);
}

/**
 * Authority as a decision has it, and as it is read off again. What becomes wider or narrower must be the same; the words for it are
 * those of the release that reported, and another may say them otherwise.
 */
export function compareAuthority(said: Consequences["authority"], now: readonly AuthorityChange[]): "same" | "other" | { readonly said: string; readonly now: string } {
  const sorted = (texts: readonly string[]): readonly string[] => [...texts].sort();
  const about = (rows: Consequences["authority"]): readonly string[] => sorted(rows.map(({ effect, subject }) => JSON.stringify([effect, subject])));
  const words = (rows: Consequences["authority"]): readonly string[] => sorted(rows.map(({ effect, subject, text }) => `${effect} of ${subject}: ${text}`));
  if (hashValue(about(said)) !== hashValue(about(now))) return "other";
  const [was, is] = [words(said), words(now)];
  const [first, second] = [was.find((text) => !is.includes(text)), is.find((text) => !was.includes(text))];
  return first === undefined || second === undefined ? "same" : { said: first, now: second };
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
