import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../git/fixture.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { listRefs, readRef } from "../git/refs.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { clone, push } from "../git/transport.ts";
import { adoptPublished, adoptShadows, fetchAll, followBeside, publishedElsewhere } from "./remote.ts";
import { keepUnpushed, markUnpushed, unpushedBranches } from "./unpushed.ts";

interface Pair {
  readonly remote: Repo;
  readonly own: Repo;
  /** Commits on a ref, on top of what is there unless `from` says otherwise. */
  commit(repo: Repo, ref: string, text: string, from?: Oid | null): Promise<Oid>;
}

/** A remote with main and notes, and a controller's clone of it, configured as `aos controller` makes it. */
async function pair(t: TestContext): Promise<Pair> {
  const folder = await temporaryFolder(t);
  const remote = await initRepo(join(folder, "remote"), { kind: "bare" });
  const commit: Pair["commit"] = async (repo, ref, text, from) => {
    const parent = from === undefined ? await readRef(repo.commonDir, ref) : (from ?? undefined);
    const tree = (await gitIn(repo, ["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" })).stdout.toString().trim();
    const args = ["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", text, ...(parent === undefined ? [] : ["-p", parent]), tree];
    const oid = parseOid((await gitIn(repo, args)).stdout.toString().trim());
    await gitIn(repo, ["update-ref", ref, oid]);
    return oid;
  };
  await commit(remote, "refs/heads/main", "main 1");
  await commit(remote, "refs/notes/aos", "seal 0");
  return { remote, own: await clone(join(folder, "remote"), join(folder, "own"), { kind: "bare" }), commit };
}

const NOTES = "refs/notes/aos";
const TRACKED = "refs/remotes/origin/notes/aos";

test("fetch: seals that are not pushed yet: stay as they are, whatever the clone's configuration says of notes", async (t) => {
  const { own, remote, commit } = await pair(t);
  const before = await readRef(remote.commonDir, NOTES);
  const ours = await commit(own, NOTES, "seal 1");
  await fetchAll(own, "origin");
  assert.equal(await readRef(own.commonDir, NOTES), ours);
  assert.equal(await readRef(own.commonDir, TRACKED), before);
  assert.equal(await publishedElsewhere(own, "origin"), undefined);
});

test("fetch: branches and reviews: as they are on the remote, rewound and deleted ones too", async (t) => {
  const { own, remote, commit } = await pair(t);
  const main = await readRef(remote.commonDir, "refs/heads/main");
  await commit(remote, "refs/heads/proposals/one", "p");
  await commit(remote, "refs/notes/aos-reviews-someone", "r");
  await commit(remote, "refs/heads/main", "main 2");
  await fetchAll(own, "origin");
  const heads = [...(await listRefs(own.commonDir, "refs/heads/")).keys()];
  assert.deepEqual(heads, ["refs/heads/main", "refs/heads/proposals/one"]);
  assert.ok((await readRef(own.commonDir, "refs/notes/aos-reviews-someone")) !== undefined);
  await gitIn(remote, ["update-ref", "-d", "refs/heads/proposals/one"]);
  await gitIn(remote, ["update-ref", "-d", "refs/notes/aos-reviews-someone"]);
  await gitIn(remote, ["update-ref", "refs/heads/main", main ?? ""]);
  await fetchAll(own, "origin");
  assert.deepEqual([...(await listRefs(own.commonDir, "refs/heads/"))], [["refs/heads/main", main]]);
  assert.equal(await readRef(own.commonDir, "refs/notes/aos-reviews-someone"), undefined);
});

test("fetch: reviews: those written here stay where they go beyond the remote's, all others are as they are there", async (t) => {
  const [own, other] = ["refs/notes/aos-reviews-ctl", "refs/notes/aos-reviews-ann"];
  const isOwn = (ref: string): boolean => ref === own;
  const rows: readonly (readonly [name: string, make: (pair: Pair, ref: string) => Promise<unknown>, kept: "here" | "there"])[] = [
    ["not there yet", ({ own: here, commit }, ref) => commit(here, ref, "1"), "here"],
    ["behind there", async ({ own: here, remote, commit }, ref) => [await commit(remote, ref, "1"), await fetchAll(here, "origin", { isOwn }), await commit(here, ref, "2")], "here"],
    ["ahead there", async ({ own: here, remote, commit }, ref) => [await commit(remote, ref, "1"), await fetchAll(here, "origin", { isOwn }), await commit(remote, ref, "2")], "there"],
    ["another history there", async ({ own: here, remote, commit }, ref) => [await commit(remote, ref, "1"), await commit(here, ref, "other")], "there"],
    ["nothing here", ({ remote, commit }, ref) => commit(remote, ref, "1"), "there"],
  ];
  for (const [name, make, kept] of rows) {
    const made = await pair(t);
    for (const ref of [own, other]) await make(made, ref);
    const ours = await readRef(made.own.commonDir, own);
    await fetchAll(made.own, "origin", { isOwn });
    assert.equal(await readRef(made.own.commonDir, own), kept === "here" ? ours : await readRef(made.remote.commonDir, own), name);
    assert.equal(await readRef(made.own.commonDir, other), await readRef(made.remote.commonDir, other), name);
  }
  assert.equal(rows.length, 5);

  // A name that leaves no room for one's own: nobody's reviews are there, and nothing else is held up.
  const { own: here, remote, commit } = await pair(t);
  const ours = await commit(here, own, "1");
  for (const ref of [`${own}/x`, other]) await commit(remote, ref, "1");
  await fetchAll(here, "origin", { isOwn });
  assert.deepEqual([...(await listRefs(here.commonDir, "refs/notes/aos-reviews-"))], [[other, await readRef(remote.commonDir, other)], [own, ours]]);
});

test("fetch: a branch that a plan made and the remote does not have yet: stays, is made again where it went, and is pruned once it was pushed", async (t) => {
  const { own, remote, commit } = await pair(t);
  const ref = "refs/heads/proposals/agent/ctl/p1";
  const made = await commit(own, ref, "of a plan");
  await commit(remote, "refs/heads/main", "main 2");
  await markUnpushed(own, ref, made);
  assert.deepEqual([...(await unpushedBranches(own))], [[ref, made]]);
  await fetchAll(own, "origin", { also: [`^${ref}`] });
  assert.equal(await readRef(own.commonDir, ref), made);
  assert.equal(await readRef(own.commonDir, "refs/heads/main"), await readRef(remote.commonDir, "refs/heads/main"));

  await fetchAll(own, "origin");
  assert.equal(await readRef(own.commonDir, ref), undefined, "a fetch that knows nothing of it prunes it");
  await keepUnpushed(own, () => false);
  assert.equal((await unpushedBranches(own)).size, 1, "what is not there is not known to be pushed");
  await keepUnpushed(own, () => true);
  assert.equal(await readRef(own.commonDir, ref), made);

  await keepUnpushed(own, () => false);
  assert.equal((await unpushedBranches(own)).size, 0);
  await fetchAll(own, "origin");
  assert.equal(await readRef(own.commonDir, ref), undefined);
});

test("fetch: the remote is away: an error of the outside that names it", async (t) => {
  const { own, remote } = await pair(t);
  await rename(remote.commonDir, `${remote.commonDir}-away`);
  await assert.rejects(fetchAll(own, "origin"), { code: "git.remote", class: "outside", message: /could not reach it/ });
});

test("adopt published: table", async (t) => {
  const rows: readonly { readonly name: string; readonly journal: "empty" | "kept"; readonly make: (pair: Pair) => Promise<unknown>; readonly outcome: "same" | "theirs" | "fenced" }[] = [
    { name: "both equal", journal: "kept", make: async () => undefined, outcome: "same" },
    { name: "ours is ahead", journal: "kept", make: ({ own, commit }) => commit(own, NOTES, "seal 1"), outcome: "same" },
    { name: "theirs is ahead, no journal here", journal: "empty", make: ({ remote, commit }) => commit(remote, NOTES, "seal 1"), outcome: "theirs" },
    { name: "theirs is ahead, a journal here", journal: "kept", make: ({ remote, commit }) => commit(remote, NOTES, "seal 1"), outcome: "fenced" },
    { name: "theirs is another history, no journal here", journal: "empty", make: ({ remote, commit }) => commit(remote, NOTES, "forged", null), outcome: "fenced" },
    { name: "both went on", journal: "kept", make: async ({ own, remote, commit }) => [await commit(own, NOTES, "ours"), await commit(remote, NOTES, "theirs")], outcome: "fenced" },
    { name: "nothing here", journal: "empty", make: ({ own }) => gitIn(own, ["update-ref", "-d", NOTES]), outcome: "theirs" },
    { name: "nothing here but a journal", journal: "kept", make: ({ own }) => gitIn(own, ["update-ref", "-d", NOTES]), outcome: "fenced" },
    { name: "nothing there", journal: "kept", make: ({ remote }) => gitIn(remote, ["update-ref", "-d", NOTES]), outcome: "same" },
  ];
  for (const { name, journal, make, outcome } of rows) {
    const made = await pair(t);
    await make(made);
    await fetchAll(made.own, "origin");
    const [ours, theirs] = [await readRef(made.own.commonDir, NOTES), await readRef(made.remote.commonDir, NOTES)];
    const adopting = adoptPublished(made.own, "origin", { journal });
    if (outcome === "fenced") await assert.rejects(adopting, { code: "world.fenced", class: "refused", hint: /another controller/ }, name);
    else await adopting;
    assert.equal(await readRef(made.own.commonDir, NOTES), outcome === "theirs" ? theirs : ours, name);
    assert.equal(await readRef(made.remote.commonDir, NOTES), theirs, name);
  }
  assert.equal(rows.length, 9);
});

test("adopt shadows: CI wrote there: theirs, since ours can be made again; ours ahead: ours", async (t) => {
  const { own, remote, commit } = await pair(t);
  const ref = "refs/notes/aos-shadow";
  assert.equal(await adoptShadows(own, "origin"), "same");
  const ours = await commit(own, ref, "ours");
  await fetchAll(own, "origin");
  assert.equal(await adoptShadows(own, "origin"), "ahead");
  assert.equal(await readRef(own.commonDir, ref), ours);
  const theirs = await commit(remote, ref, "CI's");
  await fetchAll(own, "origin");
  assert.equal(await adoptShadows(own, "origin"), "moved");
  assert.equal(await readRef(own.commonDir, ref), theirs);
});

test("push: an older tip while a newer seal stands: the newer one stays (I9)", async (t) => {
  const { own, commit } = await pair(t);
  const older = await commit(own, NOTES, "seal 1");
  const newer = await commit(own, NOTES, "seal 2");
  await followBeside(own, "origin");
  await push(own, "origin", [`${older}:${NOTES}`]);
  assert.equal(await readRef(own.commonDir, NOTES), newer);
  assert.equal(await readRef(own.commonDir, TRACKED), older);
});
