// A merge outside of the policy's windows: it waits, and the world keeps running what was in force.

import assert from "node:assert/strict";
import { test } from "node:test";
import { atEnd } from "../testing/at-end.ts";
import { gatherDecision } from "../forge/gather.ts";
import { mergeCommit } from "../forge/merge.ts";
import { openLocal } from "../forge/open-local.ts";
import { parseOid } from "../git/objects.ts";
import { DAYS } from "../governance/policy.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { approve, start, until } from "../testing/world-steps.ts";

const DAY_S = 86_400;

test("controller: a merge that comes when changes have no time: waits and says until when, nothing is held for good", async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const inside = now + 3 * DAY_S;
  const day = DAYS[new Date(inside * 1000).getUTCDay()];
  const policy = { version: 1, approvals: 1, shadow: "required", windows: [{ days: [day], from: "00:00", to: "24:00" }] };
  const world = await safeUpgradeRepo({ files: { ".aos/policy.json": `${JSON.stringify(policy)}\n` } });
  atEnd(t, () => world.remove());
  const controller = await start(world);
  atEnd(t, () => controller.stop());
  const { appliedRevision: base } = await until(controller, ({ ready }) => ready.status === "True");
  assert.ok(base !== undefined);
  const head = parseOid(await world.proposeUpgrade("follow-up"));
  await until(controller, ({ proposals }) => proposals.find((one) => one.head === head)?.shadow === "done");
  await approve(world, "follow-up", head);
  const local = await openLocal(`${world.folder}/world`);
  atEnd(t, () => local.close());
  const question = { base: parseOid(base), head, slug: "follow-up", world: world.trust };
  const early = await gatherDecision(local, question);
  assert.deepEqual(early.decision.reasons.filter(({ holds }) => !holds).map(({ rule }) => rule), ["window"]);
  const answer = await gatherDecision(local, { ...question, timeSeconds: inside });
  assert.equal(answer.inputs.time, inside);
  const { commit, release } = await mergeCommit(local, answer, { title: "follow up", key: world.keys.author, principal: "author", timeSeconds: now });
  await world.git("update-ref", "refs/heads/main", commit);
  await release();
  const waiting = await until(controller, ({ reconciling }) => reconciling.reason === "WaitingForWindow");
  const opens = new Date((inside - (inside % DAY_S)) * 1000).toISOString().replace(".000Z", "Z");
  assert.match(waiting.reconciling.message, new RegExp(`^${commit.slice(0, 12)} waits until ${opens}: .* is no time for changes`));
  assert.deepEqual([waiting.appliedRevision, waiting.held], [base, []]);
});
