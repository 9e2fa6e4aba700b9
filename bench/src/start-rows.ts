// What a command costs before it does anything: help, a cell's state and a file of a workspace from a running world, beside Node alone.

import { execFile, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gitEnvironment } from "@agentos/controller";
import { expect, type Row, type Work } from "./measure.ts";

const run = promisify(execFile);
const AOS = fileURLToPath(new URL("../../cli/bin/aos.js", import.meta.url));
const READY_TIMEOUT_MS = 60_000;

const COMMANDS: readonly (readonly [words: readonly string[], prints: RegExp])[] = [
  [["--help"], /^aos <command>\n/],
  [["state", "get", "demo/CounterSM@1"], /"remaining": 3\n/],
  [["ws", "cat", "notes/hello.txt"], /^hello\n$/],
];

/** One process a run. */
export function startRows(): readonly Row[] {
  let world: Promise<string> | undefined;
  return COMMANDS.map(([words, prints]) => ({
    name: `aos ${words.slice(0, 2).join(" ")}`, count: 1, unit: "process", reach: 2.5,
    subject: async () => started([AOS, ...words], { cwd: await (world ??= runningWorld()), prints }),
    baseline: { name: "node -e 0", prepare: async () => started(["-e", "0"], { cwd: tmpdir(), prints: /^$/ }) },
  }));
}

function started(words: readonly string[], { cwd, prints }: { readonly cwd: string; readonly prints: RegExp }): Work {
  let printed = "";
  return {
    async run() {
      printed = (await run(process.execPath, [...words], { cwd })).stdout;
    },
    done: () => expect(prints.test(printed), `${words.join(" ")} prints ${String(prints)}`),
  };
}

/** A counter at 3 and a workspace with one file; it runs until the benchmark ends. */
async function runningWorld(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aos-bench-start-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const world = join(folder, "world");
  const env = gitEnvironment() as NodeJS.ProcessEnv;
  const aos = (...words: readonly string[]): Promise<unknown> => run(process.execPath, [AOS, ...words], { cwd: world, env });
  await run(process.execPath, [AOS, "init", world, "--quiet"], { cwd: folder, env });
  const file = join(world, "air", "manifest.air.json");
  const manifest = JSON.parse(await readFile(file, "utf8")) as { readonly [list: string]: readonly unknown[] } & { readonly routing: { readonly events: readonly unknown[] } };
  await writeFile(file, JSON.stringify({
    ...manifest, schemas: [...(manifest["schemas"] ?? []), { name: "sys/WorkspaceCommit@1" }], modules: [...(manifest["modules"] ?? []), { name: "sys/Workspace@1" }],
    routing: { events: [...manifest.routing.events, { event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" }] },
  }));
  await run("git", ["commit", "--quiet", "--all", "--amend", "--no-edit"], { cwd: world, env });
  await opened(world);
  await aos("event", "send", "demo/CounterEvent@1", '{"$tag":"Start","$value":{"target":3}}');
  await aos("ws", "write", "notes/hello.txt", "--text-in", "hello\n");
  return world;
}

function opened(world: string): Promise<void> {
  const child = spawn(process.execPath, [AOS, "run"], { cwd: world, stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`the world does not begin: ${said}`)), READY_TIMEOUT_MS);
    const take = (chunk: Buffer): void => {
      said += chunk.toString("utf8");
      if (!said.includes("the world begins")) return;
      clearTimeout(timer);
      // It neither waits for a reader nor keeps the benchmark waiting.
      for (const stream of [child.stdout, child.stderr]) (stream.removeAllListeners("data").resume() as Socket).unref();
      child.unref();
      resolve();
    };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", take);
    child.once("exit", (code) => reject(new Error(`the world ended with ${code}: ${said}`)));
  });
}
