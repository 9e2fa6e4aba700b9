// What the double knows: a repository's pull requests, reviews, comments, statuses and checks, its forks, and who may do what.

import { generateKeyPairSync, type KeyObject } from "node:crypto";

export interface Actor {
  readonly id: number;
  readonly login: string;
  readonly type: "Bot" | "User";
}
/** What a token may do, as an App's or a workflow's permissions say it. */
export type Grants = Readonly<Partial<Record<"actions" | "checks" | "contents" | "issues" | "metadata" | "pull_requests" | "statuses", "read" | "write">>>;
export interface Token {
  readonly kind: "installation" | "personal" | "workflow";
  readonly actor: Actor;
  readonly grants: Grants;
}
export interface PullState {
  readonly number: number;
  title: string;
  state: "closed" | "open";
  merged: boolean;
  /** Of the test merge before, of the merge after. */
  mergeCommit?: string | null;
  readonly user: Actor;
  head: { sha: string; readonly ref: string; readonly repo: number | null };
  readonly base: { readonly ref: string; readonly repo: number };
}
export interface ReviewState {
  readonly id: number;
  user: Actor | null;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";
  commit_id: string | null;
  submitted_at: string | undefined;
  readonly body: string;
}
export interface CommentState {
  readonly id: number;
  readonly user: Actor;
  body: string;
}
interface StatusState {
  readonly context: string;
  readonly state: string;
  readonly description: string | null;
  readonly created_at: string;
  readonly creator: Actor;
}
export interface CheckState {
  readonly id: number;
  readonly head_sha: string;
  readonly name: string;
  readonly app: number;
  readonly fields: Record<string, unknown>;
}
/** Somebody's own copy, to which they alone write. */
interface ForkState {
  readonly id: number;
  readonly owner: Actor;
  /** A bare repository. */
  readonly gitDir: string;
}
interface HookState {
  readonly url: string;
  readonly secret: string;
}
export interface DoubleState {
  readonly owner: string;
  readonly name: string;
  readonly repositoryId: number;
  /** The bare repository whose refs it serves. */
  readonly gitDir: string;
  readonly app: { readonly id: number; readonly slug: string; readonly installation: number; readonly bot: Actor; readonly grants: Grants; readonly privateKey: string; readonly publicKey: KeyObject };
  readonly tokens: Map<string, Token>;
  readonly pulls: Map<number, PullState>;
  readonly reviews: Map<number, ReviewState[]>;
  readonly comments: Map<number, CommentState[]>;
  readonly statuses: Map<string, StatusState[]>;
  readonly checks: CheckState[];
  readonly forks: ForkState[];
  readonly hooks: HookState[];
  /** As `GET /rules/branches/{branch}` would list them. */
  rules: readonly object[];
  /** Merges go through a queue: the merge button's API refuses. */
  queue: boolean;
  /** Nobody reads it without a token. */
  private: boolean;
  /** Seconds since 1970: GitHub's clock, which the test moves. */
  seconds: number;
  nextId: number;
}

/** What the controller's App asks for, and no more: `aos doctor` names each with its reason. */
const APP_GRANTS: Grants = { checks: "write", contents: "write", metadata: "read", pull_requests: "write", statuses: "write" };

/** Made once a process: it is what takes longest. */
let appKeys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject } | undefined;

export function blankState(place: { readonly gitDir: string; readonly name: string; readonly seconds: number }): DoubleState {
  const { privateKey, publicKey } = (appKeys ??= generateKeyPairSync("rsa", { modulusLength: 2048 }));
  const bot: Actor = { id: 900_001, login: "agentos[bot]", type: "Bot" };
  return {
    owner: "demo", name: place.name, repositoryId: 4711, gitDir: place.gitDir,
    app: { id: 77, slug: "agentos", installation: 555, bot, grants: { ...APP_GRANTS }, privateKey: privateKey.export({ type: "pkcs1", format: "pem" }).toString(), publicKey },
    tokens: new Map(), pulls: new Map(), reviews: new Map(), comments: new Map(), statuses: new Map(), checks: [], forks: [], hooks: [], rules: [], queue: false, private: false,
    seconds: place.seconds, nextId: 1000,
  };
}

/** GitHub's way to write a moment. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
