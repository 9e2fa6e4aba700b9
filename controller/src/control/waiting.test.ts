// A world in which things wait: for a person, for an answer, for an operator who ends them. Over the control socket, with real keys.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { APPROVAL_NAMESPACE, AosError, approvalMessage, createModuleRunner, encodeBase64, parseHash, sshsigBytes, type ApprovalDecision } from "@agentos/kernel";
import type { SigningKey } from "../git/ed25519.ts";
import { generateKey } from "../git/keys.ts";
import { openRepo } from "../git/repo.ts";
import type { RunningController } from "../reconcile/controller.ts";
import { jsonLog } from "../reconcile/log.ts";
import { eventually } from "../testing/eventually.ts";
import { safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { start, until } from "../testing/world-steps.ts";
import { connectWorld } from "./connect.ts";
import { verifyRepository } from "../world-access.ts";
import type { ControlClient } from "./client.ts";
import type { ApprovalRow, EffectRow, PlanDetail, PlanRow } from "./views.ts";

const CANARY = "canary-7f3a91";
const AUTHORITY = JSON.stringify([
  {
    $kind: "defcap", name: "demo/http_fetch_cap@1", cap_type: "http.out", enforcer: { module: "sys/CapEnforceHttpOut@1" },
    schema: { record: { hosts: { set: { text: {} } }, methods: { set: { text: {} } } } },
  },
  { $kind: "defpolicy", name: "demo/policy@1", rules: [{ when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: 3_600_000_000_000 }] },
]);

interface RecordsAnswer {
  readonly records: readonly { readonly seq: number; readonly kind: string; readonly [field: string]: unknown }[];
}

let world: WorldRepo;
let controller: RunningController;
let client: ControlClient;
let outside: Server;
let url: string;
/** Answers of the outside that wait; each ends one request. */
const pending: (() => void)[] = [];
let requests = 0;
let mode: "answers" | "waits" = "answers";
const logged: string[] = [];
const toLog = jsonLog((text) => void logged.push(text), { level: "debug" });

before(async () => {
  outside = createServer((_, response) => {
    if (mode === "answers") response.end("{}");
    else pending.push(() => response.end("{}"));
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const address = outside.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  world = await safeUpgradeRepo({ files: { "air/authority.air.json": AUTHORITY } });
  controller = await startLogged();
  client = (await connectWorld(await openRepo(`${world.folder}/world`))) ?? assert.fail("the world runs");
}, { timeout: 120_000 });
after(async () => {
  await controller.stop();
  for (const end of pending) end();
  outside.closeAllConnections();
  await new Promise((resolve) => outside.close(resolve));
  await world.remove();
});

async function startLogged(): Promise<RunningController> {
  const started = await start(world, undefined, { log: { push: (...lines: Parameters<typeof toLog>) => lines.map(toLog).length } as never });
  await until(started, ({ ready }) => ready.status === "True");
  return started;
}

const approvals = async (): Promise<readonly ApprovalRow[]> => ((await client.ask("GET", "/approvals")) as { readonly approvals: readonly ApprovalRow[] }).approvals;
const plans = async (query = ""): Promise<{ readonly plans: readonly PlanRow[]; readonly next?: number }> => (await client.ask("GET", `/plans${query}`)) as { readonly plans: readonly PlanRow[] };
const effects = async (): Promise<readonly EffectRow[]> => ((await client.ask("GET", "/effects")) as { readonly effects: readonly EffectRow[] }).effects;

async function send(schema: string, value: unknown): Promise<RecordsAnswer["records"]> {
  return ((await client.ask("POST", "/events", { schema, value })) as RecordsAnswer).records;
}

async function begin(path = ""): Promise<ApprovalRow> {
  const before = (await approvals()).length;
  const records = await send("demo/UpgradeFetchRequest@1", { request_id: requests++, url: `${url}${path}` });
  assert.equal(records.at(-1)?.kind, "held", JSON.stringify(records));
  const rows = await approvals();
  assert.equal(rows.length, before + 1);
  return rows.at(-1) ?? assert.fail();
}

function word(held: Pick<ApprovalRow, "seq" | "intent">, decision: ApprovalDecision, said: { readonly key: SigningKey; readonly by: string; readonly reason?: string }): Readonly<Record<string, unknown>> {
  const why = said.reason === undefined ? {} : { reason: said.reason };
  const message = approvalMessage({ world: world.trust, heldSeq: held.seq, intent: parseHash(held.intent), decision, ...why });
  return { decision, ...why, by: said.by, signer: encodeBase64(said.key.publicKey), signature: encodeBase64(said.key.sign(sshsigBytes(APPROVAL_NAMESPACE, message))) };
}

async function decide(seq: number, body: unknown): Promise<readonly string[]> {
  return ((await client.ask("POST", `/approvals/${seq}`, body)) as RecordsAnswer).records.map(({ kind }) => kind);
}

/** The kinds of the records from a seq on. */
async function kindsSince(from: number): Promise<readonly string[]> {
  return ((await client.ask("GET", `/journal?from=${from}&limit=1000`)) as RecordsAnswer).records.map(({ kind }) => kind);
}

const LIMIT = { timeout: 120_000 };

test("approvals: an effect that a rule holds: listed with all a person needs; its plan waits for that; nothing went out", LIMIT, async () => {
  const held = await begin();
  assert.deepEqual([held.effect, held.cap, held.by, held.instance, held.step, held.policy, held.rule], ["http.request", "cap_http_fetch", "demo/fetch_plan@1", 0, "fetch", "demo/policy@1", 0]);
  assert.equal((held.params as { readonly url: string }).url, `${url}/data.json`);
  assert.equal(Date.parse(held.expires ?? "") - Date.parse(held.since ?? ""), 3_600_000);
  const [plan] = (await plans()).plans;
  assert.deepEqual([plan?.id, plan?.plan, plan?.started], [0, "demo/fetch_plan@1", held.since]);
  assert.deepEqual(plan?.waits, [{ step: "answer", kind: "approval", what: "http.request under cap_http_fetch", seq: held.seq, sinceSeq: held.seq, since: held.since }]);
  const shown = ((await client.ask("GET", "/plans/0")) as { readonly plan: PlanDetail }).plan;
  assert.deepEqual(shown.steps.map(({ step, state }) => `${step} ${state}`), ["fetch done", "answer waiting", "notify pending", "end pending"]);
  assert.deepEqual(shown.input, { request_id: 0, url });
  const status = (await client.ask("GET", "/status")) as ReturnType<RunningController["status"]>;
  assert.deepEqual([status.approvals, status.plans, status.planCount], [[held], [plan], 1]);
  assert.deepEqual(await effects(), []);
});

test("approvals: words that do not count: refused with the reason, the journal stays as it is", LIMIT, async () => {
  const [held] = await approvals();
  assert.ok(held !== undefined);
  const { author, reviewer, controller: machine } = world.keys;
  const good = word(held, "grant", { key: reviewer, by: "reviewer", reason: "fine" });
  const rows: readonly (readonly [name: string, seq: number, body: unknown, code: string, says: RegExp])[] = [
    ["no body", held.seq, undefined, "control.body", /an approval is/],
    ["another decision", held.seq, { ...good, decision: "maybe" }, "control.body", /an approval is/],
    ["a field more", held.seq, { ...good, also: 1 }, "control.body", /nothing else/],
    ["a short key", held.seq, { ...good, signer: "AAAA" }, "control.body", /32 bytes/],
    ["a signature that is no base64", held.seq, { ...good, signature: "%" }, "control.body", /64 bytes/],
    ["a seq where nothing is held", held.seq + 1, good, "approval.not_held", /no effect is held there/],
    ["the decision turned round", held.seq, { ...good, decision: "deny" }, "approval.signature", /does not hold/],
    ["another reason", held.seq, { ...good, reason: "no" }, "approval.signature", /does not hold/],
    ["a signature for another place", held.seq, { ...word({ ...held, seq: held.seq - 1 }, "grant", { key: reviewer, by: "reviewer" }) }, "approval.signature", /does not hold/],
    ["a controller's key", held.seq, word(held, "grant", { key: machine, by: "controller" }), "approval.signer", /a controller: only a person/],
    ["a stranger's key", held.seq, word(held, "grant", { key: generateKey("x").key, by: "reviewer" }), "approval.signer", /nobody in the trust file in force/],
    ["in another's name", held.seq, word(held, "grant", { key: author, by: "reviewer" }), "approval.signer", /the signature is author's/],
  ];
  const { seq } = controller.status();
  for (const [name, at, body, code, says] of rows) {
    await assert.rejects(client.ask("POST", `/approvals/${at}`, body), (error: unknown) => {
      assert.ok(error instanceof AosError && error.hint !== undefined || code === "control.body", name);
      assert.deepEqual([(error as AosError).code, says.test((error as AosError).message)], [code, true], `${name}: ${(error as AosError).message}`);
      return true;
    });
  }
  assert.equal(rows.length, 12);
  assert.equal(controller.status().seq, seq);
});

test("approvals: granted: the effect runs and the plan ends; a second word comes too late", LIMIT, async () => {
  const [held] = await approvals();
  assert.ok(held !== undefined);
  const body = word(held, "grant", { key: world.keys.reviewer, by: "reviewer", reason: "fine" });
  assert.deepEqual((await decide(held.seq, body)).slice(0, 2), ["approval", "intent"]);
  await client.ask("POST", "/settle");
  assert.deepEqual([await approvals(), (await plans()).plans, await effects()], [[], [], []]);
  assert.ok((await kindsSince(held.seq)).includes("receipt"));
  await assert.rejects(client.ask("POST", `/approvals/${held.seq}`, body), { code: "approval.not_held", class: "input" });
});

test("approvals: denied: the plan ends with the denial", LIMIT, async () => {
  const held = await begin();
  const answer = (await client.ask("POST", `/approvals/${held.seq}`, word(held, "deny", { key: world.keys.author, by: "author", reason: "not today" }))) as RecordsAnswer;
  assert.deepEqual(answer.records.map(({ kind, code }) => `${kind} ${code ?? ""}`.trim()), ["approval", "denied approval.denied", "plan_ended denied:approval.denied"]);
});

test("plans: pages by number; one that is cancelled takes what it asked for with it; an unknown one: said so", LIMIT, async () => {
  const held = [await begin(), await begin(), await begin()];
  const ids = (await plans()).plans.map(({ id }) => id);
  assert.equal(ids.length, 3);
  const first = await plans("?limit=2");
  assert.deepEqual([first.plans.map(({ id }) => id), first.next], [ids.slice(0, 2), ids[1]]);
  const rest = await plans(`?limit=2&after=${first.next}`);
  assert.deepEqual([rest.plans.map(({ id }) => id), rest.next], [ids.slice(2), undefined]);
  const cancelled = (await client.ask("POST", `/plans/${ids[0]}/cancel`, { reason: "asked twice" })) as RecordsAnswer;
  assert.deepEqual(cancelled.records.map(({ kind }) => kind), ["cancelled", "plan_ended", "withdrawn"]);
  assert.deepEqual([cancelled.records[0]?.["reason"], cancelled.records[0]?.["by"]], ["asked twice", "control"]);
  assert.deepEqual((await approvals()).map(({ seq }) => seq), held.slice(1).map(({ seq }) => seq));
  for (const [path, body, code] of [
    [`/plans/${ids[0]}/cancel`, {}, "plan.unknown"], ["/plans/99/cancel", undefined, "plan.unknown"], [`/plans/${ids[1]}/cancel`, { why: "x" }, "control.body"], [`/plans/${ids[1]}/cancel`, { reason: "x".repeat(1001) }, "control.body"],
    ["/plans/x/cancel", {}, "control.unknown"], ["/effects/99/cancel", {}, "effect.unknown"],
  ] as const) await assert.rejects(client.ask("POST", path, body), { code }, path);
  await assert.rejects(client.ask("GET", `/plans/${ids[0]}`), { code: "plan.unknown", message: /it has ended, or never was/ });
  for (const id of ids.slice(1)) await client.ask("POST", `/plans/${id}/cancel`);
  assert.deepEqual([await approvals(), (await plans()).plans], [[], []]);
});

test("effects: one that gets no answer: listed, then cancelled; its receipt says so", LIMIT, async () => {
  mode = "waits";
  const held = await begin();
  await decide(held.seq, word(held, "grant", { key: world.keys.reviewer, by: "reviewer" }));
  await eventually(() => pending.length > 0, "the request reaches the outside");
  const [effect] = await effects();
  assert.ok(effect !== undefined);
  assert.deepEqual([effect.effect, effect.by, effect.step, effect.adapter, effect.state, typeof effect.since], ["http.request", "demo/fetch_plan@1", "fetch", "http", "running", "string"]);
  assert.deepEqual((await plans()).plans[0]?.waits[0], { step: "answer", kind: "receipt", what: "http.request under cap_http_fetch", seq: effect.seq, sinceSeq: held.seq, since: held.since });
  assert.deepEqual(await client.ask("POST", `/effects/${effect.seq}/cancel`), {});
  await client.ask("POST", "/settle");
  assert.deepEqual(await effects(), []);
  const { records } = (await client.ask("GET", `/journal?from=${effect.seq}&kinds=receipt,plan_ended`)) as RecordsAnswer;
  assert.deepEqual(records.map(({ kind, status, code }) => [kind, status, code]), [["receipt", "error", "cancelled"], ["plan_ended", "error", "effect_error"]]);
  mode = "answers";
});

test("snapshot: made while the world runs; the next start goes on from it, and what waits still waits; a full one stands alone", LIMIT, async () => {
  await client.ask("POST", "/snapshot");
  const held = await begin();
  const made = (await client.ask("POST", "/snapshot")) as { readonly seq: number; readonly root: string; readonly bytes: number; readonly file: string };
  assert.equal(made.seq, controller.status().seq);
  assert.match(made.root, /^sha256:/);
  assert.match(made.file, /^\d+\.aoss$/);
  const full = (await client.ask("POST", "/snapshot", { mode: "full" })) as typeof made;
  assert.deepEqual([full.seq, full.root], [made.seq, made.root]);
  assert.match(full.file, /\.full\.aoss$/);
  assert.deepEqual(await readdir(`${world.folder}/world/.git/aos/snapshots`), [full.file], "it stands alone");
  for (const body of [{ mode: "whole" }, { mode: "full", more: 1 }, { full: true }]) await assert.rejects(client.ask("POST", "/snapshot", body), { code: "control.body" });
  await controller.stop();
  logged.length = 0;
  controller = await startLogged();
  assert.ok(logged.some((text) => text.includes('"message":"journal replayed"') && text.includes(`"snapshot_seq":${made.seq}`)), logged.join("\n"));
  assert.deepEqual((await approvals()).map(({ seq, since }) => [seq, since]), [[held.seq, held.since]]);
  await client.ask("POST", `/plans/${held.instance}/cancel`);
});

test("log: effects and refusals are told, secrets are not: in params, in a URL, in what the outside answers", LIMIT, async () => {
  logged.length = 0;
  const held = await begin(`/${CANARY}?key=${CANARY}&rest=`);
  await decide(held.seq, word(held, "grant", { key: world.keys.reviewer, by: "reviewer", reason: CANARY }));
  await client.ask("POST", "/settle");
  const denied = await send("demo/UpgradeFetchRequest@1", { request_id: requests++, url: `http://user:${CANARY}@elsewhere.example/${CANARY}` });
  assert.deepEqual(denied.map(({ kind }) => kind).slice(-2), ["denied", "plan_ended"]);
  assert.deepEqual((await send("demo/SafeUpgradeEvent@1", { $tag: CANARY })).map(({ kind }) => kind), ["rejected"]);
  const all = logged.join("\n");
  assert.ok(!all.includes(CANARY), all);
  for (const message of ["effect waits for a person", "effect decided on", "effect started", "effect finished", "effect denied", "plan failed", "event rejected", "turn"]) assert.ok(all.includes(`"message":"${message}"`), `${message}: ${all}`);
});

test("verify: the approvals that this made hold, and all of it replays", LIMIT, async () => {
  await until(controller, ({ published }) => published.status === "True");
  await controller.stop();
  const report = await verifyRepository({ repo: await openRepo(`${world.folder}/world`), trust: world.trust, modules: createModuleRunner() });
  assert.deepEqual(report.problems, []);
  assert.equal(report.checked.approvals, 4);
});
