// A running world: its lock, its kernel, its publisher and its eyes on the repository, assembled and taken apart again.

import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AosError, dropSnapshots, fileBlobs, fileSnapshots, lockWorld, openFileJournal, openHost, SANDBOX_VERSION, systemClock, systemEntropy,
  type Blobs, type FileJournal, type Hash, type Host, type WorldCheckpoint,
} from "@agentos/kernel";
import type { LoopbackPlace } from "../control/loopback.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { systemCode } from "../git/durable.ts";
import type { Oid } from "../git/objects.ts";
import { cleanStalePacks, openStore, type ObjectStore } from "../git/store.ts";
import { readRef, cleanStaleLocks, STALE_LOCK_MS } from "../git/refs.ts";
import { configGet, type Repo } from "../git/repo.ts";
import { parseTrust, principalOfKey, TRUST_PATH } from "../governance/trust.ts";
import { keyId } from "../governance/ssh-key.ts";
import { NOTES_REF, readTip } from "../publish/published.ts";
import { createPublisher, type Publisher } from "../publish/publisher.ts";
import { openSealer, type Sealer } from "../publish/seal.ts";
import { checkPublished, restore } from "../publish/restore.ts";
import { verifyPublished } from "../publish/verify.ts";
import { noteOf } from "./act.ts";
import { worldAdapters } from "./adapters.ts";
import { backlogOf } from "./backlog.ts";
import type { Log, LogLine } from "./log.ts";
import { openHosting, type GithubOptions, type Hosting } from "./hosting.ts";
import { createLoop } from "./loop.ts";
import { githubClient, type GithubClient } from "../forge/github/client.ts";
import { gitAccess, type GitAccess } from "../forge/github/git-access.ts";
import { MAIN_REF } from "../forge/local.ts";
import { SHADOW_REF } from "../forge/local-shadow.ts";
import { refView } from "../forge/open-local.ts";
import { keepUnpushed, markUnpushed, unpushedBranches } from "./unpushed.ts";
import { governancePort, type WriteBack } from "./govern.ts";
import { openBook, type KeptBook } from "./receipt-book.ts";
import { repositoryModules, sourcePlaces, type Thrown } from "../script-places.ts";
import { throwLog } from "./throw-log.ts";
import { serve } from "./serve.ts";
import { fetch } from "../git/transport.ts";
import { WORKSPACES_PREFIX } from "../workspaces/version-commit.ts";
import { createInbox, type Inbox } from "../inbox/inbox.ts";
import { workspaceKeeper, type WorkspaceKeeper } from "../workspaces/keeper.ts";
import { foreseer } from "./own-report.ts";
import { adoptPublished, fetchAll, followBeside } from "./remote.ts";
import { isRestoring, markRestoring, pinTrust, removeRunFile, stateFolder, type StateFolder } from "./state-folder.ts";
import type { WorldStatus } from "./status.ts";
import { turnLog } from "./turn-log.ts";

export interface ControllerOptions {
  readonly repo: Repo;
  /** The controller's key; its principal is whoever has it in the trust file on main. */
  readonly key: SigningKey;
  /** Name of the remote that is authoritative; undefined: this repository is. */
  readonly remote: string | undefined;
  /** The pinned hash of the genesis trust file: the world's id. */
  readonly trust: Hash;
  readonly log: (line: LogLine) => void;
  /** Answers over loopback HTTP too, to whoever has the token; by default over the control socket alone. */
  readonly http?: LoopbackPlace;
  /** Brings what plans propose into AIR files; without it their proposals are answered `governance.unavailable`. */
  readonly writeBack?: WriteBack;
  /** Signs what plans propose, where the trust file knows it as an agent's; else the controller's key does. */
  readonly agent?: SigningKey;
  /** How often the repository is looked at without a nudge. */
  readonly pollMs?: number;
  /** How long a seal may wait to be pushed together with later ones; 1 s unless told. Governance does not wait. */
  readonly pushAfterMs?: number;
  /** How long effects that run may go on when the world stops; 5 s unless told. */
  readonly graceMs?: number;
  /** Where the authoritative repository is a GitHub one: its pull requests are proposals. Only with a remote. */
  readonly github?: GithubOptions;
}
export interface RunningController {
  status(): WorldStatus;
  /** Lets running effects finish for a while, seals, pushes, lets the world go. May be called twice. */
  stop(): Promise<void>;
  /** Resolves when the controller has stopped; with the error that stopped it, if one did. */
  readonly stopped: Promise<Error | undefined>;
}

/** Refs that nobody else moves: with the world's lock in hand, a lock there is stale sooner. */
const OWN_REFS: readonly string[] = [NOTES_REF, SHADOW_REF];
const OWN_LOCK_MS = 1_000;
/** A push may be under way in this repository for that long. */
const STALE_PACK_MS = 600_000;

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
  readonly keeper: WorkspaceKeeper;
  readonly inbox: Inbox;
  /** Receipts that rehearsals may answer with. */
  readonly book: KeptBook;
  readonly log: Log;
  readonly hosting?: Hosting;
}

/**
 * Starts a world: takes its lock, restores what is published when there is no local state, replays the journal, seals what was
 * not sealed, takes up open intents, then follows main until it is stopped.
 *
 * @throws AosError `world.running`, `world.fenced`, `trust.*`, `journal.*`, `replay.*`, and what verification finds in a
 *   published journal that is to be restored: nothing is published then
 */
export async function startController(asked: ControllerOptions): Promise<RunningController> {
  const log: Log = (level, message, fields = {}) => asked.log({ time: new Date().toISOString(), level, message, ...fields });
  const signedIn = await signIn(asked, log);
  const { options } = signedIn;
  const { repo } = options;
  const folder = await stateFolder(repo);
  const lock = await lockWorld(folder.path, { command: options.remote === undefined ? "aos run" : "aos controller" });
  const store = openStore(repo.commonDir);
  let journal: FileJournal | undefined;
  try {
    await cleanUp(repo, log);
    journal = await openFileJournal({ dir: folder.journal, mode: "append" });
    if (journal.repaired !== undefined) log("warn", "cut off a turn that was never finished", { ...journal.repaired });
    await fetchFirst(options, { journal, folder, log });
    const principal = await whoAmI(options, store);
    await pinTrust(repo, options.trust);
    const blobs = fileBlobs(folder.blobs);
    await catchUp(options, { folder, store, journal, blobs, log });
    const checkedSeq = await snapshotSeq(folder, journal);
    await checkPublished(store, journal, { place: folder.journal, tip: await readTip(store), fromSeq: checkedSeq });
    return await assemble(options, { folder, store, journal, blobs, principal, log, checkedSeq, ...signedIn, release: () => lock.release() });
  } catch (error) {
    await journal?.close().catch(() => undefined);
    await store.close();
    await lock.release();
    throw error;
  }
}

interface SignedIn {
  /** With what git needs of the service in its environment. */
  readonly options: ControllerOptions;
  readonly github?: { readonly client: GithubClient; readonly access: GitAccess };
}

/** A service that does not answer now is asked again at the first look. */
async function signIn(options: ControllerOptions, log: Log): Promise<SignedIn> {
  if (options.github === undefined || options.remote === undefined) return { options };
  const client = githubClient(options.github);
  const access = gitAccess(client, { url: await configGet(options.repo, `remote.${options.remote}.url`), env: options.repo.env });
  await access.refresh().catch((error: unknown) => {
    if (!(error instanceof AosError)) throw error;
    log("warn", "GitHub: signing in failed", { code: error.code, problem: error.message });
  });
  return { options: { ...options, repo: { ...options.repo, env: access.env } }, github: { client, access } };
}

/** Removes what processes that died left behind. */
async function cleanUp(repo: Repo, log: Log): Promise<void> {
  for (const ref of OWN_REFS) await waitForLock(join(repo.commonDir, `${ref}.lock`));
  const own = await Promise.all(OWN_REFS.map((ref) => removed(join(repo.commonDir, `${ref}.lock`))));
  const stale = await cleanStaleLocks(repo.gitDir, { olderThanMs: STALE_LOCK_MS });
  const packs = await cleanStalePacks(repo.commonDir, { olderThanMs: STALE_PACK_MS });
  const paths = [...own.flat(), ...stale.removed, ...packs];
  if (paths.length > 0) log("warn", "removed what a dead process left", { paths });
}

/** Gives whoever holds a lock the time to finish. */
async function waitForLock(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  const leftMs = found === undefined ? 0 : OWN_LOCK_MS - (Date.now() - found.mtimeMs);
  if (leftMs > 0) await sleep(Math.min(leftMs, OWN_LOCK_MS));
}

async function removed(path: string): Promise<readonly string[]> {
  try {
    await rm(path);
    return [path];
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** A remote that is away stops nothing where the world has run already. */
async function fetchFirst({ repo, remote }: ControllerOptions, { journal, folder, log }: Pick<Parts, "journal" | "folder" | "log">): Promise<void> {
  if (remote === undefined) return;
  try {
    await followBeside(repo, remote);
    // Whose reviews are written here is not known yet: the first look takes over the others'.
    await fetchAll(repo, remote, { also: [...(await unpushedBranches(repo)).keys()].map((branch) => `^${branch}`), isOwn: () => true });
  } catch (error) {
    if (!(error instanceof AosError) || error.class !== "outside" || journal.nextSeq === 0) throw error;
    log("warn", "the remote is away: going on with what is here", { code: error.code, problem: error.message });
  }
  await adoptPublished(repo, remote, { journal: journal.nextSeq === 0 || (await isRestoring(folder)) ? "empty" : "kept" });
}

/** Rebuilds the local journal from the published one, where there is none or an earlier start was cut short in this. */
async function catchUp(options: ControllerOptions, made: Pick<Parts, "folder" | "store" | "journal" | "blobs" | "log">): Promise<void> {
  const { folder, store, journal, blobs, log } = made;
  if (journal.nextSeq > 0 && !(await isRestoring(folder))) return;
  if ((await readTip(store)) === undefined) return;
  const report = await verifyPublished({ repo: options.repo, store, trust: options.trust, replay: undefined, mainRef: MAIN_REF });
  const [first] = report.problems;
  if (first !== undefined) {
    throw new AosError(first.code, `what is published does not verify, so the world is not rebuilt from it: ${first.message}`, { class: "unverified", ...(first.seq === undefined ? {} : { at: { seq: first.seq } }), hint: "run `aos verify` to see everything" });
  }
  await markRestoring(folder, "begun");
  await dropSnapshots(folder.snapshots, { beyondSeq: journal.nextSeq });
  const records = await restore(store, { journal, blobs });
  await markRestoring(folder, "done");
  log("info", "rebuilt the local journal from the published one", { records });
}

/** Where the world will be taken up from, if its newest snapshot is good. */
async function snapshotSeq({ snapshots }: StateFolder, { nextSeq }: FileJournal): Promise<number> {
  const store = fileSnapshots(snapshots);
  const seqs = (await store.list()).map(({ file }) => Math.floor(file / 2)).filter((seq) => seq <= nextSeq);
  await store.close();
  return Math.max(0, ...seqs);
}

/** What the last seal says of the state after its records. */
async function signedRoot(store: ObjectStore): Promise<{ readonly checkpoint?: WorldCheckpoint }> {
  const tip = await readTip(store);
  return tip === undefined ? {} : { checkpoint: { nextSeq: tip.checkpoint.lastSeq + 1, root: tip.checkpoint.stateRoot } };
}

interface Made extends Omit<Parts, "options" | "host" | "sealer" | "publisher" | "book" | "keeper" | "inbox"> {
  /** From there on the local journal is known to be what was published. */
  readonly checkedSeq: number;
  readonly github?: SignedIn["github"];
  release(): Promise<void>;
}

async function assemble(options: ControllerOptions, made: Made): Promise<RunningController> {
  const { journal, blobs, store, log } = made;
  const clock = systemClock();
  const governance = options.writeBack === undefined ? undefined : governancePort({
    repo: options.repo, store, key: options.key, principal: made.principal, agent: options.agent, writeBack: options.writeBack, timeSeconds: () => Math.floor(Date.now() / 1000),
    on: () => ({ world: host.world, recorded: book.recorded(), shelf: host.shelf }),
    ...(options.remote === undefined ? {} : { beforeMove: (ref: string, head: Oid): Promise<void> => markUnpushed(options.repo, ref, head) }),
    onMoved(ref, signer) {
      publisher.pushAlso(ref);
      log("info", "a plan proposes", { ref, signer: signer.principal, kind: signer.kind });
    },
  });
  const outside = await worldAdapters(made.folder.path, { blobs, clock, host: () => host, governance });
  let onThrow: (thrown: Thrown) => void = () => undefined;
  // While the journal is replayed its throws are old news.
  const modules = repositoryModules(options.repo, { onThrow: (thrown) => onThrow(thrown) });
  const host: Host = await openHost({
    journal, blobs, clock, entropy: systemEntropy(), signer: options.key, modules, adapters: outside.adapters, secrets: outside.secrets,
    sandbox: SANDBOX_VERSION, world: options.trust, snapshots: fileSnapshots(made.folder.snapshots), ...(await signedRoot(store)),
  });
  const openedSeq = host.opened.snapshotSeq ?? 0;
  if (openedSeq < made.checkedSeq) await checkPublished(store, journal, { place: made.folder.journal, tip: await readTip(store), fromSeq: openedSeq });
  logSnapshots(log, host);
  onThrow = throwLog(log, { world: () => host.world, places: sourcePlaces(options.repo.workTree) });
  const sealer = await openSealer({ store, key: options.key, principal: made.principal, world: options.trust, blobs, withheldAt: made.folder.withheld, noteOf: (record) => noteOf({ repo: options.repo, store }, record) });
  let onFatal: (error: unknown) => void = () => undefined;
  const publisher = createPublisher({
    repo: options.repo, sealer, remote: options.remote, onFatal: (error) => onFatal(error), ...(options.pushAfterMs === undefined ? {} : { pushAfterMs: options.pushAfterMs }),
    onProblem: (what, error) => log("warn", `${what} failed`, { code: error.code, problem: error.message }),
  });
  if (options.remote !== undefined) {
    await keepUnpushed(options.repo, () => true);
    for (const branch of (await unpushedBranches(options.repo)).keys()) publisher.pushAlso(branch);
  }
  for (const turn of await backlogOf(journal, host, { fromSeq: sealer.sealedSeq + 1 })) publisher.add(turn);
  const book = await openBook(made.folder.receipts, journal, { onProblem: (error) => log("warn", "where receipts stand could not be written down", { problem: errorOf(error).message }) });
  const tell = turnLog(log, host.world);
  const keeper = workspaceKeeper({
    store, blobs, key: options.key, principal: made.principal, log, world: () => host.world, sealedSeq: () => sealer.sealedSeq, fenced: () => publisher.state.fenced,
    adopt: () => adoptWorkspaces(options), onMoved: (ref) => publisher.pushAlso(ref), onFatal: (error) => onFatal(error),
  });
  host.onTurn((turn) => {
    publisher.add(turn);
    book.take(turn);
    keeper.take(turn);
    tell(turn);
  });
  const inbox = createInbox({ repo: options.repo, remote: options.remote, store, host, journal, blobs, key: options.key, principal: made.principal, log });
  const { github } = made;
  const hosting = github === undefined || options.github === undefined ? {} : {
    hosting: openHosting(options.github, {
      ...github, foresee: foreseer({ options, store, host, book }), local: { repo: options.repo, store, refs: refView(options.repo.commonDir, new Map()) }, key: options.key, principal: made.principal, world: options.trust, log,
    }),
  };
  return run({ ...made, ...hosting, options, host, sealer, publisher, book, keeper, inbox }, { release: () => made.release(), onFatal: (stop) => (onFatal = stop) });
}

/** Workspaces as an earlier controller showed them on the remote: a new key would make other commits of them. */
async function adoptWorkspaces({ repo, remote }: ControllerOptions): Promise<void> {
  if (remote !== undefined) await fetch(repo, remote, { refspecs: [`${WORKSPACES_PREFIX}*:${WORKSPACES_PREFIX}*`], tags: "leave" });
}

/** How the world came up, and each time it is written down by itself. */
function logSnapshots(log: Log, host: Host): void {
  const { snapshotSeq, replayed, passed } = host.opened;
  log("debug", "journal replayed", { ...(snapshotSeq === undefined ? {} : { snapshot_seq: snapshotSeq }), records: replayed });
  for (const { code, reason } of passed) log("warn", "passed over a snapshot", { code, problem: reason });
  host.onSnapshot((outcome) => {
    if (outcome instanceof AosError) log("warn", "no snapshot could be made", { code: outcome.code, problem: outcome.message });
    else log("info", "snapshot made", { seq: outcome.seq, bytes: outcome.bytes });
  });
}

async function run(parts: Parts, around: { release(): Promise<void>; onFatal(stop: (error: unknown) => void): void }): Promise<RunningController> {
  const { folder, host, keeper, log, options, publisher } = parts;
  const loop = createLoop(parts);
  let finish: (error: Error | undefined) => void = () => undefined;
  const stopped = new Promise<Error | undefined>((resolve) => (finish = resolve));
  let stopping: Promise<void> | undefined;
  const stop = (error?: Error): Promise<void> => (stopping ??= takeApart(error));

  /** Every part is let go, whatever becomes of the others; the first failure is what stopped the world, unless it had a reason. */
  async function takeApart(reason: Error | undefined): Promise<void> {
    let error = reason;
    const steps = [() => loop.stop(), () => host.stop(options.graceMs), () => servers.close(), () => parts.book.save(), () => publisher.stop(() => keeper.stop()), () => removeRunFile(folder), () => parts.store.close(), () => around.release()];
    for (const step of steps) await step().catch((cause: unknown) => (error ??= errorOf(cause)));
    log(error === undefined ? "info" : "error", "stopped", { seq: host.world.nextSeq, ...(error === undefined ? {} : { problem: error.message }) });
    finish(error);
  }

  const servers = await serve(parts, { status: () => loop.status(), nudge: () => loop.nudge(), stop: () => void stop() });
  log("info", "world opened", { world: options.trust, principal: parts.principal, seq: host.world.nextSeq, ...servers.places });
  around.onFatal((error) => void stop(errorOf(error)));
  publisher.start();
  keeper.start();
  host.startEffects();
  loop.start((error) => void stop(error));
  return { status: () => loop.status(), stop: () => stop(), stopped };
}

function errorOf(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** The principal that the trust file in force gives this key to: that of the applied commit, before there is one that of main. */
async function whoAmI(options: ControllerOptions, store: ObjectStore): Promise<string> {
  const main = await readRef(options.repo.commonDir, MAIN_REF);
  if (main === undefined) throw new AosError("world.main", "the repository has no branch main", { hint: "push the world's first commit: git push origin main" });
  const inForce = (await readTip(store))?.checkpoint.world ?? main;
  const bytes = await store.readPath(inForce, TRUST_PATH);
  if (bytes === undefined) throw new AosError("trust.missing", `commit ${inForce.slice(0, 12)}: no ${TRUST_PATH}`, { hint: "was the world made with `aos init`?" });
  const principal = principalOfKey(parseTrust(bytes), options.key.publicKey);
  if (principal?.kind !== "controller") {
    throw new AosError("trust.controller", `${keyId(options.key.publicKey)}: ${principal === undefined ? "no principal of the world has this key" : `the key of ${principal.name}, a ${principal.kind}`}`, {
      hint: "use the key of a principal of kind controller in .aos/trust.json",
    });
  }
  return principal.name;
}
