// Shadow reports for tests: what a proposal would bring, in a few words.

import { consequencesHash, consequencesOf, jsonOf, type Hash, type Json, type ShadowReport } from "@agentos/kernel";

/** Effects are written `kind target`, definitions `kind name`, authority `subject: text`. */
export interface Brings {
  readonly changes?: readonly string[];
  readonly widens?: readonly string[];
  readonly narrows?: readonly string[];
  readonly adds?: readonly string[];
  readonly removes?: readonly string[];
  readonly denies?: readonly string[];
  readonly misfits?: readonly string[];
  /** Steps that were undone. */
  readonly failures?: number;
}

/** A whole report of a run that brought just this, and the hash of its consequences. */
export function reportOf(brings: Brings): { readonly report: Json; readonly consequences: Hash } {
  const hash = `sha256:${"0".repeat(64)}`;
  const effect = (words: string): { effect: string; cap: string; target: string; intent: string; by: string } => {
    const [kind = "", ...target] = words.split(" ");
    return { effect: kind, cap: "cap", target: target.join(" "), intent: hash, by: "demo/plan@1" };
  };
  const authority = (way: "widening" | "narrowing", words: readonly string[] = []): readonly object[] =>
    words.map((one) => ({ effect: way, subject: one.split(": ")[0] ?? "", text: one.split(": ").slice(1).join(": ") }));
  const report = {
    version: 1, base: { seq: 1, state_root: hash }, head: { commit: "0".repeat(40), manifest: hash }, runs: { baseline: "complete", candidate: "complete" }, scenarios: [],
    definitions: (brings.changes ?? []).map((words) => ({ kind: words.split(" ")[0], name: words.split(" ")[1], change: "changed", before: hash, after: hash, details: [] })),
    sections: [], authority: [...authority("widening", brings.widens), ...authority("narrowing", brings.narrows)],
    misfits: (brings.misfits ?? []).map((reducer) => ({ reducer, reason: "it does not fit" })),
    effects: (brings.adds ?? []).map((words) => ({ ...effect(words), answered_by: "none", in_baseline: false })),
    removed: (brings.removes ?? []).map(effect),
    denied: (brings.denies ?? []).map((words) => ({ ...effect(words), stage: "policy", code: "denied", message: "no", in_baseline: false })),
    plans: [], cells: [], failures: Array.from({ length: brings.failures ?? 0 }, () => ({ by: "demo/a@1", code: "trap", message: "it fell" })), rejected: [], fuel: 0,
  } as unknown as ShadowReport;
  return { report: jsonOf(report), consequences: consequencesHash(consequencesOf(report)) };
}
