import assert from "node:assert/strict";
import { test } from "node:test";
import type { Oid } from "../../git/objects.ts";
import { mergeTree } from "../../git/repo.ts";
import type { Brings } from "../../testing/brings.ts";
import type { Actor } from "../../testing/github-double/state.ts";
import { ACCOUNTS, githubTrust, githubWorld, type GithubWorld } from "../../testing/github-double/world.ts";
import type { AtEnd } from "../../testing/at-end.ts";
import type { FileChanges } from "../../testing/governed-world.ts";

interface Wanted {
  readonly files?: FileChanges;
  readonly approve?: readonly Actor[];
  readonly refuse?: readonly Actor[];
}
interface Queue extends GithubWorld {
  /** Pull requests that are reported on, and reviewed by these. @returns their heads */
  pulls(wanted: Readonly<Record<string, Wanted>>): Promise<readonly Oid[]>;
  /** What the queue makes of a line: a merge of each head on the one before. */
  group(heads: readonly Oid[]): Promise<Oid>;
}

async function queueOf(t: AtEnd): Promise<Queue> {
  const here = await githubWorld(t, { trust: githubTrust({ merges: "forge" }) });
  const { double, world } = here;
  return {
    ...here,
    async pulls(wanted) {
      const heads: Oid[] = [];
      for (const [slug, { files }] of Object.entries(wanted)) {
        const head = await world.propose(slug, files ?? { [`air/${slug}.txt`]: `${slug}\n` }, { by: "author" });
        await world.report(head, { by: "ctl", brings: {} });
        double.openPull({ ref: `proposals/${slug}`, sha: head, by: ACCOUNTS.author });
        heads.push(head);
      }
      await here.round();
      double.tick();
      for (const [index, { approve = [], refuse = [] }] of Object.values(wanted).entries()) {
        for (const by of approve) double.review(index + 1, { by, state: "APPROVED" });
        for (const by of refuse) double.review(index + 1, { by, state: "CHANGES_REQUESTED" });
      }
      return heads;
    },
    async group(heads) {
      let before = await world.main();
      for (const head of heads) before = await world.commit({ parents: [before, head], files: {}, tree: await mergeTree(world.local.repo, before, head), by: null });
      return before;
    },
  };
}

const { reviewer, second } = ACCOUNTS;
const MORE: Brings = { adds: ["http.request POST https://evil.test"] };

/** What stands on a group's head: `success`, `failure`, or `waits`. */
const ROWS: readonly { readonly name: string; readonly expect: string; readonly says: RegExp; readonly wanted: Readonly<Record<string, Wanted>>; make?(queue: Queue, heads: readonly Oid[]): Promise<Oid> }[] = [
  { name: "one that is approved", expect: "success", says: /pull request 1: 1 of 1 approvals/, wanted: { one: { approve: [reviewer] } } },
  { name: "two that are approved", expect: "success", says: /pull request 1: 1 of 1 approvals[\s\S]*pull request 2: 1 of 1 approvals/, wanted: { one: { approve: [reviewer] }, two: { approve: [second] } } },
  { name: "the second is not approved", expect: "waits", says: /no   approvals: pull request 2: 0 of 1/, wanted: { one: { approve: [reviewer] }, two: {} } },
  { name: "the first is refused, the last approved", expect: "failure", says: /no   objections: pull request 1: second asks for changes/, wanted: { one: { approve: [reviewer], refuse: [second] }, two: { approve: [reviewer] } } },
  {
    name: "behind the first the second brings more than was approved", expect: "waits", says: /no   approvals: pull request 2: 0 of 1/, wanted: { one: { approve: [reviewer] }, two: { approve: [reviewer] } },
    async make({ group, foreseen }, [one, two]) {
      if (one === undefined || two === undefined) return assert.fail("two heads");
      foreseen.set(two, MORE);
      return group([one, two]);
    },
  },
  {
    name: "the first changes the rules, by which the second is judged", expect: "waits", says: /pull request 1: 2 of 2 approvals[\s\S]*no   approvals: pull request 2: 0 of 2/,
    wanted: { rules: { files: { ".aos/policy.json": '{"version":1,"approvals":2,"shadow":"required"}\n' }, approve: [reviewer, second] }, two: { approve: [reviewer] } },
  },
  {
    name: "a commit that merges nothing", expect: "failure", says: /of the group merges no pull request into main: the queue's merge method must be a merge commit/, wanted: { one: { approve: [reviewer] } },
    make: async ({ group, world }, heads) => world.commit({ parents: [await group(heads)], files: { "air/squashed.txt": "in\n" }, by: null }),
  },
  {
    name: "other contents than the merge", expect: "failure", says: /pull request 1: the queue's commit is not the merge of its parents/, wanted: { one: { approve: [reviewer] } },
    make: async ({ world }, heads) => world.commit({ parents: [await world.main(), ...heads], files: { "air/sneaked.txt": "in\n" }, by: null }),
  },
];

for (const { name, expect, says, wanted, make } of ROWS)
  test(`merge queue: ${name}: ${expect}`, async (t) => {
    const queue = await queueOf(t);
    const heads = await queue.pulls(wanted);
    const head = await (make === undefined ? queue.group(heads) : make(queue, heads));
    await queue.world.setRef("refs/heads/gh-readonly-queue/main/pr-9-a", head);
    await queue.round();
    const check = queue.double.state.checks.find(({ head_sha }) => head_sha === head);
    const { summary } = (check?.fields["output"] ?? {}) as { readonly summary?: string };
    assert.equal(check?.fields["status"] === "completed" ? check.fields["conclusion"] : "waits", expect, summary);
    assert.match(summary ?? "", says);
  });

test("merge queue: a group of an older main, and one that main has: nothing is said", async (t) => {
  const queue = await queueOf(t);
  const stale = await queue.group(await queue.pulls({ one: {} }));
  const main = await queue.world.commit({ parents: [await queue.world.main()], files: { "air/other.txt": "on\n" }, by: "author" });
  await queue.world.setRef("refs/heads/main", main);
  for (const [name, oid] of [["pr-1-a", stale], ["pr-1-b", main]] as const) await queue.world.setRef(`refs/heads/gh-readonly-queue/main/${name}`, oid);
  await queue.round();
  assert.deepEqual(queue.double.state.checks.filter(({ head_sha }) => head_sha === stale || head_sha === main), []);
});
