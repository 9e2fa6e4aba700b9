// The way a push takes: to the world that runs here, or through Git to the controller of the remote.

import { AosError } from "@agentos/kernel";
import { connectWorld, openWorkspaces, type ControlClient, type Repo, type Workspaces } from "@agentos/controller";
import type { Context } from "../context.ts";
import { progress, type Progress } from "../progress.ts";
import type { Freshness } from "../upstream.ts";
import { personKey, placeOf, worldId } from "../world.ts";
import { socketOutlet, type Outlet } from "./outlet.ts";

export interface Way {
  readonly workspaces: Workspaces;
  readonly shown: Progress;
  /** Each version takes one of its own. */
  outlet(): Outlet;
  close(): Promise<void>;
}
export interface WayOptions {
  /** Through Git: is the controller's answer waited for? */
  readonly answer: "detach" | "wait";
  /** Was the remote fetched a moment ago? */
  readonly remote: "fetch" | "fetched";
}

/** @throws AosError `world.away` where there is neither; as openWorkspaces, withUpstream and personKey */
export async function openWay(cx: Context, repo: Repo, options: WayOptions): Promise<Way> {
  const client = await connectWorld(repo);
  return client === undefined ? throughGit(cx, repo, options) : throughSocket(cx, repo, client);
}

async function throughSocket(cx: Context, repo: Repo, client: ControlClient): Promise<Way> {
  const workspaces = await openWorkspaces(repo, { client });
  const shown = progress(cx.out, "looking for the world");
  return { workspaces, shown, outlet: () => socketOutlet(client, workspaces.blobs), close: async () => shown.end() };
}

async function throughGit(cx: Context, repo: Repo, options: WayOptions): Promise<Way> {
  const [{ createModuleRunner }, { openStore }] = [await import("@agentos/kernel"), await import("@agentos/controller")];
  const [{ withUpstream }, { gitOutlet }] = [await import("../upstream.ts"), await import("./git-outlet.ts")];
  const freshness: Freshness = options.remote === "fetched" ? "as-is" : { fetch: cx.out };
  const { remote, main } = await withUpstream(repo, freshness, async (upstream) => upstream);
  if (remote === undefined) {
    throw new AosError("world.away", `${placeOf(repo)}: the world is not running, so its workspaces cannot be pushed to`, { class: "outside", hint: "start it with `aos run`; `aos push --only air` proposes the control plane alone" });
  }
  const workspaces = await openWorkspaces(repo, { modules: createModuleRunner });
  const store = openStore(repo.commonDir);
  const shown = progress(cx.out, "looking for the world");
  const close = async (): Promise<void> => {
    shown.end();
    await workspaces.close();
    await store.close();
  };
  try {
    const [world, key] = [await worldId(cx, repo, store), await personKey(cx, repo)];
    return { workspaces, shown, close, outlet: () => gitOutlet({ repo, store, remote, main, world, key, blobs: workspaces.blobs, answer: options.answer, onWait: () => shown.next("waiting for the controller") }) };
  } catch (error) {
    await close();
    throw error;
  }
}
