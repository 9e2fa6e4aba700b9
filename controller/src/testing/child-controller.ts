// A controller in a process of its own, so that a test can kill it: arguments are repository, key file, trust hash, remote or "-".

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseHash } from "@agentos/kernel";
import { readPrivateKey } from "../git/keys.ts";
import { openRepo } from "../git/repo.ts";
import { startController } from "../reconcile/controller.ts";
import { inTime } from "./eventually.ts";
import type { WorldRepo } from "./world-repo.ts";

interface ChildController {
  /** Resolves with the log line of the opened world; rejects when the process ends before that. */
  readonly opened: Promise<void>;
  readonly ended: Promise<void>;
  /** What it logged so far, one JSON object a line. */
  readonly lines: readonly string[];
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops it in good order. */
  stop(): Promise<void>;
}

export function spawnController(world: WorldRepo, path: string, remote: string | undefined): ChildController {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), path, `${world.folder}/controller`, world.trust, remote ?? "-"], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const opened = new Promise<void>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (part: Buffer) => {
      const parts = (text + part.toString("utf8")).split("\n");
      text = parts.pop() ?? "";
      lines.push(...parts);
      if (parts.some((line) => line.includes('"world opened"'))) resolve();
    });
    child.once("close", () => reject(new Error(`the controller ended: ${lines.at(-1)}`)));
  });
  opened.catch(() => undefined);
  const bounded = (answer: Promise<void>, what: string): Promise<void> => inTime(answer, `the controller ${what}`, { seen: () => lines.slice(-10) });
  const end = (signal: NodeJS.Signals): Promise<void> => (child.kill(signal), bounded(ended, `ends after ${signal}`));
  return { get opened() { return bounded(opened, "opens the world"); }, ended, lines, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

async function main([path = "", key = "", trust = "", remote = ""]: readonly string[]): Promise<void> {
  const controller = await startController({
    repo: await openRepo(path), key: await readPrivateKey(key), remote: remote === "-" ? undefined : remote, trust: parseHash(trust), pollMs: 50,
    log: (line) => void process.stdout.write(`${JSON.stringify(line)}\n`),
  });
  process.once("SIGTERM", () => void controller.stop());
  const error = await controller.stopped;
  if (error !== undefined) throw error;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
