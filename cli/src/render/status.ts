// How a world is, in rows: conditions first, then what waits and on whom.

import { suspensionText, type Condition, type Suspension, type WorldStatus } from "@agentos/controller";
import { columns, count, short, shown, type Style } from "./style.ts";
import { lasting, span } from "./ago.ts";
import { waitingRows, type WaitsView } from "./waits.ts";

/** A world that does not run here: its branch, its published tip, its replayed journal. */
export interface RestingWorld {
  readonly suspended?: Suspension | undefined;
  readonly main: string | undefined;
  /** Commits of main that are not in force; `behind`: main is older than what is; `apart`: it does not go on from there. Undefined: nothing is in force. */
  readonly ahead?: number | "behind" | "apart" | undefined;
  readonly published: { readonly seal: string; readonly lastSeq: number } | undefined;
  readonly journal:
    | {
        readonly from: "local" | "published";
        readonly world: string;
        readonly seq: number;
        readonly stateRoot: string;
        readonly applied: string | undefined;
        readonly manifest: string | undefined;
        readonly openIntents: number;
        readonly plans: number;
        readonly approvals: number;
      }
    | undefined;
}

export function statusLines(status: WorldStatus, view: WaitsView): readonly string[] {
  const { style, nowMs } = view;
  const { observedRevision: observed, appliedRevision: applied, manifest } = status;
  const rows: (readonly string[])[] = [
    [style.dim("world"), `${status.world}, run by ${shown(status.principal)}`],
    [style.dim("ready"), condition(status.ready, "True", style)],
    [style.dim("reconciling"), condition(status.reconciling, "False", style)],
    [style.dim("stalled"), condition(status.stalled, "False", style)],
    [style.dim("published"), condition(status.published, "True", style)],
    ...githubRows(status, view),
    [style.dim("main"), observed === undefined ? "not seen yet" : `${short(observed)}${applied === observed ? ", in force" : `, in force is ${applied === undefined ? "nothing" : short(applied)}`}`],
    ...(manifest === undefined ? [] : [[style.dim("manifest"), manifest]]),
    [style.dim("journal"), `${count(status.seq, "record")}, sealed up to seq ${status.sealedSeq}`],
    ...suspendedRows(status, style),
    ...status.held.map(({ commit, reason }) => [style.red("held"), `${short(commit)}  ${shown(reason)}`]),
    ...status.openIntents.map(({ seq, effect, by, since }) => [style.dim("effect"), `#${seq} ${shown(effect)} of ${shown(by)} has no receipt yet${lasting(since, nowMs)}`]),
    ...waitingRows(status, view),
    ...status.proposals.flatMap(({ slug, head, shadow, why, ci = [] }) => [
      [style.dim("proposal"), `${shown(slug)} ${short(head)}  shadow ${shadow}${why === undefined ? "" : `: ${shown(why)}`}`],
      ...ci.map((text) => [style.red("CI"), `${shown(slug)}: ${shown(text)}`]),
    ]),
  ];
  return columns(rows);
}

/** Below this part of an hour's requests the rest is told. */
const RATE_LOW = 0.1;

/** How it stands with GitHub: what fails since when, how long it wants silence, how few requests are left. */
function githubRows({ github }: WorldStatus, { style, nowMs }: WaitsView): readonly (readonly string[])[] {
  if (github === undefined) return [];
  const { place, trouble, quietUntilMs, rate } = github;
  const iso = (ms: number): string => new Date(ms).toISOString();
  const parts = [
    ...(trouble === undefined ? [] : [`${trouble.what}: ${trouble.message}${lasting(iso(trouble.sinceMs), nowMs)}`]),
    ...(quietUntilMs === undefined ? [] : [`asked again in ${span(iso(quietUntilMs), nowMs)}`]),
    ...(rate === undefined || rate.remaining >= rate.limit * RATE_LOW ? [] : [`${rate.remaining} of ${count(rate.limit, "request")} left${rate.resetMs === 0 ? "" : ` for ${span(iso(rate.resetMs), nowMs)}`}`]),
  ];
  const reason = trouble === undefined ? "Reached" : trouble.code;
  return [[style.dim("github"), condition({ status: trouble === undefined ? "True" : "False", reason, message: [place, ...parts].join("; ") }, "True", style)]];
}

/** Green where it is as it should be, else red (or yellow while nobody knows). */
function condition({ status, reason, message }: Condition, good: Condition["status"], style: Style): string {
  const word = status === good ? style.green(status) : status === "Unknown" ? style.yellow(status) : style.red(status);
  const told = [reason, message].filter((part) => part !== "").map(shown).join(": ");
  return told === "" ? word : `${word}  ${told}`;
}

function aheadText(ahead: RestingWorld["ahead"]): string {
  if (ahead === undefined) return "";
  if (ahead === "behind") return ", older than what is in force";
  if (ahead === "apart") return ", which does not go on from what is in force";
  return ahead === 0 ? ", in force" : `, ${count(ahead, "commit")} ahead of what is in force: the controller applies ${ahead === 1 ? "it" : "them"}, or says what holds ${ahead === 1 ? "it" : "them"}`;
}

function suspendedRows({ suspended }: { readonly suspended?: Suspension | undefined }, style: Style): readonly (readonly string[])[] {
  return suspended === undefined ? [] : [[style.yellow("suspended"), `${shown(suspensionText(suspended))}; aos resume ends it`]];
}

export function restingLines({ main, ahead, published, journal, suspended }: RestingWorld, style: Style): readonly string[] {
  // Where nothing but what was published is known, the world runs elsewhere.
  const way = journal?.from === "published" ? "it does not run here; what was published is as of the last `git fetch origin 'refs/notes/*:refs/notes/*'`" : "start it with `aos run`";
  const rows: (readonly string[])[] = [
    [style.dim("ready"), `${style.yellow("False")}  NotRunning: ${way}`],
    [style.dim("main"), main === undefined ? "there is no branch main" : `${short(main)}${aheadText(ahead)}`],
    [style.dim("published"), published === undefined ? "nothing" : `up to seq ${published.lastSeq}, seal ${short(published.seal)}`],
    ...suspendedRows({ suspended }, style),
  ];
  if (journal === undefined) return columns([...rows, [style.dim("journal"), "none: the world has not begun"]]);
  const { world, from, seq, stateRoot, applied, manifest, openIntents, plans, approvals } = journal;
  return columns([
    [style.dim("world"), world],
    ...rows,
    [style.dim("in force"), applied === undefined ? "nothing" : short(applied)],
    ...(manifest === undefined ? [] : [[style.dim("manifest"), manifest]]),
    [style.dim("journal"), `${count(seq, "record")} (${from}), replayed alike`],
    [style.dim("state root"), stateRoot],
    ...(openIntents + plans + approvals === 0 ? [] : [[style.dim("waiting"), `${count(openIntents, "effect")} without receipt, ${count(plans, "plan")}${approvals === 0 ? "" : `, ${count(approvals, "effect")} for a person`}: aos plan ls`]]),
  ]);
}
