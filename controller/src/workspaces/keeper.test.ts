import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { createModuleRunner, fileBlobs, trees, utf8, type Hash } from "@agentos/kernel";
import { readRef } from "../git/refs.ts";
import { openRepo } from "../git/repo.ts";
import type { RunningController } from "../reconcile/controller.ts";
import type { LogLine } from "../reconcile/log.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";
import { eventually } from "../testing/eventually.ts";
import { safeUpgradeRepo, type WorldRepo } from "../testing/world-repo.ts";
import { logged, start, until, withRemote } from "../testing/world-steps.ts";
import { connectWorld } from "../control/connect.ts";
import { verifyRepository } from "../world-access.ts";
import { commitVersion, openWorkspaces, stagedBlobs } from "./access.ts";
import { workspaceRef } from "./version-commit.ts";

const LIMIT = { timeout: 120_000 };
const MANIFEST = fileURLToPath(new URL("../../../examples/06-safe-upgrade/air/manifest.air.json", import.meta.url));

/** The world of safe-upgrade that keeps workspaces too. */
async function workspaceRepo(): Promise<WorldRepo> {
  const manifest = JSON.parse(await readFile(MANIFEST, "utf8")) as { readonly schemas: unknown[]; readonly modules: unknown[]; readonly routing: { readonly events: unknown[] } };
  manifest.schemas.push({ name: "sys/WorkspaceCommit@1" });
  manifest.modules.push({ name: "sys/Workspace@1" });
  manifest.routing.events.push({ event: "sys/WorkspaceCommit@1", reducer: "sys/Workspace@1", key_field: "workspace" });
  return safeUpgradeRepo({ files: { "air/manifest.air.json": JSON.stringify(manifest) } });
}

/** Writes a file into a workspace of the running world, as a new version. */
async function write(path: string, workspace: string, file: { readonly path: string; readonly text: string }): Promise<{ readonly version: number; readonly root: Hash }> {
  const repo = await openRepo(path);
  const client = (await connectWorld(repo)) ?? assert.fail("the world runs");
  const workspaces = await openWorkspaces(repo, { modules: createModuleRunner });
  const { found, head } = await workspaces.resolve(workspace);
  const blobs = stagedBlobs(client, fileBlobs(stateFolderAt(repo).blobs));
  const { root } = await trees.writeFile(blobs, found?.root ?? trees.EMPTY_TREE_HASH, { path: file.path, bytes: utf8(file.text) });
  await blobs.flush();
  const version = await commitVersion(client, { workspace, root, expectedHead: head, owner: "ann", createdNs: 1_800_000_000_000_000_000n });
  return { version, root };
}

/** Waits until the ref of a workspace is at a commit that is looked for. */
async function refAt(path: string, workspace: string, holds: (version: string) => boolean | Promise<boolean>): Promise<string> {
  const repo = await openRepo(path);
  let seen: string | undefined;
  const look = async (): Promise<string | undefined> => {
    seen = await readRef(repo.commonDir, workspaceRef(workspace));
    return seen !== undefined && (await holds(seen)) ? seen : undefined;
  };
  return eventually(look, `${path}: ${workspaceRef(workspace)}: ${holds.toString()}`, { seen: () => seen });
}

test("workspace refs of a running world: after each version; made again where they were lost; left alone where somebody moved them", LIMIT, async (t) => {
  const world = await workspaceRepo();
  const path = `${world.folder}/world`;
  const log: LogLine[] = [];
  let controller: RunningController = await start(world, path, { log });
  t.after(async () => {
    await controller.stop();
    await world.remove();
  });
  await until(controller, ({ ready }) => ready.status === "True");
  assert.equal((await write(path, "notes", { path: "a", text: "one" })).version, 1);
  const first = await refAt(path, "notes", () => true);
  await Promise.all([write(path, "notes", { path: "a", text: "two" }), write(path, "other.", { path: "b", text: "b" })]);
  const second = await refAt(path, "notes", (oid) => oid !== first);
  assert.equal(await world.git("rev-parse", `${second}~1`), first);
  assert.equal(await world.git("show", `${second}:a`), "two");
  const other = await refAt(path, "other.", () => true);
  const repo = await openRepo(path);
  const client = (await connectWorld(repo)) ?? assert.fail("the world runs");
  await assert.rejects(commitVersion(client, { workspace: "notes", root: trees.EMPTY_TREE_HASH, expectedHead: 1, owner: "late", createdNs: 0n }), { code: "workspace.head_moved", class: "refused" });
  await controller.stop();

  await world.git("update-ref", "-d", "refs/aos/workspaces/notes");
  await world.git("update-ref", workspaceRef("other."), await world.git("rev-parse", "main"));
  controller = await start(world, path, { log });
  assert.equal(await refAt(path, "notes", () => true), second);
  await logged(log, ({ message, workspace }) => message === "a workspace could not be shown" && workspace === "other.");
  assert.notEqual(await readRef(repo.commonDir, workspaceRef("other.")), other);
  const report = await verifyRepository({ repo, trust: world.trust, modules: createModuleRunner() });
  assert.deepEqual(report.problems, []);
});

test("workspace refs with a remote: pushed; a controller of an empty clone has the trees and goes on from them", LIMIT, async (t) => {
  const world = await workspaceRepo();
  const beside = await withRemote(world);
  const running: RunningController[] = [];
  t.after(async () => {
    for (const controller of running) await controller.stop();
    await world.remove();
  });
  const first = await beside.clone("first.git");
  running.push(await start(world, first, { remote: "origin", pushAfterMs: 10 }));
  await until(running[0] ?? assert.fail(), ({ ready }) => ready.status === "True");
  await write(first, "notes", { path: "deep/er/file", text: "one" });
  const { root } = await write(first, "notes", { path: "deep/other", text: "two" });
  const countAt = async (oid: string): Promise<string> => world.git("--git-dir", beside.remote, "rev-list", "--count", oid);
  const tip = await refAt(beside.remote, "notes", async (oid) => (await countAt(oid)) === "2");
  await running[0]?.stop();

  const second = await beside.clone("second.git");
  running.push(await start(world, second, { remote: "origin", pushAfterMs: 10 }));
  await until(running[1] ?? assert.fail(), ({ ready }) => ready.status === "True");
  assert.equal(await refAt(second, "notes", () => true), tip);
  const blobs = fileBlobs(stateFolderAt(await openRepo(second)).blobs);
  assert.equal(Buffer.from(await trees.readFile(blobs, root, { path: "deep/er/file" })).toString(), "one");
  assert.equal((await write(second, "notes", { path: "deep/third", text: "three" })).version, 3);
  await refAt(beside.remote, "notes", (oid) => oid !== tip);
  assert.equal(await world.git("--git-dir", beside.remote, "show", "refs/aos/workspaces/notes:deep/er/file"), "one");
});
