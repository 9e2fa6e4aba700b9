import { test, type TestContext } from "node:test";
import assert from "node:assert/strict";
import type { World } from "@agentos/kernel";
import { temporaryFolder } from "../git/fixture.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { gitIn, initRepo, type Repo } from "../git/repo.ts";
import { smallTurns } from "../testing/small-turns.ts";
import { blankMemory, observe, refsOf, shadowMark } from "./observe.ts";

const MAIN = "refs/heads/main";

interface Place {
  readonly repo: Repo;
  commit(message: string, ...parents: readonly Oid[]): Promise<Oid>;
  set(ref: string, oid: Oid): Promise<void>;
  worldAt(commit: Oid | undefined): World;
}

async function place(t: TestContext): Promise<Place> {
  const folder = await temporaryFolder(t);
  const repo = await initRepo(folder, { kind: "bare" });
  const tree = (await gitIn(repo, ["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" })).stdout.toString().trim();
  const { world } = (await smallTurns()).host;
  return {
    repo,
    commit: async (message, ...parents) => parseOid((await gitIn(repo, ["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", message, ...parents.flatMap((parent) => ["-p", parent]), tree])).stdout.toString().trim()),
    set: async (ref, oid) => void (await gitIn(repo, ["update-ref", ref, oid])),
    worldAt: (commit) => ({ ...world, commit }),
  };
}

test("observe: where main stands to the applied commit: table", async (t) => {
  const { repo, commit, set, worldAt } = await place(t);
  const a = await commit("a");
  const other = await commit("other");
  const b = await commit("b", a);
  const c = await commit("c", b, other);
  const turned = await commit("turned", other, a);
  const rows: readonly (readonly [name: string, applied: Oid | undefined, main: Oid, ahead: readonly Oid[] | undefined])[] = [
    ["nothing applied", undefined, b, []], ["at main", b, b, []], ["one ahead", a, b, [b]], ["two ahead, a merge among them", a, c, [b, c]],
    ["rewound", b, a, undefined], ["another history", a, other, undefined], ["merged the other way round: applied is a second parent only", a, turned, undefined],
  ];
  for (const [name, applied, main, ahead] of rows) {
    await set(MAIN, main);
    assert.deepEqual((await observe(repo, worldAt(applied), blankMemory())).ahead, ahead, name);
  }
  assert.equal(rows.length, 7);
});

test("observe: proposals: those that main does not have, with what is known of their shadows", async (t) => {
  const { repo, commit, set, worldAt } = await place(t);
  const a = await commit("a");
  const [one, two, three] = [await commit("1", a), await commit("2", a), await commit("3", a)];
  await set(MAIN, a);
  for (const [slug, oid] of [["merged", a], ["one", one], ["three", three], ["two", two]] as const) await set(`refs/heads/proposals/${slug}`, oid);
  const memory = blankMemory();
  memory.shadowed.add(shadowMark(one, a));
  memory.failed.set(shadowMark(two, a), "air.invalid");
  memory.shadowed.add(shadowMark(three, one));
  const { proposals } = await observe(repo, worldAt(a), memory);
  assert.deepEqual(proposals, [
    { slug: "one", head: one, shadowed: true, failed: undefined }, { slug: "three", head: three, shadowed: false, failed: undefined }, { slug: "two", head: two, shadowed: false, failed: "air.invalid" },
  ]);
});

test("refs of people: branches and reviews change it, the controller's own notes do not", async (t) => {
  const { repo, commit, set } = await place(t);
  const a = await commit("a");
  const seen = new Set([await refsOf(repo)]);
  for (const ref of [MAIN, "refs/heads/proposals/x", "refs/notes/aos-reviews-ada"]) {
    await set(ref, a);
    seen.add(await refsOf(repo));
  }
  assert.equal(seen.size, 4);
  for (const ref of ["refs/notes/aos", "refs/notes/aos-shadow", "refs/tags/x", "refs/remotes/origin/main"]) await set(ref, a);
  seen.add(await refsOf(repo));
  assert.equal(seen.size, 4);
});
