// Hostile pushes to main.

import { mergeMessage } from "@agentos/controller";
import { hashValue } from "@agentos/kernel";
import { GONE, alone, blob, goodMerge, mergeAnyway, onTop, twisted } from "./hostile.ts";
import type { HostileRow } from "./hostile.ts";
import { MAIN } from "./site.ts";

const NO_MERGE = /does not merge a proposal into main: main moves by merges of approved proposals only/;
const REWRITTEN = /not a fast-forward: main is never rewritten/;
const UNSAID = /does not say which proposal it merges/;

const ROWS: readonly (readonly [tries: string, what: HostileRow[2], says: RegExp])[] = [
  ["a person's commit", (world) => onTop(world, MAIN, "author"), NO_MERGE],
  ["the controller's commit", (world) => onTop(world, MAIN, "ctl"), NO_MERGE],
  ["an agent's commit", (world) => onTop(world, MAIN, "helper"), NO_MERGE],
  ["an unsigned commit", (world) => onTop(world, MAIN, null), NO_MERGE],
  ["another history", (world) => alone(world, "ctl"), REWRITTEN],
  ["back to where it was", async (world) => world.genesis, REWRITTEN],
  ["gone", GONE, /main is never deleted/],
  ["a blob", blob, /it must point to a commit/],
  ["a merge nobody looked at", async (world) => {
    await world.propose("bare", { "air/bare.txt": "x\n" }, { by: "author" });
    return mergeAnyway(world, "bare");
  }, /proposal 'bare' is not approved: no shadow report on this head/],
  ["a merge with a report and no approval", (world) => mergeAnyway(world, "lonely"), /proposal 'lonely' is not approved: 0 of 1 approvals/],
  ["a merge of unsigned commits", (world) => mergeAnyway(world, "anonymous"), /proposal 'anonymous' is not approved: .*does not hold/],
  ["a merge with changes asked for", (world) => mergeAnyway(world, "disputed"), /proposal 'disputed' is not approved: second asks for changes/],
  ["a disputed merge by the controller", (world) => mergeAnyway(world, "disputed", "ctl"), /proposal 'disputed' is not approved: second asks for changes/],
  ["a disputed merge under the name of an approved one", async (world) => {
    const { parents, tree } = await world.local.store.readCommit(await mergeAnyway(world, "disputed"));
    return world.commit({ parents, files: {}, tree, by: "author", message: mergeMessage({ slug: "good", decision: hashValue("x"), cid: hashValue("x") }, "x") });
  }, /proposal 'good' is not approved/],
  ["an approved merge, signed by a stranger", (world) => twisted(world, { by: "stranger" }), /is not signed by a principal: it is signed by a key that nobody here has/],
  ["an approved merge, unsigned", (world) => twisted(world, { by: null }), /is not signed by a principal: its signature does not hold/],
  ["an approved merge, signed by an agent", (world) => twisted(world, { by: "helper" }), /is signed by helper: only persons and controllers merge/],
  ["an approved merge, signed by CI", (world) => twisted(world, { by: "runner" }), /is signed by runner: only persons and controllers merge/],
  ["an approved merge that names nothing", (world) => twisted(world, { message: () => "Merge\n" }), UNSAID],
  ["an approved merge that names two proposals", (world) => twisted(world, { message: (said) => `${said}Proposal: disputed\n` }), UNSAID],
  ["an approved merge whose names are not at the end", (world) => twisted(world, { message: (said) => `${said}\nand more\n` }), UNSAID],
  ["an approved merge that names another Cid", (world) => twisted(world, { message: (said) => said.replace(/^Cid: .*$/m, `Cid: ${hashValue("other")}`) }), /names another Cid than sha256:/],
  ["an approved merge with something slipped in", async (world) => twisted(world, { tree: (await world.local.store.readCommit(await onTop(world, MAIN, "author", { "air/slipped.txt": "x\n" }))).tree }), /holds something else than the merge of its parents/],
  ["an approved merge that drops the change", async (world) => twisted(world, { tree: (await world.local.store.readCommit(await world.main())).tree }), /holds something else than the merge of its parents/],
  ["an approved merge the wrong way round", async (world) => twisted(world, { parents: [await world.head("good"), await world.main()] }), NO_MERGE],
  ["an approved merge of three", async (world) => twisted(world, { parents: [await world.main(), await world.head("good"), await world.head("disputed")] }), NO_MERGE],
  ["an approved proposal, squashed", async (world) => twisted(world, { parents: [await world.main()] }), NO_MERGE],
  ["an approved merge, of an older main", async (world) => twisted(world, { parents: [world.genesis, await world.head("good")] }), NO_MERGE],
  ["what came to a proposal after its approval", async (world) => {
    const late = await world.commit({ parents: [await world.head("good")], files: { "air/late.txt": "late\n" }, by: "author" });
    return world.commit({ parents: [await world.main(), late], files: {}, tree: (await world.local.store.readCommit(late)).tree, by: "author", message: mergeMessage({ slug: "good", decision: hashValue("x"), cid: hashValue("x") }, "x") });
  }, /proposal 'good' is not approved/],
  ["an approved merge, and a commit behind it", async (world) => world.commit({ parents: [await goodMerge(world)], files: { "air/behind.txt": "x\n" }, by: "author" }), NO_MERGE],
  ["a new controller's key, without any approval", (world) => mergeAnyway(world, "coup"), /proposal 'coup' is not approved/],
  ["lower rules mixed with a change", (world) => mergeAnyway(world, "lax"), /a change of the rules stands alone/],
  ["an approved merge with a message beyond all measure", (world) => twisted(world, { message: (said) => `${"x".repeat((1 << 20) + 1)}\n\n${said}` }), /commit [0-9a-f]{12} has \d+ bytes, more than 1048576/],
];

export const HOSTILE_MAIN: readonly HostileRow[] = ROWS.map(([tries, what, says]) => [`main: ${tries}`, MAIN, what, says]);
