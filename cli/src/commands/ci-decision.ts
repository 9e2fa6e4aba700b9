// aos ci decision: says on a pull request what the repository decides, from a job that runs nothing of it.

import { AosError, type Hash } from "@agentos/kernel";
import {
  fetch, gatherDecision, githubApi, githubClient, nothingPosted, ownReport, postDecision, readRules, readShadowNote, subjectsOf, trustInput, signerOf,
  controllersWords, type Answer, type Local, type Oid, type ReportWord, type Subject,
} from "@agentos/controller";
import { judgeCiReport, readCiReport } from "../ci-report.ts";
import { pullsOf, readCiRun } from "../ci-run.ts";
import { command } from "../command.ts";
import { githubAuth, githubPlace } from "../github-place.ts";
import { withUpstream } from "../upstream.ts";
import { worldId, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {
    artifact: { type: "string", requiresArg: true, describe: "Folder that the artifact of the shadow job was unpacked to" },
  },
  epilogue: "For a job on: workflow_run, with the environment that GitHub gives it, and GITHUB_TOKEN.\nNothing of the head is checked out or run, and nothing in the artifact is believed.",
  async run(cx, { artifact }) {
    const run = await readCiRun(need("GITHUB_EVENT_PATH"));
    const place = githubPlace(need("GITHUB_REPOSITORY"), process.env["GITHUB_API_URL"]);
    const api = githubApi(githubClient({ place, auth: await githubAuth(cx, { app: undefined, keyFile: undefined }) }));
    const pulls = subjectsOf(await api.openPulls("main")).filter(({ pull }) => pullsOf(run, [pull]).length > 0);
    const report = artifact === undefined ? ({ kind: "absent" } as const) : await readCiReport(artifact);
    const repo = await worldRepo(cx);
    const said = await withUpstream(repo, { fetch: cx.out }, async ({ local, main }) => {
      const world = await worldId(cx, repo, local.store);
      const rows: { readonly pull: number; readonly slug: string; readonly verdict: string; readonly ci: string | undefined }[] = [];
      for (const subject of pulls) {
        const { pull, slug } = subject;
        await fetch(repo, "origin", { refspecs: [`+refs/pull/${pull.number}/head:refs/aos-ci/pull/${pull.number}`], tags: "leave" });
        const answer = await gatherDecision(local, { base: main, head: pull.head.sha, slug, world });
        const own = await controllersReports(local, { base: main, subject, answer, world });
        const ci = judgeCiReport(report, own.words);
        const faults = [...answer.faults, ...(ci === undefined ? [] : [ci])];
        await postDecision(api, nothingPosted(), { pull: pull.number, head: pull.head.sha, world, decision: answer.decision, report: own.text, faults });
        rows.push({ pull: pull.number, slug, verdict: answer.decision.verdict, ci });
      }
      return rows;
    });
    const lines = said.map(({ pull, slug, verdict, ci }) => `pull request ${pull} (${slug}): ${verdict}${ci === undefined ? "" : `; ${ci}`}`);
    cx.out.result({ head: run.head, pulls: said }, lines.length === 0 ? [`no open pull request has head ${run.head}`] : lines);
  },
});

/** What the controllers that main trusts have computed on this merge, and the last one's text. */
async function controllersReports(local: Local, of: { readonly base: Oid; readonly subject: Subject; readonly answer: Answer; readonly world: Hash }): Promise<{ readonly words: readonly ReportWord[]; readonly text: string | undefined }> {
  const { base, subject: { pull, slug }, answer: { tree }, world } = of;
  const head = pull.head.sha;
  const rules = await readRules(local.store, base);
  const trust = trustInput(rules.trust, rules.trustHash);
  const { entries } = await readShadowNote(local, head);
  const last = entries.findLast(({ key, claim }) => {
    const signer = signerOf(trust, key);
    return signer.known && signer.kind === "controller" && claim.base === base && claim.tree === tree;
  });
  const text = last === undefined || last.key === null ? undefined : await ownReport(local, last.key, { base, head, tree });
  return { words: controllersWords({ world, slug, base, head, tree }, { trust, entries }), text };
}

function need(name: string): string {
  const value = process.env[name] ?? "";
  if (value === "") throw new AosError("ci.env", `${name} is not set`, { hint: "GitHub sets it in every job" });
  return value;
}
