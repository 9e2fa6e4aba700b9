// What ends by itself when its time is over: plan instances with a deadline, held effects that expire.

import type { Input, Stamp } from "./record.ts";
import { trieEntries, trieGet } from "./trie.ts";
import type { World } from "./world.ts";

/** A time the host watches: of plan instance `id`, or of the effect held at seq `id`. */
export interface Due {
  readonly what: "plan" | "approval";
  readonly id: number;
  /** Logical time, in nanoseconds, from which on it is due. */
  readonly atNs: bigint;
}

/** Every due of a world, the earliest first; for opening. */
export function duesOf(world: World): readonly Due[] {
  const plans = [...trieEntries(world.plans)].map(([, { id, deadlineNs }]) => ({ what: "plan" as const, id, atNs: deadlineNs }));
  const held = [...trieEntries(world.held)].map(([, { seq, expiresNs }]) => ({ what: "approval" as const, id: seq, atNs: expiresNs }));
  return [...plans, ...held].flatMap(({ what, id, atNs }) => (atNs === undefined ? [] : [{ what, id, atNs }])).sort(compareDues);
}

function compareDues(a: Due, b: Due): number {
  if (a.atNs !== b.atNs) return a.atNs < b.atNs ? -1 : 1;
  return a.what === b.what ? a.id - b.id : a.what < b.what ? -1 : 1;
}

/** The input for a due; undefined when what it was for is gone, or its time is yet to come. */
export function admitDue(world: World, due: { readonly what: Due["what"]; readonly id: number }, stamp: Stamp): Input<"due"> | undefined {
  const { what, id } = due;
  const atNs = what === "plan" ? trieGet(world.plans, String(id))?.deadlineNs : trieGet(world.held, String(id))?.expiresNs;
  return atNs === undefined || stamp.logical_ns < atNs ? undefined : { kind: "due", what, id, ...stamp };
}
