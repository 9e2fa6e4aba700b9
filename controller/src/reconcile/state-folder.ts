// Where a running world keeps its local state, inside the repository: `<git folder>/aos/`. Git never looks there.

import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError, isHash, type Hash } from "@agentos/kernel";
import { configGet, configSet, type Repo } from "../git/repo.ts";
import { jsonObject } from "../json-object.ts";

export interface StateFolder {
  readonly path: string;
  readonly journal: string;
  readonly blobs: string;
  readonly snapshots: string;
  /** Where the latest receipts stand in the journal; may be deleted at any time. */
  readonly receipts: string;
  /** Hashes of secrets in clear among the blobs; belongs to them. */
  readonly withheld: string;
  /** What admission made of modules; may be deleted at any time. */
  readonly modules: string;
}

/** How a running world can be asked: the path of its control socket, and its process. */
interface RunFile {
  readonly pid: number;
  readonly socket: string;
  readonly principal: string;
  readonly since: string;
}

/** Makes the folder where it is missing; only its owner may enter it, since keys and the control socket are in it. */
export async function stateFolder(repo: Repo): Promise<StateFolder> {
  const folder = stateFolderAt(repo);
  await mkdir(folder.path, { recursive: true, mode: 0o700 });
  await chmod(folder.path, 0o700);
  return folder;
}

/** The same without making it. */
export function stateFolderAt(repo: Repo): StateFolder {
  const path = join(repo.commonDir, "aos");
  return { path, journal: join(path, "journal"), blobs: join(path, "blobs"), snapshots: join(path, "snapshots"), receipts: join(path, "receipts.json"), withheld: join(path, "withheld"), modules: join(path, "modules") };
}

/** Puts the run file in place whole: whoever reads it meanwhile finds the old one or the new one. */
export async function writeRunFile(folder: StateFolder, run: RunFile): Promise<void> {
  const draft = join(folder.path, `run.json.${run.pid}`);
  await writeFile(draft, `${JSON.stringify(run)}\n`, { mode: 0o600 });
  await rename(draft, join(folder.path, "run.json"));
}

export async function removeRunFile(folder: StateFolder): Promise<void> {
  await rm(join(folder.path, "run.json"), { force: true });
}

/** The run file, if a live process wrote it. */
export async function readRunFile(folder: StateFolder): Promise<RunFile | undefined> {
  const text = await readFile(join(folder.path, "run.json"), "utf8").catch(() => undefined);
  const run = text === undefined ? undefined : parseRunFile(text);
  return run !== undefined && isAlive(run.pid) ? run : undefined;
}

function parseRunFile(text: string): RunFile | undefined {
  const { pid, socket, principal, since } = jsonObject(text) ?? {};
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0 || typeof socket !== "string" || typeof principal !== "string" || typeof since !== "string") return undefined;
  return { pid, socket, principal, since };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Stands while the local journal is being copied from the published one: a journal that is cut short is no loss then. */
const RESTORING = "restoring";

export async function markRestoring(folder: StateFolder, state: "begun" | "done"): Promise<void> {
  const path = join(folder.path, RESTORING);
  if (state === "done") return rm(path, { force: true });
  await writeFile(path, "the local journal is being rebuilt from the published one\n", { mode: 0o600, flush: true });
}

export async function isRestoring(folder: StateFolder): Promise<boolean> {
  return (await stat(join(folder.path, RESTORING)).catch(() => undefined)) !== undefined;
}

const TRUST_KEY = "aos.trust";

/** The pinned hash of the genesis trust file: the world's id. Kept in the repository's own git configuration. */
export async function readPinnedTrust(repo: Repo): Promise<Hash | undefined> {
  const text = await configGet(repo, TRUST_KEY);
  if (text === undefined) return undefined;
  if (!isHash(text)) throw new AosError("trust.pin", `git config ${TRUST_KEY}: not a hash`, { hint: `git config ${TRUST_KEY} sha256:<64 hex digits>` });
  return text;
}

/** Pins the trust hash. @throws AosError `trust.pin` when another one is pinned already */
export async function pinTrust(repo: Repo, trust: Hash): Promise<void> {
  const before = await readPinnedTrust(repo);
  if (before !== undefined && before !== trust) {
    throw new AosError("trust.pin", `this repository is pinned to world ${before}, not ${trust}`, { hint: `if that is meant: git config --unset ${TRUST_KEY}` });
  }
  if (before === undefined) await configSet(repo, TRUST_KEY, trust);
}
