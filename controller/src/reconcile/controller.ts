// A running world: its lock, its kernel, its publisher and its eyes on the repository, assembled and taken apart again.

import {
  AosError, createModuleRunner, decodeRecord, fileBlobs, httpAdapter, lockWorld, openFileJournal, openHost, SANDBOX_VERSION, systemClock, systemEntropy,
  type Blobs, type DurableTurn, type FileJournal, type Hash, type Host, type JournalRecord,
} from "@agentos/kernel";
import { serveControl } from "../control/server.ts";
import { controlHandler } from "../control/handler.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { openStore, type ObjectStore } from "../git/store.ts";
import { readRef, cleanStaleLocks } from "../git/refs.ts";
import type { Repo } from "../git/repo.ts";
import { parseTrust, principalOfKey, TRUST_PATH } from "../governance/trust.ts";
import { keyId } from "../governance/ssh-key.ts";
import { createPublisher, type Publisher } from "../publish/publisher.ts";
import { openSealer, type Sealer } from "../publish/seal.ts";
import { checkPublished, restore } from "../publish/restore.ts";
import { noteOf } from "./act.ts";
import { createLoop } from "./loop.ts";
import { MAIN_REF } from "../forge/local.ts";
import { bookOf, type receiptBook } from "./rehearse.ts";
import { adoptPublished, fetchAll } from "./remote.ts";
import { pinTrust, removeRunFile, stateFolder, writeRunFile, type StateFolder } from "./state-folder.ts";
import type { WorldStatus } from "./status.ts";

export interface LogLine {
  readonly time: string;
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: unknown;
}
export type Log = (level: LogLine["level"], message: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface ControllerOptions {
  readonly repo: Repo;
  /** The controller's key; its principal is whoever has it in the trust file on main. */
  readonly key: SigningKey;
  /** Name of the remote that is authoritative; undefined: this repository is. */
  readonly remote: string | undefined;
  /** The pinned hash of the genesis trust file: the world's id. */
  readonly trust: Hash;
  readonly log: (line: LogLine) => void;
  /** How often the repository is looked at without a nudge. */
  readonly pollMs?: number;
}
export interface RunningController {
  status(): WorldStatus;
  /** Lets running effects finish for a while, seals, pushes, lets the world go. May be called twice. */
  stop(): Promise<void>;
  /** Resolves when the controller has stopped; with the error that stopped it, if one did. */
  readonly stopped: Promise<Error | undefined>;
}

/** Git holds a ref's lock for milliseconds; one of this age was left by a process that died. */
const STALE_LOCK_MS = 10_000;

/** What the parts of a running world share. */
export interface Parts {
  readonly options: ControllerOptions;
  readonly folder: StateFolder;
  readonly store: ObjectStore;
  readonly journal: FileJournal;
  readonly blobs: Blobs;
  readonly host: Host;
  readonly principal: string;
  readonly sealer: Sealer;
  readonly publisher: Publisher;
  /** Receipts that rehearsals may answer with. */
  readonly book: ReturnType<typeof receiptBook>;
  readonly log: Log;
}

/**
 * Starts a world: takes its lock, restores what is published when there is no local state, replays the journal, seals what was
 * not sealed, takes up open intents, then follows main until it is stopped.
 *
 * @throws AosError `world.running`, `trust.*`, `journal.*`, `replay.*`: nothing was changed then
 */
export async function startController(options: ControllerOptions): Promise<RunningController> {
  const { repo } = options;
  const log: Log = (level, message, fields = {}) => options.log({ time: new Date().toISOString(), level, message, ...fields });
  const folder = await stateFolder(repo);
  const lock = await lockWorld(folder.path, { command: options.remote === undefined ? "aos run" : "aos controller" });
  const store = openStore(repo.commonDir);
  let journal: FileJournal | undefined;
  try {
    const stale = await cleanStaleLocks(repo.gitDir, { olderThanMs: STALE_LOCK_MS });
    if (stale.removed.length > 0) log("warn", "removed locks that a dead process left", { paths: stale.removed });
    if (options.remote !== undefined) await fetchAll(repo, options.remote);
    const principal = await whoAmI(options, store);
    await pinTrust(repo, options.trust);
    if (options.remote !== undefined) await adoptPublished(repo, options.remote);
    journal = await openFileJournal({ dir: folder.journal, mode: "append" });
    if (journal.repaired !== undefined) log("warn", "cut off a turn that was never finished", { ...journal.repaired });
    const blobs = fileBlobs(folder.blobs);
    if (journal.nextSeq === 0) log("info", "local journal is empty", { restored: await restore(store, { journal, blobs }) });
    await checkPublished(store, journal);
    const parts = await assemble(options, { folder, store, journal, blobs, principal, log });
    return await run(parts, () => lock.release());
  } catch (error) {
    await journal?.close().catch(() => undefined);
    await store.close();
    await lock.release();
    throw error;
  }
}

async function assemble(options: ControllerOptions, made: Omit<Parts, "options" | "host" | "sealer" | "publisher" | "book">): Promise<Parts> {
  const { journal, blobs, store, log } = made;
  const clock = systemClock();
  const host = await openHost({
    journal, blobs, clock, entropy: systemEntropy(), signer: options.key, modules: createModuleRunner(), adapters: [httpAdapter({ blobs, clock })],
    sandbox: SANDBOX_VERSION, world: options.trust,
  });
  const sealer = await openSealer({ store, key: options.key, principal: made.principal, world: options.trust, blobs, noteOf: (record) => noteOf({ repo: options.repo, store }, record) });
  const publisher = createPublisher({
    repo: options.repo, sealer, remote: options.remote,
    onProblem: (what, error) => log("warn", `${what} failed`, { code: error.code, problem: error.message }),
  });
  for await (const turn of unsealed(journal, host, sealer.sealedSeq + 1)) publisher.add(turn);
  const book = await bookOf(journal);
  host.onTurn((turn) => {
    publisher.add(turn);
    book.take(turn.records);
  });
  return { ...made, options, host, sealer, publisher, book };
}

/** The turns that are in the journal and in no seal. Their world is the one of now: a seal cites the state after its last turn. */
async function* unsealed(journal: FileJournal, host: Host, fromSeq: number): AsyncGenerator<DurableTurn> {
  if (fromSeq >= journal.nextSeq) return;
  for await (const turn of journal.read(fromSeq)) {
    const records: JournalRecord[] = turn.records.map(decodeRecord);
    yield { records, bytes: turn.records, world: host.world };
  }
}

async function run(parts: Parts, release: () => Promise<void>): Promise<RunningController> {
  const { folder, host, journal, log, options } = parts;
  const loop = createLoop(parts);
  let finish: (error: Error | undefined) => void = () => undefined;
  const stopped = new Promise<Error | undefined>((resolve) => (finish = resolve));
  let stopping: Promise<void> | undefined;
  const stop = (error?: Error): Promise<void> => {
    stopping ??= (async () => {
      await loop.stop();
      await server.close();
      await host.stop();
      await parts.publisher.stop();
      await removeRunFile(folder);
      await parts.store.close();
      await release();
      log("info", "stopped", { seq: host.world.nextSeq });
      finish(error);
    })();
    return stopping;
  };
  const server = await serveControl(folder.path, controlHandler({ host, journal, status: () => loop.status(), nudge: () => loop.nudge(), stop: () => void stop() }));
  await writeRunFile(folder, { pid: process.pid, socket: server.socket, principal: parts.principal, since: new Date().toISOString() });
  log("info", "world opened", { world: options.trust, principal: parts.principal, seq: host.world.nextSeq, socket: server.socket });
  host.startEffects();
  loop.start((error) => void stop(error));
  return { status: () => loop.status(), stop: () => stop(), stopped };
}

/** The principal that the trust file on main gives this key to. */
async function whoAmI(options: ControllerOptions, store: ObjectStore): Promise<string> {
  const main = await readRef(options.repo.commonDir, MAIN_REF);
  if (main === undefined) throw new AosError("world.main", "the repository has no branch main", { hint: "push the world's first commit: git push origin main" });
  const bytes = await store.readPath(main, TRUST_PATH);
  if (bytes === undefined) throw new AosError("trust.missing", `main (${main.slice(0, 12)}): no ${TRUST_PATH}`, { hint: "was the world made with `aos init`?" });
  const principal = principalOfKey(parseTrust(bytes), options.key.publicKey);
  if (principal?.kind !== "controller") {
    throw new AosError("trust.controller", `${keyId(options.key.publicKey)}: ${principal === undefined ? "no principal of the world has this key" : `the key of ${principal.name}, a ${principal.kind}`}`, {
      hint: "use the key of a principal of kind controller in .aos/trust.json",
    });
  }
  return principal.name;
}
