// A stop in good order: what runs may finish, and whoever follows hears of it.

import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AosError } from "@agentos/kernel";
import { atEnd } from "../testing/at-end.ts";
import { openRepo } from "../git/repo.ts";
import { eventually, inTime } from "../testing/eventually.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { sendStart, start, until } from "../testing/world-steps.ts";
import { connectWorld } from "../control/connect.ts";

test("controller: stopped while an effect runs: it may finish, a follower gets its receipt before the stream ends, and nothing new is taken", { timeout: 120_000 }, async (t) => {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const path = `${world.folder}/world`;
  let asked: (response: ServerResponse) => void = () => undefined;
  const request = new Promise<ServerResponse>((resolve) => (asked = resolve));
  const server = createServer((_, response) => asked(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(t, () => server.close());
  // Longer than anything here takes: nothing else ends the effect.
  const controller = await start(world, path, { graceMs: 60_000 });
  atEnd(t, () => controller.stop());
  await until(controller, ({ ready }) => ready.status === "True");
  const client = await connectWorld(await openRepo(path));
  assert.ok(client !== undefined);
  const seen: string[] = [];
  const following = (async (): Promise<void> => {
    for await (const { event } of client.follow("/journal/stream?from=0")) seen.push(event ?? "");
  })();
  await sendStart(path, `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.json`);
  const response = await inTime(request, "the effect asks the outside", { seen: () => seen });

  const stopped = controller.stop();
  await eventually(() => client.ask("POST", "/events", { schema: "demo/Nothing@1", value: null }).then(() => false, (error: unknown) => error instanceof AosError && error.code === "world.stopping"), "events are refused");
  assert.ok(!seen.includes("receipt"));
  response.writeHead(200, { "content-type": "application/json" }).end("{}");
  await inTime(Promise.all([stopped, following]), "the world has stopped, and the stream has ended", { seen: () => seen });
  assert.deepEqual([seen.filter((kind) => kind === "receipt").length, seen.filter((kind) => kind === "plan_ended").length], [1, 1]);
});
