// Brings the ref of a workspace to the versions that the world holds: one signed commit each, objects first, then the ref.

import { AosError, trees, type Blobs, type Hash } from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import { commitObject, type Oid } from "../git/objects.ts";
import { casRef, readRef } from "../git/refs.ts";
import type { ObjectStore } from "../git/store.ts";
import { EMPTY_TREE } from "../git/edit-tree.ts";
import type { WorkspaceHistory } from "./history.ts";
import { packSink } from "./pack-sink.ts";
import { gitTreeOf, type GitTwin, type ToGit } from "./to-git.ts";
import { annotatedMessage, authorOf, parseVersionMessage, secondsOf, versionMessage, workspaceRef } from "./version-commit.ts";

export interface VersionWriter {
  readonly store: ObjectStore;
  readonly blobs: Pick<Blobs, "get">;
  readonly key: SigningKey;
  /** The controller's principal, who commits. */
  readonly principal: string;
}
interface WrittenVersions {
  readonly ref: string;
  /** How many commits were added; 0: the ref stood where it should. */
  readonly commits: number;
  readonly tip: Oid | undefined;
  /** Versions whose tree was not stored. */
  readonly missing: readonly bigint[];
}

/** Where a ref stands. */
interface Tip {
  readonly commit: Oid;
  readonly tree: Oid;
  /** The root that the tree stands for; undefined where that is not known. */
  readonly root: Hash | undefined;
  readonly version: bigint;
  readonly seconds: number;
}

/**
 * Adds the commits that the ref lacks; all of them where there is no ref. From the same history and blobs the same commits come,
 * so that a ref which was lost is made again as it was.
 *
 * @throws AosError `workspace.ref` (unverified) when what the ref points to is not a version of this history, `git.*`
 */
export async function writeVersions(writer: VersionWriter, history: WorkspaceHistory): Promise<WrittenVersions> {
  const { store } = writer;
  const ref = workspaceRef(history.name);
  const before = await tipOf(store, ref, history);
  const missing: bigint[] = [];
  const sink = packSink(store);
  const to: ToGit = { blobs: writer.blobs, git: sink, add: (object) => sink.add(object) };
  try {
    let tip = before;
    let commits = 0;
    for (const version of history.versions) {
      if (version.version <= (before?.version ?? 0n)) continue;
      const twin = await twinOf(to, version.root, tip);
      if (twin.state === "missing") missing.push(version.version);
      const seconds = Math.max(secondsOf(version.createdNs), (tip?.seconds ?? -1) + 1);
      const commit = commitObject({
        tree: twin.tree, parents: tip === undefined ? [] : [tip.commit], author: authorOf(version),
        committer: { name: writer.principal, email: `${writer.principal}@aos`, time: seconds, tz: "+0000" },
        message: versionMessage({ workspace: history.name, version: version.version, root: version.root, tree: twin.state }, await annotatedMessage(writer.blobs, version.root)),
      }, writer.key);
      await sink.add(commit);
      commits++;
      tip = { commit: commit.oid, version: version.version, seconds, root: twin.root, tree: twin.tree };
    }
    if (tip === undefined || commits === 0) return { ref, commits: 0, tip: before?.commit, missing };
    await sink.flush();
    if ((await casRef(store.gitDir, ref, before?.commit ?? null, tip.commit)) === "stale") throw moved(ref, await readRef(store.gitDir, ref));
    return { ref, commits, tip: tip.commit, missing };
  } finally {
    await sink.release();
  }
}

async function tipOf(store: ObjectStore, ref: string, history: WorkspaceHistory): Promise<Tip | undefined> {
  const oid = await readRef(store.gitDir, ref);
  if (oid === undefined) return undefined;
  const commit = await store.readCommit(oid);
  const facts = parseVersionMessage(commit.message, oid);
  const known = history.versions.find(({ version }) => version === facts.version);
  if (facts.workspace !== history.name || known?.root !== facts.root) throw moved(ref, oid);
  return { commit: oid, version: facts.version, seconds: commit.committer.time, tree: commit.tree, root: facts.tree === "whole" ? facts.root : undefined };
}

/** The version's tree in git; where its nodes are not stored, that of the version before. */
async function twinOf(to: ToGit, root: Hash, before: Tip | undefined): Promise<Pick<Tip, "root" | "tree"> & { readonly state: "whole" | "missing" }> {
  const base: GitTwin | undefined = before?.root === undefined ? undefined : { root: before.root, tree: before.tree };
  try {
    return { root, tree: await gitTreeOf(to, root, base), state: "whole" };
  } catch (error) {
    if (!(error instanceof AosError) || (error.code !== "tree.missing" && error.code !== "tree.node")) throw error;
    if (before !== undefined) return { ...before, state: "missing" };
    await to.add(EMPTY_TREE);
    return { root: trees.EMPTY_TREE_HASH, tree: EMPTY_TREE.oid, state: "missing" };
  }
}

function moved(ref: string, oid: Oid | undefined): AosError {
  return new AosError("workspace.ref", `${ref}: ${oid === undefined ? "somebody removed it" : `commit ${oid} is not a version of this workspace`}`, {
    class: "unverified", hint: `only the controller writes it: git update-ref -d ${ref}, and it is made again`,
  });
}
