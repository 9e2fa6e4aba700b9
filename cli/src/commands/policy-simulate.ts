// aos policy simulate: what another policy would decide, on what is proposed or on what was merged.

import { AosError } from "@agentos/kernel";
import {
  firstParents, gatherDecision, parseMergeMessage, readRecordedDecision, recordedInputs, simulate, type DecisionInputs, type Oid, type Policy,
} from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { readPolicyFile } from "../policy-file.ts";
import { simulatedLines, type SimulatedRow } from "../render/policy.ts";
import { openProposal, proposalsOf, withUpstream, type Upstream } from "../upstream.ts";
import { worldId, worldRepo } from "../world.ts";

export default command({
  positionals: {
    file: { type: "string", demandOption: true, describe: "The other policy file" },
    slug: { type: "string", describe: "One proposal [default: all open ones]" },
  },
  options: { merged: { type: "boolean", default: false, describe: "What was merged and published, instead of what is open" } },
  epilogue: "Reviews and reports are read as if they were given under the other policy. Nothing is changed.\nWith --json: {policy, rows: [{slug, head, now, under, changes, reasons}]}.",
  async run(cx, { file: typed, slug, merged }) {
    if (merged && slug !== undefined) throw new AosError("cli.usage", "aos policy simulate: name a proposal or say --merged, not both", { hint: "aos policy simulate FILE --merged" });
    const { file, policy } = await readPolicyFile(cx, typed);
    const repo = await worldRepo(cx);
    const rows = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const cases = merged ? await mergedCases(upstream) : await openCases(cx, upstream, slug);
      return cases.map(({ inputs, commit }) => rowOf(inputs, commit, policy));
    });
    const told = rows.length === 0 ? [merged ? "nothing that was merged is published yet" : "no open proposals"] : simulatedLines(rows, cx.out.style);
    cx.out.result({ policy: file, rows }, told);
  },
});

interface Case {
  readonly inputs: DecisionInputs;
  /** The merge, for what was merged. */
  readonly commit: Oid | undefined;
}

async function openCases(cx: Context, upstream: Upstream, slug: string | undefined): Promise<readonly Case[]> {
  const { local, main } = upstream;
  const world = await worldId(cx, local.repo, local.store);
  const chosen = slug === undefined ? (await proposalsOf(upstream)).filter(({ state }) => state === "open") : [await openProposal(upstream, slug)];
  const cases: Case[] = [];
  for (const { slug: name, head } of chosen) cases.push({ inputs: (await gatherDecision(local, { base: main, head, slug: name, world })).inputs, commit: undefined });
  return cases;
}

async function mergedCases({ local, main }: Upstream): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for (const commit of await firstParents(local.repo, null, main)) {
    if (parseMergeMessage((await local.store.readCommit(commit)).message) === undefined) continue;
    const record = await readRecordedDecision(local.store, commit);
    if (record !== undefined) cases.push({ inputs: recordedInputs(record), commit });
  }
  return cases;
}

function rowOf(inputs: DecisionInputs, commit: Oid | undefined, policy: Policy): SimulatedRow {
  const { now, under, others } = simulate(inputs, policy, { timeSeconds: Math.floor(Date.now() / 1000) });
  return { slug: inputs.proposal, head: inputs.head, ...(commit === undefined ? {} : { commit }), now: now.verdict, under: under.verdict, changes: now.verdict !== under.verdict, reasons: others };
}
