// aos shadow: what a proposal, several, or the folder as it lies, would change in the world.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { AosError, createModuleRunner, renderHtml, type WindowWanted } from "@agentos/kernel";
import { filesOfFolder, jointShadow, readRules, readShadowNote, rulesChanged, shadowLocally, signerOf, trustInput, type LocalShadow, type Repo, type ShadowFound } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { jointLines } from "../render/joint.ts";
import { markdownLines } from "../render/markdown.ts";
import { rulesBeside, rulesLines } from "../render/shadow.ts";
import { withProgress } from "../progress.ts";
import { dateMs } from "../until.ts";
import { openProposal, withUpstream, type Upstream } from "../upstream.ts";
import { worldFolder, worldRepo } from "../world.ts";

const WAIT_MS = 60_000;
const LOOK_MS = 500;

export default command({
  positionals: { slug: { type: "string", array: true, describe: "The proposal's name; of several what they do together" } },
  options: {
    worktree: { type: "boolean", default: false, describe: "The files of this folder instead of a proposal" },
    wait: { type: "boolean", default: false, describe: "Wait for the controller's report, a minute at most" },
    since: { type: "string", describe: "Run recorded traffic again, from a seq or a date on" },
    last: { type: "number", describe: "Run the last N recorded inputs again" },
    html: { type: "string", describe: "Write the report as a page, too" },
  },
  epilogue: "Prints the controller's signed report where there is one on the proposal's head, else runs the shadow here on the recorded state.\nWith --since, --last and --html it always runs here. Of several proposals each is run alone, and each two in both orders.\nA report speaks of the world: what would change below .aos, which says who decides, is named beside it.\nWith --json: {by, report, rules}; `by` is null for a run of this process, `rules` the files below .aos; of several {runs, conflicts, rules}.",
  async run(cx, { slug: slugs = [], worktree, wait, since, last, html }) {
    if ((slugs.length === 0) !== worktree) throw new AosError("cli.usage", `aos shadow: ${worktree ? `--worktree is about this folder, and ${slugs[0]} is named too` : "name a proposal, or say --worktree"}`, { hint: "aos shadow SLUG; `aos proposals` lists them" });
    const window = windowWanted(since, last);
    const runsHere = worktree ? "--worktree" : html !== undefined ? "--html" : window === undefined ? undefined : since === undefined ? "--last" : "--since";
    if (wait && runsHere !== undefined) throw new AosError("cli.usage", `aos shadow: --wait is for the controller's report, and ${runsHere} runs here`, { hint: "leave one of them out" });
    const repo = await worldRepo(cx);
    const [slug, ...others] = slugs;
    if (others.length > 0) return runTogether(cx, repo, { slugs, alone: html === undefined && window === undefined && !wait });
    const here = window !== undefined || html !== undefined;
    const found = slug === undefined || here ? undefined : await withProgress(cx.out, wait ? "waiting for a report" : "looking for a report", () => findReport(repo, slug, wait));
    if (found !== undefined) {
      cx.out.notice(`report of ${found.by}, signed`);
      return print(cx, { by: found.by, report: found.entry.report, markdown: summaryOf(found.entry), rules: found.rules });
    }
    if (slug !== undefined && !here) cx.out.notice("no report on this head yet: run here, on the recorded state");
    const folder = slug === undefined ? await worldFolder(cx) : undefined;
    const made = await withUpstream(repo, here && slug !== undefined ? { fetch: cx.out } : "as-is", async (upstream) => {
      const head = slug === undefined || folder !== undefined ? filesOfFolder(folder ?? cx.cwd) : (await openProposal(upstream, slug)).head;
      const shadow = await withProgress(cx.out, "rehearsing", () => shadowLocally(repo, { base: upstream.main, head, modules: createModuleRunner(), ...(window === undefined ? {} : { window }) }));
      return { ...shadow, rules: await rulesChanged(repo, upstream.local.store, { base: upstream.main, head }) };
    });
    if (html !== undefined) await writePage(cx, html, made);
    return print(cx, { by: null, report: made.json, markdown: made.markdown, rules: made.rules });
  },
});

/** @throws AosError `cli.usage` for a window that is none */
function windowWanted(since: string | undefined, last: number | undefined): WindowWanted | undefined {
  if (since !== undefined && last !== undefined) throw new AosError("cli.usage", "aos shadow: --since and --last say two windows", { hint: "give one of them" });
  if (last !== undefined) {
    if (!Number.isSafeInteger(last) || last < 1) throw new AosError("cli.usage", "aos shadow: --last wants a whole number from 1", { hint: "--last 100" });
    return { last };
  }
  if (since === undefined) return undefined;
  if (/^\d{1,15}$/.test(since)) return { sinceSeq: Number(since) };
  const ms = dateMs(since);
  if (ms === undefined) throw new AosError("cli.usage", `aos shadow: --since ${since}: neither a seq nor a date`, { hint: "--since 1200, --since 2024-05-01 or --since 2024-05-01T10:00Z" });
  return { sinceNs: BigInt(ms) * 1_000_000n };
}

async function runTogether(cx: Context, repo: Repo, { slugs, alone }: { readonly slugs: readonly string[]; readonly alone: boolean }): Promise<void> {
  if (!alone) throw new AosError("cli.usage", "aos shadow: --since, --last, --html and --wait are for one proposal", { hint: `aos shadow ${slugs.join(" ")}` });
  const twice = slugs.find((slug, index) => slugs.indexOf(slug) !== index);
  if (twice !== undefined) throw new AosError("cli.usage", `aos shadow: ${twice} is named twice`, { hint: "several are different proposals; `aos proposals` lists them" });
  const joint = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
    const proposals = [];
    for (const slug of slugs) proposals.push({ slug, head: (await openProposal(upstream, slug)).head });
    const rules = [];
    for (const { slug, head } of proposals) rules.push({ slug, files: await rulesChanged(repo, upstream.local.store, { base: upstream.main, head }) });
    return { ...(await jointShadow(repo, { base: upstream.main, proposals, modules: createModuleRunner() })), rules: rules.filter(({ files }) => files.length > 0) };
  });
  cx.out.result(joint, [...joint.rules.flatMap(({ slug, files }) => rulesLines(files, cx.out.style, { slug })), ...jointLines(joint, cx.out.style)]);
}

async function writePage(cx: Context, file: string, made: LocalShadow & { readonly rules: readonly string[] }): Promise<void> {
  const path = resolve(cx.cwd, file);
  await writeFile(path, renderHtml(made.report, made.planes, rulesBeside(made.rules))).catch((cause: NodeJS.ErrnoException) => {
    const folder = cause.code === "EISDIR";
    throw new AosError("cli.write", `${path}: ${folder ? "it is a folder" : "cannot be written"}`, { at: { file: path }, cause, hint: folder ? "name a file: --html page.html" : "is there such a folder?" });
  });
  cx.out.notice(`wrote ${path}`);
}

interface Found {
  readonly entry: ShadowFound;
  readonly by: string;
  /** Files below `.aos` that the proposal changes. */
  readonly rules: readonly string[];
}

/** Of each of many fetches nothing is said: what they are for says it. */
const UNSAID = { mode: "text", quiet: true } as const;

/** The report that counts, looked for again and again when it is waited for. @throws AosError `shadow.late` */
async function findReport(repo: Repo, slug: string, wait: boolean): Promise<Found | undefined> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const found = await withUpstream(repo, { fetch: UNSAID }, (upstream) => readReport(upstream, slug));
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
    if (signer.known && (signer.kind === "controller" || signer.kind === "ci") && entry.claim.head === head && entry.claim.base === main) return { entry, by: signer.name, rules: await rulesChanged(local.repo, local.store, { base: main, head }) };
  }
  return undefined;
}

/** What stands before the signed claim. */
function summaryOf({ lines }: ShadowFound): string {
  return lines.split("\n").slice(0, -2).join("\n").trimEnd();
}

function print(cx: Context, told: { readonly by: string | null; readonly report: LocalShadow["json"]; readonly markdown: string; readonly rules: readonly string[] }): void {
  const { by, report, markdown, rules } = told;
  const lines = rulesLines(rules, cx.out.style);
  cx.out.result({ by, report, rules }, [...lines, ...lines.map(() => ""), ...markdownLines(markdown, { style: cx.out.style, for: cx.out.terminal ? "terminal" : "file" })]);
}
