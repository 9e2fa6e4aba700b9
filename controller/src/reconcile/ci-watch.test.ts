import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { hashValue, jsonOf, type Json } from "@agentos/kernel";
import { gatherDecision } from "../forge/gather.ts";
import { hookReport, hookReports } from "../forge/ci-faults.ts";
import { writeShadowNote } from "../forge/local-shadow.ts";
import { readRules } from "../forge/rules.ts";
import { mergeTree } from "../git/repo.ts";
import { policyHash } from "../governance/policy.ts";
import { governedWorld, keyNamed, principalNamed, type KeyName } from "../testing/governed-world.ts";
import { ciWatch } from "./ci-watch.ts";
import type { LogLevel } from "./log.ts";

const reportAt = (seq: number, note: string): Json => jsonOf({ base: { seq, state_root: `sha256:${seq}` }, note });

test("CI watch: a signed note and a hook's file that are not what the controller computed: named once in the log, in status and beside the decision", async (t) => {
  const world = await governedWorld(t);
  const head = await world.propose("one", { "air/b.txt": "b\n" }, { by: "author" });
  const base = await world.main();
  const tree = await mergeTree(world.local.repo, base, head);
  const policy = policyHash((await readRules(world.local.store, base)).policy);
  const say = async (by: KeyName, report: Json): Promise<void> => {
    const claim = { world: world.world, head, base, tree, policy, manifest: hashValue("m"), consequences: hashValue(report), report: hashValue(report) };
    await writeShadowNote(world.local, { summary: "", claim, report }, { key: keyNamed(by), principal: principalNamed(by), timeSeconds: world.tick() });
  };
  const logged: (readonly [LogLevel, unknown])[] = [];
  const options = { repo: world.local.repo, key: keyNamed("ctl"), remote: undefined, trust: world.world, log: () => undefined };
  const watch = ciWatch({ options, store: world.local.store, log: (level, _, fields) => void logged.push([level, fields?.["proposal"]]) });
  const seen = { applied: base, main: base, ahead: [], proposals: [{ slug: "one", head, shadowed: true, failed: undefined }], held: new Map(), waiting: new Map(), suspended: undefined };
  const look = async (): Promise<readonly string[]> => {
    await watch.look(seen);
    const { faults } = await gatherDecision(world.local, { base, head, slug: "one", world: world.world });
    assert.deepEqual(faults, watch.found.get(head) ?? []);
    return faults;
  };

  await say("runner", reportAt(4, "a dream"));
  assert.deepEqual(await look(), [], "nothing to hold it against");
  await say("ctl", reportAt(4, "as it is"));
  assert.match((await look()).join("\n"), /^runner reported .* and ctl computed .* on the same state \(seq 4\) and merge: runner lies/);
  await look();
  assert.deepEqual(logged, [["warn", "one"]]);

  await mkdir(hookReports(world.local.repo), { recursive: true });
  const file = `${hookReport(world.local.repo, "one")}.json`;
  await writeFile(file, JSON.stringify({ slug: "one", base, head, report: { base: { seq: 4, state_root: "sha256:4" }, note: "no hook of ours" } }));
  const both = await look();
  assert.deepEqual([both.length, both[1]?.startsWith("the server's hook reported")], [2, true]);
  assert.equal(logged.length, 2);

  await say("runner", reportAt(4, "as it is"));
  for (const text of ["", "{", JSON.stringify({ base, head: base, report: {} })]) {
    await writeFile(file, text);
    assert.deepEqual((await gatherDecision(world.local, { base, head, slug: "one", world: world.world })).faults, [], text);
  }
  assert.deepEqual(await look(), []);
});
