// What a push or a pull has to do, file by file, from three states: what was last in step, what is here, what the world has.

import { compareText, type Hash } from "@agentos/kernel";
import { differingPaths } from "./files-over.ts";

/** A file as a tree entry says it. */
export interface FileFacts {
  readonly hash: Hash;
  readonly size: number;
  readonly mode: 0o644 | 0o755;
}

export type Files = ReadonlyMap<string, FileFacts>;

export interface ThreeWay {
  /** As of the last time both were in step; undefined: they never were. */
  readonly base: Files | undefined;
  readonly local: Files;
  readonly remote: Files;
  /** Is a path left out? Such a path is neither changed nor removed, here or there. */
  readonly covers: (path: string) => boolean;
}

export interface Step {
  readonly path: string;
  /** `merge`: both sides changed it; of a removed file there is nothing to merge. */
  readonly act: "write" | "remove" | "merge";
}
export interface PushPlan {
  readonly steps: readonly Step[];
  /** What the world has and this folder has not seen, in the order of paths. */
  readonly behind: readonly string[];
}

/**
 * What a push does to the world.
 *
 * @param options.extra - what is only in the world, where the two were never in step: seen as something new there, or pruned
 * @param options.newer - what the world changed meanwhile: told in `behind`, or overwritten
 */
export function planPush(sides: ThreeWay, options: { readonly extra: "keep" | "prune"; readonly newer: "refuse" | "overwrite" }): PushPlan {
  const steps: Step[] = [];
  const behind: string[] = [];
  for (const { path, local, remote, base } of differences(sides)) {
    const theirs = sides.base === undefined ? remote !== undefined && !(local === undefined && options.extra === "prune") : !same(base, remote);
    if (theirs && options.newer === "refuse") behind.push(path);
    else steps.push({ path, act: local === undefined ? "remove" : "write" });
  }
  return { steps, behind };
}

/**
 * What a pull does to the folder.
 *
 * @param options.extra - what is only here, where the two were never in step: kept, or pruned
 * @param options.changed - what was changed here: kept and merged, or overwritten
 */
export function planPull(sides: ThreeWay, options: { readonly extra: "keep" | "prune"; readonly changed: "keep" | "overwrite" }): readonly Step[] {
  const steps: Step[] = [];
  for (const { path, local, remote, base } of differences(sides)) {
    const taken = { path, act: remote === undefined ? ("remove" as const) : ("write" as const) };
    const onlyHere = remote === undefined && base === undefined;
    if (onlyHere && options.extra === "keep") continue;
    const ours = !same(base, local) && !onlyHere;
    if (!ours || options.changed === "overwrite") steps.push(taken);
    else if (!same(base, remote)) steps.push({ path, act: "merge" });
  }
  return steps;
}

interface Difference {
  readonly path: string;
  readonly local: FileFacts | undefined;
  readonly remote: FileFacts | undefined;
  readonly base: FileFacts | undefined;
}

/** Paths at which folder and world differ, in the order of paths. */
function differences({ base, local, remote, covers }: ThreeWay): readonly Difference[] {
  const found: Difference[] = [];
  for (const path of differingPaths(local, remote)) {
    const [here, there] = [local.get(path), remote.get(path)];
    if (!same(here, there) && (here !== undefined || !covers(path))) found.push({ path, local: here, remote: there, base: base?.get(path) });
  }
  return found.sort((a, b) => compareText(a.path, b.path));
}

export function same(a: FileFacts | undefined, b: FileFacts | undefined): boolean {
  return a === b || (a?.hash === b?.hash && a?.mode === b?.mode);
}
