// A plan changes its own world the only way there is: it proposes, persons decide. The world is the example of docs/governance.md.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createModuleRunner, decode, loadFiles, makePatch, patchDocJson, writeJson, type JournalRecord, type Value } from "@agentos/kernel";
import { connectWorld, openRepo, readWorldOffline, startController, verifyCommit, verifyRepository, type RunningController } from "@agentos/controller";
import { atEnd, eventually, governedWorld, keyNamed, type GovernedWorld } from "@agentos/controller/testing";
import { textChanges } from "./write-back.ts";

const PAGE = fileURLToPath(new URL("../../docs/governance.md", import.meta.url));
const AIR = "air/improve.air.json";
const BLOCK = new RegExp(`\`\`\`json ${AIR}\n([^]*?)\n\`\`\``);

/** A plan that oversteps: it takes a proposal's number and would decide on it itself. */
const OVERSTEP = [
  { $kind: "defschema", name: "demo/Hurry@1", type: { record: { proposal_id: { nat: {} } } } },
  {
    $kind: "defplan", name: "demo/hurry@1", input: "demo/Hurry@1",
    steps: [
      {
        id: "approve", op: "emit_effect", kind: "governance.approve", cap: "rules", bind: { effect_id_as: "asked" },
        params: { record: { proposal_id: { ref: "@plan.input.proposal_id" }, decision: { variant: { tag: "approve" } }, approver: { text: "reviewer" }, reason: { null: {} } } },
      },
      { id: "approved", op: "await_receipt", for: { ref: "@var:asked" }, bind: { as: "approval", status_as: "one" } },
      { id: "apply", op: "emit_effect", kind: "governance.apply", cap: "rules", bind: { effect_id_as: "tried" }, params: { record: { proposal_id: { ref: "@plan.input.proposal_id" } } } },
      { id: "applied", op: "await_receipt", for: { ref: "@var:tried" }, bind: { as: "application", status_as: "two" } },
      { id: "end", op: "end" },
    ],
    edges: [{ from: "approve", to: "approved" }, { from: "approved", to: "apply" }, { from: "apply", to: "applied" }, { from: "applied", to: "end" }],
  },
];

type Node = Readonly<Record<string, unknown>>;

/** The page's world with the overstepping plan in it. */
async function airOfPage(): Promise<readonly Node[]> {
  const text = BLOCK.exec(await readFile(PAGE, "utf8"))?.[1];
  assert.ok(text !== undefined, `the page has a block ${AIR}`);
  return (JSON.parse(text) as Node[]).map((node) => (node["$kind"] !== "manifest" ? node : listing(node, {
    schemas: "demo/Hurry@1", plans: "demo/hurry@1", effects: "sys/governance.approve@1 sys/governance.apply@1", triggers: { event: "demo/Hurry@1", plan: "demo/hurry@1" },
  })));
}

function listing(manifest: Node, more: Readonly<Record<string, string | object>>): Node {
  const added = Object.entries(more).map(([section, value]) => {
    const entries = typeof value === "string" ? value.split(" ").map((name) => ({ name })) : [value];
    return [section, [...((manifest[section] ?? []) as readonly unknown[]), ...entries]] as const;
  });
  return { ...manifest, ...Object.fromEntries(added) };
}

function text(nodes: readonly unknown[]): string {
  return `${JSON.stringify(nodes, null, 2)}\n`;
}

function fieldAt(value: Value | undefined, field: string): Value | undefined {
  return value instanceof Map ? (value as ReadonlyMap<Value, Value>).get(field) : undefined;
}

async function send(world: GovernedWorld, schema: string, value: unknown): Promise<void> {
  const client = await connectWorld(await openRepo(world.folder));
  assert.ok(client !== undefined, "the world runs");
  await client.ask("POST", "/events", { schema, value });
  await client.ask("POST", "/settle");
}

test("a plan proposes: branch of its agent, shadow, refused to decide; a person approves: in force, and all of it verifies", { timeout: 120_000 }, async (t) => {
  const world = await governedWorld(t);
  const air = await airOfPage();
  const before = [...air, ...OVERSTEP];
  const rules = await world.local.store.readPath(world.genesis, ".aos/trust.json");
  const genesis = await world.commit({
    parents: [], by: "author", message: "a world that may propose\n",
    files: { ".aos/trust.json": new TextDecoder().decode(rules), "aos.sync.json": '{"version":1,"air":{"dir":"air"}}\n', [AIR]: text(before) },
  });
  await world.setRef("refs/heads/main", genesis);
  const repo = await openRepo(world.folder);
  const controller: RunningController = await startController({
    repo, key: keyNamed("ctl"), agent: keyNamed("helper"), remote: undefined, trust: world.world, pollMs: 50, writeBack: textChanges, log: () => undefined,
  });
  atEnd(t, () => controller.stop());
  await eventually(() => controller.status().ready.status === "True", "the first commit in force", { seen: () => controller.status() });

  // What the plan was told to propose: the event it starts on may say more.
  const after = before.map((node) => ("name" in node && node.name === "demo/Mood@1" ? { ...node, type: { record: { mood: { text: {} }, since: { nat: {} } } } } : node));
  const planes = [before, after].map((nodes) => loadFiles([{ path: AIR, text: text(nodes) }], { moduleHashes: new Map() }).control);
  const [base, next] = planes;
  assert.ok(base !== undefined && next !== undefined && controller.status().manifest === base.manifestHash);
  const patch = writeJson(patchDocJson(makePatch(base, next)));
  await send(world, "sys/GovActionRequested@1", { patch: { $tag: "patch_doc_json", $value: patch }, manifest_base: base.manifestHash, description: "say since when" });

  const proposal = await eventually(() => controller.status().proposals.find(({ shadow }) => shadow === "done"), "the plan's proposal with its report", { seen: () => controller.status() });
  const [, number = ""] = /^agent\/helper\/p([0-9]+)$/.exec(proposal.slug) ?? [];
  assert.notEqual(number, "", proposal.slug);
  const head = await world.head(proposal.slug);
  const object = await world.local.store.read(head);
  assert.deepEqual(object === undefined ? undefined : verifyCommit(object.bytes)?.publicKey, keyNamed("helper").publicKey);
  assert.match((await world.local.store.readCommit(head)).message, /^say since when\n\nIntent: sha256:[0-9a-f]{64}\nSigned-for: a plan, by the agent\n$/);

  await send(world, "demo/Hurry@1", { proposal_id: Number(number) });
  assert.equal(controller.status().appliedRevision, genesis);
  await assert.rejects(world.merge(proposal.slug, { by: "author" }), { code: "merge.refused" });
  await world.review(proposal.slug, "approve", { by: "reviewer" });
  const merged = await world.merge(proposal.slug, { by: "author" });
  await eventually(() => controller.status().appliedRevision === merged, "the merge in force", { seen: () => controller.status() });
  assert.equal(controller.status().manifest, next.manifestHash);
  await controller.stop();

  const { world: state, records } = await readWorldOffline(repo, { modules: createModuleRunner() });
  const journal: JournalRecord[] = [];
  for await (const record of records()) journal.push(record);
  const asked = new Map(journal.flatMap((record) => (record.kind === "intent" ? [[record.seq as number, record.effect] as const] : [])));
  const receipts = journal.flatMap((record) => (record.kind === "receipt" ? [{ effect: asked.get(record.intent_seq), status: record.status, code: record.code, payload: decode(record.payload) }] : []));
  assert.deepEqual(receipts.map(({ effect, status, code }) => [effect, status, code]), [
    ["governance.propose", "ok", undefined], ["governance.shadow", "ok", undefined],
    ["governance.approve", "error", "governance.person_only"], ["governance.apply", "error", "governance.person_only"],
  ]);
  assert.equal(fieldAt(receipts[1]?.payload, "manifest_hash"), next.manifestHash, "the plan was told what would be in force");
  assert.equal(String(fieldAt(receipts[0]?.payload, "proposal_id")), number);
  assert.deepEqual(journal.flatMap((record) => (record.kind === "applied" ? [record.commit as string] : [])), [genesis, merged]);
  assert.equal(state.control?.manifestHash, next.manifestHash);

  const { problems, checked } = await verifyRepository({ repo, trust: world.world, modules: createModuleRunner() });
  assert.deepEqual([problems, checked.decisions, checked.receipts], [[], 1, 4]);
});
