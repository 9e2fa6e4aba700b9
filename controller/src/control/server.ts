// The control socket of a running world: HTTP over a Unix socket, JSON in and out, so that curl can speak it too.

import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StreamLimits } from "./event-stream.ts";
import { closeServer, exchange, type ControlHandler } from "./exchange.ts";

export interface ControlServer {
  readonly socket: string;
  close(): Promise<void>;
}

/** sun_path holds 108 bytes with its end. */
const SOCKET_PATH_MAX = 100;

/** Listens in a folder only its owner can enter; a path too long for a socket moves to a private temporary folder. */
export async function serveControl(folder: string, handler: ControlHandler, limits: Partial<StreamLimits> = {}): Promise<ControlServer> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const near = join(folder, "control.sock");
  const socket = Buffer.byteLength(near) <= SOCKET_PATH_MAX ? near : join(await mkdtemp(join(tmpdir(), "aos-")), "control.sock");
  await rm(socket, { force: true });
  const ends = new Set<() => void>();
  const server = createServer((request, response) => void exchange(request, response, { handler, via: "socket", limits, ends }));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, resolve);
  });
  await chmod(socket, 0o600);
  return {
    socket,
    async close() {
      await closeServer(server, ends);
      await rm(socket, { force: true });
      if (socket !== near) await rm(dirname(socket), { recursive: true, force: true });
    },
  };
}
