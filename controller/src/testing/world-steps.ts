// What people and a controller do with the world of world-repo.ts, step by step, as a test tells it.

import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { gatherDecision } from "../forge/gather.ts";
import { writeReview } from "../forge/local-reviews.ts";
import { mergeCommit } from "../forge/merge.ts";
import { openLocal } from "../forge/open-local.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { casRef, readRef } from "../git/refs.ts";
import { openRepo } from "../git/repo.ts";
import { startController, type ControllerOptions, type RunningController } from "../reconcile/controller.ts";
import type { LogLine } from "../reconcile/log.ts";
import type { WorldStatus } from "../reconcile/status.ts";
import { clone } from "../git/transport.ts";
import { connectWorld } from "../control/connect.ts";
import { eventually } from "./eventually.ts";
import type { WorldRepo } from "./world-repo.ts";

/** Waits for a state of the controller. @throws AssertionError with the state it is in, when the other one does not come */
export function until(controller: Pick<RunningController, "status">, holds: (status: WorldStatus) => boolean): Promise<WorldStatus> {
  const look = (): WorldStatus | undefined => {
    const status = controller.status();
    return holds(status) ? status : undefined;
  };
  return eventually(look, holds.toString(), { seen: () => controller.status() });
}

/** Waits for a line of the log. */
export async function logged(log: readonly LogLine[], holds: (line: LogLine) => boolean): Promise<void> {
  await eventually(() => log.some(holds), `a line of the log: ${holds.toString()}`, { seen: () => log.slice(-10) });
}

export interface StartChange extends Partial<Omit<ControllerOptions, "repo" | "log">> {
  readonly log?: LogLine[];
}

/** Starts a controller on a repository, by default the world's own without a remote. */
export async function start(world: WorldRepo, path = `${world.folder}/world`, { log, ...change }: StartChange = {}): Promise<RunningController> {
  const repo = await openRepo(path);
  return startController({ repo, key: world.keys.controller, remote: undefined, trust: world.trust, pollMs: 100, log: (line) => void log?.push(line), ...change });
}

/** Sends the event that makes the world fetch, over the control socket; resolves when it is journaled. */
export async function sendStart(path: string, url: string): Promise<number> {
  const client = await connectWorld(await openRepo(path));
  assert.ok(client !== undefined, "the world runs");
  const answer = await client.ask("POST", "/events", { schema: "demo/SafeUpgradeEvent@1", value: { $tag: "Start", $value: { url } } });
  const [first] = (answer as { readonly records: readonly { readonly kind: string; readonly seq: number }[] }).records;
  assert.equal(first?.kind, "event");
  return first.seq;
}

/** Waits until no input waits and no effect runs. */
export async function settle(path: string): Promise<void> {
  const client = await connectWorld(await openRepo(path));
  await client?.ask("POST", "/settle");
}

export async function approve(world: WorldRepo, slug: string, head: string): Promise<void> {
  const local = await openLocal(`${world.folder}/world`);
  try {
    const base = await mainOf(local.repo.commonDir);
    const { decision } = await gatherDecision(local, { base, head: parseOid(head), slug, world: world.trust });
    assert.ok(decision.cid !== null, "there is something to approve");
    const review = { world: world.trust, proposal: slug, head: parseOid(head), verdict: "approve", cid: decision.cid, message: "" } as const;
    await writeReview(local, review, { key: world.keys.reviewer, principal: "reviewer", timeSeconds: nowSeconds() });
  } finally {
    await local.close();
  }
}

/** Merges an approved proposal; main moves. */
export async function merge(world: WorldRepo, slug: string, head: string, by = { key: world.keys.author, principal: "author" }): Promise<Oid> {
  const local = await openLocal(`${world.folder}/world`);
  try {
    const base = await mainOf(local.repo.commonDir);
    const answer = await gatherDecision(local, { base, head: parseOid(head), slug, world: world.trust });
    const { commit, release } = await mergeCommit(local, answer, { title: "follow up", ...by, timeSeconds: nowSeconds() });
    assert.equal(await casRef(local.repo.commonDir, "refs/heads/main", base, commit), "updated");
    await release();
    return commit;
  } finally {
    await local.close();
  }
}

async function mainOf(gitDir: string): Promise<Oid> {
  const main = await readRef(gitDir, "refs/heads/main");
  assert.ok(main !== undefined);
  return main;
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Waits for the report on a proposal, approves it, merges it, and waits until it is in force. */
export async function carryThrough(world: WorldRepo, controller: RunningController, proposal: { readonly slug: string; readonly head: string }): Promise<Oid> {
  await until(controller, ({ proposals }) => proposals.find(({ head }) => head === proposal.head)?.shadow === "done");
  await approve(world, proposal.slug, proposal.head);
  const merged = await merge(world, proposal.slug, proposal.head);
  await until(controller, ({ appliedRevision }) => appliedRevision === merged);
  return merged;
}

/** A bare repository that is authoritative, known to the author's as `origin`, and how a controller gets a clone of it. */
export interface WithRemote {
  readonly remote: string;
  /** A controller's own bare clone. */
  clone(name: string): Promise<string>;
  /** Brings the shadow reports that the remote has to the author's repository. */
  fetch(): Promise<void>;
  push(...refs: readonly string[]): Promise<void>;
}

export async function withRemote(world: WorldRepo): Promise<WithRemote> {
  const remote = `${world.folder}/remote.git`;
  await world.git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", remote);
  // A push would start a process that finds nothing to tidy up.
  await appendFile(`${remote}/config`, "[receive]\n\tautogc = false\n");
  await world.git("remote", "add", "origin", remote);
  await world.git("push", "--quiet", "origin", "main");
  return {
    remote,
    async clone(name) {
      const path = `${world.folder}/${name}`;
      await clone(remote, path, { kind: "bare" });
      return path;
    },
    fetch: async () => void (await world.git("fetch", "--quiet", "origin", "+refs/notes/aos-s*:refs/notes/aos-s*")),
    push: async (...refs) => void (await world.git("push", "--quiet", "origin", ...refs.map((ref) => `${ref}:${ref}`))),
  };
}

/** Has the proposal's head a shadow report in the author's repository? */
export async function isShadowed(world: WorldRepo, head: string): Promise<boolean> {
  return world.git("notes", "--ref=aos-shadow", "list", head).then(() => true, () => false);
}
