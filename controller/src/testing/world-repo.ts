// A real world repository for tests: files, keys, trust, a signed first commit; and what its people do to it.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bundleReducer, type Hash } from "@agentos/kernel";
import { generateKey, publicKeyLine, writeKey } from "../git/keys.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { ALLOWED_SIGNERS_PATH, parseTrust, renderTrustSigners, trustHash, TRUST_PATH } from "../governance/trust.ts";

const run = promisify(execFile);
/** The examples of this repository, from `dist/testing` as from `src/testing`. */
const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "examples");

export interface WorldRepo {
  readonly folder: string;
  /** Hash of the genesis trust file. */
  readonly trust: Hash;
  readonly keys: Readonly<Record<"author" | "reviewer" | "controller", SigningKey>>;
  git(...args: string[]): Promise<string>;
  /** Writes files, commits them signed by a principal, and says which commit it became. */
  commit(message: string, files: Readonly<Record<string, string | Uint8Array | null>>, by?: "author" | "reviewer"): Promise<string>;
  /** Commits version 2 of the safe-upgrade world on a branch `proposals/<slug>`. */
  proposeUpgrade(slug: string): Promise<string>;
  remove(): Promise<void>;
}

/** What makes a world differ from the plain one. */
interface WorldChange {
  /** Further public keys of the controller. */
  readonly controllerKeys?: readonly SigningKey[];
  /** Further files of the first commit. */
  readonly files?: Readonly<Record<string, string>>;
  /** Fields of the trust file, made of its principals. */
  readonly trust?: (principals: Readonly<Record<string, object>>) => object;
}

/** Makes the world of `examples/06-safe-upgrade` in a temporary repository. */
export async function safeUpgradeRepo(change: WorldChange = {}): Promise<WorldRepo> {
  const folder = await mkdtemp(join(tmpdir(), "aos-world-"));
  const world = join(folder, "world");
  await cp(join(EXAMPLES, "06-safe-upgrade"), world, { recursive: true });
  await rm(join(world, "modules"), { recursive: true, force: true });
  const keys = { author: generateKey("author"), reviewer: generateKey("reviewer"), controller: generateKey("controller") };
  for (const [name, key] of Object.entries(keys)) await writeKey(join(folder, name), key);
  const more = (change.controllerKeys ?? []).map(publicKeyLine);
  const principals = Object.fromEntries(
    Object.entries(keys).map(([name, { key }]) => [name, name === "controller" ? { kind: "controller", keys: [publicKeyLine(key), ...more] } : { kind: "person", keys: [publicKeyLine(key)] }]),
  );
  const trust = new TextEncoder().encode(`${JSON.stringify({ version: 1, world: "test", id: "0123456789abcdef0123456789abcdef", principals, ...change.trust?.(principals) }, null, 2)}\n`);
  const { artifact } = await bundleReducer({ entry: join(world, "reducer", "safe-upgrade.ts") });

  // No commit or fetch looks for housekeeping to do, which would take a process each.
  const quiet = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "maintenance.auto", GIT_CONFIG_VALUE_0: "false" };
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C", ...quiet };
  const git = async (...args: string[]): Promise<string> => (await run("git", ["-C", world, ...args], { env })).stdout.trimEnd();
  const repo: WorldRepo = {
    folder, trust: trustHash(trust), keys: { author: keys.author.key, reviewer: keys.reviewer.key, controller: keys.controller.key }, git,
    async commit(message, files, by = "author") {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(world, path)), { recursive: true });
        if (content === null) await rm(join(world, path), { recursive: true });
        else await writeFile(join(world, path), content);
      }
      await git("add", "--all");
      await git("-c", `user.name=${by}`, "-c", `user.email=${by}@aos`, "-c", "gpg.format=ssh", "-c", `user.signingkey=${join(folder, by)}`, "commit", "--quiet", "--gpg-sign", "--message", message);
      return git("rev-parse", "HEAD");
    },
    async proposeUpgrade(slug) {
      await git("switch", "--quiet", "--create", `proposals/${slug}`, "main");
      for (const file of ["authority", "manifest"]) await cp(join(world, "upgrade", `${file}.air.json`), join(world, "air", `${file}.air.json`));
      await cp(join(world, "upgrade", "fetch-plan-2.air.json"), join(world, "air", "fetch-plan-2.air.json"));
      const head = await repo.commit("Fetch a follow-up too", { "air/fetch-plan-1.air.json": null });
      await git("switch", "--quiet", "main");
      return head;
    },
    // A git process that was told to end may still be at it.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
  await git("init", "--quiet", "--initial-branch=main");
  await repo.commit("Begin the world 'test'", {
    [TRUST_PATH]: trust, [ALLOWED_SIGNERS_PATH]: renderTrustSigners(parseTrust(trust)), "modules/demo/SafeUpgrade@1.js.cbor": artifact, ...change.files,
  });
  return repo;
}

export interface Outside {
  readonly url: string;
  /** `METHOD path` of each request, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** A small HTTP server on loopback: 200 for everything, 202 for `/follow.json`. */
export async function outsideWorld(): Promise<Outside> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.writeHead(request.url === "/follow.json" ? 202 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ seen: requests.length }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`, requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
