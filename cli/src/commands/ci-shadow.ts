// aos ci shadow: what a CI job runs on a proposal. It fetches what it needs and writes the report; whether the report is liked is not its matter.

import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AosError, createModuleRunner, renderHtml, reportHash, summaryOf, writeJson, type Hash } from "@agentos/kernel";
import { fetch, gitIn, isShallow, MAIN_REF, NOTES_REF, readRef, resolveCommit, rulesChanged, shadowLocally, type LocalShadow, type Oid, type Repo } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { memberOf } from "../member-of.ts";
import { rulesBeside, rulesLines, withRulesNote } from "../render/shadow.ts";
import { withStore, worldRepo } from "../world.ts";

const REMOTE = "origin";

export default command({
  positionals: {},
  options: {
    base: { type: "string", describe: "The commit to merge into [default: that of the pull request, else main]" },
    head: { type: "string", describe: "The proposal's commit [default: that of the pull request, else HEAD]" },
    out: { type: "string", default: "shadow-report", describe: "The folder for report.md, report.json and report.html" },
  },
  epilogue: "Reads GITHUB_EVENT_NAME, GITHUB_EVENT_PATH, GITHUB_STEP_SUMMARY and GITHUB_OUTPUT where they are set.\nExit 0 when the report could be made, whatever it says. With --json: {base, head, report, consequences, summary, rules, files}; `rules` the files below .aos that change.",
  async run(cx, { base: typedBase, head: typedHead, out }) {
    const repo = await worldRepo(cx);
    const asked = await askedByForge();
    const notice = await fetchWhatIsNeeded(repo, asked);
    if (notice !== undefined) cx.out.notice(notice);
    const base = await commitAt(repo, typedBase ?? asked?.base, [`refs/remotes/${REMOTE}/main`, MAIN_REF]);
    const head = await commitAt(repo, typedHead ?? asked?.head, ["HEAD"]);
    const made = await shadowLocally(repo, { base, head, modules: createModuleRunner() });
    const rules = await withStore(repo, (store) => rulesChanged(repo, store, { base, head }));
    await report(cx, { ...made, markdown: withRulesNote(rules, made.markdown), rules }, { base, head, out });
  },
});

interface Asked {
  readonly base: string;
  readonly head: string;
}

const EVENT_BYTES_MAX = 32 << 20;

/** The pull request that a forge's job is about, from the file of its event. @throws AosError `ci.event` */
async function askedByForge(): Promise<Asked | undefined> {
  const path = process.env["GITHUB_EVENT_PATH"];
  if (path === undefined || path === "" || process.env["GITHUB_EVENT_NAME"]?.startsWith("pull_request") !== true) return undefined;
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AosError("ci.event", `${path}: the event cannot be read`, { at: { file: path }, cause, hint: "GITHUB_EVENT_PATH names it; outside of a job, name the commits with --base and --head" });
  });
  if (text.length > EVENT_BYTES_MAX) throw new AosError("ci.event", `${path}: an event of ${text.length} characters`, { at: { file: path } });
  const event = parsed(text);
  const [base, head] = [shaIn(event, "base"), shaIn(event, "head")];
  if (base === undefined || head === undefined) throw new AosError("ci.event", `${path}: not the event of a pull request`, { at: { file: path }, hint: "name the commits with --base and --head" });
  return { base, head };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shaIn(event: unknown, side: "base" | "head"): string | undefined {
  const sha = memberOf(memberOf(memberOf(event, "pull_request"), side), "sha");
  return typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha) ? sha : undefined;
}

/** The whole history of both commits and the published journal: a job's clone has one commit and no notes. */
async function fetchWhatIsNeeded(repo: Repo, asked: Asked | undefined): Promise<string | undefined> {
  const { stdout } = await gitIn(repo, ["remote"]);
  if (!stdout.toString("utf8").split("\n").includes(REMOTE)) return undefined;
  if (await isShallow(repo)) await gitIn(repo, ["fetch", "--quiet", "--unshallow", "--no-tags", REMOTE]);
  const commits = asked === undefined ? [] : [asked.base, asked.head];
  await fetch(repo, REMOTE, { refspecs: [`+refs/heads/main:refs/remotes/${REMOTE}/main`, ...commits] });
  try {
    await fetch(repo, REMOTE, { refspecs: [`${NOTES_REF}:${NOTES_REF}`] });
    return undefined;
  } catch (error) {
    if (!(error instanceof AosError) || (await readRef(repo.commonDir, NOTES_REF)) === undefined) throw notPublished(error);
    return "the published journal could not be fetched: the report is on the one that is here";
  }
}

function notPublished(cause: unknown): AosError {
  return new AosError("world.none", `${REMOTE}: no published journal (${NOTES_REF}), so there is no state to run on`, { cause, hint: "has the world's controller run and pushed?" });
}

async function commitAt(repo: Repo, typed: string | undefined, otherwise: readonly string[]): Promise<Oid> {
  for (const name of typed === undefined ? otherwise : [typed]) {
    const commit = await resolveCommit(repo, name);
    if (commit !== undefined) return commit;
  }
  throw new AosError("world.unknown", `${typed ?? otherwise[0] ?? ""}: no such commit here`, { hint: "is the clone deep enough? name commits with --base and --head" });
}

/** What was made, and the files below `.aos` that change as well. */
type Made = LocalShadow & { readonly rules: readonly string[] };

async function report(cx: Context, made: Made, at: { readonly base: Oid; readonly head: Oid; readonly out: string }): Promise<void> {
  const folder = resolve(cx.cwd, at.out);
  const texts = { "report.md": made.markdown, "report.json": `${writeJson(made.json, 2)}\n`, "report.html": renderHtml(made.report, made.planes, rulesBeside(made.rules)) };
  const files = Object.keys(texts).map((name) => join(folder, name));
  const hash = reportHash(made.report);
  const summary = summaryOf(made.report);
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
  } catch (cause) {
    throw new AosError("cli.write", `${folder}: the report cannot be written`, { at: { file: folder }, cause, class: "outside", hint: "name another folder with --out" });
  }
  await tellForge(made, { hash, folder });
  cx.out.result({ base: at.base, head: at.head, report: hash, consequences: made.consequences, summary, rules: made.rules, files }, [...rulesLines(made.rules, cx.out.style), summary, `report ${hash}`, ...files]);
}

/** The summary of the job, and its outputs; of these none holds text of the world. @throws AosError `cli.write` */
async function tellForge(made: Made, { hash, folder }: { readonly hash: Hash; readonly folder: string }): Promise<void> {
  const { GITHUB_STEP_SUMMARY: page, GITHUB_OUTPUT: outputs } = process.env;
  const append = async (file: string | undefined, text: string): Promise<void> => {
    if (file === undefined || file === "") return;
    await appendFile(file, text).catch((cause: unknown) => {
      throw new AosError("cli.write", `${file}: cannot be written`, { at: { file }, cause, class: "outside", hint: "GITHUB_STEP_SUMMARY and GITHUB_OUTPUT name files of the job; leave them out elsewhere" });
    });
  };
  await append(page, made.markdown);
  await append(outputs, `report=${hash}\nconsequences=${made.consequences}\nfolder=${folder}\n`);
}
