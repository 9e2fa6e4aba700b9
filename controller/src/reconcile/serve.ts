// Where a running world answers: its control socket, loopback HTTP where that is asked for, and the run file that says so.

import { AosError, fileBlobStreams } from "@agentos/kernel";
import { controlHandler } from "../control/handler.ts";
import { serveLoopback } from "../control/loopback.ts";
import { recordFeed } from "../control/record-feed.ts";
import { serveControl } from "../control/server.ts";
import { journalTimes } from "../control/times.ts";
import { parseOid } from "../git/objects.ts";
import { parseTrust, TRUST_PATH, type Trust } from "../governance/trust.ts";
import type { Parts } from "./controller.ts";
import { writeRunFile } from "./state-folder.ts";
import type { WorldStatus } from "./status.ts";

interface Servers {
  /** Where it answers, for the log. */
  readonly places: Readonly<Record<string, string>>;
  /** For when the world has stopped: whoever follows its journal gets the last records. */
  close(): Promise<void>;
}

/** Answers questions, over the socket and over loopback HTTP where that is asked for, and says in the run file where. */
export async function serve(parts: Parts, loop: { status(): WorldStatus; nudge(): void; stop(): void }): Promise<Servers> {
  const { folder, host, journal, options, publisher } = parts;
  const feed = recordFeed(journal);
  host.onTurn((turn) => feed.take(turn));
  const handler = controlHandler({
    host, journal, blobs: fileBlobStreams(folder.blobs), feed, times: journalTimes(journal), ...loop, trust: (commit) => trustOf(parts, commit),
    fenced: () => (publisher.state.fenced ? (publisher.state.problem ?? "another controller writes this world") : undefined),
  });
  const socket = await serveControl(folder.path, handler);
  const open: { close(): Promise<void> }[] = [socket];
  const close = async (): Promise<void> => {
    await feed.end();
    await Promise.all(open.map((server) => server.close()));
  };
  try {
    const http = options.http === undefined ? undefined : await serveLoopback(folder.path, handler, { place: options.http });
    if (http !== undefined) open.push(http);
    await writeRunFile(folder, { pid: process.pid, socket: socket.socket, principal: parts.principal, since: new Date().toISOString() });
    return { places: { socket: socket.socket, ...(http === undefined ? {} : { http: http.url, token_file: http.tokenFile }) }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws AosError `world.empty` before a commit is in force */
async function trustOf({ store }: Pick<Parts, "store">, commit: string | undefined): Promise<Trust> {
  const bytes = commit === undefined ? undefined : await store.readPath(parseOid(commit), TRUST_PATH);
  if (bytes === undefined) throw new AosError("world.empty", "no control plane is in force yet", { class: "refused" });
  return parseTrust(bytes);
}
