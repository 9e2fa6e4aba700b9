// What a running world answers: each request by its method and path, over the control socket and over loopback HTTP alike.

import { AosError, snapshotName, type BlobStreams, type Host, type Journal } from "@agentos/kernel";
import type { Trust } from "../governance/trust.ts";
import type { WorldStatus } from "../reconcile/status.ts";
import { readVersions, readWorkspace, readWorkspaces } from "../workspaces/answers.ts";
import { missingBlobs, putBlob, putBlobs, readBlob } from "./blob-requests.ts";
import type { ControlHandler, ControlRequest } from "./exchange.ts";
import { readApproval, readOffer, readReason, readSnapshotMode, senderOf } from "./orders.ts";
import { count, kindsOf, readApprovals, readCells, readEffects, readJournal, readPlan, readPlans, readState } from "./questions.ts";
import { recordJson } from "./record-json.ts";
import type { RecordFeed } from "./record-feed.ts";
import { withPlanTimes, withSince, type Times } from "./views.ts";

export interface Controls {
  readonly host: Host;
  readonly journal: Journal;
  readonly blobs: BlobStreams;
  readonly feed: RecordFeed;
  readonly times: Times;
  readonly status: () => WorldStatus;
  /** The trust file of a commit in force. */
  readonly trust: (commit: string | undefined) => Promise<Trust>;
  /** Why the world takes no events any more, if it does not: what it did with them would never be published. */
  readonly fenced: () => string | undefined;
  readonly nudge: () => void;
  readonly stop: () => void;
}

interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** `:id` stands for a count, `*` for any word. */
  readonly path: string;
  /** Does it change the world? A fenced controller refuses those. */
  readonly kind: "question" | "order";
  run(controls: Controls, request: ControlRequest, id: number): Promise<unknown>;
}

const ROUTES: readonly Route[] = [
  { method: "GET", path: "/status", kind: "question", run: (controls) => statusNow(controls) },
  { method: "GET", path: "/state", kind: "question", run: async ({ host }, request) => readState(host.world, request) },
  { method: "GET", path: "/cells", kind: "question", run: async ({ host }, request) => readCells(host.world, request) },
  { method: "GET", path: "/plans", kind: "question", run: ({ host, times }, request) => readPlans(host.world, request, times) },
  { method: "GET", path: "/plans/:id", kind: "question", run: ({ host, times }, _, id) => readPlan(host.world, id, times) },
  { method: "GET", path: "/effects", kind: "question", run: ({ host, times }) => readEffects(host.world, times, (seq) => host.effectState(seq)) },
  { method: "GET", path: "/approvals", kind: "question", run: ({ host, times }) => readApprovals(host.world, times) },
  { method: "GET", path: "/journal", kind: "question", run: ({ journal }, request) => readJournal(journal, request) },
  { method: "GET", path: "/journal/stream", kind: "question", run: async ({ feed, journal }, request) => feed.stream({ from: streamFrom(request, journal), kinds: kindsOf(request) }) },
  { method: "POST", path: "/events", kind: "order", run: async ({ host }, request) => ({ records: (await host.submit(readOffer(request, host.world))).map(recordJson) }) },
  {
    method: "POST", path: "/plans/:id/cancel", kind: "order",
    run: async ({ host }, request, id) => ({ records: (await host.cancelPlan({ instance: id, by: senderOf(request), ...readReason(request) })).map(recordJson) }),
  },
  {
    method: "POST", path: "/effects/:id/cancel", kind: "order",
    async run({ host }, _, id) {
      await host.cancelEffect(id);
      return {};
    },
  },
  {
    method: "POST", path: "/approvals/:id", kind: "order",
    async run({ host, trust }, request, id) {
      const { commit } = host.world;
      const offer = readApproval(request, id, { world: host.world, trust: await trust(commit) });
      return { records: (await host.decide(offer, (world) => refuseOtherTrust(commit, world.commit))).map(recordJson) };
    },
  },
  {
    method: "POST", path: "/snapshot", kind: "order",
    async run({ host }, request) {
      const { seq, root, bytes, file } = await host.snapshot(readSnapshotMode(request));
      return { seq, root, bytes, file: snapshotName(file) };
    },
  },
  { method: "GET", path: "/workspaces", kind: "question", run: async ({ host }) => readWorkspaces(host.world) },
  { method: "GET", path: "/workspaces/*", kind: "question", run: async ({ host }, request) => readWorkspace(host.world, request) },
  { method: "GET", path: "/workspaces/*/versions", kind: "question", run: async ({ host }, request) => readVersions(host.world, request) },
  { method: "GET", path: "/blobs/*", kind: "question", run: ({ blobs }, request) => readBlob(blobs, request) },
  { method: "HEAD", path: "/blobs/*", kind: "question", run: ({ blobs }, request) => readBlob(blobs, request) },
  { method: "PUT", path: "/blobs/*", kind: "order", run: ({ blobs }, request) => putBlob(blobs, request) },
  { method: "POST", path: "/blobs", kind: "order", run: ({ blobs }, request) => putBlobs(blobs, request) },
  { method: "POST", path: "/missing-blobs", kind: "question", run: ({ blobs }, request) => missingBlobs(blobs, request) },
  {
    method: "POST", path: "/settle", kind: "question",
    async run({ host }) {
      await host.settled();
      return { seq: host.world.nextSeq };
    },
  },
  {
    method: "POST", path: "/nudge", kind: "question",
    async run({ nudge }) {
      nudge();
      return {};
    },
  },
  {
    method: "POST", path: "/stop", kind: "question",
    async run({ stop }) {
      stop();
      return {};
    },
  },
];

export function controlHandler(controls: Controls): ControlHandler {
  return async (request) => {
    for (const route of ROUTES) {
      const id = route.method === request.method ? match(route.path, request.path) : undefined;
      if (id === undefined) continue;
      if (route.kind === "order") refuseWhenFenced(controls.fenced());
      return route.run(controls, request, id);
    }
    throw new AosError("control.unknown", `${request.method} ${request.path}: no such request`);
  };
}

/** The count that stands for `:id`, 0 where there is none; undefined when the path is another. */
function match(route: string, path: string): number | undefined {
  const [wanted, given] = [route.split("/"), path.split("/")];
  let id = 0;
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? "";
    if (part === ":id" && /^\d{1,15}$/.test(text)) id = Number(text);
    else if (part !== text && (part !== "*" || text === "")) return undefined;
  }
  return wanted.length === given.length ? id : undefined;
}

/** The status with the times of what waits. */
async function statusNow({ status, times }: Controls): Promise<WorldStatus> {
  const now = status();
  const [plans, approvals, openIntents] = [await withPlanTimes(now.plans, times), await withSince(now.approvals, times), await withSince(now.openIntents, times)];
  return { ...now, plans, approvals, openIntents };
}

/** After the last event that a client has seen, else from `from`, else from the end. @throws AosError `control.query` */
function streamFrom(request: ControlRequest, journal: Pick<Journal, "nextSeq">): number {
  const last = request.lastEventId ?? "";
  if (last !== "" && !/^\d{1,15}$/.test(last)) throw new AosError("control.query", `${request.path}: Last-Event-ID must be the seq of a record`);
  const from = last === "" ? count(request, "from", journal.nextSeq) : Number(last) + 1;
  if (from <= journal.nextSeq) return from;
  throw new AosError("control.query", `${request.path}: the journal ends before seq ${from}`, { hint: "begin again without Last-Event-ID: the journal was cut, or is another one" });
}

/** Whoever was a person under one trust file need not be one under the next: the word is given again. */
function refuseOtherTrust(checked: string | undefined, inForce: string | undefined): void {
  if (checked !== inForce) throw new AosError("approval.raced", "another control plane came into force meanwhile", { class: "outside", hint: "look at it again: aos approvals ls" });
}

function refuseWhenFenced(why: string | undefined): void {
  if (why === undefined) return;
  throw new AosError("world.fenced", `this controller takes no events: ${why}`, { class: "refused", hint: "send it to the controller that writes the world now" });
}
