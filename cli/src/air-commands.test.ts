// Commands about AIR, as processes on copies of the examples: what they print, how they end, and which files they change.

import assert from "node:assert/strict";
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as atLast, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { aos, fingerprint, git, temporaryFolder } from "./testing/aos.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));
const HASH = "sha256:[0-9a-f]{64}";

/** `counter`, `old` and its upgrade `new`, built, and the patches between them. */
let prepared: string;
before(async () => {
  prepared = await mkdtemp(join(tmpdir(), "aos-air-"));
  await cp(join(EXAMPLES, "00-counter"), join(prepared, "counter"), { recursive: true });
  await cp(join(EXAMPLES, "06-safe-upgrade"), join(prepared, "old"), { recursive: true });
  const built = await Promise.all([["build", "-w", "counter"], ["build", "-w", "old"], ["fmt", "-w", "old"]].map((words) => aos(words, { cwd: prepared })));
  for (const { code, stderr } of built) assert.equal(code, 0, stderr);
  await cp(join(prepared, "old"), join(prepared, "new"), { recursive: true });
  await cp(join(prepared, "old/upgrade"), join(prepared, "new/air"), { recursive: true });
  await rm(join(prepared, "new/air/fetch-plan-1.air.json"));
  const pairs = [["old", "new"], ["new", "old"], ["old", "counter"]] as const;
  const made = await Promise.all(pairs.map(([a, b]) => aos(["air", "patch", "make", a, b, "-o", `${a}-${b}.json`], { cwd: prepared })));
  for (const { code, stderr } of made) assert.equal(code, 0, stderr);
});
atLast(() => rm(prepared, { recursive: true, force: true }));

interface Row {
  readonly name: string;
  readonly given?: (folder: string) => Promise<unknown>;
  /** Below the prepared folder; `counter` unless told. */
  readonly cwd?: string;
  readonly words: readonly string[];
  /** The file that is piped in, below the prepared folder. */
  readonly stdin?: string;
  readonly exit?: number;
  readonly stdout?: RegExp;
  /** Nothing on stderr unless told. */
  readonly stderr?: RegExp;
  /** Files it changes, below the prepared folder, sorted; none unless told. */
  readonly changes?: readonly string[];
}

const SCHEMAS = "counter/air/schemas.air.json";

async function replaceIn(folder: string, file: string, [from, to]: readonly [string, string]): Promise<void> {
  const text = await readFile(join(folder, file), "utf8");
  assert.ok(text.includes(from), `${file} holds ${from}`);
  await writeFile(join(folder, file), text.replace(from, to));
}

const untidy = (folder: string): Promise<void> => replaceIn(folder, SCHEMAS, ['{ "$kind": "defschema", "name": "demo/Tick@1",', '// a tick\n{"name": "demo/Tick@1",\n"$kind": "defschema",']);
const broken = (folder: string): Promise<void> => writeFile(join(folder, "counter/air/z.air.json"), '[\n  {"$kind" "defschema"}]');
const TYPES_FILE = "counter/reducer/types.ts";

const ROWS: readonly Row[] = [
  // fmt
  { name: "fmt: all in layout: nothing", words: ["fmt"], stdout: /^$/ },
  { name: "fmt: one untidy file: written, its comment kept", given: untidy, words: ["fmt"], stdout: /^air\/schemas\.air\.json\n$/, changes: [SCHEMAS] },
  { name: "fmt --check: lists, writes nothing", given: untidy, words: ["fmt", "--check"], exit: 2, stdout: /^air\/schemas\.air\.json\n$/, stderr: /not in the layout[^]*hint: run `aos fmt`/ },
  { name: "fmt --json", given: untidy, words: ["fmt", "--json"], stdout: /^\{"changed":\["air\/schemas\.air\.json"\],"files":3\}\n$/, changes: [SCHEMAS] },
  { name: "fmt FILE: only that one, outside the world", given: (folder) => writeFile(join(folder, "loose.json"), '{"type":{"nat":{}},"$kind":"defschema","name":"a/B@1"}'), cwd: ".", words: ["fmt", "loose.json"], stdout: /^loose\.json\n$/, changes: ["loose.json"] },
  { name: "fmt: a file that is no JSON: its place, nothing written", given: async (folder) => (await untidy(folder), await broken(folder)), words: ["fmt"], exit: 2, stdout: /^$/, stderr: /^error: air\/z\.air\.json:2:\d+: / },
  { name: "fmt: a file that is not there", words: ["fmt", "air/none.json"], exit: 2, stderr: /^error: air\/none\.json: no such file\nhint: name a file; / },
  { name: "fmt: a file that is not UTF-8", given: (folder) => writeFile(join(folder, "counter/air/z.air.json"), Buffer.from([0x22, 0xff, 0x22])), words: ["fmt"], exit: 2, stderr: /air\/z\.air\.json: not UTF-8/ },
  { name: "fmt: no world", cwd: ".", words: ["fmt"], exit: 2, stderr: /not a world/ },
  // hash
  { name: "hash: the world, sorted by kind and name", words: ["hash"], stdout: new RegExp(`^${HASH} defmodule demo/CounterSM@1\n${HASH} defschema demo/CounterEvent@1\n(?:${HASH} defschema demo/[A-Z]\\w+@1\n){4}$`) },
  { name: "hash FILE: what it holds, a plan in the form of the world", cwd: ".", words: ["hash", "old/air/fetch-plan-1.air.json", "counter/air/module.air.json"], stdout: new RegExp(`^${HASH} defmodule demo/CounterSM@1\n${HASH} defplan demo/fetch_plan@1\n$`) },
  { name: "hash --manifest", words: ["hash", "--manifest"], stdout: new RegExp(`^${HASH}\n$`) },
  { name: "hash --json", words: ["hash", "--json", "air/module.air.json"], stdout: new RegExp(`^\\{"definitions":\\[\\{"hash":"${HASH}","kind":"defmodule","name":"demo/CounterSM@1"\\}\\]\\}\n$`) },
  { name: "hash: a loose plan: refused, said where it has a hash", given: (folder) => cp(join(folder, "old/air/fetch-plan-1.air.json"), join(folder, "plan.json")), cwd: ".", words: ["hash", "plan.json"], exit: 2, stdout: /^$/, stderr: /plan\.json:1:1: demo\/fetch_plan@1: [^]*hint: hash it in its world/ },
  { name: "hash: a loose module without code: refused", given: (folder) => cp(join(folder, "counter/air/module.air.json"), join(folder, "m.json")), cwd: ".", words: ["hash", "m.json"], exit: 2, stdout: /^$/, stderr: /no code[^]*hint: build it/ },
  { name: "hash: a loose file with a bad definition", given: (folder) => writeFile(join(folder, "a.json"), '// one\n[{"$kind": "defschema", "name": "Bad", "type": {"nat": {}}}]'), cwd: ".", words: ["hash", "a.json"], exit: 2, stderr: /^error: a\.json:2:2: \/name: / },
  { name: "hash: a list of things that are no nodes", given: (folder) => writeFile(join(folder, "a.json"), "[1, 2]"), cwd: ".", words: ["hash", "a.json"], exit: 2, stderr: /^error: a\.json:1:2: a file holds one node/ },
  { name: "hash: a world that does not hold", given: broken, words: ["hash"], exit: 2, stdout: /^$/, stderr: /air\/z\.air\.json:2:/ },
  { name: "hash: a folder", words: ["hash", "air"], exit: 2, stderr: /^error: air: it is a folder\nhint: / },
  { name: "hash --manifest FILE", words: ["hash", "--manifest", "air/module.air.json"], exit: 2, stderr: /--manifest is of the whole world/ },
  { name: "hash -- FILE: only that one", words: ["hash", "--", "air/module.air.json"], stdout: new RegExp(`^${HASH} defmodule demo/CounterSM@1\n$`) },
  { name: "hash -- FILE that begins with a dash", given: (folder) => cp(join(folder, "counter/air/module.air.json"), join(folder, "counter/-m.json")), words: ["hash", "--", "-m.json"], exit: 2, stdout: /^$/, stderr: /^error: -m\.json:1:1: demo\/CounterSM@1: / },
  { name: "hash -: no flag, and no file", words: ["hash", "-"], exit: 2, stdout: /^$/, stderr: /^error: -: no such file\n/ },
  // diff
  { name: "air diff: reach first, then definitions and sections", cwd: ".", words: ["air", "diff", "old", "new"], stdout: /^manifest sha256:\w{12} → sha256:\w{12}\n\nWhat it may do\n {2}wider [^]*`http\.out` may now reach 127\.0\.0\.1(?:, example\.com)? \(GET\)[^]*narrower[^]*\nDefinitions\n {2}removed {2}plan [^]*\nManifest\n {2}triggers / },
  { name: "air diff --json", cwd: ".", words: ["air", "diff", "old", "new", "--json"], stdout: /^\{"baseManifest":"sha256:.*"effect":"widening"/ },
  { name: "air diff: the same", cwd: ".", words: ["air", "diff", "old", "old"], stdout: /^no difference: manifest sha256:/ },
  { name: "air diff: no such world", words: ["air", "diff", "worktree", "nowhere"], exit: 2, stderr: /^error: nowhere: neither a folder nor a commit/ },
  { name: "air diff: a folder that is no world", words: ["air", "diff", "worktree", "air"], exit: 2, stderr: /no aos\.sync\.json/ },
  { name: "air diff: a world that does not hold, which one is said", given: broken, cwd: ".", words: ["air", "diff", "old", "counter"], exit: 2, stderr: /^error: counter: air\/z\.air\.json:2:/ },
  { name: "air diff: two files by themselves, authority not compared", cwd: ".", words: ["air", "diff", "old/air/authority.air.json", "new/air/authority.air.json"], stdout: /^old\/air\/authority\.air\.json → new\/air\/authority\.air\.json\n\nDefinitions\n {2}[^]*\nauthority: not compared, [^\n]*\n$/ },
  { name: "air diff: two files: the same", cwd: ".", words: ["air", "diff", "old/air/manifest.air.json", "old/air/manifest.air.json"], stdout: /^no difference between old\/air\/manifest\.air\.json and / },
  { name: "air diff: two manifests", cwd: ".", words: ["air", "diff", "old/air/manifest.air.json", "new/air/manifest.air.json"], stdout: /\nManifest\n {2}plans +plan removed: `demo\/fetch_plan@1`; plan added: `demo\/fetch_plan@2`\n[^]* {2}cap_grants / },
  { name: "air diff --json: two files", cwd: ".", words: ["air", "diff", "old/air/manifest.air.json", "new/air/manifest.air.json", "--json"], stdout: /^\{"definitions":\[\],"sections":\[\{"section":"plans",.*\],"authority":null\}\n$/ },
  { name: "air diff: a file and a world", cwd: ".", words: ["air", "diff", "old/air/manifest.air.json", "new"], exit: 2, stdout: /^$/, stderr: /^error: new: not an AIR file, and old\/air\/manifest\.air\.json is one\nhint: name two files, / },
  { name: "air diff: a file that is no AIR", given: (folder) => writeFile(join(folder, "a.json"), '[\n{"$kind": "defschema", "name": "Bad", "type": {"nat": {}}}]'), cwd: ".", words: ["air", "diff", "old/air/manifest.air.json", "a.json"], exit: 2, stderr: /^error: a\.json:2:1: \/name: / },
  // patch
  { name: "air patch make: the document", cwd: ".", words: ["air", "patch", "make", "old", "new"], stdout: /^\{\n {2}"version": "1",\n {2}"base_manifest_hash": "sha256:/ },
  { name: "air patch make: nothing differs", cwd: ".", words: ["air", "patch", "make", "old", "old"], exit: 2, stderr: /the same control plane/ },
  { name: "air patch show", cwd: ".", words: ["air", "patch", "show", "old-new.json"], stdout: /^for manifest sha256:[^]*\n {2}add_def +defplan demo\/fetch_plan@2\n[^]*\n {2}set_triggers +1 trigger: / },
  { name: "air patch show: a file that is not there", cwd: ".", words: ["air", "patch", "show", "none.json"], exit: 2, stdout: /^$/, stderr: /^error: none\.json: no such file\nhint: / },
  { name: "air patch apply: a file below a file", cwd: "new", words: ["air", "patch", "apply", "aos.sync.json/none.json"], exit: 2, stdout: /^$/, stderr: /^error: aos\.sync\.json\/none\.json: a part of the path is not a folder\nhint: / },
  { name: "air patch show: an unknown operation", given: (folder) => replaceIn(folder, "old-new.json", ['"add_def"', '"add_dfe"']), cwd: ".", words: ["air", "patch", "show", "old-new.json"], exit: 2, stderr: /^error: old-new\.json:\d+:\d+: there is no operation "add_dfe"\nhint: did you mean "add_def"\?/ },
  { name: "air patch apply: files of new kinds, one gone, the rest in place", cwd: "old", words: ["air", "patch", "apply", "../old-new.json"], stdout: new RegExp(`^(?:written {2}air/\\w+\\.air\\.json\n){5}removed {2}air/fetch-plan-1\\.air\\.json\nmanifest ${HASH}\n$`), changes: ["authority", "cap", "fetch-plan-1", "manifest", "plan", "policy"].map((file) => `old/air/${file}.air.json`) },
  { name: "air patch apply --dry-run: the difference, nothing written", cwd: "old", words: ["air", "patch", "apply", "../old-new.json", "--dry-run"], stdout: /^--- a\/air\/authority\.air\.json\n\+\+\+ b\/air\/authority\.air\.json\n@@ -\d+,\d+ \+\d+,\d+ @@\n[^]*\n-    "name": "demo\/policy@1",[^]*\n--- \/dev\/null\n\+\+\+ b\/air\/cap\.air\.json\n@@ -0,0 \+1,\d+ @@\n/ },
  { name: "air patch apply -: from standard input", cwd: "old", words: ["air", "patch", "apply", "-", "--dry-run"], stdin: "old-new.json", stdout: /^--- a\/air\/authority\.air\.json\n/ },
  { name: "air patch show -: a problem names standard input", cwd: ".", words: ["air", "patch", "show", "-"], stdin: "old/air/manifest.air.json", exit: 2, stdout: /^$/, stderr: /^error: standard input:1:1: / },
  { name: "air patch apply: another base: both named", cwd: "new", words: ["air", "patch", "apply", "../old-new.json"], exit: 2, stderr: new RegExp(`^error: \\.\\./old-new\\.json:\\d+:\\d+: the patch is for manifest ${HASH}, and the base is ${HASH}\nhint: make the patch again`) },
  { name: "air patch apply: no JSON", cwd: "old", words: ["air", "patch", "apply", "reducer/safe-upgrade.ts"], exit: 2, stderr: /^error: reducer\/safe-upgrade\.ts:1:1: / },
  // defs
  { name: "defs ls: by kind and prefix", words: ["defs", "ls", "--kind", "defschema", "--prefix", "demo/Counter"], stdout: /^defschema {2}demo\/CounterEvent@1 {2}sha256:\w{12}\ndefschema {2}demo\/CounterPc@1 .*\ndefschema {2}demo\/CounterState@1 .*\n$/ },
  { name: "defs ls --builtin: without a world", cwd: ".", words: ["defs", "ls", "--builtin", "--kind", "defcap"], stdout: /^defcap {2}sys\/blob@1 +sha256:\w{12} {2}builtin\n/ },
  { name: "defs get: as it is written", words: ["defs", "get", "demo/Tick@1"], stdout: new RegExp(`^// ${HASH} defschema demo/Tick@1, air/schemas\\.air\\.json:13\n\\{\n {2}"\\$kind": "defschema",\n`) },
  { name: "defs get --json", words: ["defs", "get", "demo/Tick@1", "--json"], stdout: /"file":"air\/schemas\.air\.json","line":13,"node":\{"\$kind":"defschema","name":"demo\/Tick@1","type":\{"unit":\{\}\}\}\}\]\}\n$/ },
  { name: "defs get: a builtin one, without a world", cwd: ".", words: ["defs", "get", "sys/TimerFired@1"], stdout: /defschema sys\/TimerFired@1, builtin\n\{/ },
  { name: "defs get: a slip", words: ["defs", "get", "demo/CounterStat@1"], exit: 2, stdout: /^$/, stderr: /^error: demo\/CounterStat@1: there is no such definition\nhint: did you mean demo\/CounterState@1\?\n$/ },
  { name: "defs get: another kind", words: ["defs", "get", "demo/Tick@1", "--kind", "defplan"], exit: 2, stderr: /no such defplan\nhint: it is a defschema/ },
  // explain
  { name: "explain CODE", cwd: ".", words: ["explain", "air.name"], stdout: /^air\.name {2}A name is .*\n$/ },
  { name: "explain: a code of patches", cwd: ".", words: ["explain", "patch.base", "--json"], stdout: /^\{"code":"patch\.base","text":"A patch applies/ },
  { name: "explain: a code of the sync map", cwd: ".", words: ["explain", "sync.invalid"], stdout: /^sync\.invalid {2}The sync map / },
  { name: "explain: all", cwd: ".", words: ["explain"], stdout: /^air\.expr +This[^]*\npatch\.base +A patch/ },
  { name: "explain: a slip", cwd: ".", words: ["explain", "patch.bas"], exit: 2, stdout: /^$/, stderr: /^error: patch\.bas: no rule has this code\nhint: did you mean patch\.base\?/ },
  // types
  { name: "types: printed", words: ["types"], stdout: /^\/\/ Types of this world's schemas[^]*export interface CounterState \{[^]*export interface Events \{/ },
  { name: "types --out: written", words: ["types", "--out", "reducer/types.ts"], stdout: /^written {2}reducer\/types\.ts\n$/, changes: [TYPES_FILE] },
  { name: "types --check: other than the world's", given: (folder) => writeFile(join(folder, TYPES_FILE), "export {};\n"), words: ["types", "--out", "reducer/types.ts", "--check"], exit: 2, stdout: /^stale {2}reducer\/types\.ts\n$/, stderr: /hint: run `aos types --out reducer\/types\.ts`/ },
  { name: "types --check: no such file", words: ["types", "--out", "reducer/types.ts", "--check"], exit: 2, stdout: /^missing/, stderr: /types are missing/ },
  { name: "types --check without a file", words: ["types", "--check"], exit: 2, stderr: /--check needs a file/ },
];

describe("AIR commands", { concurrency: 4 }, () => {
  assert.ok(ROWS.length > 40);
  for (const { name, given, cwd = "counter", words, stdin, exit = 0, stdout = /(?:)/, stderr = /^$/, changes = [] } of ROWS) {
    test(`aos ${name}`, async (t) => {
      const folder = await temporaryFolder(t);
      await cp(prepared, folder, { recursive: true });
      await given?.(folder);
      const was = await fingerprint(folder);
      const ran = await aos(words, { cwd: join(folder, cwd), ...(stdin === undefined ? {} : { stdin: await readFile(join(folder, stdin), "utf8") }) });
      assert.equal(ran.code, exit, ran.stderr);
      assert.match(ran.stdout, stdout);
      assert.match(ran.stderr, stderr);
      const now = await fingerprint(folder);
      const differing = [...was.filter((line) => !now.includes(line)), ...now.filter((line) => !was.includes(line))].map((line) => line.split(" ")[0] ?? "");
      assert.deepEqual([...new Set(differing)].sort(), changes);
    });
  }

  test("aos air patch apply: there and back: the manifest of the other world, comments and layout kept", async (t) => {
    const folder = await temporaryFolder(t);
    await cp(prepared, folder, { recursive: true });
    const world = join(folder, "old");
    await replaceIn(folder, "old/air/authority.air.json", ["[\n", "[\n  // who may call out\n"]);
    await replaceIn(folder, "old/air/manifest.air.json", ['"defaults":', '// what it may do\n  "defaults":']);
    const manifestOf = async (name: string): Promise<string> => (await aos(["hash", "--manifest"], { cwd: join(folder, name) })).stdout;
    const [old, next] = [await manifestOf("old"), await manifestOf("new")];
    assert.notEqual(old, next);
    assert.equal((await aos(["air", "patch", "apply", "../old-new.json"], { cwd: world })).code, 0);
    assert.equal(await manifestOf("old"), next);
    assert.match(await readFile(join(world, "air/authority.air.json"), "utf8"), /^\[\n {2}\/\/ who may call out\n {2}\{/);
    assert.match(await readFile(join(world, "air/manifest.air.json"), "utf8"), /\n {2}\/\/ what it may do\n {2}"defaults": \{/);
    assert.equal((await aos(["fmt", "--check"], { cwd: world })).code, 0);
    assert.equal((await aos(["air", "patch", "apply", "../new-old.json"], { cwd: world })).code, 0);
    assert.equal(await manifestOf("old"), old);
    const other = await aos(["air", "patch", "apply", "old-counter.json", "-w", "old"], { cwd: folder });
    assert.equal(other.code, 0, other.stderr);
    assert.equal(await manifestOf("old"), await manifestOf("counter"));
  });

  test("aos hash, aos air diff: comments, layout and place of definitions change no hash; commits and the folder are compared", async (t) => {
    const folder = await temporaryFolder(t);
    await cp(join(prepared, "counter"), folder, { recursive: true });
    await git(folder, "init", "--quiet", "--initial-branch=main");
    await git(folder, "add", "--all");
    await git(folder, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "Begin");
    const hashes = (await aos(["hash"], { cwd: folder })).stdout;
    await appendFile(join(folder, "air/module.air.json"), "// the counter itself\n");
    assert.equal((await aos(["hash"], { cwd: folder })).stdout, hashes);
    assert.match((await aos(["air", "diff", "HEAD", "worktree"], { cwd: folder })).stdout, /^no difference/);
    assert.match((await aos(["air", "diff", "HEAD:air/module.air.json", "air/module.air.json"], { cwd: folder })).stdout, /^no difference between HEAD:air\/module/);
    const path = join(folder, "air/schemas.air.json");
    await writeFile(path, (await readFile(path, "utf8")).replace('"target": { "nat": {} }', '"target": { "int": {} }'));
    const { stdout, code } = await aos(["air", "diff", "main", "worktree"], { cwd: folder });
    assert.equal(code, 0);
    assert.match(stdout, /\n {2}changed {2}schema {2}demo\/Start@1 /);
    assert.equal((await aos(["air", "diff", "main~7", "worktree"], { cwd: folder })).code, 2);
    const ofFiles = await aos(["air", "diff", "main:./schemas.air.json", "schemas.air.json"], { cwd: join(folder, "air") });
    assert.equal(ofFiles.code, 0, ofFiles.stderr);
    assert.match(ofFiles.stdout, /\n {2}changed {2}schema {2}demo\/Start@1 {2}`target` changed from nat to int\n[^]*authority: not compared/);
    assert.equal((await aos(["air", "diff", "main:air/none.air.json", "air/schemas.air.json"], { cwd: folder })).code, 2);
  });
});
