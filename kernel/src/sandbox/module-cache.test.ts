import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { canonical } from "../air/cbor.ts";
import { bundleOfArtifact } from "./artifact.ts";
import { digestOf } from "./digest.ts";
import { assemble } from "./fixtures/assemble.ts";
import { buildScript, resultLine, stepInput } from "./fixtures/hostile.ts";
import { COUNTER_SCRIPT } from "./fixtures/scripts.ts";
import { COUNTER_MULTI, HOSTILE_WAT } from "./fixtures/wat.ts";
import { startEngine } from "./js-engine.ts";
import type { Engine } from "./js-engine.ts";
import { readArguments } from "./js-envelope.ts";
import { moduleCache } from "./module-cache.ts";
import type { ModuleCache } from "./module-cache.ts";
import { createModuleRunner } from "./runner.ts";
import { loadWasm } from "./wasm-runner.ts";

function inFolder(use: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "aos-cache-"));
  try {
    use(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A cache that counts what it gave and took. */
function counting(cache: ModuleCache): ModuleCache & { readonly hits: () => number; readonly writes: () => number } {
  let hits = 0;
  let writes = 0;
  return {
    read(source) {
      const entry = cache.read(source);
      if (entry !== undefined) hits++;
      return entry;
    },
    write(source, entry) {
      writes++;
      cache.write(source, entry);
    },
    hits: () => hits,
    writes: () => writes,
  };
}

const INPUT = stepInput({ value: canonical({ $tag: "Add", $value: { by: 3 } }) });

test("cache: raw modules: rewritten once, the same results and fuel from the kept one", () => {
  inFolder((dir) => {
    const rows = [COUNTER_MULTI, ...["keeps a count in a table", "takes all memory, page by page", "keeps a NaN in a global", "stores beyond memory that could grow"].map((name) => HOSTILE_WAT[name] ?? "")];
    for (const text of rows) {
      const bytes = assemble(text);
      const lines = (cache?: ModuleCache): readonly string[] => {
        const loaded = loadWasm(bytes, cache);
        return [1, 2].map(() => resultLine(loaded.call("step", stepInput(), 100_000)));
      };
      const cache = counting(moduleCache(dir));
      const plain = lines();
      assert.deepEqual([lines(cache), lines(cache)], [plain, plain]);
      assert.deepEqual([cache.hits(), cache.writes()], [1, 1]);
    }
    assert.equal(readdirSync(dir).length, rows.length);
  });
});

test("cache: the engine: a kept one evaluates and calls as a booted one, byte and fuel", async () => {
  const bundle = bundleOfArtifact(await buildScript(COUNTER_SCRIPT));
  const outcome = (engine: Engine): unknown => {
    const loaded = engine.load(bundle);
    const results = [1, 2].map(() => {
      const ended = engine.call(loaded, readArguments("step", INPUT), 1_000_000);
      return ended.kind === "ok" ? [ended.fuelUsed, ended.value()] : ended;
    });
    return [results, loaded.image.grains.map((grain) => (grain === undefined ? null : digestOf(grain))), loaded.image.globals, loaded.image.pages];
  };
  inFolder((dir) => {
    const cache = counting(moduleCache(dir));
    const booted = outcome(startEngine(cache));
    assert.deepEqual(outcome(startEngine(cache)), booted);
    assert.deepEqual([cache.hits(), cache.writes()], [1, 1]);
  });
});

test("cache: a broken, cut, foreign or missing entry: not seen, and written anew", () => {
  inFolder((dir) => {
    const cache = moduleCache(dir);
    const source = digestOf(new Uint8Array([1]));
    cache.write(source, { bytes: new Uint8Array(5000).fill(7) });
    const [name] = readdirSync(dir);
    assert.ok(name !== undefined);
    const whole = readFileSync(join(dir, name));
    const flipped = Buffer.from(whole);
    flipped[3000] = (flipped[3000] as number) ^ 1;
    const rows: readonly (readonly [what: string, content: Buffer])[] = [
      ["a bit", flipped], ["cut", whole.subarray(0, 4000)], ["empty", Buffer.alloc(0)], ["no content", whole.subarray(0, 32)], ["text", Buffer.from("x".repeat(100))],
    ];
    for (const [what, content] of rows) {
      writeFileSync(join(dir, name), content);
      assert.equal(cache.read(source), undefined, what);
      cache.write(source, { bytes: new Uint8Array(5000).fill(7) });
      assert.ok(readFileSync(join(dir, name)).equals(whole), what);
    }
    assert.equal(rows.length, 5);
    const other = digestOf(new Uint8Array([2]));
    cache.write(other, { bytes: new Uint8Array(1) });
    const otherName = readdirSync(dir).find((found) => found !== name);
    writeFileSync(join(dir, otherName ?? ""), whole);
    assert.equal(cache.read(other), undefined, "the entry of another module");
    assert.deepEqual(readdirSync(dir).filter((found) => found.endsWith(".part")), []);
  });
});

test("cache: a folder that cannot be: modules run all the same", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "aos-cache-")), "file");
  writeFileSync(file, "not a folder");
  const runner = createModuleRunner({ cacheDir: join(file, "below") });
  const wasmHash = await runner.add(assemble(COUNTER_MULTI));
  assert.equal(runner.call({ wasmHash, entry: "step", input: INPUT, fuelLimit: 100 }).kind, "ok");
  rmSync(join(file, ".."), { recursive: true });
});
