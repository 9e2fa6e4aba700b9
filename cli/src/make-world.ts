// Makes a world on disk. What fails halfway is taken back, so that a folder is a world or what it was.

import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import {
  appendSigned, configGet, configSet, generateKey, git, initRepo, listRefs, MAIN_REF, openRepo, openStore, pinTrust, SYNC_FILE, trustHash, TRUST_PATH, writeKey,
  type PathChange, type Repo, type SigningKey,
} from "@agentos/controller";
import { governanceFiles, principal, templateFiles, type GenesisPrincipal, type Template } from "./genesis.ts";
import { githubFiles, type ActionsPlace } from "./github-files.ts";
import { buildModules, writeModules } from "./modules.ts";
import { signingSettings } from "./openssh.ts";
import { readPersonKey } from "./person-key.ts";
import type { MadeWorld } from "./render/init.ts";

interface WorldPlan {
  readonly template: Template;
  readonly name: string;
  readonly author: string;
  /** The author's private key; undefined: make one. */
  readonly keyPath: string | undefined;
  readonly persons: readonly GenesisPrincipal[];
  /** Where the actions of its workflows are; undefined: it has no workflows. */
  readonly github: ActionsPlace | undefined;
}

const CONTROLLER = "controller";

/**
 * Makes the world in `folder`, which must be absent, empty, or an empty Git repository.
 *
 * @throws AosError `init.taken`, `trust.invalid`, `key.*`: the folder is as it was
 */
export async function makeWorld(folder: string, plan: WorldPlan): Promise<MadeWorld> {
  const before = await lookAt(folder);
  const parent = dirname(folder);
  const madeParent = await mkdir(parent, { recursive: true });
  // Made beside its place, so that moving it there is one step within one file system.
  const stage = await mkdtemp(join(parent, `.${basename(folder)}.aos-`));
  try {
    const draft = join(stage, basename(folder));
    await mkdir(draft);
    if (before === "repository") await cp(join(folder, ".git"), join(draft, ".git"), { recursive: true });
    const made = await makeIn(draft, folder, plan);
    if (before === "absent") await rename(draft, folder);
    else await moveInto(draft, folder, stage);
    return made;
  } catch (error) {
    if (madeParent !== undefined) await rm(madeParent, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** @throws AosError `init.taken` for anything that is neither absent nor empty nor a repository without commits and files */
async function lookAt(folder: string): Promise<"absent" | "empty" | "repository"> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return "absent";
  const taken = (what: string): AosError => new AosError("init.taken", `${folder}: ${what}`, { at: { file: folder }, hint: "name a folder that is new, empty, or a Git repository without commits" });
  if (!found.isDirectory()) throw taken("there is a file of that name");
  const names = await readdir(folder);
  if (names.length === 0) return "empty";
  if (names.includes(SYNC_FILE)) throw taken("there is a world already");
  if (names.some((name) => name !== ".git")) throw taken("the folder is not empty");
  if (!(await stat(join(folder, ".git"))).isDirectory()) throw taken("its repository lies elsewhere");
  const repo = await openRepo(folder);
  if ((await listRefs(repo.commonDir, "refs/")).size > 0) throw taken("the repository has commits already");
  return "repository";
}

/** Moves what was made into a folder that stays the same folder (somebody may stand in it); a failure moves it out again. */
async function moveInto(draft: string, folder: string, stage: string): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const name of await readdir(folder)) {
      await rename(join(folder, name), join(stage, name));
      undo.push(() => rename(join(stage, name), join(folder, name)));
    }
    // The repository comes last: until then there is none.
    const names = (await readdir(draft)).sort((a, b) => Number(a === ".git") - Number(b === ".git"));
    for (const name of names) {
      await rename(join(draft, name), join(folder, name));
      undo.push(() => rm(join(folder, name), { recursive: true, force: true }));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** Makes everything in `draft`, as it shall be at `home`. */
async function makeIn(draft: string, home: string, plan: WorldPlan): Promise<MadeWorld> {
  const repo = await initRepo(draft, { kind: "worktree" });
  await git(draft, ["symbolic-ref", "HEAD", MAIN_REF]);
  const keys = await makeKeys(repo, plan);
  const principals = [principal(plan.author, "person", keys.author.publicKey), ...plan.persons, principal(CONTROLLER, "controller", keys.controller.publicKey)];
  assertDistinct(principals);
  const files = new Map([...(await templateFiles(plan.template)), ...governanceFiles({ name: plan.name, id: randomBytes(16).toString("hex"), principals })]);
  const trust = trustHash(files.get(TRUST_PATH) ?? new Uint8Array());
  for (const [path, bytes] of plan.github === undefined ? [] : githubFiles(plan.github, trust)) files.set(path, bytes);
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(draft, path)), { recursive: true });
    await writeFile(join(draft, path), bytes, { flag: "wx" });
  }
  const modules = await buildModules(draft);
  await writeModules(draft, modules);
  for (const { path, artifact } of modules) files.set(path, artifact);
  const paths = { author: plan.keyPath ?? join(home, ".git", "aos", "keys", "author"), controller: join(home, ".git", "aos", "keys", CONTROLLER) };
  await configure(repo, { principal: plan.author, keyPath: paths.author });
  await pinTrust(repo, trust);
  const commit = await firstCommit(repo, files, { key: keys.author, name: plan.name });
  return {
    name: plan.name, folder: home, trust, commit, principals: principals.map(({ name, kind, fingerprint }) => ({ name, kind, fingerprint })),
    modules: modules.map(({ name, hash }) => ({ name, hash })), files: files.size, keys: paths, template: plan.template,
  };
}

async function makeKeys(repo: Repo, plan: WorldPlan): Promise<{ readonly author: SigningKey; readonly controller: SigningKey }> {
  const folder = join(repo.gitDir, "aos", "keys");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const controller = generateKey(CONTROLLER);
  await writeKey(join(folder, CONTROLLER), controller);
  if (plan.keyPath !== undefined) return { author: await readPersonKey(plan.keyPath), controller: controller.key };
  const author = generateKey(plan.author);
  await writeKey(join(folder, "author"), author);
  return { author: author.key, controller: controller.key };
}

function assertDistinct(principals: readonly GenesisPrincipal[]): void {
  for (const [index, { name }] of principals.entries()) {
    if (principals.findIndex((other) => other.name === name) !== index) throw new AosError("cli.person", `--person ${name}: the world has a principal of that name already`, { hint: "every principal has a name of its own" });
  }
}

/** Settings by which stock git signs and verifies, and by which `aos` finds its way. */
async function configure(repo: Repo, author: { readonly principal: string; readonly keyPath: string }): Promise<void> {
  const settings: readonly (readonly [string, string])[] = [
    ["gpg.format", "ssh"], ["user.signingkey", author.keyPath], ["commit.gpgsign", "true"], ["gpg.ssh.allowedSignersFile", ".aos/allowed_signers"],
    // A pattern, although only one ref fits it: git warns of a ref that does not exist yet, and says nothing of a pattern.
    ["notes.displayRef", "refs/notes/ao[s]"],
    ["aos.key", author.keyPath],
    ...signingSettings(),
  ];
  for (const [key, value] of settings) await configSet(repo, key, value);
  if ((await configGet(repo, "user.name")) === undefined) await configSet(repo, "user.name", author.principal);
  if ((await configGet(repo, "user.email")) === undefined) await configSet(repo, "user.email", `${author.principal}@aos`);
}

async function firstCommit(repo: Repo, files: ReadonlyMap<string, Uint8Array>, world: { readonly key: SigningKey; readonly name: string }): Promise<string> {
  const identity = { name: (await configGet(repo, "user.name")) ?? "author", email: (await configGet(repo, "user.email")) ?? "author@aos" };
  const changes = new Map([...files].map(([path, bytes]): readonly [string, PathChange] => [path, { kind: "write", bytes, mode: "100644" }]));
  const store = openStore(repo.commonDir);
  try {
    const done = await appendSigned({
      store, ref: MAIN_REF, key: world.key, identity, message: `Begin the world '${world.name}'\n`, timeSeconds: Math.floor(Date.now() / 1000), changes: { files: changes }, expected: null,
    });
    if (done.kind === "stale") throw new AosError("init.raced", `${repo.gitDir}: somebody made a commit there just now`, { class: "outside" });
    await git(resolve(repo.workTree ?? repo.gitDir), ["reset", "--quiet", "--mixed"]);
    return done.commit;
  } finally {
    await store.close();
  }
}
