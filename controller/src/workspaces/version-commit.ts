// A workspace version as a commit: its ref, its author and time, its message with trailers, and how they are read again.

import { AosError, fromUtf8, isHash, trees, type Blobs, type Hash } from "@agentos/kernel";
import type { Identity, Oid } from "../git/objects.ts";
import { isRefName } from "../git/refs.ts";
import type { WorkspaceVersion } from "./history.ts";

export const WORKSPACES_PREFIX = "refs/aos/workspaces/";

/** The annotation of a root that says what a version is about. */
export const MESSAGE_KEY = "sys/commit.message";
const MESSAGE_CHARS_MAX = 10_000;

/** The words that a root's annotation gives its version; undefined where there are none, or they are not stored here. */
export async function annotatedMessage(blobs: Pick<Blobs, "get">, root: Hash): Promise<string | undefined> {
  try {
    const hash = (await trees.annotations(blobs, root))?.get(MESSAGE_KEY);
    return hash === undefined ? undefined : fromUtf8(await trees.readBlob(blobs, hash));
  } catch (error) {
    if (error instanceof AosError) return undefined;
    throw error;
  }
}

/** The ref of a workspace. Names that git would not take for a ref have their `.` and `~` as `%2E` and `%7E`. */
export function workspaceRef(name: string): string {
  const ref = WORKSPACES_PREFIX + name;
  return isRefName(ref) ? ref : WORKSPACES_PREFIX + name.replaceAll(".", "%2E").replaceAll("~", "%7E");
}

/** What a commit says of the version it stands for. */
interface VersionFacts {
  readonly workspace: string;
  readonly version: bigint;
  readonly root: Hash;
  /** `missing`: its nodes were not stored where the commit was made, so the tree is that of the version before. */
  readonly tree: "whole" | "missing";
}

/** @param message - what the version is about, in somebody's words */
export function versionMessage(facts: VersionFacts, message: string | undefined): string {
  const words = (message ?? "").replaceAll("\r\n", "\n").replaceAll(/[^\P{Cc}\n\t]/gu, "").trim();
  const said = words === "" ? `${facts.workspace}: version ${facts.version}` : [...words].slice(0, MESSAGE_CHARS_MAX).join("");
  const trailers = [`Workspace: ${facts.workspace}`, `Version: ${facts.version}`, `AIR-Root: ${facts.root}`, ...(facts.tree === "missing" ? ["AIR-Tree: missing"] : [])];
  return `${said}\n\n${trailers.join("\n")}\n`;
}

/** Reads the trailers; what somebody wrote above them counts for nothing. @throws AosError `workspace.commit` (unverified) */
export function parseVersionMessage(message: string, commit: Oid): VersionFacts {
  const block = message.trimEnd().split("\n\n").at(-1) ?? "";
  const trailers = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]));
  const [workspace, version, root] = [trailers.get("Workspace"), trailers.get("Version"), trailers.get("AIR-Root")];
  if (workspace === undefined || version === undefined || root === undefined || !/^\d{1,20}$/.test(version) || !isHash(root)) {
    throw new AosError("workspace.commit", `commit ${commit}: not a version of a workspace`, { class: "unverified", hint: "its message ends with Workspace, Version and AIR-Root" });
  }
  return { workspace, version: BigInt(version), root, tree: trailers.get("AIR-Tree") === "missing" ? "missing" : "whole" };
}

/** Who committed a version, and when, as git has it: `Name <address>` as it is, another owner with an address made up of the name. */
export function authorOf({ owner, createdNs }: Pick<WorkspaceVersion, "owner" | "createdNs">): Identity {
  const [, named = owner, address] = /^(.*?)\s*<([^<>\s]+@[^<>\s]+)>$/.exec(owner) ?? [];
  const name = named.replaceAll(/[<>\p{Cc}]/gu, " ").trim();
  const local = name.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-").replaceAll(/^[-.]+|[-.]+$/g, "");
  return { name: name === "" ? "unknown" : name, email: address?.replaceAll(/\p{Cc}/gu, "") ?? `${local === "" ? "unknown" : local}@aos`, time: secondsOf(createdNs), tz: "+0000" };
}

/** Whole seconds of nanoseconds since 1970. */
export function secondsOf(ns: bigint): number {
  return Number(ns / 1_000_000_000n);
}
