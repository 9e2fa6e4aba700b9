// What the double knows: a repository's pull requests, reviews, comments, statuses and checks, and who may do what.

import { generateKeyPairSync, type KeyObject } from "node:crypto";

export interface Actor {
  readonly id: number;
  readonly login: string;
  readonly type: "Bot" | "User";
}
/** What a token may do, as an App's or a workflow's permissions say it. */
export type Grants = Readonly<Partial<Record<"checks" | "contents" | "issues" | "metadata" | "pull_requests" | "statuses", "read" | "write">>>;
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
  readonly user: Actor;
  head: { sha: string; readonly ref: string; readonly repo: number | null };
  readonly base: { readonly ref: string; readonly repo: number };
}
export interface ReviewState {
  readonly id: number;
  user: Actor | null;
  state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";
  commit_id: string | null;
  readonly submitted_at: string | undefined;
  readonly body: string;
}
export interface CommentState {
  readonly id: number;
  readonly user: Actor;
  body: string;
}
export interface StatusState {
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
  /** As `GET /rules/branches/{branch}` would list them. */
  rules: readonly object[];
  /** Merges go through a queue: the merge button's API refuses. */
  queue: boolean;
  /** Seconds since 1970: GitHub's clock, which the test moves. */
  seconds: number;
  nextId: number;
}

export function blankState(place: { readonly gitDir: string; readonly seconds: number }): DoubleState {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const bot: Actor = { id: 900_001, login: "agentos[bot]", type: "Bot" };
  const grants: Grants = { checks: "write", contents: "write", issues: "write", metadata: "read", pull_requests: "write", statuses: "write" };
  return {
    owner: "demo", name: "world", repositoryId: 4711, gitDir: place.gitDir,
    app: { id: 77, slug: "agentos", installation: 555, bot, grants, privateKey: privateKey.export({ type: "pkcs1", format: "pem" }).toString(), publicKey },
    tokens: new Map(), pulls: new Map(), reviews: new Map(), comments: new Map(), statuses: new Map(), checks: [], rules: [], queue: false,
    seconds: place.seconds, nextId: 1000,
  };
}

/** GitHub's way to write a moment. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
