// `node open-child.js <folder>`: opens the world in a process of its own and says how long it took and how much memory.

import { ed25519Signer, fileBlobs, fileSnapshots, openFileJournal, openHost, SANDBOX_VERSION, stateRoot, systemClock, systemEntropy } from "@agentos/kernel";
import { notes, placesIn } from "./many-cells.ts";
import { WORLD } from "./worlds.ts";

const places = placesIn(process.argv[2] ?? "");
const { modules } = await notes();
const start = process.hrtime.bigint();
const host = await openHost({
  journal: await openFileJournal({ dir: places.journal, mode: "append" }), blobs: fileBlobs(places.blobs), snapshots: fileSnapshots(places.snapshots),
  clock: systemClock(), entropy: systemEntropy(), signer: ed25519Signer(new Uint8Array(32).fill(1)), adapters: [], modules, sandbox: SANDBOX_VERSION, world: WORLD,
});
const ms = Number(process.hrtime.bigint() - start) / 1e6;
const { maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ ms, rssBytes: maxRSS * 1024, seq: host.world.nextSeq, replayed: host.opened.replayed, root: stateRoot(host.world) }));
await host.stop();
