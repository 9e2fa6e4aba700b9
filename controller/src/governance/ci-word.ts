// Whether CI told the truth: its report beside those that controllers computed on the same merge. A run is deterministic, so on one state there is one report.

import type { Hash, Json } from "@agentos/kernel";
import { partial, text, whole } from "./shape.ts";

/** A report as far as it is compared. */
export interface ReportWord {
  /** Who says so, for sentences. */
  readonly by: string;
  readonly report: Hash;
  /** Undefined where it is not known what it binds to. */
  readonly consequences: Hash | undefined;
  /** The state it ran on; undefined where the report does not say. */
  readonly state: { readonly seq: number; readonly root: string } | undefined;
}

const STATE = partial({ base: partial({ seq: whole(0, Number.MAX_SAFE_INTEGER), state_root: text(() => true, "a hash") }) });

/** The state that a report says it ran on. */
export function stateIn(report: Json): ReportWord["state"] {
  const read = STATE(report, "", () => undefined);
  return read === undefined ? undefined : { seq: read.base.seq, root: read.base.state_root };
}

/**
 * The sentence about a report of CI; undefined when there is nothing to say: a controller computed the same, or the same
 * consequences on another state.
 */
export function judgeCiWord(ci: ReportWord, own: readonly ReportWord[]): string | undefined {
  const last = own.at(-1);
  const said = `${ci.by} reported ${brief(ci.report)}`;
  if (last === undefined) return `${said}, which no controller has computed yet: it counts for nothing`;
  if (own.some(({ report }) => report === ci.report)) return undefined;
  const same = own.findLast(({ state }) => state !== undefined && ci.state !== undefined && state.seq === ci.state.seq && state.root === ci.state.root);
  if (same !== undefined) return `${said}, and ${same.by} computed ${brief(same.report)} on the same state (seq ${same.state?.seq}) and merge: ${ci.by} lies. Only the controller's counts`;
  if (ci.consequences !== undefined && own.some(({ consequences }) => consequences === ci.consequences)) return undefined;
  const apart = ci.state === undefined || last.state === undefined ? "" : ` at seq ${ci.state.seq}, not ${last.state.seq}`;
  return `${said}, and ${last.by} computed ${brief(last.report)} on the same merge with other consequences: ${ci.by} ran on another state${apart}, or it lies. Only the controller's counts`;
}

function brief(hash: Hash): string {
  return `${hash.slice(0, 19)}…`;
}
