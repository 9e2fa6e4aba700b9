// Makes a fresh clone ready: installs what is missing, builds what changed, stands in for OpenSSH. Plain JavaScript: it runs before anything is built.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Installs when node_modules is missing or older than the lock file, then builds; a failing step ends the process. */
export async function prepare() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node ${process.versions.node} is too old: AgentOS needs Node 20.19 or newer`);
  const stamp = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(stamp) || statSync(stamp).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs) {
    console.error("installing packages (npm ci) …");
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  console.error("building (tsc -b) …");
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
  run(process.execPath, [join(root, "cli", "scripts", "bundle.mjs")]);
  await standIn();
}

/** Git signs with OpenSSH's ssh-keygen. Where that is not installed, what is started from here finds ours under its name. */
async function standIn() {
  const { isProgram, STAND_IN } = await import("../dist/openssh.js");
  if (isProgram("ssh-keygen")) return;
  console.error(`OpenSSH is not installed: ${relative(root, STAND_IN)} signs for git in its place`);
  process.env.PATH = [dirname(STAND_IN), process.env.PATH ?? ""].join(delimiter);
}

/** Runs a program in the root folder with this terminal; its failure is ours. */
export function run(program, args, options = {}) {
  const { status, error, signal } = spawnSync(program, args, { cwd: root, stdio: "inherit", ...options });
  if (error !== undefined) fail(`${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? (signal === null ? 1 : 130));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
