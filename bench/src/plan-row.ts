// What is measured of a plan: three HTTP requests at once, beside the slowest of them alone.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bundleReducer, canonical, createModuleRunner, decode, ed25519Signer, httpAdapter, loadFiles, memoryBlobs, openFileJournal, openHost, SANDBOX_VERSION, systemClock,
  systemEntropy, type Hash, type Host,
} from "@agentos/kernel";
import { expect, type Row } from "./measure.ts";
import { WORLD } from "./worlds.ts";

/** How long the server lets each of the three wait, ms. */
const DELAYS = { a: 200, b: 150, c: 100 } as const;
const ORIGIN = "https://example.com";

/** From the event that starts the plan to the turn that ends it, all of it durable. */
export function planRow(): Row {
  return {
    name: "plan with three parallel HTTP effects", count: 1, unit: "plan", reach: 1.2,
    async subject() {
      const server = await slowServer();
      const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
      const host = await aggregator(join(dir, "journal"), server.origin);
      const ended = new Promise<string>((resolve) => host.onTurn(({ records }) => {
        for (const record of records) if (record.kind === "plan_ended") resolve(record.status);
      }));
      let status = "";
      return {
        async run() {
          await host.submit(start());
          status = await ended;
        },
        async done() {
          expect(status === "ok" && server.answered() === 3, `a plan that ends well with three answers, not ${status}`);
          await host.stop();
          await server.close();
          await rm(dir, { recursive: true });
        },
      };
    },
    baseline: {
      name: "the slowest alone",
      async prepare() {
        const server = await slowServer();
        let ok = false;
        return {
          async run() {
            const response = await fetch(`${server.origin}/a`);
            ok = response.ok && (await response.text()).length > 0;
          },
          async done() {
            expect(ok, "an answer");
            await server.close();
          },
        };
      },
    },
  };
}

async function slowServer(): Promise<{ readonly origin: string; answered(): number; close(): Promise<void> }> {
  let answered = 0;
  const server = createServer((request, response) => {
    const delay = DELAYS[(request.url ?? "").slice(1) as keyof typeof DELAYS];
    setTimeout(() => {
      answered++;
      response.end("an answer");
    }, delay);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered: () => answered,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The example `04-aggregator`, its outside on this machine. */
async function aggregator(dir: string, origin: string): Promise<Host> {
  const folder = fileURLToPath(new URL("../../examples/04-aggregator/", import.meta.url));
  const { artifact, hash } = await bundleReducer({ entry: join(folder, "reducer", "aggregator.ts") });
  const files = readdirSync(join(folder, "air")).map((name) => ({ path: `air/${name}`, text: readFileSync(join(folder, "air", name), "utf8") }));
  const { control, diagnostics } = loadFiles(files, { moduleHashes: new Map<string, Hash>([["demo/Aggregator@1", hash]]) });
  if (control === undefined) throw new Error(`the AIR of the example: ${diagnostics.map(({ message }) => message).join("; ")}`);
  const [blobs, clock] = [memoryBlobs(), systemClock()];
  const host = await openHost({
    journal: await openFileJournal({ dir, mode: "append" }), blobs, clock, entropy: systemEntropy(), signer: ed25519Signer(new Uint8Array(32).fill(1)),
    adapters: [httpAdapter({ blobs, clock }, { origins: { [ORIGIN]: origin } })], modules: createModuleRunner(), sandbox: SANDBOX_VERSION, world: WORLD,
  });
  await host.apply({ control, artifacts: [artifact], commit: "0".repeat(40), base: undefined, decision: null });
  host.startEffects();
  return host;
}

function start(): Parameters<Host["submit"]>[0] {
  const [primary, secondary, tertiary] = Object.keys(DELAYS).map((name) => ({ name, url: `${ORIGIN}/${name}`, method: "GET" }));
  const value = { $tag: "Start", $value: { topic: "bench", primary, secondary, tertiary } };
  return { schema: "demo/AggregatorEvent@1", value: decode(canonical(value)), key: undefined, sender: "bench" };
}
