// Several open proposals together: what each does alone, what two do in either order, and where they are not independent.

import { AosError, compareText, consequencesHash, consequencesOf, hashValue, jsonOf, writeJson, type Consequences, type Hash, type Json, type ModuleRunner, type ShadowReport } from "@agentos/kernel";
import type { Oid } from "../git/objects.ts";
import { gitIn, mergeBase, mergeTree, type Repo } from "../git/repo.ts";
import { openStore } from "../git/store.ts";
import { readWorldOffline } from "../world-access.ts";
import { filesOfCommit } from "../world-files.ts";
import { rehearse, type Rehearsing } from "./rehearse.ts";

/** How many proposals are run together. */
const JOINT_MAX = 6;

interface JointRun {
  /** The proposals, in the order in which they are merged. */
  readonly order: readonly string[];
  readonly report: ShadowReport;
  readonly consequences: Consequences;
}

/**
 * `text`: git cannot merge both. `air`: merged they are no control plane. `order`: which comes first matters. `effect`: together they
 * do what neither does alone, or lose what one does. `cell`: both leave one cell otherwise than it is recorded, and not alike.
 */
interface JointConflict {
  readonly kind: "text" | "air" | "order" | "effect" | "cell";
  readonly proposals: readonly string[];
  readonly text: string;
}

export interface JointShadow {
  readonly runs: readonly JointRun[];
  readonly conflicts: readonly JointConflict[];
}

interface Proposed {
  readonly slug: string;
  readonly head: Oid;
}

/**
 * Rehearses each proposal merged into `base` alone, and each two of them in both orders, on the recorded state.
 *
 * @throws AosError `shadow.joint` for fewer than two or too many; `git.conflict`, `air.invalid` of a proposal alone
 */
export async function jointShadow(repo: Repo, options: { readonly base: Oid; readonly proposals: readonly Proposed[]; readonly modules: ModuleRunner }): Promise<JointShadow> {
  const { base, proposals } = options;
  if (new Set(proposals.map(({ slug }) => slug)).size !== proposals.length || proposals.length < 2 || proposals.length > JOINT_MAX) {
    throw new AosError("shadow.joint", `${proposals.length} proposals: together are 2 to ${JOINT_MAX} different ones`);
  }
  const { world, recorded, shelf } = await readWorldOffline(repo, { modules: options.modules });
  const store = openStore(repo.commonDir);
  const run = async (tree: Oid, order: readonly Proposed[], on: Rehearsing): Promise<JointRun> => {
    const { report } = await rehearse(filesOfCommit(store, tree), { world, recorded, shelf: on, commit: order.map(({ head }) => head).join("+") });
    return { order: order.map(({ slug }) => slug), report, consequences: consequencesOf(report) };
  };
  try {
    const alone = new Map<string, JointRun>();
    for (const one of proposals) alone.set(one.slug, await run(await mergeTree(repo, base, one.head), [one], shelf));
    const [runs, conflicts]: [JointRun[], JointConflict[]] = [[...alone.values()], []];
    for (const [index, a] of proposals.entries()) {
      for (const b of proposals.slice(index + 1)) {
        const pair = await runPair(repo, { base, a, b }, (tree, order) => run(tree, order, shelf));
        runs.push(...pair.runs);
        conflicts.push(...pair.conflicts, ...together([a.slug, b.slug], alone, pair.runs));
      }
    }
    return { runs, conflicts };
  } finally {
    await store.close();
  }
}

interface Pair {
  readonly base: Oid;
  readonly a: Proposed;
  readonly b: Proposed;
}

async function runPair(repo: Repo, { base, a, b }: Pair, run: (tree: Oid, order: readonly Proposed[]) => Promise<JointRun>): Promise<JointShadow> {
  const runs: JointRun[] = [];
  const conflicts: JointConflict[] = [];
  for (const order of [[a, b], [b, a]] as const) {
    try {
      runs.push(await run(await bothMerged(repo, base, order), order));
    } catch (error) {
      if (!(error instanceof AosError) || error.class === "outside") throw error;
      const kind = error.code === "git.conflict" ? "text" : "air";
      // The commit of the first merge is one that nobody knows, and another each time.
      const files = error.data["files"];
      const text = Array.isArray(files) ? `both change ${few(files.map(String))}, and not alike` : error.message;
      if (!conflicts.some((known) => known.text === text)) conflicts.push({ kind, proposals: order.map(({ slug }) => slug), text });
    }
  }
  return { runs, conflicts };
}

/** The tree of main after one merge and then the other. The commit between is in no ref. */
async function bothMerged(repo: Repo, base: Oid, [first, second]: readonly [Proposed, Proposed]): Promise<Oid> {
  const tree = await mergeTree(repo, base, first.head);
  if ((await mergeBase(repo, base, second.head)) === undefined) throw new AosError("git.conflict", `${second.slug}: it has no commit in common with main`);
  const { stdout } = await gitIn(repo, ["-c", "user.name=aos", "-c", "user.email=aos@aos", "-c", "commit.gpgsign=false", "commit-tree", tree, "-p", base, "-p", first.head, "-m", `joint shadow of ${first.slug}`]);
  return mergeTree(repo, stdout.toString("latin1").trim() as Oid, second.head);
}

/** What two do together that neither does alone, what one does that is lost, and what hangs on the order. */
function together(slugs: readonly [string, string], alone: ReadonlyMap<string, JointRun>, both: readonly JointRun[]): readonly JointConflict[] {
  const [one, other] = slugs.map((slug) => alone.get(slug));
  const [ab, ba] = both;
  if (one === undefined || other === undefined || ab === undefined) return [];
  const found: JointConflict[] = [];
  const say = (kind: JointConflict["kind"], text: string): void => void found.push({ kind, proposals: slugs, text });
  if (ba !== undefined && (outcomeHash(ab) !== outcomeHash(ba))) {
    say("order", `merged in this order or the other, they do not do the same: ${few(differing(ab, ba))}`);
  }
  for (const field of ["effects_added", "effects_removed", "effects_denied"] as const) {
    const word = { effects_added: "new effect", effects_removed: "effect gone", effects_denied: "denied effect" }[field];
    const apart = new Set([...one.consequences[field], ...other.consequences[field]].map(targetText));
    const joint = new Set(ab.consequences[field].map(targetText));
    for (const target of joint) if (!apart.has(target)) say("effect", `${word} only with both: ${target}`);
    for (const target of apart) if (!joint.has(target)) say("effect", `${word} of one alone, not with both: ${target}`);
  }
  const failing = new Set([...one.report.failures, ...other.report.failures].map((row) => writeJson(jsonOf(row))));
  for (const failure of ab.report.failures) if (!failing.has(writeJson(jsonOf(failure)))) say("effect", `a step fails only with both: ${failure.by} ${failure.code} ${failure.message}`);
  const cells = cellsBoth(one, other);
  for (const cell of cells) say("cell", `both leave ${cell} otherwise, and not alike`);
  return found;
}

function outcomeHash({ report, consequences }: JointRun): Hash {
  return hashValue(jsonOf({ consequences: consequencesHash(consequences), cells: report.cells, plans: report.plans, manifest: report.head.manifest }));
}

function differing(a: JointRun, b: JointRun): readonly string[] {
  const fields: readonly (readonly [string, Json, Json])[] = [
    ["the control plane", a.report.head.manifest, b.report.head.manifest], ["its consequences", consequencesHash(a.consequences), consequencesHash(b.consequences)],
    ["its state", jsonOf(a.report.cells), jsonOf(b.report.cells)], ["how plans end", jsonOf(a.report.plans), jsonOf(b.report.plans)],
  ];
  return fields.filter(([, left, right]) => hashValue(left) !== hashValue(right)).map(([word]) => word);
}

/** Cells that both change against the recorded state, to different ends. */
function cellsBoth(a: JointRun, b: JointRun): readonly string[] {
  const name = ({ reducer, key }: ShadowReport["cells"][number]): string => `${reducer}${key === undefined ? "" : ` ${writeJson(key)}`}`;
  const after = new Map(a.report.cells.map((cell) => [name(cell), hashValue(cell.after ?? null)]));
  return b.report.cells.filter((cell) => after.has(name(cell)) && after.get(name(cell)) !== hashValue(cell.after ?? null)).map(name).sort(compareText);
}

function targetText({ kind, target }: { readonly kind: string; readonly target: string }): string {
  return `${kind} ${target}`;
}

function few(words: readonly string[]): string {
  return words.slice(0, 5).join(", ");
}
