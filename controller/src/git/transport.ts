// Other repositories: clone, fetch, push and ls-remote, with notes and worlds' own refs along.

import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AosError, assert } from "@agentos/kernel";
import { isOid } from "./oid.ts";
import type { Oid } from "./oid.ts";
import { byBytes } from "./refs.ts";
import { configAdd, gitIn, openRepo } from "./repo.ts";
import type { Repo } from "./repo.ts";
import { firstComplaint, git, redact } from "./run.ts";

/** What a plain clone leaves out and a world needs. */
const WORLD_REFSPECS: readonly string[] = ["+refs/notes/*:refs/notes/*", "+refs/aos/*:refs/aos/*"];

/** No transfer is waited for longer than this unless the caller says so. */
const TRANSFER_TIMEOUT_MS = 600_000;

/**
 * Clones into `path` with WORLD_REFSPECS, which stay in its configuration, so that every later fetch brings them too. A bare
 * clone follows the remote's branches as well, as a mirror does.
 *
 * @param options.env - of git while it clones, where that takes credentials
 * @throws AosError `git.remote` and as git()
 */
export async function clone(
  url: string,
  path: string,
  options: { readonly kind: "bare" | "worktree"; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number },
): Promise<Repo> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  const bare = options.kind === "bare" ? ["--bare"] : [];
  const refspecs = WORLD_REFSPECS.flatMap((refspec) => ["-c", `remote.origin.fetch=${refspec}`]);
  await git(".", ["clone", "--quiet", ...bare, ...refspecs, "--", url, resolve(path)], { remote: url, timeoutMs: options.timeoutMs ?? TRANSFER_TIMEOUT_MS, ...(options.env === undefined ? {} : { env: options.env }) });
  const repo = await openRepo(path);
  // Not at once with the others: git clone --bare brings the branches by itself and refuses to get them twice.
  if (repo.bare) await configAdd(repo, "remote.origin.fetch", "+refs/heads/*:refs/heads/*");
  return repo;
}

/**
 * Fetches. Which refs moved is for the caller to see: read them before and after.
 *
 * @param remote - a remote's name, a path or a URL
 * @param options.refspecs - by default those the repository has configured for that remote
 * @param options.housekeeping - `leave`: git does not look whether there is any to do, which takes it a process
 * @throws AosError `git.remote` and as git()
 */
export async function fetch(
  repo: Repo,
  remote: string,
  options: {
    readonly refspecs?: readonly string[]; readonly gone?: "keep" | "prune"; readonly tags?: "follow" | "leave"; readonly housekeeping?: "auto" | "leave"; readonly timeoutMs?: number;
  } = {},
): Promise<void> {
  const prune = options.gone === "prune" ? ["--prune"] : [];
  const tags = options.tags === "leave" ? ["--no-tags"] : [];
  const housekeeping = options.housekeeping === "leave" ? ["--no-auto-maintenance"] : [];
  // With refspecs of its own a fetch moves those refs alone; without the empty map git would also follow the configured ones.
  const only = options.refspecs === undefined ? [] : ["--refmap="];
  await gitIn(repo, ["fetch", "--quiet", "--no-write-fetch-head", ...only, ...prune, ...tags, ...housekeeping, "--", remote, ...(options.refspecs ?? [])], {
    remote,
    timeoutMs: options.timeoutMs ?? TRANSFER_TIMEOUT_MS,
  });
}

/**
 * What a remote's refs point to, by name; `HEAD` is among them when it has one. Peeled tags are left out.
 *
 * @param options.patterns - as of `git ls-remote`; by default all refs
 */
export async function lsRemote(
  repo: Repo,
  remote: string,
  options: { readonly patterns?: readonly string[]; readonly timeoutMs?: number } = {},
): Promise<ReadonlyMap<string, Oid>> {
  const { stdout } = await gitIn(repo, ["ls-remote", "--quiet", "--", remote, ...(options.patterns ?? [])], {
    remote,
    timeoutMs: options.timeoutMs ?? TRANSFER_TIMEOUT_MS,
  });
  const refs = new Map<string, Oid>();
  for (const line of stdout.toString("utf8").split("\n")) {
    const [oid = "", name = ""] = line.split("\t");
    if (isOid(oid) && !name.endsWith("^{}")) refs.set(name, oid);
  }
  return refs;
}

interface PushedRef {
  /** Full name on the remote. */
  readonly ref: string;
  readonly outcome: "created" | "deleted" | "fast-forward" | "unchanged";
}

/** Why a push was rejected: somebody else moved the ref, a hook or rule of the remote said no, or another reason. */
type Rejection = "other" | "refused" | "stale";

/**
 * Pushes all refspecs or none, or each that the remote takes, and says by ref in byte order what happened. A plain push moves a ref
 * forward only and only from where the remote announced it, so it is a compare-and-swap by itself; forcing is not offered.
 *
 * @param refspecs - `from:to`, or `:to` to delete; never with `+`
 * @param options.together - `each`: what is rejected keeps no other from being pushed; `all` unless told
 * @throws AosError `git.rejected` (class refused) with `data.kind` (Rejection), `data.refs`, those rejected, and `data.said`, the
 *   lines of the remote's hooks; `git.remote` and as git()
 */
export async function push(
  repo: Repo,
  remote: string,
  refspecs: readonly string[],
  options: { readonly timeoutMs?: number; readonly together?: "all" | "each" } = {},
): Promise<readonly PushedRef[]> {
  assert(refspecs.length > 0 && !refspecs.some((refspec) => refspec.startsWith("+")), "a push names refs and never forces");
  const { stdout, stderr, code } = await gitIn(repo, ["push", ...(options.together === "each" ? [] : ["--atomic"]), "--porcelain", "--", remote, ...refspecs], {
    allowExit: [1],
    remote,
    timeoutMs: options.timeoutMs ?? TRANSFER_TIMEOUT_MS,
  });
  const results = stdout.toString("utf8").split("\n").flatMap(parseResult);
  if (code !== 0) throw rejected(remote, { results, stderr });
  const pushed = results.flatMap(({ flag, ref }) => {
    const outcome = OUTCOMES[flag];
    return outcome === undefined ? [] : [{ ref, outcome }];
  });
  return pushed.sort((a, b) => byBytes(a.ref, b.ref));
}

const OUTCOMES: Readonly<Record<string, PushedRef["outcome"]>> = { " ": "fast-forward", "*": "created", "-": "deleted", "=": "unchanged" };

interface PushResult {
  readonly flag: string;
  readonly ref: string;
  /** The words in brackets after `[rejected]`, e.g. `fetch first`, or all of the summary. */
  readonly reason: string;
}

/** `<flag>\t<from>:<to>\t<summary> (<reason>)` */
function parseResult(line: string): readonly PushResult[] {
  const [flag, names, summary] = line.split("\t");
  if (flag === undefined || flag.length !== 1 || names === undefined || summary === undefined) return [];
  return [{ flag, ref: names.slice(names.indexOf(":") + 1), reason: /\(([^)]*)\)$/.exec(summary)?.[1] ?? summary }];
}

/** Refs that an error names in its message; its data has all of them. */
const NAMED_MAX = 5;
const STALE_REASONS = /fetch first|non-fast-forward|stale info|failed to update ref|cannot lock ref|incorrect old value|already exists/;
const REFUSED_REASONS = /hook declined|protected|prohibited|denied|deny|declined/;

function rejected(remote: string, pushed: { readonly results: readonly PushResult[]; readonly stderr: string }): AosError {
  const place = redact(remote);
  const said = remoteLines(pushed.stderr);
  if (pushed.results.length === 0)
    return new AosError("git.failed", `${place}: git push failed: ${firstComplaint(pushed.stderr)}`, { data: { remote: place, said } });
  const refs = pushed.results.filter(({ flag }) => flag === "!").map(({ ref, reason }) => ({ ref, reason }));
  // With --atomic the refs that would have passed are rejected too; what stopped them is another line's reason.
  const causes = refs.filter(({ reason }) => !/atomic/.test(reason));
  const kind = rejectionOf([...causes.map(({ reason }) => reason), ...(causes.length === 0 ? said : [])].join("\n"));
  const named = (causes.length > 0 ? causes : refs).map(({ ref, reason }) => `${ref} (${reason})`);
  const what = named.length === 0 ? "the push" : named.slice(0, NAMED_MAX).join(", ") + (named.length > NAMED_MAX ? ` and ${named.length - NAMED_MAX} more` : "");
  const hint = kind === "stale" ? "somebody else wrote there: fetch, look, and try again on top of it" : undefined;
  return new AosError("git.rejected", `${place}: rejected ${what}${said.length > 0 ? `: ${said.join(" / ")}` : ""}`, {
    class: "refused",
    ...(hint !== undefined && { hint }),
    data: { remote: place, kind, refs, said },
  });
}

/** What kind of reason a remote gave, in git's words for it. */
export function rejectionOf(reasons: string): Rejection {
  if (REFUSED_REASONS.test(reasons)) return "refused";
  return STALE_REASONS.test(reasons) ? "stale" : "other";
}

/** What hooks and the remote itself printed, without control characters: it goes to a terminal. */
function remoteLines(stderr: string): readonly string[] {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("remote: "))
    .map((line) => line.slice("remote: ".length).replace(/\p{Cc}/gu, "").trimEnd())
    .filter((line) => line !== "");
}
