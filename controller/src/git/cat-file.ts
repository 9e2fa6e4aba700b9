// Reads objects through one long-running `git cat-file --batch`, which sees new packs and survives a repack.

import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { Socket } from "node:net";
import { AosError, assert } from "@agentos/kernel";
import { isOid, objectId } from "./objects.ts";
import type { GitObject, ObjectType, Oid } from "./objects.ts";
import { gitEnvironment, redact } from "./run.ts";

interface CatFile {
  /**
   * @returns the object, its bytes owned by the caller and checked against its id; undefined when there is none
   * @throws AosError `git.corrupt` (class unverified), `git.failed` when git cannot be run here
   */
  read(oid: Oid): Promise<GitObject | undefined>;
  /** Ends the process; a later read starts another. */
  close(): Promise<void>;
}

interface Request {
  readonly oid: Oid;
  readonly resolve: (object: GitObject | undefined) => void;
  readonly reject: (error: unknown) => void;
  /** How many processes have died under it. */
  attempts: number;
}
interface Worker {
  readonly child: ChildProcessWithoutNullStreams;
  /** Asked and not yet answered, in order. */
  readonly waiting: Request[];
  readonly closed: Promise<void>;
}

/** Two processes dying under one request is not bad luck. */
const ATTEMPTS_MAX = 2;

/** @param env - as for gitEnvironment, e.g. a hook's quarantine */
export function catFile(gitDir: string, env: Readonly<Record<string, string>> = {}): CatFile {
  let worker: Worker | undefined;

  function ask(request: Request): void {
    worker ??= start(gitDir, env, {
      ended(which, complaint) {
        if (worker === which) worker = undefined;
        for (const left of which.waiting.splice(0)) again(left, complaint);
      },
    });
    if (worker.waiting.push(request) === 1) keepAlive(worker, "yes");
    const { stdin } = worker.child;
    // What is asked in one turn is sent at once.
    if (stdin.writableCorked === 0) {
      stdin.cork();
      process.nextTick(() => stdin.uncork());
    }
    stdin.write(`${request.oid}\n`);
  }

  function again(request: Request, complaint: string): void {
    request.attempts++;
    if (request.attempts < ATTEMPTS_MAX) ask(request);
    else request.reject(new AosError("git.failed", `${gitDir}: git cat-file --batch ended: ${complaint}`, { class: "outside" }));
  }

  return {
    read: (oid) => new Promise((resolve, reject) => ask({ oid, resolve, reject, attempts: 0 })),
    async close() {
      const ending = worker;
      worker = undefined;
      if (ending === undefined) return;
      keepAlive(ending, "yes");
      ending.child.stdin.end();
      await ending.closed;
    },
  };
}

function start(
  gitDir: string,
  env: Readonly<Record<string, string>>,
  on: { ended(which: Worker, complaint: string): void },
): Worker {
  const child = spawn("git", ["--git-dir", gitDir, "cat-file", "--batch"], { env: gitEnvironment(env) });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const worker: Worker = { child, waiting: [], closed };
  let complaint = "";
  child.stdout.on("data", answers(gitDir, worker));
  child.stderr.on("data", (chunk: Buffer) => (complaint = redact(`${complaint}${chunk.toString("utf8")}`).slice(-1000)));
  child.stdin.on("error", () => {
    // The process is gone; "close" follows and hands its requests on.
  });
  child.on("error", (cause) => on.ended(worker, cause.message));
  child.on("close", (code, signal) => on.ended(worker, complaint.trim() || `exit ${code ?? signal ?? "unknown"}`));
  return worker;
}

/** An idle reader must not keep the program from ending, a busy one must. */
function keepAlive({ child }: Worker, wish: "yes" | "no"): void {
  const handles = [child, child.stdout as Socket, child.stdin as Socket, child.stderr as Socket];
  for (const handle of handles)
    if (wish === "yes") handle.ref();
    else handle.unref();
}

interface Heading {
  readonly type: ObjectType;
  readonly size: number;
}

/** Cuts the answers out of the stream: `<oid> <type> <size>\n<bytes>\n` or `<oid> missing\n`, in the order asked. */
function answers(gitDir: string, worker: Worker): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let have = 0;
  let heading: Heading | undefined;
  const joined = (): Buffer => {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  const drop = (count: number): void => {
    chunks = [joined().subarray(count)];
    have -= count;
  };
  const answer = (object: Omit<GitObject, "oid"> | undefined): void => {
    const request = worker.waiting.shift();
    assert(request !== undefined, "git cat-file answers what it was asked");
    if (worker.waiting.length === 0) keepAlive(worker, "no");
    const { oid } = request;
    if (object === undefined) return request.resolve(undefined);
    if (objectId(object.type, object.bytes) === oid) return request.resolve({ oid, ...object });
    request.reject(new AosError("git.corrupt", `${gitDir}: object ${oid} does not hold what its id says`, { class: "unverified", hint: "run git fsck" }));
  };
  return (chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    for (;;) {
      if (heading === undefined) {
        const all = joined();
        const end = all.indexOf(0x0a);
        if (end < 0) return;
        const line = all.toString("latin1", 0, end);
        drop(end + 1);
        heading = parseHeading(line);
        if (heading === undefined) answer(undefined);
      } else {
        if (have < heading.size + 1) return;
        const bytes = Uint8Array.prototype.slice.call(joined(), 0, heading.size);
        drop(heading.size + 1);
        const { type } = heading;
        heading = undefined;
        answer({ type, bytes });
      }
    }
  };
}

function parseHeading(line: string): Heading | undefined {
  const [oid = "", type, size] = line.split(" ");
  if (!isOid(oid) || size === undefined) return undefined; // `<oid> missing`
  return { type: type as ObjectType, size: Number(size) };
}
