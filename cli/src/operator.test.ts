// What an operator types: plans, effects, approvals, snapshots and the journal of a world that waits, running and at rest.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { aos, AOS, eventually, git, inTime, startAos, temporaryFolder, type Ran } from "./testing/aos.ts";

const ORDERS = [
  { $kind: "defschema", name: "demo/Order@1", type: { record: { id: { nat: {} }, url: { text: {} } } } },
  { $kind: "defschema", name: "demo/Go@1", type: { record: { id: { nat: {} } } } },
  {
    $kind: "defplan", name: "demo/order@1", input: "demo/Order@1", deadline_ns: 7_200_000_000_000,
    steps: [
      { id: "go", op: "await_event", event: "demo/Go@1", where: { op: "eq", args: [{ ref: "@event.id" }, { ref: "@plan.input.id" }] }, bind: { as: "went" } },
      { id: "fetch", op: "emit_effect", kind: "http.request", cap: "web", params: { record: { method: { text: "GET" }, url: { ref: "@plan.input.url" }, headers: { map: [] }, body_ref: { null: {} } } }, bind: { effect_id_as: "fetch_id" } },
      { id: "answer", op: "await_receipt", for: { ref: "@var:fetch_id" }, bind: { as: "page" } },
      { id: "end", op: "end" },
    ],
    edges: [{ from: "fetch", to: "answer" }, { from: "answer", to: "end" }, { from: "go", to: "end" }],
  },
  { $kind: "defcap", name: "demo/web@1", cap_type: "http.out", schema: { record: { hosts: { set: { text: {} } }, methods: { set: { text: {} } } } }, enforcer: { module: "sys/CapEnforceHttpOut@1" } },
  { $kind: "defpolicy", name: "demo/people@1", rules: [{ when: { effect_kind: "http.request" }, decision: "require_approval", approval_ttl_ns: 3_600_000_000_000 }] },
  {
    $kind: "manifest", air_version: "1", schemas: [{ name: "demo/Order@1" }, { name: "demo/Go@1" }], modules: [{ name: "sys/CapEnforceHttpOut@1" }], plans: [{ name: "demo/order@1" }], effects: [{ name: "sys/http.request@1" }],
    caps: [{ name: "demo/web@1" }], policies: [{ name: "demo/people@1" }], triggers: [{ event: "demo/Order@1", plan: "demo/order@1" }],
    defaults: { policy: "demo/people@1", cap_grants: [{ name: "web", cap: "demo/web@1", params: { record: { hosts: { set: [{ text: "127.0.0.1" }] }, methods: { set: [{ text: "GET" }] } } } }] },
  },
];

interface Place {
  readonly folder: string;
  readonly world: string;
  /** An address that takes requests and never answers. */
  readonly silent: string;
  run(...words: readonly string[]): Promise<Ran>;
  /** What a command prints with --json, of which the last line is read. */
  json(...words: readonly string[]): Promise<Record<string, unknown>>;
}

/** A world of orders: each waits for a person, for an answer and for an event. Its second person's key is `ada`. */
async function orders(t: TestContext): Promise<Place> {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  const run = (...words: readonly string[]): Promise<Ran> => aos(words, { cwd: world });
  for (const words of [["keys", "new", "ada", "--out", "ada"], ["init", "world", "--template", "empty", "--person", "ada=ada.pub"]]) assert.equal((await aos(words, { cwd: folder })).code, 0);
  await mkdir(join(world, "air"), { recursive: true });
  const manifest = ORDERS.at(-1);
  await writeFile(join(world, "air", "manifest.air.json"), JSON.stringify(manifest));
  await writeFile(join(world, "air", "orders.air.json"), JSON.stringify(ORDERS.slice(0, -1)));
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "--amend", "--no-edit");
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return {
    folder, world, silent: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`, run,
    async json(...words) {
      const { code, stdout, stderr } = await run(...words, "--json");
      assert.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    },
  };
}

function running(t: TestContext, { world }: Place, ...words: readonly string[]): ReturnType<typeof startAos> {
  return startAos(t, ["run", ...words], { cwd: world, ready: /"message":"the world begins"|"message":"journal replayed","records":[1-9]|"message":"world opened".*"seq":[2-9]/ });
}

type Row = Readonly<Record<string, unknown>>;
const rowsOf = (answer: Row, name: string): readonly Row[] => answer[name] as readonly Row[];

const LIMIT = { timeout: 120_000 };

test("aos plan, approvals, effects, snapshot: a world that waits, from an order to its end", LIMIT, async (t) => {
  const place = await orders(t);
  const { run, json, silent } = place;
  const world = await running(t, place);
  for (const id of [1, 2, 3]) assert.equal((await run("event", "send", "demo/Order@1", JSON.stringify({ id, url: silent }))).code, 0);

  const [first, second] = rowsOf(await json("approvals", "ls"), "approvals");
  assert.deepEqual([first?.["effect"], first?.["by"], (first?.["params"] as Row | undefined)?.["url"]], ["http.request", "demo/order@1", silent]);
  const listed = await run("plan", "ls");
  assert.match(listed.stdout, /^#0 {2}demo\/order@1 {2}running \d+ s, ends in (?:2 h|1 h 59 min) {2}waits at answer: a person's word on http\.request under web #4, for \d+ s \(since seq 4\)\n {2,}and at go: an event demo\/Go@1, for \d+ s \(since seq 3\)\n#1 /);
  const page = await run("plan", "ls", "--limit", "2");
  assert.match(page.stderr, /more follow: aos plan ls --after 1/);
  assert.deepEqual(rowsOf(await json("plan", "ls", "--after", "1"), "plans").map(({ id }) => id), [2]);
  assert.match((await run("status")).stdout, /approval {5}#4 http\.request of demo\/order@1 #0 at fetch waits for a person, for \d+ s\n[^]*plan {9}demo\/order@1 #0 waits at answer: a person's word on http\.request under web #4, for \d+ s \(since seq 4\)\n {13} {2}and at go/);

  const granted = await run("approvals", "grant", String(first?.["seq"]), "--key", join(place.folder, "ada"), "--reason", "fine");
  assert.deepEqual([granted.code, granted.stdout.split("\n").at(-2)], [0, "granted  #4 http.request, as ada"]);
  const denied = await json("approvals", "deny", String(second?.["seq"]));
  assert.deepEqual([denied["decision"], denied["by"], rowsOf(denied, "records").map(({ kind }) => kind)], ["deny", "author", ["approval", "denied", "plan_ended"]]);

  const effect = await eventually(async () => rowsOf(await json("effects", "ls"), "effects")[0], "the effect");
  assert.match((await run("effects", "ls")).stdout, /^#\d+ {2}http\.request under web {2}of demo\/order@1 #0 at fetch {2}runs \(http\), for \d+ s\n$/);
  assert.match((await run("plan", "show", "0")).stdout, /\n {2}answer {2}await_receipt {2}waiting {2}the receipt of http\.request under web #\d+/);
  assert.equal((await run("effects", "cancel", String(effect["seq"]))).code, 0);
  await eventually(async () => (rowsOf(await json("effects", "ls"), "effects").length === 0 ? true : undefined), "its receipt");

  const cancelled = await run("plan", "cancel", "2", "--reason", "no need");
  assert.match(cancelled.stdout, /cancelled {4}plan #2 by control: no need\n[^]*plan_ended[^]*withdrawn/);
  assert.match((await run("snapshot")).stdout, /^snapshot at seq \d+, \d+ bytes: \S+\.aoss\nstate root {2}sha256:[0-9a-f]{64}\n$/);
  assert.match((await run("snapshot", "--full")).stdout, /^full snapshot at seq \d+, \d+ bytes: \d+\.full\.aoss\n/);
  assert.equal((await run("plan", "ls")).stdout, "no plan runs\n");
  assert.equal(await world.stop(), 0);
  const { stdout, stderr, code } = await run("verify", "--replay");
  assert.deepEqual([code, /2 approvals/.test(stdout)], [0, true], stdout + stderr);
});

test("aos plan, approvals, effects, state, journal at rest: told from the journal; what needs a running world says so", LIMIT, async (t) => {
  const place = await orders(t);
  const { run, json, silent } = place;
  const world = await running(t, place);
  await json("event", "send", "demo/Order@1", JSON.stringify({ id: 1, url: silent }));
  const live = [await json("plan", "ls"), await json("approvals", "ls"), await json("effects", "ls"), await json("plan", "show", "0")];
  assert.equal(await world.stop(), 0);
  const resting = [await json("plan", "ls"), await json("approvals", "ls"), await json("effects", "ls"), await json("plan", "show", "0")];
  assert.deepEqual(resting.map((answer) => ({ ...answer, world: undefined })), live.map((answer) => ({ ...answer, world: undefined })));
  assert.match((await run("status")).stdout, /waiting {5}0 effects without receipt, 1 plan, 1 effect for a person: aos plan ls\n$/);
  const rows: readonly (readonly string[])[] = [["plan", "cancel", "0"], ["effects", "cancel", "4"], ["approvals", "grant", "4"], ["approvals", "deny", "4"], ["snapshot"], ["journal", "tail", "--follow"]];
  for (const words of rows) {
    const { code, stderr } = await run(...words);
    assert.deepEqual([code, /the world is not running\nhint: start it with `aos run`/.test(stderr)], [1, true], `${words.join(" ")}: ${stderr}`);
  }
  assert.equal(rows.length, 6);
});

test("aos journal tail --follow: each record as it comes, by kind; it ends when the world does", LIMIT, async (t) => {
  const place = await orders(t);
  const { silent } = place;
  const world = await running(t, place);
  const tail = spawn(process.execPath, [AOS, "journal", "tail", "--follow", "--from", "0", "--kinds", "event,held", "--json"], { cwd: place.world, stdio: ["ignore", "pipe", "pipe"] });
  let [printed, told] = ["", ""];
  tail.stdout.on("data", (part: Buffer) => (printed += part.toString("utf8")));
  tail.stderr.on("data", (part: Buffer) => (told += part.toString("utf8")));
  const ended = new Promise<number | null>((resolve) => tail.on("close", resolve));
  t.after(() => tail.kill("SIGKILL"));
  for (const id of [1, 2]) await place.json("event", "send", "demo/Order@1", JSON.stringify({ id, url: silent }));
  const lines = await eventually(async () => (printed.split("\n").length > 4 ? printed.trim().split("\n") : undefined), "four records", { seen: () => ({ printed, told, left: tail.exitCode ?? tail.signalCode, world: world.output() }) });
  assert.deepEqual(lines.map((line) => (JSON.parse(line) as Row)["kind"]), ["event", "held", "event", "held"]);
  assert.equal(await world.stop(), 0);
  assert.equal(await inTime(ended, "the follower ends", { seen: () => printed + told }), 1);
  assert.match(printed + told, /the world has stopped/);
});

test("aos journal tail --follow: a world that takes the connection and stops before it answers: told that it has stopped", LIMIT, async (t) => {
  const { world, run } = await orders(t);
  const state = join(world, ".git", "aos");
  const socket = join(state, "control.sock");
  await mkdir(state, { recursive: true });
  let asked = 0;
  const stopping = createServer((request, response) => {
    if (request.url?.startsWith("/journal/stream") !== true) return void response.end(JSON.stringify({ records: [], next: 0, end: 0 }));
    asked++;
    stopping.close();
    request.socket.destroy();
  }).listen(socket);
  t.after(() => stopping.close());
  await new Promise((resolve) => stopping.once("listening", resolve));
  await writeFile(join(state, "run.json"), JSON.stringify({ pid: process.pid, socket, principal: "controller", since: new Date().toISOString() }));
  const { code, stderr } = await run("journal", "tail", "--follow");
  assert.deepEqual([code, asked], [1, 1], stderr);
  assert.match(stderr, /nothing new will come: the world has stopped\nhint: start it with `aos run`/);
});

test("aos run: one line of JSON for each thing that happens, at the level asked for; loopback HTTP names its token file, never the token", LIMIT, async (t) => {
  const place = await orders(t);
  const world = await running(t, place, "--http", "localhost:0", "--log-level", "debug");
  await place.json("event", "send", "demo/Order@1", JSON.stringify({ id: 1, url: `${place.silent}/?key=canary-7f3a91` }));
  const second = await place.run("run");
  assert.equal(second.code, 2);
  assert.match(second.stderr, /held by pid \d+ \(aos run\) on host \S+ since [^]*hint: stop that process first/);
  assert.equal(await world.stop(), 0);
  const lines = world.output().trim().split("\n").map((line) => JSON.parse(line) as Row);
  for (const line of lines) assert.deepEqual(Object.keys(line).slice(0, 2), ["level", "time"], JSON.stringify(line));
  const opened = lines.find(({ message }) => message === "world opened");
  assert.match(String(opened?.["http"]), /^http:\/\/127\.0\.0\.1:\d+$/);
  const token = (await readFile(String(opened?.["token_file"]), "utf8")).trim();
  assert.ok(!world.output().includes(token) && !world.output().includes("canary-7f3a91"));
  const levels = new Set(lines.map(({ level }) => level));
  assert.ok(levels.has("debug") && levels.has("info"));
  assert.ok(lines.some(({ message }) => message === "effect waits for a person"));
});

test("operator commands: bad input: exit code, code, sentence and way out", LIMIT, async (t) => {
  const place = await orders(t);
  const world = await running(t, place);
  await place.json("event", "send", "demo/Order@1", JSON.stringify({ id: 1, url: place.silent }));
  const machine = join(place.world, ".git", "aos", "keys", "controller");
  const stranger = join(place.folder, "stranger");
  assert.equal((await aos(["keys", "new", "stranger", "--out", "stranger"], { cwd: place.folder })).code, 0);
  const rows: readonly (readonly [words: readonly string[], exit: number, code: string, says: RegExp])[] = [
    [["plan", "show", "x"], 2, "cli.count", /^ID: expected a whole number from 0/],
    [["plan", "show", "9"], 2, "plan.unknown", /^plan instance 9: it has ended, or never was/],
    [["plan", "cancel", "9"], 2, "plan.unknown", /^plan instance 9/],
    [["plan", "ls", "--limit", "0"], 2, "cli.count", /^--limit: expected a whole number from 1/],
    [["plan", "ls", "--after", "x"], 2, "cli.count", /^--after/],
    [["effects", "cancel", "1.5"], 2, "cli.count", /^SEQ/],
    [["effects", "cancel", "1"], 2, "effect.unknown", /^#1: no effect is open there/],
    [["approvals", "grant", "9"], 2, "approval.not_held", /^#9: no effect is held there/],
    [["approvals", "grant", "4", "--key", machine], 3, "approval.signer", /controller is a controller: only a person decides/],
    [["approvals", "grant", "4", "--key", stranger], 2, "trust.stranger", /nobody on main has this key/],
    [["approvals", "deny", "4", "--reason", "x".repeat(1001)], 2, "control.body", /at most 1000 characters|an approval is/],
    [["journal", "tail", "--kinds", "event,nope"], 2, "control.query", /^--kinds: "nope" is no kind of record/],
    [["state", "ls", "demo/Nope@1", "--limit", "-1"], 2, "cli.count", /^--limit/],
    [["run", "--http", "0.0.0.0:4100"], 2, "control.http", /^"0\.0\.0\.0": not a loopback address/],
    [["run", "--http", "99999"], 2, "control.http", /expected \[HOST:\]PORT/],
    [["run", "--log-level", "loud"], 2, "cli.usage", /--log-level/],
  ];
  for (const [words, exit, code, says] of rows) {
    const { code: left, stdout } = await place.run(...words, "--json");
    const { error } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as { readonly error?: { readonly code: string; readonly message: string; readonly hint?: string } };
    assert.deepEqual([left, error?.code], [exit, code], `${words.join(" ")}: ${stdout}`);
    assert.match(error?.message ?? "", says, words.join(" "));
    if (code !== "control.body") assert.notEqual(error?.hint, undefined, words.join(" "));
  }
  assert.equal(rows.length, 16);
  assert.equal(rowsOf(await place.json("approvals", "ls"), "approvals").length, 1);
  assert.equal(await world.stop(), 0);
});
