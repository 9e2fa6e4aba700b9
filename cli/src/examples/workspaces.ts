// 09: a plan fills two workspaces, compares what it wrote, and each tree becomes a version.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { decode, trees, type JournalRecord, type Value } from "@agentos/kernel";
import { plainJson, workspaceHistory, workspaceNames } from "@agentos/controller";
import { inside, ofKind, type Example, type ExampleWorld } from "./example.ts";

const REDUCER = "demo/Workspaces@1";
const EFFECTS = ["resolve", "empty_root", "write_bytes", "write_bytes", "write_bytes", "list", "read_ref", "read_bytes", "write_bytes", "write_bytes", "write_bytes", "annotations_set", "diff"];
/** Roots of `alpha` from the empty tree to the second README, as they begin and end: any runtime of AIR v1 has them. */
const ROOTS = [["580ab27e", "21d0"], ["66694011", "57da"], ["e3c7c4e4", "4a2e"], ["3e759599", "6cb4"], ["61cfa3e2", "eb88"]] as const;

/** The roots that the plan ends with. */
const HEADS = ["sha256:82af2f0b20c200ef9a26290d10473a91708da95a88c70ad5de3ac3e8f8fad4a9", "sha256:848c5f41bc77660cf8cd036e401fa7aea36f3faca6040d84022ada8a64fb6628"];

export const workspaces: Example = {
  number: "09",
  slug: "workspaces",
  title: "Workspaces",
  summary: "a plan writes files into two workspaces, lists, reads and compares them; each tree becomes a version",
  reducer: REDUCER,
  variants: [{ name: "seeded twice", begin: () => inside(seedTwice) }],
  begin: () => inside(async (world) => {
    const made = await start(world, ["alpha", "beta"]);
    assert.deepEqual(ofKind(made, "plan_ended").map(({ plan, status }) => `${plan} ${status}`), Array.from({ length: 2 }, () => "demo/workspace_seed_plan@1 ok"));
    const [alpha, beta] = [await told(world, made, "alpha"), await told(world, made, "beta")];
    ROOTS.forEach(([begin, end], at) => assert.match(alpha.roots[at] ?? "", new RegExp(`^sha256:${begin}[0-9a-f]{52}${end}$`)));
    assert.deepEqual([alpha.head, beta.head], HEADS);
    assert.deepEqual(world.state(REDUCER).json, { workspaces: Object.fromEntries([["alpha", alpha.head], ["beta", beta.head]].map(([name, root_hash]) => [name, { version: 1, root_hash, entry_count: 4, diff_count: 4 }])) });
    assert.deepEqual(workspaceNames(world.host.world), ["alpha", "beta"]);
    await readBack(world, "alpha");
    world.say(`final state: alpha ${alpha.head.slice(0, 15)}…, beta ${beta.head.slice(0, 15)}…, version 1 each`);
  }),
};

/** The second time there is a root to begin with: the plan takes the other way, and version 2 follows on version 1. */
async function seedTwice(world: ExampleWorld): Promise<void> {
  await start(world, ["alpha"]);
  const made = await start(world, ["alpha"]);
  assert.deepEqual(ofKind(made, "intent").map(({ effect }) => effect), EFFECTS.filter((effect) => effect !== "empty_root").map((effect) => `workspace.${effect}`));
  const history = workspaceHistory(world.host.world, "alpha");
  assert.deepEqual([history?.head, history?.versions.map(({ version }) => version)], [2n, [1n, 2n]]);
  const state = world.state(REDUCER).json as { readonly workspaces: Readonly<Record<string, unknown>> };
  // Seven files and folders are there when it lists, and all but one are left as they are.
  assert.deepEqual(state.workspaces, { alpha: { version: 2, root_hash: history?.versions[1]?.root, entry_count: 7, diff_count: 1 } });
  assert.equal(history?.versions[0]?.root, history?.versions[1]?.root, "the same files, the same root");
  world.say("final state: alpha at version 2, with the files and the root of version 1");
}

function start(world: ExampleWorld, workspaces: readonly string[]): Promise<readonly JournalRecord[]> {
  return world.send("demo/WorkspacesEvent@1", { $tag: "Start", $value: { workspaces, owner: "lab" } });
}

interface Told {
  /** Every root on the way, the empty one first. */
  readonly roots: readonly string[];
  readonly head: string;
}

/** What the plan did in one workspace. */
async function told(world: ExampleWorld, made: readonly JournalRecord[], name: string): Promise<Told> {
  const instance = ofKind(made, "plan_started").find(({ correlation }) => correlation !== undefined && isDeepStrictEqual(plainJson(decode(correlation)), { Text: name }))?.instance;
  const intents = ofKind(made, "intent").filter((intent) => intent.instance === instance);
  assert.deepEqual(intents.map(({ effect }) => effect), EFFECTS.map((effect) => `workspace.${effect}`));
  const receipts = intents.map(({ seq }) => ofKind(made, "receipt").find(({ intent_seq }) => intent_seq === seq));
  assert.ok(receipts.every((receipt) => receipt?.status === "ok"));
  const payloads = receipts.map((receipt) => plainJson(decode(receipt?.payload ?? new Uint8Array())) as Readonly<Record<string, Value>>);
  const roots = payloads.flatMap((payload) => [payload?.["root_hash"], payload?.["new_root_hash"]]).filter((root) => typeof root === "string");
  world.say(`${name}: ${EFFECTS.length} effects, ${roots.length - 1} roots after the empty one`);
  return { roots, head: roots.at(-1) ?? "" };
}

/** The version as anybody reads it: its files, what the page is annotated with, and the rule that publishes it. */
async function readBack(world: ExampleWorld, name: string): Promise<void> {
  const history = workspaceHistory(world.host.world, name);
  const [version] = history?.versions ?? [];
  assert.ok(version !== undefined && history?.head === 1n);
  assert.deepEqual([version.owner, version.createdNs], ["lab", 0n]);
  const paths: string[] = [];
  const { blobs } = world;
  for await (const { path } of trees.walkTree(blobs, version.root, { scope: "subtree" })) paths.push(path);
  assert.deepEqual(paths, ["README.txt", "data.json", "index.html", "meta", "meta/content-type.txt", "seed", `seed/${name}.txt`]);
  const page = (await trees.annotations(blobs, version.root, "index.html"))?.get("http.content-type");
  assert.ok(page !== undefined);
  assert.equal(await world.text(page), "text/html; charset=utf-8");
  assert.deepEqual((world.state("sys/HttpPublish@1").json as { readonly rules: Readonly<Record<string, { readonly route_prefix: string }>> }).rules[name]?.route_prefix, `/${name}`);
  world.say(`${name}@1: ${paths.join(", ")}`);
}
