import { test } from "node:test";
import assert from "node:assert/strict";
import { createModuleRunner } from "@agentos/kernel";
import { generateKey, publicKeyLine } from "../git/keys.ts";
import { readRef } from "../git/refs.ts";
import { openRepo } from "../git/repo.ts";
import { outsideWorld, safeUpgradeRepo } from "../testing/world-repo.ts";
import { approve, merge, start, until } from "../testing/world-steps.ts";
import { connectWorld } from "../control/connect.ts";
import { verifyRepository } from "../world-access.ts";

test("controller: begin, event, proposal, shadow, review, merge, apply, event: verified with replay, and again after restarts", { timeout: 120_000 }, async () => {
  const world = await safeUpgradeRepo();
  const outside = await outsideWorld();
  let controller = await start(world);
  try {
    await until(controller, ({ ready }) => ready.status === "True");
    const send = async (): Promise<void> => {
      const client = await connectWorld(await openRepo(`${world.folder}/world`));
      assert.ok(client !== undefined);
      const value = { $tag: "Start", $value: { url: outside.url } };
      const answer = await client.ask("POST", "/events", { schema: "demo/SafeUpgradeEvent@1", value });
      assert.equal((answer as { records: { kind: string }[] }).records[0]?.kind, "event");
      await client.ask("POST", "/settle");
    };
    await send();
    assert.deepEqual(outside.requests, ["GET /data.json"]);

    const head = await world.proposeUpgrade("follow-up");
    await until(controller, ({ proposals }) => proposals[0]?.shadow === "done");
    await assert.rejects(merge(world, "follow-up", head), { code: "merge.refused" });
    await approve(world, "follow-up", head);
    const merged = await merge(world, "follow-up", head);
    await until(controller, ({ appliedRevision }) => appliedRevision === merged);
    await controller.stop();
    controller = await start(world);
    await send();
    assert.deepEqual(outside.requests, ["GET /data.json", "GET /data.json", "GET /follow.json"]);
    await until(controller, ({ published }) => published.status === "True");
    await controller.stop();

    const report = await verifyRepository({ repo: await openRepo(`${world.folder}/world`), trust: world.trust, modules: createModuleRunner() });
    assert.deepEqual(report.problems, []);
    assert.equal(report.checked.receipts, 3);
    assert.equal(report.checked.decisions, 1);
    assert.ok(report.replayed !== undefined);
    assert.match(await world.git("notes", "--ref=aos", "show", merged), /^Applied: /);
    await world.git("fsck", "--strict");
  } finally {
    await controller.stop();
    await outside.close();
    await world.remove();
  }
});

test("controller: a push to main past the review: held with the reason, the last applied commit stays in force", { timeout: 120_000 }, async () => {
  const world = await safeUpgradeRepo();
  const controller = await start(world);
  try {
    const { appliedRevision } = await until(controller, ({ ready }) => ready.status === "True");
    await world.commit("Straight to main", { "notes.txt": "no review\n" });
    const status = await until(controller, ({ held }) => held.length > 0);
    assert.equal(status.appliedRevision, appliedRevision);
    assert.match(status.held[0]?.reason ?? "", /not a merge of a proposal/);
    assert.equal(status.stalled.reason, "Held");
  } finally {
    await controller.stop();
    await world.remove();
  }
});

test("controller: an approved proposal that an agent merged: held with the reason", { timeout: 120_000 }, async () => {
  const { key } = generateKey("helper");
  const world = await safeUpgradeRepo({ trust: (principals) => ({ principals: { ...principals, helper: { kind: "agent", keys: [publicKeyLine(key)] } } }) });
  const controller = await start(world);
  try {
    const { appliedRevision } = await until(controller, ({ ready }) => ready.status === "True");
    const head = await world.proposeUpgrade("up");
    await until(controller, ({ proposals }) => proposals[0]?.shadow === "done");
    await approve(world, "up", head);
    await merge(world, "up", head, { key, principal: "helper" });
    const status = await until(controller, ({ held }) => held.length > 0);
    assert.match(status.held[0]?.reason ?? "", /^[0-9a-f]{12} is signed by helper: only persons and controllers merge$/);
    assert.equal(status.appliedRevision, appliedRevision);
  } finally {
    await controller.stop();
    await world.remove();
  }
});

test("controller: main rewritten: frozen, the last applied commit stays in force", { timeout: 120_000 }, async () => {
  const world = await safeUpgradeRepo();
  const controller = await start(world);
  try {
    await until(controller, ({ ready }) => ready.status === "True");
    await world.git("-c", "user.name=author", "-c", "user.email=author@aos", "commit", "--quiet", "--amend", "--message", "another beginning");
    assert.notEqual(await readRef((await openRepo(`${world.folder}/world`)).commonDir, "refs/heads/main"), controller.status().appliedRevision);
    const status = await until(controller, ({ stalled }) => stalled.status === "True");
    assert.equal(status.stalled.reason, "Frozen");
    assert.equal(status.ready.status, "False");
  } finally {
    await controller.stop();
    await world.remove();
  }
});
