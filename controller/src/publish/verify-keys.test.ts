import { test } from "node:test";
import assert from "node:assert/strict";
import { createModuleRunner, receiptFacts, receiptMessage, RECEIPT_NAMESPACE, sshsigBytes, type JournalRecord } from "@agentos/kernel";
import { generateKey, publicKeyLine } from "../git/keys.ts";
import { openRepo } from "../git/repo.ts";
import { keyId } from "../governance/ssh-key.ts";
import { ALLOWED_SIGNERS_PATH, parseTrust, renderTrustSigners, TRUST_PATH } from "../governance/trust.ts";
import { outsideWorld, safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { approve, merge, sendStart, settle, start, until } from "../testing/world-steps.ts";
import { edited, tampering } from "../testing/tamper.ts";
import { sealWith } from "../testing/tamper-journal.ts";
import { verifyRepository } from "../world-access.ts";
import type { VerifyReport } from "./verify.ts";
import { principalAt } from "./verify-check.ts";

async function verify(world: WorldRepo): Promise<VerifyReport> {
  return verifyRepository({ repo: await openRepo(`${world.folder}/world`), trust: world.trust, modules: createModuleRunner() });
}

/** Commits a trust file in which the first key is retired from a seq on, as a proposal. */
async function proposeRetirement(world: WorldRepo, fromSeq: number): Promise<string> {
  const trust = JSON.parse(await world.git("show", `main:${TRUST_PATH}`)) as { principals: { controller: { keys: string[] } }; retired?: unknown };
  trust.principals.controller.keys.shift();
  trust.retired = [{ key: keyId(world.keys.controller.publicKey), principal: "controller", fromSeq }];
  const text = `${JSON.stringify(trust, null, 2)}\n`;
  await world.git("switch", "--quiet", "--create", "proposals/retire", "main");
  const head = await world.commit("Retire the first key", { [TRUST_PATH]: text, [ALLOWED_SIGNERS_PATH]: renderTrustSigners(parseTrust(Buffer.from(text))) });
  await world.git("switch", "--quiet", "main");
  return head;
}

test("verify: a retired controller key: counts in the records before, never after; nobody seals themselves out", { timeout: 120_000 }, async () => {
  const next = generateKey("controller").key;
  const world = await safeUpgradeRepo({ controllerKeys: [next], files: { ".aos/policy.json": '{"version":1,"approvals":0,"shadow":"required"}\n' } });
  const outside = await outsideWorld();
  const path = `${world.folder}/world`;
  let controller = await start(world);
  try {
    await until(controller, ({ ready }) => ready.status === "True");
    await sendStart(path, outside.url);
    await settle(path);

    const head = await proposeRetirement(world, 1);
    await until(controller, ({ proposals }) => proposals[0]?.shadow === "done");
    await approve(world, "retire", head);
    const merged = await merge(world, "retire", head);
    const { held, appliedRevision } = await until(controller, (status) => status.held.length > 0);
    assert.match(held[0]?.reason ?? "", /takes this controller's key \(SHA256:.*\) out of force/);
    assert.notEqual(appliedRevision, merged);
    await controller.stop();

    controller = await start(world, path, { key: next });
    await until(controller, (status) => status.appliedRevision === merged);
    await sendStart(path, outside.url);
    await settle(path);
    await until(controller, ({ published }) => published.status === "True");
    await controller.stop();
    const report = await verify(world);
    assert.deepEqual(report.problems, []);
    assert.equal(report.checked.receipts, 2);
    await assert.rejects(start(world), { code: "trust.controller", message: /no principal of the world has this key/ });

    // The attacker has both keys; whatever the retired one signs after the retirement is worth nothing.
    const t = tampering(`${path}/.git`, { ...world, keys: { ...world.keys, author: world.keys.controller, controller: next } });
    const tip = await world.git("rev-parse", "refs/notes/aos");
    await t.reseal((drafts) => drafts.map((draft, index) => (index > sealWith(drafts, "applied", 1) ? { ...draft, signer: "author" } : draft)));
    const [sealed] = (await verify(world)).problems;
    assert.equal(sealed?.code, "seal.signature");
    assert.match(sealed?.message ?? "", /signed by a key that is nobody's there, or retired/);
    await t.setRef("refs/notes/aos", tip);
    await t.reseal((drafts) => drafts.map((draft, index) => (index === sealWith(drafts, "receipt", 1) ? edited(draft, "receipt", signedBy(world, world.keys.controller)) : draft)));
    const [received] = (await verify(world)).problems;
    assert.equal(received?.code, "receipt.signer");
  } finally {
    await controller.stop();
    await outside.close();
    await world.remove();
  }
});

test("principal of a key at a seq: table", () => {
  const [key, stranger] = [generateKey("ctl").key, generateKey("x").key];
  const line = (retired: readonly { readonly fromSeq: number }[]): Uint8Array => {
    const rows = retired.map(({ fromSeq }) => ({ key: keyId(key.publicKey), principal: "ctl", fromSeq }));
    const other = publicKeyLine(generateKey("other").key);
    const principals = { ada: { kind: "person", keys: [other] }, ctl: { kind: "controller", keys: [publicKeyLine(rows.length === 0 ? key : generateKey("next").key)] } };
    return Buffer.from(JSON.stringify({ version: 1, world: "t", id: "0".repeat(32), principals, retired: rows }));
  };
  const rows: readonly (readonly [string, Uint8Array, Uint8Array, number, string | undefined])[] = [
    ["in force", line([]), key.publicKey, 0, "ctl"],
    ["retired, before the seq", line([{ fromSeq: 5 }]), key.publicKey, 4, "ctl"],
    ["retired, at the seq", line([{ fromSeq: 5 }]), key.publicKey, 5, undefined],
    ["retired, after the seq", line([{ fromSeq: 5 }]), key.publicKey, 6, undefined],
    ["a stranger's", line([{ fromSeq: 5 }]), stranger.publicKey, 4, undefined],
  ];
  for (const [name, trust, publicKey, seq, principal] of rows) assert.equal(principalAt(parseTrust(trust), publicKey, seq)?.name, principal, name);
  assert.equal(rows.length, 5);
});

function signedBy(world: WorldRepo, key: WorldRepo["keys"]["controller"]) {
  return (receipt: JournalRecord<"receipt">): JournalRecord => {
    const signed = { ...receipt, signer: key.publicKey };
    return { ...signed, signature: key.sign(sshsigBytes(RECEIPT_NAMESPACE, receiptMessage(receiptFacts(world.trust, signed)))) };
  };
}
