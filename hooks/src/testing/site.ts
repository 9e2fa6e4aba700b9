// A server with the hooks installed, the world of its author, and what people push there.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashValue } from "@agentos/kernel";
import { gitEnvironment, initRepo, mergeMessage, mergeTree } from "@agentos/controller";
import type { Oid } from "@agentos/controller";
import { atEnd, governedWorld } from "@agentos/controller/testing";
import type { AtEnd, GovernedWorld, KeyName } from "@agentos/controller/testing";
import { installServerHooks } from "../install.ts";

export const MAIN = "refs/heads/main";
export const JOURNAL = "refs/notes/aos";
export const SHADOW = "refs/notes/aos-shadow";
export const REVIEWS = "refs/notes/aos-reviews-reviewer";
export const EVIDENCE = [SHADOW, REVIEWS];
/** What the installed hooks run. */
export const ENTRY = fileURLToPath(new URL("../../../cli/bin/aos-hook.js", import.meta.url));

export interface Site {
  readonly world: GovernedWorld;
  readonly server: string;
  /** Pushes refspecs with stock git. */
  push(refspecs: readonly string[]): Promise<{ readonly code: number; readonly said: string }>;
}

/** A world in a repository of its author's, and the empty server it is pushed to. */
export async function site(t: AtEnd): Promise<Site> {
  const world = await governedWorld(t);
  const server = await mkdtemp(join(tmpdir(), "aos-server-"));
  // What a push left to do in the background may still write there.
  atEnd(t, () => rm(server, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  await initRepo(server, { kind: "bare" });
  await installServerHooks({ gitDir: server, nodePath: process.execPath, entry: ENTRY });
  return { world, server, push: (refspecs) => pushTo(world.folder, server, refspecs) };
}

function pushTo(folder: string, server: string, refspecs: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile("git", ["push", "--quiet", server, ...refspecs], { cwd: folder, env: gitEnvironment() as NodeJS.ProcessEnv }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: stderr.replaceAll(/ +$/gm, "") });
    });
  });
}

/** A commit with the shape of a seal: files are the journal's, `parent` is by default the tip. */
export async function seal(world: GovernedWorld, options: { readonly by: KeyName | null; readonly parents?: readonly Oid[]; readonly file?: string }): Promise<Oid> {
  const tip = await world.local.refs.read(JOURNAL);
  const parents = options.parents ?? (tip === undefined ? [] : [tip]);
  const message = parents.length === 0 ? `seal 0: seq 0-0\n\n0 genesis of world ${world.world}\n\nSeq: 0-0\n` : "seal 1: seq 1-1\n\nSeq: 1-1\n";
  return world.commit({ parents, files: { [options.file ?? `journal/d00/d00/s${world.tick()}`]: "segment\n" }, by: options.by, message });
}

/**
 * The world is on the server and its first seal too. Its author has two proposals more: `good`, which is reported and approved,
 * and `disputed`, to which one person says yes and another no.
 */
export async function begun(t: AtEnd): Promise<Site> {
  const at = await site(t);
  await at.world.setRef(JOURNAL, await seal(at.world, { by: "ctl" }));
  const { code, said } = await at.push([MAIN, JOURNAL]);
  assert.equal(code, 0, said);
  await approved(at.world, "disputed");
  await at.world.review("disputed", "request-changes", { by: "second" });
  await approved(at.world, "good");
  return at;
}

/** A merge commit of the head of a proposal into main, whatever anybody thinks of it. */
export async function mergeOf(
  world: GovernedWorld,
  slug: string,
  options: { readonly by?: KeyName | null; readonly parents?: readonly Oid[]; readonly tree?: Oid; readonly message?: string } = {},
): Promise<Oid> {
  const [main, head] = [await world.main(), await world.head(slug)];
  const tree = options.tree ?? (await mergeTree(world.local.repo, main, head));
  const message = options.message ?? mergeMessage({ slug, decision: hashValue(slug), cid: hashValue(slug) }, "x");
  return world.commit({ parents: options.parents ?? [main, head], files: {}, tree, by: options.by === undefined ? "author" : options.by, message });
}

export async function approved(world: GovernedWorld, slug: string): Promise<Oid> {
  const head = await world.propose(slug, { [`air/${slug}.txt`]: `${slug}\n` }, { by: "author" });
  await world.report(head, { by: "ctl" });
  await world.review(slug, "approve", { by: "reviewer" });
  return head;
}
