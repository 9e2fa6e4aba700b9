// aos why: the clause that decided a proposal or a merge, with its inputs, derived again; or what a record follows from.

import { AosError } from "@agentos/kernel";
import {
  decisionValue, deriveAgain, firstParents, gatherDecision, gitIn, isAncestor, parseMergeMessage, parseOid, readRecordedDecision, recordedInputs, resolveCommit, verifyRecordedSignatures, verifySignature,
  type Oid, type ProposalRef,
} from "@agentos/controller";
import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { walkOf } from "../record-walk.ts";
import { recordWhyLines, whyLines, type Why } from "../render/why.ts";
import { proposalsOf, withUpstream, type Upstream } from "../upstream.ts";
import { worldId, worldRepo } from "../world.ts";

const PREFIX = "proposals/";

export default command({
  positionals: { what: { type: "string", demandOption: true, describe: "A proposal's name, a commit of main, or the seq of a record" } },
  options: {},
  epilogue:
    "A number is the seq of a record: say proposals/2024 for a proposal of that name.\nA verdict is derived again from its inputs alone, and compared with the recorded one; exit code 4 where they differ.\nWith --json: {what, slug, verdict, decided_by, inputs, decision, …}, or {what: \"record\", walk: [{relation, record}]}.",
  async run(cx, { what }) {
    const repo = await worldRepo(cx);
    const seq = /^#?(\d{1,15})$/.exec(what)?.[1];
    if (seq !== undefined) return whyRecord(cx, Number(seq));
    const why = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const slug = what.startsWith(PREFIX) ? what.slice(PREFIX.length) : what;
      const proposal = (await proposalsOf(upstream)).find((one) => one.slug === slug);
      if (proposal?.state === "open") return whyOpen(cx, upstream, proposal);
      const commit = proposal?.head ?? (await resolveCommit(repo, what));
      if (commit === undefined) throw new AosError("why.unknown", `${what}: neither a proposal, nor a commit, nor a record's seq`, { hint: "`aos proposals --all`, `aos log` and `aos journal tail` list them" });
      return whyCommit(upstream, commit);
    });
    cx.out.result(whyJson(why), whyLines(why, cx.out.style));
  },
});

/** What would be decided now. */
async function whyOpen(cx: Context, { local, main }: Upstream, { slug, head }: ProposalRef): Promise<Why> {
  const { inputs, decision } = await gatherDecision(local, { base: main, head, slug, world: await worldId(cx, local.repo, local.store) });
  deriveAgain(decisionValue(inputs, decision));
  return { what: "proposal", slug, commit: undefined, inputs, decision };
}

/** What was decided on the merge by which main has a commit. */
async function whyCommit({ local, main }: Upstream, commit: Oid): Promise<Why> {
  const { repo, store } = local;
  const at = commit.slice(0, 12);
  if (!(await isAncestor(repo, commit, main))) throw new AosError("why.elsewhere", `${at}: main does not have this commit, and it is no proposal's head`, { hint: "`aos log` lists what main has" });
  const merge = await broughtBy(local.repo, commit, main);
  const { message, parents } = await store.readCommit(merge);
  if (parents.length === 0) throw new AosError("why.genesis", `${merge.slice(0, 12)}: the world begins with this commit; nothing but its pinned trust file decides it`, { hint: "aos verify" });
  const record = await readRecordedDecision(store, merge);
  if (record === undefined) {
    const slug = parseMergeMessage(message)?.slug;
    throw new AosError("why.unpublished", `${merge.slice(0, 12)}${slug === undefined ? "" : ` (proposal ${slug})`}: no decision on it is published here`, { hint: "the controller writes it down when it applies the merge: see `aos status`, and fetch refs/notes/aos" });
  }
  const decision = deriveAgain(record);
  verifyRecordedSignatures(record, verifySignature);
  const inputs = recordedInputs(record);
  return { what: "merge", slug: inputs.proposal, commit: merge, inputs, decision };
}

/** The commit of main's own line with which it came to have another one. */
async function broughtBy(repo: Upstream["local"]["repo"], commit: Oid, main: Oid): Promise<Oid> {
  if ((await firstParents(repo, null, main)).includes(commit)) return commit;
  const { stdout } = await gitIn(repo, ["rev-list", "--first-parent", "--ancestry-path", "--reverse", `${commit}..${main}`]);
  const first = stdout.toString("latin1").split("\n")[0] ?? "";
  return parseOid(first);
}

function whyJson({ what, slug, commit, inputs, decision }: Why): object {
  const deciding = decision.reasons.filter(({ holds }) => !holds);
  return {
    what, slug, ...(commit === undefined ? {} : { commit }), verdict: decision.verdict, recorded: what === "merge", derived_again: true,
    decided_by: deciding.length > 0 ? deciding : decision.reasons.slice(-1), inputs, decision,
  };
}

async function whyRecord(cx: Context, seq: number): Promise<void> {
  const answers = await answersOf(cx, await worldRepo(cx));
  const walk = await walkOf(answers, seq);
  const applied = walk.find(({ record }) => record.kind === "applied")?.record;
  const decided = applied?.["base"] === undefined ? undefined : applied["decision"];
  const decision = decided === undefined ? undefined : deriveAgain(decided);
  cx.out.result({ what: "record", seq, walk, ...(decision === undefined ? {} : { decision }) }, recordWhyLines(walk, decision, cx.out.style));
}
