// 10: payments that a plan prepares, a person allows and a budget limits; one goes wrong outside, and the world is restarted on the way.

import assert from "node:assert/strict";
import { verify } from "node:crypto";
import {
  APPROVAL_NAMESPACE, approvalMessage, canonical, cellKey, decode, ed25519Signer, sshsigBytes, systemEntropy, trieEntries, trieGet, trieSize, type HeldEffect, type JournalRecord, type Signer,
} from "@agentos/kernel";
import { plainJson } from "@agentos/controller";
import { ofKind, type Example, type ExampleWorld } from "./example.ts";
import { ORIGIN, serveLoopback, type Loopback } from "./loopback.ts";

const DESK = "demo/Desk@1";
const ACCOUNT = "demo/Account@1";

export const approvalsBudgets: Example = {
  number: "10",
  slug: "approvals-budgets",
  title: "Approvals and budgets",
  summary: "a payment waits for its confirmation, for a person and for its receipt; a budget and an invariant stop what must not be paid",
  reducer: DESK,
  async begin() {
    const bank = await serveLoopback(() => ({ status: 201, body: "" }));
    return { settings: { origins: bank.origins }, run: (world) => pay(world, bank), end: () => bank.close() };
  },
};

async function pay(world: ExampleWorld, bank: Loopback): Promise<void> {
  const person = ed25519Signer(systemEntropy().bytes(32));
  await invoice(world, { account: "alpha", invoice: 1, amount_cents: 500 });
  await invoice(world, { account: "beta", invoice: 2, amount_cents: 700 });
  assert.deepEqual(await confirm(world, 1, 500), ["held"]);
  assert.equal(bank.asked.length, 0);
  world.say("invoice 1 is confirmed and held for a person, invoice 2 waits for its confirmation");

  const before = world.host.world.nextSeq;
  await world.reopen();
  assert.deepEqual([world.host.world.nextSeq, heldIn(world).length, trieSize(world.host.world.plans)], [before, 1, 2]);
  world.say("the world is opened again from disk: both still wait");

  const granted = await decide(world, person);
  assert.equal(ofKind(granted, "intent")[0]?.approved, ofKind(granted, "approval")[0]?.seq, "the intent names the word that allowed it");
  assert.deepEqual(bank.asked.map(({ method, path }) => `${method} ${path}`), ["POST /pay/1"]);
  world.say("granted: POST /pay/1, answer 201");

  await bank.close();
  assert.deepEqual(await confirm(world, 2, 700), ["held"]);
  const failed = await decide(world, person);
  assert.deepEqual(ofKind(failed, "receipt").map(({ status }) => status), ["error"]);
  assert.deepEqual(ends(failed), ["ok"], "the plan goes on: it asked for the receipt's status");
  world.say("granted, but the bank is away: the receipt says error, and the plan tells of it");

  await invoice(world, { account: "alpha", invoice: 3, amount_cents: 900 });
  assert.deepEqual(await confirm(world, 3, 9_000), ["plan_ended invariant_violation"]);
  world.say("invoice 3 is confirmed with another amount: the plan's invariant ends it, nobody is asked");
  await invoice(world, { account: "alpha", invoice: 4, amount_cents: 100 });
  assert.deepEqual(await confirm(world, 4, 100), ["denied budget.exceeded", "plan_ended denied:budget.exceeded"]);
  world.say("invoice 4 is over the budget of two calls: denied, nobody is asked");

  assert.deepEqual(world.state(DESK).json, { paid: 1, paid_cents: 500, failed: 1, last_why: "error" });
  assert.deepEqual(accountIn(world, "alpha"), { open: [3, 4], paid_cents: 500 });
  assert.deepEqual(accountIn(world, "beta"), { open: [2], paid_cents: 0 });
  assert.deepEqual([heldIn(world).length, trieSize(world.host.world.plans), bank.asked.length], [0, 0, 1]);
  world.say("final state: paid=1, failed=1; alpha has invoices 3 and 4 open, beta invoice 2");
}

async function invoice(world: ExampleWorld, facts: { readonly account: string; readonly invoice: number; readonly amount_cents: number }): Promise<void> {
  const made = await world.send("demo/InvoiceReceived@1", { ...facts, url: `${ORIGIN}/pay/${facts.invoice}` });
  assert.deepEqual(ends(made), [], "its plan waits");
}

/** What the confirmation leads to, in the order of the records. */
async function confirm(world: ExampleWorld, number: number, amount: number): Promise<readonly string[]> {
  const made = await world.send("demo/Confirmed@1", { invoice: number, amount_cents: amount });
  return made.flatMap((record) => {
    switch (record.kind) {
      case "held": return ["held"];
      case "denied": return [`denied ${record.code}`];
      case "plan_ended": return [`plan_ended ${record.code ?? ""}`];
      default: return [];
    }
  });
}

/** Grants what is held: the person signs which effect of which world it is, and the signature is checked as a controller does. */
async function decide(world: ExampleWorld, person: Signer): Promise<readonly JournalRecord[]> {
  const [held] = heldIn(world);
  assert.ok(held !== undefined, "an effect is held");
  const message = sshsigBytes(APPROVAL_NAMESPACE, approvalMessage({ world: world.host.world.id, heldSeq: held.seq, intent: held.intent, decision: "grant" }));
  const signature = person.sign(message);
  const key = { key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(person.publicKey).toString("base64url") }, format: "jwk" } as const;
  assert.ok(verify(null, message, key, signature), "it is the person's own word");
  return world.decide({ heldSeq: held.seq, decision: "grant", by: "example", signer: person.publicKey, signature });
}

function heldIn(world: ExampleWorld): readonly HeldEffect[] {
  return [...trieEntries(world.host.world.held)].map(([, held]) => held);
}

function ends(records: readonly JournalRecord[]): readonly string[] {
  return ofKind(records, "plan_ended").map(({ status }) => status);
}

function accountIn(world: ExampleWorld, name: string): unknown {
  const cell = trieGet(world.host.world.cells, cellKey(ACCOUNT, canonical(name)));
  return cell === undefined ? undefined : plainJson(decode(cell.state));
}
