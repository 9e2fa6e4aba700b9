// aos proposals: what is proposed, and what each one waits for.

import { readProposal } from "@agentos/controller";
import { command } from "../command.ts";
import { proposalLines, type ProposalRow } from "../render/proposal.ts";
import { proposalsOf, withUpstream, type Upstream } from "../upstream.ts";
import { worldId, worldRepo } from "../world.ts";
import type { Context } from "../context.ts";
import { gatherDecision, type Decision, type ProposalRef } from "@agentos/controller";

export default command({
  positionals: {},
  options: { all: { type: "boolean", default: false, describe: "Merged ones too" } },
  async run(cx, { all }) {
    const repo = await worldRepo(cx);
    const rows = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const refs = (await proposalsOf(upstream)).filter(({ state }) => all || state === "open");
      const made: ProposalRow[] = [];
      for (const ref of refs) made.push(await rowOf(cx, upstream, ref));
      return made;
    });
    cx.out.result({ proposals: rows }, rows.length === 0 ? ["no open proposals"] : proposalLines(rows, cx.out.style));
  },
});

async function rowOf(cx: Context, upstream: Upstream, { slug, head, state }: ProposalRef): Promise<ProposalRow> {
  const { local, main } = upstream;
  const found = state === "open" ? await readProposal(local, slug) : undefined;
  if (found === undefined) return { slug, head, state, title: "", body: "", authors: [], verdict: undefined, reasons: [], notes: [] };
  const { decision, faults } = await gatherDecision(local, { base: main, head, slug, world: await worldId(cx, local.repo, local.store) });
  return { slug, head, state, title: found.title, body: found.body, authors: found.authors, verdict: decision.verdict, reasons: decision.reasons.map(({ holds, text }) => ({ holds, text })), notes: [...notesOf(decision), ...faults] };
}

function notesOf({ counted, ignored }: Decision): readonly string[] {
  const kept = counted.flatMap((one) => (one.kept === undefined ? [] : [`the approval of ${one.principal} is ${one.kept}`]));
  return [...kept, ...ignored.filter(({ why }) => why.includes("; voided: ")).map(({ principal, why }) => `${principal} ${why}`)];
}
