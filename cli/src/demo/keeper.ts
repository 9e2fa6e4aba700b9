// Keeps a controller process running: starts it, kills it when asked to, starts it again, and asks it things.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { connectWorld, lsRemote, openRepo, readRef, type ControlClient, type RecordJson, type WorldStatus } from "@agentos/controller";
import { AosError } from "@agentos/kernel";
import { AOS, ENVIRONMENT, shellWord } from "./processes.ts";

interface Controlled {
  readonly remote: string;
  readonly dir: string;
  readonly key: string;
  readonly trust: string;
}

const WAIT_MS_MAX = 60_000;

export class Keeper {
  killed = 0;
  #controlled: Controlled | undefined;
  #child: ChildProcess | undefined;
  #stopping = false;
  #killTimer: NodeJS.Timeout | undefined;
  readonly #options: { readonly kills: number; readonly seed: number };
  #random: () => number;

  constructor(options: { readonly kills: number; readonly seed: number }) {
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  async start(controlled: Controlled): Promise<void> {
    this.#controlled = controlled;
    await this.#spawn();
    this.#planKill();
  }

  async #spawn(): Promise<void> {
    const { remote, dir, key, trust } = this.#controlled ?? missing();
    await mkdir(dirname(dir), { recursive: true });
    const log = await open(`${dir}.log`, "a");
    const child = spawn(process.execPath, [AOS, "controller", "--repo", remote, "--dir", dir, "--key", key, "--trust", trust, "--poll-ms", "200"], { env: ENVIRONMENT, stdio: ["ignore", log.fd, log.fd] });
    this.#child = child;
    await log.close();
    child.on("exit", (code, signal) => {
      if (this.#stopping || this.#child !== child) return;
      if (signal === "SIGKILL") void this.#spawn();
      else console.error(`the controller ended with exit code ${code}; its log is ${dir}.log`);
    });
  }

  /** Kills at random moments while the demo goes on. */
  #planKill(): void {
    if (this.killed >= this.#options.kills) return;
    this.#killTimer = setTimeout(() => {
      if (this.#child?.kill("SIGKILL") === true) this.killed++;
      this.#planKill();
    }, 50 + this.#random() * 2000);
  }

  async #client(): Promise<ControlClient | undefined> {
    const { dir } = this.#controlled ?? missing();
    const repo = await openRepo(dir).catch(() => undefined);
    return repo === undefined ? undefined : connectWorld(repo);
  }

  /** Asks until there is an answer: between a kill and the next start nobody listens. */
  async #ask<T>(what: string, ask: (client: ControlClient) => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + WAIT_MS_MAX;
    for (;;) {
      const client = await this.#client();
      const answer = client === undefined ? undefined : await ask(client).catch(unlessAway);
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new AosError("demo.wait", `waited in vain: ${what}; the controller's log is ${this.#controlled?.dir}.log`, { class: "outside" });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  until(what: string, holds: (status: WorldStatus) => boolean): Promise<WorldStatus> {
    return this.#ask(what, async (client) => {
      const status = (await client.ask("GET", "/status")) as WorldStatus;
      return holds(status) ? status : undefined;
    });
  }

  /** Sends an event once: when the answer is lost, the journal says whether it was taken. */
  async send(schema: string, value: unknown): Promise<void> {
    const before = (await this.records("event")).length;
    await this.#ask("an event is taken", async (client) => {
      if ((await this.records("event")).length > before) return true;
      const { records } = (await client.ask("POST", "/events", { schema, value })) as { readonly records: readonly RecordJson[] };
      if (records[0]?.kind !== "event") throw new AosError("demo.event", `the event was not taken: ${JSON.stringify(records[0])}`);
      return true;
    });
    console.log(`  $ aos event send ${schema} ${shellWord(JSON.stringify(value))}`);
  }

  /** No effect is open and no plan waits. */
  async settled(): Promise<void> {
    await this.until("the world is idle", ({ openIntents, plans }) => openIntents.length === 0 && plans.length === 0);
  }

  records(kind: string): Promise<readonly RecordJson[]> {
    return this.#ask(`the ${kind} records`, async (client) => {
      const found: RecordJson[] = [];
      for (let from = 0; ; ) {
        const page = (await client.ask("GET", `/journal?from=${from}&limit=1000`)) as { readonly records: readonly RecordJson[]; readonly next: number; readonly end: number };
        found.push(...page.records.filter((record) => record.kind === kind));
        if (page.next >= page.end) return found;
        from = page.next;
      }
    });
  }

  /** All that happened is sealed and on the remote. */
  async published(): Promise<void> {
    await this.until("everything is published", ({ published, seq, sealedSeq }) => published.status === "True" && sealedSeq === seq - 1);
    await this.pushed("refs/notes/aos");
  }

  /** The remote has the controller's ref. */
  async pushed(ref: string): Promise<void> {
    const { dir, remote } = this.#controlled ?? missing();
    await this.#ask(`${ref} is pushed`, async () => {
      const repo = await openRepo(dir);
      const own = await readRef(repo.commonDir, ref);
      return own !== undefined && (await lsRemote(repo, remote, { patterns: [ref] })).get(ref) === own ? true : undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#killTimer);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }
}

function unlessAway(error: unknown): undefined {
  if (error instanceof AosError && error.class === "outside") return undefined;
  throw error;
}

function missing(): never {
  throw new AosError("demo.controller", "the controller was not started");
}

/** A small generator (mulberry32): the same seed, the same moments. */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
