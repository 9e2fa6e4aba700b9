// How a world is, in rows: conditions first, then what waits and on whom.

import type { Condition, WorldStatus } from "@agentos/controller";
import { columns, count, short, shown, type Style } from "./style.ts";
import { lasting } from "./ago.ts";
import { waitingRows, type WaitsView } from "./waits.ts";

/** A world that does not run here: its branch, its published tip, its replayed journal. */
export interface RestingWorld {
  readonly main: string | undefined;
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
    [style.dim("main"), observed === undefined ? "not seen yet" : `${short(observed)}${applied === observed ? ", in force" : `, in force is ${applied === undefined ? "nothing" : short(applied)}`}`],
    ...(manifest === undefined ? [] : [[style.dim("manifest"), manifest]]),
    [style.dim("journal"), `${count(status.seq, "record")}, sealed up to seq ${status.sealedSeq}`],
    ...status.held.map(({ commit, reason }) => [style.red("held"), `${short(commit)}  ${shown(reason)}`]),
    ...status.openIntents.map(({ seq, effect, by, since }) => [style.dim("effect"), `#${seq} ${shown(effect)} of ${shown(by)} has no receipt yet${lasting(since, nowMs)}`]),
    ...waitingRows(status, view),
    ...status.proposals.map(({ slug, head, shadow, why }) => [style.dim("proposal"), `${shown(slug)} ${short(head)}  shadow ${shadow}${why === undefined ? "" : `: ${shown(why)}`}`]),
  ];
  return columns(rows);
}

/** Green where it is as it should be, else red (or yellow while nobody knows). */
function condition({ status, reason, message }: Condition, good: Condition["status"], style: Style): string {
  const word = status === good ? style.green(status) : status === "Unknown" ? style.yellow(status) : style.red(status);
  const told = [reason, message].filter((part) => part !== "").map(shown).join(": ");
  return told === "" ? word : `${word}  ${told}`;
}

export function restingLines({ main, published, journal }: RestingWorld, style: Style): readonly string[] {
  const rows: (readonly string[])[] = [
    [style.dim("ready"), `${style.yellow("False")}  NotRunning: start it with \`aos run\``],
    [style.dim("main"), main === undefined ? "there is no branch main" : short(main)],
    [style.dim("published"), published === undefined ? "nothing" : `up to seq ${published.lastSeq}, seal ${short(published.seal)}`],
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
