// Hostile pushes to branches, tags and names: agents outside of their place, what only looks like a ref of the world, too much.

import { THERE, alone, blob, onTop } from "./hostile.ts";
import type { HostileRow } from "./hostile.ts";
import { MAIN } from "./site.ts";

const AGENTS = /is signed by helper, an agent: agents write only below refs\/heads\/proposals\/agent\/helper\//;
const LOOKS = /it looks like main and is not/;
const CONFUSING = /a name that git takes for something else/;
const NAME = /not a proposal's name/;
const NOWHERE = /not a ref of a world/;
const SHADOWS = /a tag of that name would be taken for the branch/;

const onMain: HostileRow[2] = (world) => onTop(world, MAIN, "author");

/** Set on the server before the push. */
export const ALIAS = { name: "refs/heads/alias", target: MAIN } as const;

export const HOSTILE_BRANCHES: readonly HostileRow[] = [
  ["agents: a proposal among the persons'", "refs/heads/proposals/helpful", (world) => onTop(world, MAIN, "helper"), AGENTS],
  ["agents: a commit on a person's proposal", THERE.good, (world) => onTop(world, THERE.good, "helper"), AGENTS],
  ["agents: a branch", "refs/heads/feature/helper", (world) => onTop(world, MAIN, "helper"), AGENTS],
  ["agents: a tag", "refs/tags/v9", (world) => onTop(world, MAIN, "helper"), AGENTS],
  ["agents: a proposal in another agent's name", "refs/heads/proposals/agent/other/task", (world) => onTop(world, MAIN, "helper"), /there is no agent other in the trust file of main/],
  ["agents: a proposal in a person's name as an agent", "refs/heads/proposals/agent/author/task", onMain, /there is no agent author in the trust file of main/],
  ["agents: a person writes in an agent's name", THERE.agents, (world) => onTop(world, THERE.agents, "author"), /is signed by author: only helper writes there/],
  ["agents: a controller writes in an agent's name", "refs/heads/proposals/agent/helper/two", (world) => onTop(world, MAIN, "ctl"), /is signed by ctl: only helper writes there/],
  ["agents: unsigned in an agent's name", "refs/heads/proposals/agent/helper/three", (world) => onTop(world, MAIN, null), /is not signed by helper: its signature does not hold/],
  ["agents: unsigned below what an agent signed", "refs/heads/proposals/agent/helper/four", async (world) => world.commit({ parents: [await onTop(world, MAIN, null)], files: {}, by: "helper" }), /is not signed by helper: its signature does not hold/],
  ["agents: a stranger in an agent's name", "refs/heads/proposals/agent/helper/five", (world) => onTop(world, MAIN, "stranger"), /is not signed by helper: it is signed by a key that nobody here has/],
  ["proposals: a name in capitals", "refs/heads/proposals/Good", onMain, NAME],
  ["proposals: a name of two parts", "refs/heads/proposals/some/thing", onMain, NAME],
  ["proposals: a name with a dot", "refs/heads/proposals/a.b", onMain, NAME],
  ["proposals: in the way of all agents", "refs/heads/proposals/agent", onMain, NAME],
  ["proposals: in the way of an agent", "refs/heads/proposals/agent/helper", onMain, NAME],
  ["proposals: an agent's name of three parts", "refs/heads/proposals/agent/helper/a/b", (world) => onTop(world, MAIN, "helper"), NAME],
  ["proposals: a blob", "refs/heads/proposals/blob", blob, /it must point to a commit/],
  ["proposals: a file beyond all measure", "refs/heads/proposals/big", (world) => onTop(world, MAIN, "author", { "air/big.txt": "y".repeat((16 << 20) + 1) }), /blob [0-9a-f]{12} has 16777217 bytes, more than 16777216/],
  ["proposals: a message beyond all measure", "refs/heads/proposals/long", async (world) => world.commit({ parents: [await world.main()], files: {}, by: "author", message: "x".repeat((1 << 20) + 1) }), /commit [0-9a-f]{12} has \d+ bytes, more than 1048576/],
  ["names: Main", "refs/heads/Main", onMain, LOOKS],
  ["names: MAIN", "refs/heads/MAIN", onMain, LOOKS],
  ["names: main in wide letters", "refs/heads/ｍａｉｎ", onMain, LOOKS],
  ["names: main with something invisible in it", "refs/heads/ma\u200bin", onMain, /a name with invisible characters/],
  ["names: a folder where main is", "refs/heads/main/x", onMain, /it stands in the way of a ref of the world/],
  ["names: a branch in the way of all proposals", "refs/heads/proposals", onMain, /it stands in the way of a ref of the world/],
  ["names: a branch in the way of the mirror", "refs/heads/aos", onMain, /it stands in the way of a ref of the world/],
  ["names: a branch beside the mirror", "refs/heads/aos/other", onMain, NOWHERE],
  ["names: Proposals", "refs/heads/Proposals/x", onMain, /it looks like a proposal and is not/],
  ["names: HEAD", "refs/heads/HEAD", onMain, CONFUSING],
  ["names: HEAD in one letter", "refs/heads/@", onMain, CONFUSING],
  ["names: a branch that is called like main in full", "refs/heads/refs/heads/main", onMain, CONFUSING],
  ["names: a branch that is called like an object", `refs/heads/${"a".repeat(40)}`, onMain, CONFUSING],
  ["names: an option", "refs/heads/--upload-pack=x", onMain, /a name that commands would read as an option/],
  ["names: a name beyond all measure", `refs/heads/${Array.from({ length: 10 }, () => "long".repeat(15)).join("/")}`, onMain, /a name of more than 512 bytes/],
  ["names: a symbolic ref of the server's", ALIAS.name, onMain, /a symbolic ref: push to the ref it names/],
  ["tags: main", "refs/tags/main", onMain, SHADOWS],
  ["tags: Main", "refs/tags/Main", onMain, SHADOWS],
  ["tags: a proposal", "refs/tags/proposals/good", onMain, SHADOWS],
  ["tags: the mirror", "refs/tags/aos/notes", onMain, SHADOWS],
  ["tags: heads/main", "refs/tags/heads/main", onMain, CONFUSING],
  ["tags: HEAD", "refs/tags/HEAD", onMain, CONFUSING],
  ["refs: a review of another system", "refs/for/main", onMain, NOWHERE],
  ["refs: a pull request's head", "refs/pull/1/head", onMain, NOWHERE],
  ["refs: a replacement of an object", `refs/replace/${"b".repeat(40)}`, onMain, NOWHERE],
  ["refs: somebody's remote", "refs/remotes/origin/main", onMain, NOWHERE],
  ["refs: a stash", "refs/stash", onMain, NOWHERE],
  ["refs: settings of a server", "refs/meta/config", (world) => alone(world, "author"), NOWHERE],
  ["refs: the journal in capitals", "refs/notes/AOS", (world) => alone(world, "ctl"), NOWHERE],
];
