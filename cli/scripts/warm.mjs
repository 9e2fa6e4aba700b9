// `node warm.mjs <program> <cache>`: does with the program in one piece what is done most, and keeps what V8 made of it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SANDBOX_VERSION } from "@agentos/kernel";
import { compile, run } from "../bin/start.cjs";

const [program, cache] = process.argv.slice(2);
const script = compile(program);
const { aos, hook, sandbox } = run(script);
// It is made of texts of the program, and worlds are bound to it.
if ((await sandbox()) !== SANDBOX_VERSION) throw new Error(`its sandbox is ${await sandbox()}, not ${SANDBOX_VERSION}`);

const folder = mkdtempSync(join(tmpdir(), "aos-warm-"));
try {
  await aos(["--help"]);
  const works = process.exitCode ?? 0;
  process.chdir(folder);
  await aos(["init", ".", "--template", "empty", "--quiet"]);
  // That there is nothing to be found is an answer too.
  for (const words of [["status"], ["state", "get", "demo/None@1"], ["ws", "cat", "none/none"], ["no-such-command"]]) await aos(words);
  process.env.GIT_DIR = ".git";
  for (const name of ["pre-commit", "pre-receive"]) await hook([name]);
  writeFileSync(cache, script.createCachedData());
  process.exitCode = works;
} finally {
  process.chdir("/");
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
