// One process that runs many `aos` commands, one after another, each as in a process of its own: for tests with many rows.

import { Readable } from "node:stream";
import { main } from "../main.ts";

interface Asked {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: string;
}

const print = { stdout: process.stdout.write, stderr: process.stderr.write };

/** Takes what a command prints, as text. */
function captured(stream: "stdout" | "stderr"): () => string {
  const parts: Buffer[] = [];
  process[stream].write = ((part: string | Uint8Array, ...rest: readonly unknown[]) => {
    parts.push(typeof part === "string" ? Buffer.from(part) : Buffer.from(part));
    const done = rest.find((one) => typeof one === "function") as (() => void) | undefined;
    if (done !== undefined) process.nextTick(done);
    return true;
  }) as typeof process.stdout.write;
  return () => Buffer.concat(parts).toString("utf8");
}

async function run({ words, cwd, env, stdin }: Asked): Promise<object> {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.exitCode = undefined;
  Object.defineProperty(process, "stdin", { value: Readable.from(stdin === "" ? [] : [Buffer.from(stdin)]), configurable: true });
  const [stdout, stderr] = [captured("stdout"), captured("stderr")];
  try {
    await main(words);
    return { code: process.exitCode ?? 0, stdout: stdout(), stderr: stderr() };
  } finally {
    process.exitCode = undefined;
    [process.stdout.write, process.stderr.write] = [print.stdout, print.stderr];
    // What `main` holds on to for the life of its process.
    process.removeAllListeners("uncaughtException");
    for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error");
  }
}

process.on("message", (asked: Asked) => {
  run(asked).then((ran) => process.send?.({ ran }), (error: unknown) => process.send?.({ error: String(error) }));
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
