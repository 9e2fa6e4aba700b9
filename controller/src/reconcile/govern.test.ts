import { test } from "node:test";
import assert from "node:assert/strict";
import { bundleOf, createModuleRunner, ed25519Signer, hashBytes, hashValue, memoryBlobs, memoryJournal, openHost, systemClock, systemEntropy, type World } from "@agentos/kernel";
import { openLocal } from "../forge/open-local.ts";
import { parseOid, verifyCommit } from "../git/objects.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { filesOfCommit } from "../world-files.ts";
import { loadWorld, requireControl } from "../world-source.ts";
import { governancePort } from "./govern.ts";

test("governance port: a plan's proposal: a signed branch of the controller's, found again, rehearsed on the world; main stays", async (t) => {
  const repo = await safeUpgradeRepo();
  t.after(() => repo.remove());
  const upgraded = parseOid(await repo.proposeUpgrade("by-hand"));
  const main = parseOid(await repo.git("rev-parse", "main"));
  const local = await openLocal(`${repo.folder}/world`);
  t.after(() => local.close());
  const [from, to] = [filesOfCommit(local.store, main), filesOfCommit(local.store, upgraded)];
  const [base, next] = [requireControl(await loadWorld(from), "main"), requireControl(await loadWorld(to), "upgrade")];
  const host = await openHost({
    journal: memoryJournal(), blobs: memoryBlobs(), clock: systemClock(), entropy: systemEntropy(), signer: ed25519Signer(new Uint8Array(32).fill(7)), modules: createModuleRunner(), adapters: [], sandbox: "test", world: repo.trust,
  });
  await host.stop();
  const world: World = { ...host.world, control: base, bundle: hashBytes(bundleOf(base)), commit: main };
  // What the caller writes back is what the proposal by hand has.
  const [had, has] = [await from.list("air"), await to.list("air")];
  const texts = new Map<string, string | undefined>(had.filter((path) => !has.includes(path)).map((path) => [path, undefined]));
  for (const path of has) texts.set(path, new TextDecoder().decode(await to.read(path)));
  const moved: string[] = [];
  const port = governancePort({
    repo: local.repo, store: local.store, key: repo.keys.controller, principal: "controller", agent: undefined, writeBack: () => texts,
    on: () => ({ world, recorded: [], shelf: { modules: createModuleRunner(), control: () => base } }), timeSeconds: () => 1_700_000_000, onMoved: (ref) => void moved.push(ref),
  });
  const offer = { intent: hashValue("intent"), doc: { patches: [] } as never, base, next, description: "more\n\nProposal: x" };
  const { proposalId } = await port.propose(offer);
  assert.equal((await port.propose(offer)).proposalId, proposalId);
  const ref = `refs/heads/proposals/agent/controller/p${proposalId}`;
  assert.deepEqual(moved, [ref]);
  const head = parseOid(await repo.git("rev-parse", ref));
  assert.equal((await local.store.readCommit(head)).message, `more Proposal: x\n\nIntent: ${offer.intent}\nSigned-for: a plan, by the controller, which has no key of an agent in the trust file\n`);
  const object = await local.store.read(head);
  assert.deepEqual(object === undefined ? undefined : verifyCommit(object.bytes)?.publicKey, repo.keys.controller.publicKey);
  assert.equal(await repo.git("diff", "--stat", upgraded, head), "");

  const { report } = await port.shadow(proposalId);
  assert.deepEqual([report.head.commit, report.head.manifest], [head, next.manifestHash]);
  assert.ok(report.definitions.length > 0);
  await assert.rejects(port.shadow(1n), { code: "governance.unknown" });
  assert.equal(await repo.git("rev-parse", "main"), main);
});
