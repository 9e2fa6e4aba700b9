// Gathers from the repository what a decision depends on, and decides.

import { AosError, encodeBase64 } from "@agentos/kernel";
import type { Hash } from "@agentos/kernel";
import { parseOid } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { gitIn, mergeBase, mergeTree } from "../git/repo.ts";
import type { Repo } from "../git/repo.ts";
import { straightLine } from "../git/straight-line.ts";
import { cidOf, concerns, decide } from "../governance/decision.ts";
import type { DecisionInputs, ShadowInput } from "../governance/decision.ts";
import { policyHash } from "../governance/policy.ts";
import { isSlug } from "../governance/review.ts";
import { signerOf, trustInput } from "../governance/signer.ts";
import type { TrustInput } from "../governance/signer.ts";
import { assertSameWorld } from "../governance/trust.ts";
import { gatherCarried } from "./carried.ts";
import { ciFaults } from "./ci-faults.ts";
import { fileChanges } from "./file-changes.ts";
import type { Changes } from "./file-changes.ts";
import type { Answer, Local, Question, ShadowsRead } from "./forge.ts";
import { readReviewLines } from "./local-reviews.ts";
import { readShadowNote } from "./local-shadow.ts";
import { reportFacts } from "./report-facts.ts";
import type { ReportFacts } from "./report-facts.ts";
import { readRules } from "./rules.ts";
import type { Rules } from "./rules.ts";
import { commitSigner } from "./signatures.ts";

/** A proposal with more commits is not looked at. */
const COMMITS_MAX = 10_000;

/**
 * Answers whether a proposal may be merged into `base`, by the rules of `base`.
 *
 * @throws AosError `proposal.name`; `trust.missing`, `trust.invalid`, `policy.invalid` of the base; `proposal.size`; as git()
 */
export async function gatherDecision(local: Local, question: Question): Promise<Answer> {
  const { repo, store } = local;
  const { base, head, slug, world } = question;
  if (!isSlug(slug)) throw new AosError("proposal.name", `${JSON.stringify(slug)}: not a proposal's name`, { hint: "lower-case letters, digits and -" });
  const rules = await readRules(store, base);
  const trust = trustInput(rules.trust, rules.trustHash);
  const line = await straightLine(store, base, head);
  const commits = await Promise.all((line?.commits ?? (await commitsOf(repo, base, head))).map(async (commit) => ({ commit, key: await commitSigner(store, commit) })));
  const { tree, mergeProblem } = line === undefined ? await tryMerge(repo, base, head) : { tree: line.tree, mergeProblem: null };
  const { changed, changes } = tree === null ? NO_CHANGES : await fileChanges(repo, base, tree);
  const rulesProblem = tree !== null && changed.governance > 0 ? await problemOfRules(local, rules, tree) : null;
  const written = await readShadowNote(local, head);
  const shadow = question.foreseen === undefined ? written : { ...written, entries: [...written.entries, question.foreseen] };
  const shadows = shadow.entries.map(({ claim, key, sig }) => ({ claim, key, sig: encodeBase64(sig) }));
  const named = question.computed ?? namedBy(shadows, trust, question, tree);
  const cid = tree === null ? null : cidOf({ policyHash: policyHash(rules.policy), tree, ...named });
  const reviews = await readReviewLines(local, { wanted: (review) => concerns(review, { proposal: slug, head, cid }) });
  const facts = factsOf(shadow, trust, { world, head, tree, policy: policyHash(rules.policy), ...named });
  const gathered: DecisionInputs = {
    world,
    proposal: slug,
    base,
    head,
    tree,
    mergeProblem,
    policy: rules.policy,
    trust,
    commits,
    changed,
    changes,
    rulesProblem,
    manifestHash: named.manifestHash,
    consequencesHash: named.consequencesHash,
    consequences: facts?.consequences ?? null,
    run: facts?.run ?? null,
    shadows,
    reviews: reviews.lines,
    unreadable: reviews.unreadable,
    ...(rules.policy.windows === undefined ? {} : { time: question.timeSeconds ?? Math.floor(Date.now() / 1000) }),
  };
  const carried = await gatherCarried(local, gathered);
  const inputs = carried.length === 0 ? gathered : { ...gathered, carried };
  const ci = await ciFaults(local, { world, slug, base, head, tree }, { trust, entries: shadow.entries });
  return { inputs, decision: decide(inputs), tree, faults: [...faultsOf(shadow, reviews.faults), ...ci] };
}

function faultsOf(shadow: ShadowsRead, faults: readonly { readonly notes: string; readonly why: string }[]): readonly string[] {
  return [...shadow.faults, ...faults.map(({ notes, why }) => `reviews of ${notes}: ${why}`)];
}

/** The commits that the base does not have, oldest first. */
export async function commitsOf(repo: Repo, base: Oid, head: Oid): Promise<readonly Oid[]> {
  const { stdout } = await gitIn(repo, ["rev-list", "--topo-order", "--reverse", `--max-count=${COMMITS_MAX + 1}`, head, `^${base}`]);
  const commits = stdout.toString("latin1").split("\n").filter((line) => line !== "").map(parseOid);
  if (commits.length > COMMITS_MAX) throw new AosError("proposal.size", `${head.slice(0, 12)}: more than ${COMMITS_MAX} commits that main does not have`);
  return commits;
}

const NO_CHANGES: Changes = { changed: { governance: 0, other: 0 }, changes: [] };

/** How many of the files in conflict are named. */
const CONFLICTS_NAMED = 5;

async function tryMerge(repo: Repo, base: Oid, head: Oid): Promise<Pick<DecisionInputs, "tree" | "mergeProblem">> {
  try {
    return { tree: await mergeTree(repo, base, head), mergeProblem: null };
  } catch (cause) {
    if (!(cause instanceof AosError)) throw cause;
    if (cause.code === "git.failed" && (await mergeBase(repo, base, head)) === undefined) return { tree: null, mergeProblem: "it has no commit in common with main" };
    if (cause.code !== "git.conflict") throw cause;
    const files = Array.isArray(cause.data["files"]) ? cause.data["files"].map(String) : [];
    const more = files.length > CONFLICTS_NAMED ? ` and ${files.length - CONFLICTS_NAMED} more` : "";
    return { tree: null, mergeProblem: `conflicts in ${files.slice(0, CONFLICTS_NAMED).join(", ")}${more}` };
  }
}

/** A merge must leave rules by which the next one can be judged, of the same world. */
async function problemOfRules({ store }: Local, rules: Rules, tree: Oid): Promise<string | null> {
  try {
    assertSameWorld(rules.trust, (await readRules(store, tree)).trust);
    return null;
  } catch (cause) {
    if (cause instanceof AosError) return cause.message;
    throw cause;
  }
}

interface Subject extends Pick<DecisionInputs, "world" | "head" | "tree" | "manifestHash" | "consequencesHash"> {
  /** policyHash of the base. */
  readonly policy: Hash;
}

/** What the report says that is about all of this: the last one of a controller, else of whomever. Its hash is judged, so it is what it is. */
function factsOf({ entries }: ShadowsRead, trust: TrustInput, subject: Subject): ReportFacts | undefined {
  const { world, head, tree, policy, manifestHash, consequencesHash } = subject;
  const fitting = entries.filter(({ claim }) => {
    const same = claim.world === world && claim.head === head && claim.tree === tree && claim.policy === policy;
    return same && claim.manifest === manifestHash && claim.consequences === consequencesHash;
  });
  const byController = ({ key }: (typeof entries)[number]): boolean => {
    const signer = signerOf(trust, key);
    return signer.known && signer.kind === "controller";
  };
  const ordered = [...fitting.filter((entry) => !byController(entry)), ...fitting.filter(byController)];
  for (const { report, claim } of ordered.toReversed()) {
    const facts = reportFacts(report, claim.consequences);
    if (facts !== undefined) return facts;
  }
  return undefined;
}

type Named = Pick<DecisionInputs, "manifestHash" | "consequencesHash">;

/** What the reports say of this merge result: the last word of a controller, else of a CI. */
function namedBy(shadows: readonly ShadowInput[], trust: TrustInput, question: Question, tree: Oid | null): Named {
  const fitting = shadows.filter(({ claim }) => claim.world === question.world && claim.head === question.head && claim.tree === tree);
  for (const kind of ["controller", "ci"] as const) {
    const found = fitting.findLast(({ key }) => {
      const signer = signerOf(trust, key);
      return signer.known && signer.kind === kind;
    });
    if (found !== undefined) return { manifestHash: found.claim.manifest, consequencesHash: found.claim.consequences };
  }
  return { manifestHash: null, consequencesHash: null };
}
