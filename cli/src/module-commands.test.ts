// Modules by hand: built, built again on a change, baked, inspected; and the second language's template.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { canonical, createModuleRunner, type Encodable, type Hash, type ModuleResult } from "@agentos/kernel";
import { aos, eventually, startAos, temporaryFolder } from "./testing/aos.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COUNTER = join(ROOT, "examples/00-counter");
const ASSEMBLYSCRIPT = join(ROOT, "cli/templates/assemblyscript");
const ARTIFACT = "modules/demo/CounterSM@1";

/** The bytes of a worked example of docs/modules.md: the hex digits of each line, up to the words behind them. */
async function example(kind: "input" | "output"): Promise<Uint8Array> {
  const page = await readFile(join(ROOT, "docs/modules.md"), "utf8");
  const block = new RegExp(`\`\`\`${kind}\n([^\`]+)\`\`\``).exec(page)?.[1] ?? "";
  const hex = block.split("\n").map((line) => /^(?: *(?:[0-9a-f]{2})+(?= |$))+/.exec(line)?.[0].replaceAll(" ", "") ?? "").join("");
  assert.ok(hex.length > 100, `docs/modules.md has an example of an ${kind}`);
  return new Uint8Array(Buffer.from(hex, "hex"));
}

async function counterWorld(t: Parameters<typeof temporaryFolder>[0]): Promise<string> {
  const folder = await temporaryFolder(t);
  await cp(COUNTER, folder, { recursive: true });
  const built = await aos(["build"], { cwd: folder });
  assert.equal(built.code, 0, built.stderr);
  return folder;
}

test("aos module inspect: the worked example of docs/modules.md: every way to make the module answers with its bytes", async (t) => {
  const folder = await counterWorld(t);
  assert.equal((await aos(["build", "--bake", "baked"], { cwd: folder })).code, 0);
  const input = Buffer.from(await example("input")).toString("hex");
  const output = Buffer.from(await example("output")).toString("hex");
  const files = [`${ARTIFACT}.js.cbor`, "baked/demo/CounterSM@1.wasm", join(ASSEMBLYSCRIPT, `${ARTIFACT}.wasm`)];
  const kinds: unknown[] = [];
  for (const file of files) {
    const ran = await aos(["module", "inspect", file, "--call", input, "--json"], { cwd: folder });
    assert.equal(ran.code, 0, ran.stderr);
    const report = JSON.parse(ran.stdout) as { readonly kind: string; readonly imports: readonly unknown[]; readonly sample: { readonly kind: string; readonly output: string; readonly fuel: number } };
    assert.equal(report.sample.output, output, file);
    assert.ok(report.sample.fuel > 0);
    assert.deepEqual(report.imports, []);
    kinds.push(report.kind);
  }
  assert.deepEqual(kinds, ["js", "baked", "wasm"]);
});

test("aos module inspect: what no world takes: exit 2 with the reason, and the byte where there is one", async (t) => {
  const folder = await temporaryFolder(t);
  const importing = Buffer.from("0061736d01000000010401600000020701016101620000", "hex");
  const rows: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["text.wasm", Buffer.from("hello"), /neither WebAssembly nor/],
    ["empty.wasm", new Uint8Array(), /neither WebAssembly nor/],
    ["imports.wasm", importing, /import/],
    ["cut.wasm", importing.subarray(0, 12), /\S/],
  ];
  let told = 0;
  for (const [name, bytes, reason] of rows) {
    await writeFile(join(folder, name), bytes);
    const { code, stderr, stdout } = await aos(["module", "inspect", name], { cwd: folder });
    assert.equal(code, 2, name);
    assert.match(stderr, new RegExp(`error: ${name.replace(".", "\\.")}: `));
    assert.match(stderr, reason, name);
    assert.match(stdout, /^refused\n/);
    told++;
  }
  assert.equal(told, rows.length);
  const missing = await aos(["module", "inspect", "no.wasm", "--json"], { cwd: folder });
  assert.equal(missing.code, 2);
  assert.equal((JSON.parse(missing.stdout) as { readonly error: { readonly code: string } }).error.code, "module.file");
  const endless = await aos(["module", "inspect", "/dev/zero"], { cwd: folder });
  assert.deepEqual([endless.code, /^error: \/dev\/zero: over the limit of \d+ bytes$/m.test(endless.stderr)], [2, true], endless.stderr);
  const noHex = await aos(["module", "inspect", "text.wasm", "--call", "xyz"], { cwd: folder });
  assert.equal(noHex.code, 2);
  assert.match(noHex.stderr, /--call: expected hex digits/);
  const noCall = await aos(["module", "inspect", "text.wasm", "--entry", "run"], { cwd: folder });
  assert.deepEqual([noCall.code, /--entry: .*--call is missing/.test(noCall.stderr)], [2, true], noCall.stderr);
  const noInput = await aos(["module", "inspect", "text.wasm", "--call", "@none"], { cwd: folder });
  assert.deepEqual([noInput.code, /none: no such file\nhint: name a file with the envelope's bytes/.test(noInput.stderr)], [2, true], noInput.stderr);
});

test("aos build: again, with --check, baked: cached; --check with another: refused", async (t) => {
  const folder = await counterWorld(t);
  const hashes: string[] = [];
  const outcome = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await aos(["build", ...words, "--json"], { cwd: folder });
    assert.equal(code, 0, stderr);
    const { modules } = JSON.parse(stdout) as { readonly modules: readonly { readonly outcome: string; readonly hash: string }[] };
    hashes.push(modules.at(-1)?.hash ?? "");
    return modules.map((row) => row.outcome);
  };
  assert.deepEqual(await outcome(), ["cached"]);
  assert.deepEqual(await outcome("--check"), ["cached"]);
  assert.deepEqual(await outcome("--bake", "a"), ["cached", "baked"]);
  assert.deepEqual(await outcome("--bake", "b"), ["cached", "baked"]);
  const [a, b] = await Promise.all(["a", "b"].map((name) => readFile(join(folder, name, "demo/CounterSM@1.wasm"))));
  assert.ok(a !== undefined && b !== undefined && a.equals(b), "baked twice, the same bytes");
  const baked = `sha256:${createHash("sha256").update(a).digest("hex")}`;
  assert.deepEqual([hashes.slice(2), hashes[0] === baked], [[baked, baked], false], "the hash told of a file is that file's");
  for (const target of ["", "air/manifest.air.json"]) {
    const { code, stderr } = await aos(["build", "--bake", target], { cwd: folder });
    assert.deepEqual([code, /: not a folder\n/.test(stderr)], [2, true], stderr);
  }
  assert.equal((await aos(["build", "--check", "--bake", "c"], { cwd: folder })).code, 2);
  assert.deepEqual((await readdir(folder)).filter((name) => name === "c"), []);
});

test("aos build --watch: a source changes, breaks and is mended: built each time; Ctrl-C ends it with 0", async (t) => {
  const folder = await counterWorld(t);
  const source = join(folder, "reducer/counter.ts");
  const running = await startAos(t, ["build", "--watch"], { cwd: folder, ready: /^cached/m });
  const text = await readFile(source, "utf8");
  await writeFile(source, text.replace("remaining - 1", "remaining - 2"));
  await eventually(async () => (/^built/m.test(running.output()) ? true : undefined), "the module built again");
  await writeFile(source, `${text}\nimport "node:fs";\n`);
  await eventually(async () => (/error: reducer\/counter\.ts:\d+:\d+: cannot import "node:fs"/.test(running.output()) ? true : undefined), "the error");
  await writeFile(source, text);
  await eventually(async () => ((running.output().match(/^built/gm) ?? []).length >= 2 ? true : undefined), "built after the error");
  assert.equal(await running.stop(), 0);
});

test("template assemblyscript: compiled from its source: the very bytes that lie there", async (t) => {
  const folder = await temporaryFolder(t);
  await cp(ASSEMBLYSCRIPT, folder, { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const shipped = await readFile(join(folder, `${ARTIFACT}.wasm`));
  await writeFile(join(folder, `${ARTIFACT}.wasm`), "");
  assert.equal(await run(join(ROOT, "node_modules/assemblyscript/bin/asc.js"), ["assembly/counter.ts"], folder), 0);
  assert.ok(shipped.equals(await readFile(join(folder, `${ARTIFACT}.wasm`))));
});

test("template assemblyscript: a thousand calls: the answers of the TypeScript counter, and no step where that has none", async (t) => {
  const folder = await counterWorld(t);
  const runner = createModuleRunner();
  const [script, wasm] = await Promise.all([join(folder, `${ARTIFACT}.js.cbor`), join(ASSEMBLYSCRIPT, `${ARTIFACT}.wasm`)].map(async (path) => runner.add(new Uint8Array(await readFile(path)))));
  assert.ok(script !== undefined && wasm !== undefined);
  let seed = 7;
  const below = (limit: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % limit;
  let failed = 0;
  for (let round = 0; round < 1000; round++) {
    const input = round % 10 === 9 ? Uint8Array.from({ length: below(60) }, () => below(256)) : canonical(envelope(below));
    const call = (wasmHash: Hash): ModuleResult => runner.call({ wasmHash, entry: "step", input, fuelLimit: 50_000_000 });
    const theirs: ModuleResult = call(script);
    const ours: ModuleResult = call(wasm);
    assert.equal(ours.kind, theirs.kind, Buffer.from(input).toString("hex"));
    if (ours.kind === "ok" && theirs.kind === "ok") assert.deepEqual(Buffer.from(ours.output), Buffer.from(theirs.output));
    else failed++;
  }
  assert.ok(failed >= 90, "what is no envelope fails in both");
});

/** An envelope as the host may give it: any phase, remaining and event. */
function envelope(below: (limit: number) => number): Encodable {
  const number = (): number => [0, 1, 2, 23, 24, 255, 256, 65_536, 4_294_967_296][below(9)] ?? 0;
  const tag = ["Idle", "Counting", "Done"][below(3)] ?? "Idle";
  const state = below(4) === 0 ? null : canonical({ pc: { $tag: tag }, remaining: number() });
  const event: Encodable = below(2) === 0 ? { $tag: "Tick" } : { $tag: "Start", $value: { target: number() } };
  return { version: 1, state, event: { schema: "demo/CounterEvent@1", value: canonical(event) } };
}

function run(script: string, words: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...words], { cwd, stdio: "inherit" });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? -1));
  });
}
