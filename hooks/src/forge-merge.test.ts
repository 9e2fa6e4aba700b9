import assert from "node:assert/strict";
import { test } from "node:test";
import type { Oid } from "@agentos/controller";
import { governedWorld, trustText, type GovernedWorld } from "@agentos/controller/testing";
import { preReceive } from "./pre-receive.ts";
import { approved, JOURNAL, MAIN, mergeOf, seal } from "./testing/site.ts";

const BUTTON = "Merge pull request #1 from demo/proposals/good\n\nGood.\n";

/** Merges as a forge makes them, and what main says of each: where it leaves merging to a forge, and where it does not. */
const ROWS: readonly { readonly name: string; readonly forge: RegExp | "taken"; readonly signed: RegExp; merge(world: GovernedWorld): Promise<Oid> }[] = [
  { name: "the button's merge of what is approved", forge: "taken", signed: /is not signed by a principal/, merge: (world) => mergeOf(world, "good", { by: null, message: BUTTON }) },
  { name: "signed by a key that nobody here has", forge: "taken", signed: /is not signed by a principal/, merge: (world) => mergeOf(world, "good", { by: "stranger", message: BUTTON }) },
  { name: "the button's merge of what nobody approved", forge: /proposal 'unnamed' is not approved: 0 of 1 approvals/, signed: /is not signed by a principal/, merge: (world) => mergeOf(world, "other", { by: null, message: BUTTON }) },
  { name: "other contents than the merge", forge: /holds something else than the merge of its parents/, signed: /is not signed by a principal/, async merge(world) {
    const { tree } = await world.local.store.readCommit(await world.main());
    return mergeOf(world, "good", { by: null, message: BUTTON, tree });
  } },
  { name: "an agent's merge", forge: /is signed by helper: only persons and controllers merge/, signed: /is signed by helper: only persons and controllers merge/, merge: (world) => mergeOf(world, "good", { by: "helper" }) },
  { name: "a message that names another Cid", forge: /names another Cid/, signed: /is not signed by a principal/, merge: (world) => mergeOf(world, "good", { by: null }) },
  { name: "no merge", forge: /does not merge a proposal into main/, signed: /does not merge a proposal into main/, merge: async (world) => world.commit({ parents: [await world.main()], files: { x: "x" }, by: null }) },
];

test("pre-receive: merges that a forge made: taken where main leaves merging to it and they were decided on, refused elsewhere", async (t) => {
  let judged = 0;
  for (const merges of ["forge", "people"] as const) {
    const world = await governedWorld(t, { trust: trustText(merges === "forge" ? { merges } : {}) });
    await world.setRef(JOURNAL, await seal(world, { by: "ctl" }));
    await approved(world, "good");
    await world.report(await world.propose("other", { "air/other.txt": "x\n" }, { by: "author" }), { by: "ctl" });
    for (const { name, forge, signed, merge } of ROWS) {
      const expected = merges === "forge" ? forge : signed;
      const verdict = await preReceive(world.folder, [{ old: await world.main(), new: await merge(world), ref: MAIN }]);
      if (expected === "taken") assert.deepEqual(verdict, { ok: true }, name);
      else assert.match(verdict.ok ? "taken" : verdict.messages.join("\n"), expected, `${merges}: ${name}`);
      judged++;
    }
  }
  assert.equal(judged, 14);
});
