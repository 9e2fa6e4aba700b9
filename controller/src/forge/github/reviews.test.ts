import assert from "node:assert/strict";
import { test } from "node:test";
import type { Oid } from "../../git/objects.ts";
import { ACCOUNTS, githubWorld, type GithubWorld } from "../../testing/github-double/world.ts";
import type { Actor, ReviewState } from "../../testing/github-double/state.ts";

interface Story extends GithubWorld {
  readonly pull: number;
  say(by: Actor | null, state: ReviewState["state"], commit?: string | null): number;
  push(file: string): Promise<Oid>;
}

/** What happens to one pull request, what is decided, and what "one APPROVED is enough" would have said. */
const STORIES: readonly { readonly name: string; readonly expect: "approved" | "refused"; readonly naive: "approved" | "refused"; tell(story: Story): void | Promise<void> }[] = [
  { name: "nobody has spoken", expect: "refused", naive: "refused", tell: () => undefined },
  { name: "one approves", expect: "approved", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.reviewer, "APPROVED") },
  { name: "approves, then comments", expect: "approved", naive: "approved", tell: ({ say }) => void [say(ACCOUNTS.reviewer, "APPROVED"), say(ACCOUNTS.reviewer, "COMMENTED")] },
  { name: "approves, then asks for changes", expect: "refused", naive: "approved", tell: ({ say }) => void [say(ACCOUNTS.reviewer, "APPROVED"), say(ACCOUNTS.reviewer, "CHANGES_REQUESTED")] },
  { name: "asks for changes, then approves", expect: "approved", naive: "approved", tell: ({ say }) => void [say(ACCOUNTS.reviewer, "CHANGES_REQUESTED"), say(ACCOUNTS.reviewer, "APPROVED")] },
  { name: "one approves, another asks for changes", expect: "refused", naive: "approved", tell: ({ say }) => void [say(ACCOUNTS.reviewer, "APPROVED"), say(ACCOUNTS.second, "CHANGES_REQUESTED")] },
  {
    name: "an approval is dismissed", expect: "refused", naive: "refused",
    async tell({ say, double, pull, round }) {
      const review = say(ACCOUNTS.reviewer, "APPROVED");
      await round();
      double.dismiss(pull, review);
    },
  },
  {
    name: "a request for changes is dismissed and another approves", expect: "approved", naive: "approved",
    async tell({ say, double, pull, round }) {
      const review = say(ACCOUNTS.reviewer, "CHANGES_REQUESTED");
      await round();
      double.dismiss(pull, review);
      say(ACCOUNTS.second, "APPROVED");
    },
  },
  {
    name: "a dismissal revives no approval before it", expect: "refused", naive: "approved",
    async tell({ say, double, pull, round }) {
      say(ACCOUNTS.reviewer, "APPROVED");
      await round();
      const review = say(ACCOUNTS.reviewer, "CHANGES_REQUESTED");
      await round();
      double.dismiss(pull, review);
    },
  },
  {
    name: "the dismissal of an older review leaves the newer approval", expect: "approved", naive: "approved",
    async tell({ say, double, pull, round }) {
      const review = say(ACCOUNTS.reviewer, "CHANGES_REQUESTED");
      say(ACCOUNTS.reviewer, "APPROVED");
      await round();
      double.dismiss(pull, review);
    },
  },
  {
    name: "approved what was there before the last push", expect: "refused", naive: "approved",
    async tell({ say, push, round }) {
      say(ACCOUNTS.reviewer, "APPROVED");
      await round();
      await push("later");
    },
  },
  { name: "the approval names a commit that is forgotten", expect: "refused", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.reviewer, "APPROVED", null) },
  {
    name: "the approval was witnessed, and then its commit is forgotten", expect: "approved", naive: "approved",
    async tell({ say, double, pull, round }) {
      const review = say(ACCOUNTS.reviewer, "APPROVED");
      await round();
      const found = double.state.reviews.get(pull)?.find(({ id }) => id === review);
      assert.ok(found !== undefined);
      found.commit_id = null;
    },
  },
  { name: "the author approves", expect: "refused", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.author, "APPROVED") },
  { name: "an agent approves from its account", expect: "refused", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.helper, "APPROVED") },
  { name: "a bot approves", expect: "refused", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.bot, "APPROVED") },
  { name: "somebody whom the world does not know approves", expect: "refused", naive: "approved", tell: ({ say }) => void say(ACCOUNTS.outsider, "APPROVED") },
  { name: "an account that is gone approved", expect: "refused", naive: "approved", tell: ({ say }) => void say(null, "APPROVED") },
  { name: "a review is not submitted yet", expect: "refused", naive: "refused", tell: ({ say }) => void say(ACCOUNTS.reviewer, "PENDING") },
  { name: "the reviewer's login changed, the account did not", expect: "approved", naive: "approved", tell: ({ say }) => void say({ ...ACCOUNTS.reviewer, login: "rea-renamed" }, "APPROVED") },
  { name: "somebody else took the reviewer's login", expect: "refused", naive: "approved", tell: ({ say }) => void say({ ...ACCOUNTS.outsider, login: ACCOUNTS.reviewer.login }, "APPROVED") },
  {
    name: "130 reviews, and the one that counts is on the second page", expect: "refused", naive: "approved",
    tell({ say, double }) {
      for (let count = 0; count < 129; count++) {
        say(ACCOUNTS.reviewer, "APPROVED");
        double.tick();
      }
      say(ACCOUNTS.reviewer, "CHANGES_REQUESTED");
    },
  },
];

test("reviews on GitHub: 22 histories: the last word of a person on what was shown counts, and nothing else", async (t) => {
  let told = 0;
  const letIn: string[] = [];
  for (const { name, expect, naive, tell } of STORIES) {
    await t.test(name, async (t2) => {
      const here = await githubWorld(t2);
      const pull = await here.open("raise-limit");
      const { double, world } = here;
      const say: Story["say"] = (by, state, commit) => double.review(pull, { by, state, ...(commit !== undefined && { commit }) });
      const push: Story["push"] = async (file) => {
        const head = await world.propose("raise-limit", { [`air/${file}.txt`]: "more\n" }, { by: "author", from: await world.head("raise-limit") });
        await world.report(head, { by: "ctl" });
        const found = double.state.pulls.get(pull);
        assert.ok(found !== undefined);
        found.head = { ...found.head, sha: head };
        return head;
      };
      await tell({ ...here, pull, say, push });
      const faults = await here.round();
      const { verdict, reasons } = await here.decision("raise-limit");
      assert.equal(verdict, expect, JSON.stringify([reasons.filter(({ holds }) => !holds), [...faults]]));
      const any = (double.state.reviews.get(pull) ?? []).some(({ state }) => state === "APPROVED") ? "approved" : "refused";
      assert.equal(any, naive, "the naive rule");
      if (any === "approved" && expect === "refused") letIn.push(name);
      told++;
    });
  }
  assert.equal(told, 22);
  assert.equal(letIn.length, 12, `what "any APPROVED counts" would have let in: ${letIn.join("; ")}`);
});

test("reviews on GitHub: an approval given before the report was shown: counts for nothing once there is one", async (t) => {
  const here = await githubWorld(t);
  const pull = await here.open("raise-limit", { reported: false });
  here.double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.world.report(await here.world.head("raise-limit"), { by: "ctl" });
  await here.round();
  assert.equal((await here.decision("raise-limit")).verdict, "refused");
  here.double.tick();
  here.double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  assert.equal((await here.decision("raise-limit")).verdict, "approved");
});

test("reviews on GitHub: a status that another account posted: no approval binds to what it names", async (t) => {
  const here = await githubWorld(t);
  const pull = await here.open("raise-limit", { reported: false });
  const head = await here.world.head("raise-limit");
  await here.world.report(head, { by: "ctl" });
  const { cid } = await here.decision("raise-limit");
  here.double.state.statuses.set(head, [{ context: "aos/report", state: "success", description: `binds ${cid}`, created_at: "2027-01-15T07:00:00Z", creator: ACCOUNTS.outsider }]);
  here.double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  assert.equal((await here.decision("raise-limit")).verdict, "refused");
});

test("reviews on GitHub: looked at again without a change: nothing is written, and no answer is sent twice", async (t) => {
  const here = await githubWorld(t);
  const pull = await here.open("raise-limit");
  here.double.review(pull, { by: ACCOUNTS.reviewer, state: "APPROVED" });
  await here.round();
  const notes = await here.world.local.refs.read("refs/notes/aos-reviews-ctl");
  const from = here.double.calls.length;
  await here.round();
  await here.round();
  const calls = here.double.calls.slice(from);
  assert.equal(calls.length, 4);
  assert.ok(calls.every((call) => call.startsWith("GET ") && call.endsWith(" 304")), calls.join("\n"));
  assert.equal(await here.world.local.refs.read("refs/notes/aos-reviews-ctl"), notes);
});

test("reviews on GitHub: a line that somebody writes into their own notes as if witnessed: counts for nothing", async (t) => {
  const here = await githubWorld(t);
  await here.open("raise-limit");
  const { cid } = await here.decision("raise-limit");
  assert.ok(cid !== null);
  await here.world.review("raise-limit", "approve", { by: "second", change: { cid, via: { forge: "github", user: ACCOUNTS.reviewer.id, review: 1, principal: "reviewer" } } });
  const { verdict, ignored } = await here.decision("raise-limit");
  assert.equal(verdict, "refused");
  assert.match(ignored.map(({ why }) => why).join("\n"), /only a controller witnesses/);
});
