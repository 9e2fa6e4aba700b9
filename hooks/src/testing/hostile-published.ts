// Hostile pushes to what is published: the journal, reports, reviews, workspaces, the lease, the inbox.

import { GONE, THERE, alone, blob, datedSeal, onTop, tipOf } from "./hostile.ts";
import type { HostileRow } from "./hostile.ts";
import { JOURNAL, REVIEWS, SHADOW, seal } from "./site.ts";

const CONTROLLERS = /: only a controller writes there/;
const REWRITTEN = /not a fast-forward: what is published is never rewritten/;
const DELETED = /what is published is never deleted/;
const UNSIGNED = /is not signed by a principal: its signature does not hold/;
const NOWHERE = /not a ref of a world/;

export const HOSTILE_PUBLISHED: readonly HostileRow[] = [
  ["journal: a person's seal", JOURNAL, (world) => seal(world, { by: "author" }), CONTROLLERS],
  ["journal: an agent's seal", JOURNAL, (world) => seal(world, { by: "helper" }), CONTROLLERS],
  ["journal: CI's seal", JOURNAL, (world) => seal(world, { by: "runner" }), CONTROLLERS],
  ["journal: a stranger's seal", JOURNAL, (world) => seal(world, { by: "stranger" }), /signed by a key that nobody here has/],
  ["journal: the next controller's seal, not yet trusted", JOURNAL, (world) => seal(world, { by: "ctl-next" }), /signed by a key that nobody here has/],
  ["journal: an unsigned seal", JOURNAL, (world) => seal(world, { by: null }), UNSIGNED],
  ["journal: an unsigned commit below a signed seal", JOURNAL, async (world) => seal(world, { by: "ctl", parents: [await seal(world, { by: null })] }), UNSIGNED],
  ["journal: another history", JOURNAL, (world) => seal(world, { by: "ctl", parents: [] }), REWRITTEN],
  ["journal: back by one seal", JOURNAL, async (world) => (await world.local.store.readCommit(await tipOf(world, JOURNAL))).parents[0], REWRITTEN],
  ["journal: gone", JOURNAL, GONE, DELETED],
  ["journal: a blob", JOURNAL, blob, /it must point to a commit/],
  ["journal: a merge of seals, as git notes merge makes it", JOURNAL, async (world) => seal(world, { by: "ctl", parents: [await seal(world, { by: "ctl" }), await seal(world, { by: "ctl" })] }), /has 2 parents: seals stand in one line/],
  ["journal: a seal dated like its parent", JOURNAL, datedSeal, /is dated \d+, not after its parent's \d+/],
  ["journal: a segment changed", JOURNAL, async (world) => onTop(world, JOURNAL, "ctl", { [await segmentOf(world)]: "other\n" }), /segments and their blobs are added, never changed or removed/],
  ["journal: a segment removed", JOURNAL, async (world) => onTop(world, JOURNAL, "ctl", { [await segmentOf(world)]: null }), /segments and their blobs are added, never changed or removed/],
  ["journal: a blob of a segment removed", JOURNAL, (world) => onTop(world, JOURNAL, "ctl", { "blobs/d00/d00/s01/a": null }), /segments and their blobs are added, never changed or removed/],
  ["journal: a note beyond all measure", JOURNAL, (world) => onTop(world, JOURNAL, "ctl", { [`ab/${"c".repeat(38)}`]: "x".repeat((8 << 20) + 1) }), /the note on abcccccccccc has 8388609 bytes, more than 8388608/],
  ["mirror: a person's seal", THERE.mirror, (world) => seal(world, { by: "author" }), CONTROLLERS],
  ["mirror: a seal that the journal does not have", THERE.mirror, (world) => seal(world, { by: "ctl" }), /it mirrors refs\/notes\/aos, which does not have this commit/],
  ["mirror: another history", THERE.mirror, (world) => seal(world, { by: "ctl", parents: [] }), REWRITTEN],
  ["mirror: gone", THERE.mirror, GONE, DELETED],
  ["reports: a person's", SHADOW, (world) => onTop(world, SHADOW, "reviewer"), /only a controller or CI writes there/],
  ["reports: an agent's", SHADOW, (world) => onTop(world, SHADOW, "helper"), /only a controller or CI writes there/],
  ["reports: unsigned", SHADOW, (world) => onTop(world, SHADOW, null), UNSIGNED],
  ["reports: all rewritten", SHADOW, (world) => alone(world, "runner"), REWRITTEN],
  ["reports: gone", SHADOW, GONE, DELETED],
  ["reviews: another person's", REVIEWS, (world) => onTop(world, REVIEWS, "second"), /is signed by second: only reviewer writes there/],
  ["reviews: a controller speaks for a person", REVIEWS, (world) => onTop(world, REVIEWS, "ctl"), /is signed by ctl: only reviewer writes there/],
  ["reviews: an agent speaks for a person", "refs/notes/aos-reviews-author", (world) => alone(world, "helper"), /is signed by helper: only author writes there/],
  ["reviews: unsigned", REVIEWS, (world) => onTop(world, REVIEWS, null), UNSIGNED],
  ["reviews: a no rewritten", "refs/notes/aos-reviews-second", (world) => alone(world, "second"), REWRITTEN],
  ["reviews: a no taken away", "refs/notes/aos-reviews-second", GONE, DELETED],
  ["reviews: of nobody", "refs/notes/aos-reviews-nobody", (world) => alone(world, "author"), /is signed by author: only nobody writes there/],
  ["reviews: in the way of a person's", "refs/notes/aos-reviews-helper/x", (world) => alone(world, "helper"), NOWHERE],
  ["reviews: of no name", "refs/notes/aos-reviews-", (world) => alone(world, "author"), CONTROLLERS],
  ["notes: a new ref beside the journal", "refs/notes/aos-rules", (world) => alone(world, "author"), CONTROLLERS],
  ["notes: a folder where the journal is", "refs/notes/aos/x", (world) => alone(world, "ctl"), NOWHERE],
  ["notes: of another kind", "refs/notes/commits", (world) => alone(world, "ctl"), NOWHERE],
  ["lease: taken by an agent", THERE.lease, (world) => onTop(world, THERE.lease, "helper"), CONTROLLERS],
  ["lease: taken by a person", THERE.lease, (world) => onTop(world, THERE.lease, "author"), CONTROLLERS],
  ["lease: rewritten", THERE.lease, (world) => alone(world, "ctl"), REWRITTEN],
  ["lease: gone", THERE.lease, GONE, DELETED],
  ["lease: a folder in its way", "refs/aos/lease/x", (world) => alone(world, "ctl"), NOWHERE],
  ["inbox: a letter in another's name", "refs/aos/inbox/author/22222222222222222222222222222222", (world) => alone(world, "helper"), /is signed by helper: only author writes there/],
  ["inbox: a controller's letter in a person's name", "refs/aos/inbox/author/33333333333333333333333333333333", (world) => alone(world, "ctl"), /is signed by ctl: only author writes there/],
  ["inbox: an unsigned letter", "refs/aos/inbox/author/44444444444444444444444444444444", (world) => alone(world, null), UNSIGNED],
  ["inbox: a stranger's letter", "refs/aos/inbox/stranger/11111111111111111111111111111111", (world) => alone(world, "stranger"), /signed by a key that nobody here has/],
  ["inbox: a letter signed on top of an unsigned one", "refs/aos/inbox/author/55555555555555555555555555555555", async (world) => world.commit({ parents: [await alone(world, null)], files: {}, by: "author" }), UNSIGNED],
  ["inbox: a letter rewritten", THERE.letter, (world) => alone(world, "author"), REWRITTEN],
  ["inbox: a letter taken back", THERE.letter, GONE, DELETED],
  ["inbox: a name that no letter has", "refs/aos/inbox/author/letter", (world) => alone(world, "author"), NOWHERE],
  ["outbox: an answer by the sender", "refs/aos/outbox/author/11111111111111111111111111111111", (world) => alone(world, "author", { "answer.json": "{}" }), CONTROLLERS],
  ["outbox: an agent's answer", "refs/aos/outbox/helper/88888888888888888888888888888888", (world) => alone(world, "helper", { "answer.json": "{}" }), CONTROLLERS],
  ["inbox: a letter where others' letters shall be", "refs/aos/inbox/second", (world) => alone(world, "helper"), NOWHERE],
  ["inbox: a folder in a letter's place", "refs/aos/inbox/author/66666666666666666666666666666666/x", (world) => alone(world, "author"), NOWHERE],
  ["inbox: a letter beyond all measure", "refs/aos/inbox/author/77777777777777777777777777777777", (world) => alone(world, "author", { event: "x".repeat((64 << 20) + 1) }), /blob [0-9a-f]{12} has 67108865 bytes, more than 67108864/],
  ["workspaces: a person's version", THERE.workspace, (world) => onTop(world, THERE.workspace, "author"), CONTROLLERS],
  ["workspaces: an agent's version", "refs/aos/workspaces/other", (world) => alone(world, "helper"), CONTROLLERS],
  ["workspaces: history rewritten", THERE.workspace, (world) => alone(world, "ctl"), REWRITTEN],
  ["workspaces: gone", THERE.workspace, GONE, DELETED],
  ["workspaces: a ref in the way of all", "refs/aos/workspaces", (world) => alone(world, "ctl"), NOWHERE],
  ["aos: a ref of no kind", "refs/aos/policy", (world) => alone(world, "ctl"), NOWHERE],
];

async function segmentOf(world: Parameters<HostileRow[2]>[0]): Promise<string> {
  const listed = await world.local.store.listTree(await tipOf(world, JOURNAL), { depth: "all" });
  const found = listed.find(({ path }) => path.startsWith("journal/"));
  if (found === undefined) throw new Error("the journal has no segment");
  return found.path;
}
