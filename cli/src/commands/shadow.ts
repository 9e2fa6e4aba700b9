// aos shadow: what a proposal, or the folder as it lies, would change in the world.

import { AosError, createModuleRunner } from "@agentos/kernel";
import { filesOfFolder, readRules, readShadowNote, shadowLocally, signerOf, trustInput, type LocalShadow, type Repo, type ShadowFound } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { markdownLines } from "../render/markdown.ts";
import { openProposal, withUpstream, type Upstream } from "../upstream.ts";
import { worldFolder, worldRepo } from "../world.ts";

const WAIT_MS = 60_000;
const LOOK_MS = 500;

export default command({
  positionals: { slug: { type: "string", describe: "The proposal's name" } },
  options: {
    worktree: { type: "boolean", default: false, describe: "The files of this folder instead of a proposal" },
    wait: { type: "boolean", default: false, describe: "Wait for the controller's report, a minute at most" },
  },
  epilogue: "Prints the controller's signed report where there is one on the proposal's head, else runs the shadow here on the recorded state.\nWith --json: {by, report}; `by` is null for a run of this process.",
  async run(cx, { slug, worktree, wait }) {
    if ((slug === undefined) !== worktree) throw new AosError("cli.usage", "aos shadow: name a proposal, or say --worktree", { hint: "aos shadow SLUG; `aos proposals` lists them" });
    const repo = await worldRepo(cx);
    if (slug === undefined) return runOnFolder(cx, repo);
    const found = await findReport(repo, slug, wait);
    if (found !== undefined) {
      cx.out.notice(`report of ${found.by}, signed`);
      return print(cx, { by: found.by, report: found.entry.report, markdown: summaryOf(found.entry) });
    }
    cx.out.notice("no report on this head yet: run here, on the recorded state");
    const { json, markdown } = await withUpstream(repo, "as-is", async (upstream) => {
      const { base, head } = await openProposal(upstream, slug);
      return shadowLocally(repo, { base, head, modules: createModuleRunner() });
    });
    return print(cx, { by: null, report: json, markdown });
  },
});

async function runOnFolder(cx: Context, repo: Repo): Promise<void> {
  const folder = await worldFolder(cx);
  const { json, markdown } = await withUpstream(repo, "as-is", ({ main }) => shadowLocally(repo, { base: main, head: filesOfFolder(folder), modules: createModuleRunner() }));
  print(cx, { by: null, report: json, markdown });
}

interface Found {
  readonly entry: ShadowFound;
  readonly by: string;
}

/** The report that counts, looked for again and again when it is waited for. @throws AosError `shadow.late` */
async function findReport(repo: Repo, slug: string, wait: boolean): Promise<Found | undefined> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const found = await withUpstream(repo, "fetch", (upstream) => readReport(upstream, slug));
    if (found !== undefined || !wait) return found;
    if (Date.now() > until) throw new AosError("shadow.late", `${slug}: no report came within ${WAIT_MS / 1000} s`, { class: "outside", hint: "does a controller run? see `aos status`; without --wait the shadow runs here" });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The last report on the proposal's head and on the main of now, signed by a controller or CI. */
async function readReport(upstream: Upstream, slug: string): Promise<Found | undefined> {
  const { local, main } = upstream;
  const { head } = await openProposal(upstream, slug);
  const rules = await readRules(local.store, main);
  const trust = trustInput(rules.trust, rules.trustHash);
  const { entries } = await readShadowNote(local, head);
  for (const entry of entries.toReversed()) {
    const signer = signerOf(trust, entry.key);
    if (signer.known && (signer.kind === "controller" || signer.kind === "ci") && entry.claim.head === head && entry.claim.base === main) return { entry, by: signer.name };
  }
  return undefined;
}

/** What stands before the signed claim. */
function summaryOf({ lines }: ShadowFound): string {
  return lines.split("\n").slice(0, -2).join("\n").trimEnd();
}

function print(cx: Context, told: { readonly by: string | null; readonly report: LocalShadow["json"]; readonly markdown: string }): void {
  const { by, report, markdown } = told;
  cx.out.result({ by, report }, markdownLines(markdown, { style: cx.out.style, for: cx.out.terminal ? "terminal" : "file" }));
}
