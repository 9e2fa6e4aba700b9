// Turns what changed in the world's control plane into a proposal: a signed commit on a branch of its own. The branch at hand, the
// index and the files stay as they are.

import { AosError } from "@agentos/kernel";
import {
  blobObject, filesOfFolder, isAncestor, isSlug, readRules, resolveCommit,
  type ObjectStore, type Oid, type PathChange, type Repo, type SigningKey, type SyncMap, type WorldFiles,
} from "@agentos/controller";
import { controlPaths } from "../control-paths.ts";
import { withModules, type ModuleBuild } from "../modules.ts";
import { requireOfferable } from "../offering.ts";
import { offerCommit } from "../proposal-commit.ts";
import { requireKnown } from "../signers.ts";
import { proposalRef, type Upstream } from "../upstream.ts";
import { listed } from "./plan-push.ts";
import { readPushedTips, writePushedTips } from "./pushed-tips.ts";

/** What a push would offer. */
export interface AirPlan {
  readonly slug: string;
  /** All that differs from the commit at hand, sorted. */
  readonly paths: readonly string[];
  /** The commit at hand. */
  readonly head: Oid;
  /** Of the commit to be made. */
  readonly parents: readonly [Oid, ...Oid[]];
  /** Where the proposal is; undefined: there is none. */
  readonly tip: Oid | undefined;
  /** On top of the first parent; none: that one offers all of it already. */
  readonly changes: ReadonlyMap<string, PathChange>;
  /** Whoever signs. */
  readonly name: string;
  readonly key: SigningKey;
}
export interface AirPushed {
  readonly slug: string;
  /** The commit that is offered; undefined with `dry-run`. */
  readonly head: Oid | undefined;
  readonly paths: readonly string[];
  readonly outcome: "made" | "moved" | "replaced" | "unchanged" | "planned";
}

/** Marks a commit that `aos push` made: only such a branch is moved by the next push. */
const TRAILER = "Pushed-From";

/**
 * Looks at what there is to offer, and whether it may be offered; nothing is written.
 *
 * @param world.modules - as their sources give them: what is on disk counts for nothing
 * @param world.slug - the proposal's name; undefined: `push-` and the name of whoever signs
 * @param world.newer - what was pushed to the proposal from elsewhere, and would be undone: refused, or overwritten
 * @returns undefined where the control plane is as the commit at hand has it
 * @throws AosError `git.unborn`, `proposal.name`, `proposal.foreign`, `trust.unknown_key`, and as requireOfferable()
 */
export async function planAir(
  upstream: Upstream,
  world: { readonly repo: Repo; readonly root: string; readonly sync: SyncMap; readonly modules: readonly ModuleBuild[]; readonly slug: string | undefined; readonly newer: "refuse" | "overwrite"; readonly key: () => Promise<SigningKey> },
): Promise<AirPlan | undefined> {
  const { local: { store }, main } = upstream;
  const { repo, sync, modules } = world;
  const head = await resolveCommit(repo, "HEAD");
  if (head === undefined) throw new AosError("git.unborn", "HEAD: this branch has no commits", { hint: "commit the world first" });
  const files = withModules(filesOfFolder(world.root), modules);
  const changes = await changesSince(store, head, { files, sync });
  if (changes.size === 0) return undefined;
  const key = await world.key();
  const { name } = requireKnown((await readRules(store, main)).trust, key);
  const slug = world.slug ?? `push-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`.slice(0, 64);
  if (!isSlug(slug)) throw new AosError("proposal.name", `${slug === "" ? '""' : slug}: not a proposal's name`, { hint: "lower-case letters, digits and -, such as raise-limit" });
  const tip = await upstream.local.refs.read(proposalRef(slug));
  const parents = await parentsOf(upstream, { head, tip, slug });
  const [first] = parents;
  const onTop = first === head ? changes : await changesSince(store, first, { files, sync });
  if (onTop.size > 0) {
    if (world.newer === "refuse" && tip !== undefined && parents.includes(tip)) await refuseElsewhere(upstream, slug, tip);
    await requireOfferable(upstream, parents, { head, again: "aos push" });
  }
  return { slug, paths: [...changes.keys()].sort(), head, parents, tip, changes: onTop, name, key };
}

/** What a plan comes to, as it is told. */
export function plannedAir({ slug, paths, parents, changes }: AirPlan): AirPushed {
  return changes.size === 0 ? { slug, head: parents[0], paths, outcome: "unchanged" } : { slug, head: undefined, paths, outcome: "planned" };
}

/** @throws AosError as offerCommit() */
export async function offerAir(upstream: Upstream, plan: AirPlan, options: { readonly message: string | undefined; readonly timeSeconds: number }): Promise<AirPushed> {
  const { slug, paths, head, parents, tip, changes, name, key } = plan;
  const { repo } = upstream.local;
  const before = tip === undefined ? [] : [tip];
  if (changes.size === 0) {
    // It offers what is here, whoever pushed it.
    await writePushedTips(repo, slug, before);
    return plannedAir(plan);
  }
  const { head: made, outcome } = await offerCommit(upstream, {
    slug, parents, changes, name, key, timeSeconds: options.timeSeconds, replace: false,
    message: `${options.message ?? `Change ${listed(paths)}`}\n\n${TRAILER}: ${head}\n`,
    // Who is cut off then knows it for their own.
    onMade: (commit) => writePushedTips(repo, slug, [commit, ...before]),
  });
  return { slug, head: made, paths, outcome };
}

/** What of the control plane differs from a commit. */
async function changesSince(store: ObjectStore, commit: Oid, now: { readonly files: WorldFiles; readonly sync: SyncMap }): Promise<ReadonlyMap<string, PathChange>> {
  const { files, sync } = now;
  const { folders, files: alone } = controlPaths(sync);
  const here = new Set(alone);
  for (const folder of folders) for (const path of await files.list(folder)) here.add(path);
  const changes = new Map<string, PathChange>();
  for (const path of here) {
    const bytes = await files.read(path);
    const before = await store.findPath(commit, path);
    if (bytes === undefined ? before === undefined : before?.oid === blobObject(bytes).oid) continue;
    const mode = before?.mode === "100755" ? "100755" : "100644";
    changes.set(path, bytes === undefined ? { kind: "remove" } : { kind: "write", bytes, mode });
  }
  for (const folder of folders) {
    const tree = await store.findPath(commit, folder);
    if (tree?.mode !== "40000") continue;
    for (const { path } of await store.listTree(tree.oid, { depth: "all" })) if (!here.has(`${folder}/${path}`)) changes.set(`${folder}/${path}`, { kind: "remove" });
  }
  return changes;
}

/** From another clone of the same person: what is here knows nothing of it, so that going on would take it back. */
async function refuseElsewhere({ local: { repo }, remote }: Upstream, slug: string, tip: Oid): Promise<void> {
  if (remote === undefined || (await readPushedTips(repo, slug)).includes(tip)) return;
  throw new AosError("proposal.foreign", `${slug}: the proposal's last commit (${tip.slice(0, 12)}) was not pushed from here, and what is here would undo it`, {
    class: "refused", hint: `bring it here: git merge --autostash ${remote}/${proposalRef(slug).slice("refs/heads/".length)}; give yours another name: aos push --proposal NAME; or make it what is here: aos push --force`,
  });
}

/** On top of what was pushed before, as long as nobody else went on from there. */
async function parentsOf({ local: { repo, store } }: Upstream, at: { readonly head: Oid; readonly tip: Oid | undefined; readonly slug: string }): Promise<readonly [Oid, ...Oid[]]> {
  const { head, tip, slug } = at;
  if (tip === undefined || (await isAncestor(repo, tip, head))) return [head];
  if (!(await store.readCommit(tip)).message.includes(`\n${TRAILER}: `)) {
    throw new AosError("proposal.foreign", `${slug}: the proposal's last commit was not made by \`aos push\``, { class: "refused", hint: "give yours another name: aos push --proposal NAME" });
  }
  return (await isAncestor(repo, head, tip)) ? [tip] : [head, tip];
}
