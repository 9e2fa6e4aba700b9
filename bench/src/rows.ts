// What is measured: turns in memory, events made durable, journals replayed; what of the language is in air-rows.ts.

import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  controlShelf, ed25519Signer, fold, memoryBlobs, openFileJournal, openHost, SANDBOX_VERSION, systemClock, systemEntropy, type Host, type World,
} from "@agentos/kernel";
import { airRows } from "./air-rows.ts";
import { decisionRows } from "./decision-rows.ts";
import { hooksRows } from "./hooks-rows.ts";
import { expect, type Row, type Work } from "./measure.ts";
import { planRow } from "./plan-row.ts";
import { proposalRows } from "./proposal-rows.ts";
import { shadowRows } from "./shadow-rows.ts";
import { startRows } from "./start-rows.ts";
import { syncRows } from "./sync-rows.ts";
import { FULL, SHORT, worldRows } from "./world-rows.ts";
import { wsRows } from "./ws-rows.ts";
import { blobsOf, memoryWorld, scriptCounter, wasmCounter, WORLD, type MemoryWorld, type Subject } from "./worlds.ts";

/** How much each row does: `full` is what a table is quoted from, `short` shows in a second or two that every row runs. */
export type Size = "full" | "short";

/** All rows, in the order of the table. */
export async function rows(size: Size): Promise<readonly Row[]> {
  const wasm = await wasmCounter();
  const script = await scriptCounter();
  const [turns, single, events] = size === "full" ? [5_000, 100, 20_000] : [50, 10, 200];
  return [
    { ...turnRow("turn in memory, raw WASM", wasm, turns), reach: 3 },
    { ...turnRow("turn in memory, TypeScript", script, turns), reach: 2 },
    { ...durableRow("durable event, one sender", wasm, single), reach: 1.5 },
    { ...sendersRow("durable events, 64 senders", wasm, { senders: 64, under: 16, each: size === "full" ? 320 : 16 }), reach: 1 / 0.6 },
    { ...replayRow("replay, raw WASM", wasm, events), reach: 1 / 0.8 },
    { ...replayRow("replay, TypeScript", script, events), reach: 1 / 0.8 },
    ...shadowRows(wasm, size === "full" ? 10_000 : 100),
    ...proposalRows(),
    planRow(),
    ...worldRows(size === "full" ? FULL : SHORT),
    ...wsRows({ files: size === "full" ? 100_000 : 2_000 }),
    ...syncRows(size === "full" ? 10_000 : 200),
    ...startRows(),
    ...hooksRows(size === "full" ? 100 : 5),
    ...airRows(size === "full" ? { definitions: 1_000, events: 100_000 } : { definitions: 1_000, events: 2_000 }),
    ...decisionRows({ reviews: 1_000, times: size === "full" ? 100 : 3 }),
  ];
}

/** Admit, step and encode, without a journal; against the module alone, called as often with the last of these calls. */
function turnRow(name: string, subject: Subject, count: number): Row {
  return {
    name, count, unit: "turns",
    subject: () => turnsInMemory(subject, count),
    baseline: {
      name: "the module alone",
      async prepare() {
        const memory = memoryWorld(subject);
        memory.send(subject.offer);
        const call = memory.lastCall();
        let ok = 0;
        return {
          run() {
            for (let turn = 0; turn < count; turn++) if (subject.modules.call(call).kind === "ok") ok++;
          },
          done() {
            expect(ok === count, `${count} calls that end well`);
          },
        };
      },
    },
  };
}

/** Submitted to a host on a journal of files, each after the one before; against plain writes of as many bytes, each followed by fdatasync. */
function durableRow(name: string, subject: Subject, count: number): Row {
  let bytes = 0;
  return {
    name, count, unit: "events",
    async subject() {
      const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
      const host = await openHostIn(join(dir, "journal"), subject);
      const before = { seq: host.world.nextSeq, bytes: await folderBytes(join(dir, "journal")) };
      return {
        run: () => eachTimed(count, () => host.submit(subject.offer)),
        async done() {
          expect(host.world.nextSeq === before.seq + 2 * count, `${2 * count} records`);
          await host.stop();
          bytes = (await folderBytes(join(dir, "journal"))) - before.bytes;
          await rm(dir, { recursive: true });
        },
      };
    },
    baseline: {
      name: "write and fdatasync",
      async prepare() {
        expect(bytes > 0, "the size of a turn is known");
        return plainWrites(new Uint8Array(Math.round(bytes / count)).fill(0xaa), count);
      },
    },
  };
}

/** Senders that each keep some events under way, on a journal of files; against turns in memory. */
function sendersRow(name: string, subject: Subject, { senders, under, each }: { readonly senders: number; readonly under: number; readonly each: number }): Row {
  const count = senders * each;
  return {
    name: `${name}, ${under} under way each`, count, unit: "events",
    async subject() {
      const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
      const host = await openHostIn(join(dir, "journal"), subject);
      const before = host.world.nextSeq;
      const lane = async (events: number): Promise<void> => {
        for (let sent = 0; sent < events; sent++) await host.submit(subject.offer);
      };
      return {
        async run() {
          await Promise.all(Array.from({ length: senders * under }, () => lane(each / under)));
        },
        async done() {
          expect(host.world.nextSeq === before + 2 * count, `${2 * count} records`);
          await host.stop();
          await rm(dir, { recursive: true });
        },
      };
    },
    baseline: { name: "turn in memory", prepare: () => turnsInMemory(subject, count) },
  };
}

async function turnsInMemory(subject: Subject, count: number): Promise<Work> {
  const memory = memoryWorld(subject);
  const before = memory.turns.length;
  return {
    run() {
      for (let turn = 0; turn < count; turn++) memory.send(subject.offer);
    },
    done() {
      expect(memory.turns.length === before + count && memory.turns.at(-1)?.length === 2, `${count} turns of two records`);
    },
  };
}

async function eachTimed(count: number, step: () => Promise<unknown>): Promise<readonly number[]> {
  const took: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = process.hrtime.bigint();
    await step();
    took.push(Number(process.hrtime.bigint() - start));
  }
  return took;
}

async function plainWrites(chunk: Uint8Array, groups: number): Promise<Work> {
  const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
  const file = await open(join(dir, "plain"), "w");
  return {
    run() {
      let written = 0;
      return eachTimed(groups, async () => {
        await file.write(chunk, 0, chunk.length, written++ * chunk.length);
        await file.datasync();
      });
    },
    async done() {
      expect((await file.stat()).size === groups * chunk.length, `${groups} writes`);
      await file.close();
      await rm(dir, { recursive: true });
    },
  };
}

async function folderBytes(dir: string): Promise<number> {
  return (await stat(join(dir, "0000000000000000.aosj"))).size;
}

async function openHostIn(dir: string, { control, artifact, modules, first }: Subject): Promise<Host> {
  const journal = await openFileJournal({ dir, mode: "append" });
  const host = await openHost({
    journal, blobs: memoryBlobs(), clock: systemClock(), entropy: systemEntropy(), signer: ed25519Signer(new Uint8Array(32).fill(1)), adapters: [], modules, sandbox: SANDBOX_VERSION,
    world: WORLD,
  });
  await host.apply({ control, artifacts: [artifact], commit: "0".repeat(40), base: undefined, decision: null });
  await host.submit(first);
  return host;
}

/** A journal in memory folded into a world, every derived record compared; against making as many turns. */
function replayRow(name: string, subject: Subject, count: number): Row {
  let told: MemoryWorld | undefined;
  const journal = (): MemoryWorld => {
    told ??= memoryWorld(subject);
    while (told.turns.length < count + 2) told.send(subject.offer);
    return told;
  };
  return {
    name, count, unit: "events",
    async subject() {
      const shelf = controlShelf(subject.modules, await blobsOf(subject));
      const memory = journal();
      let world: World | undefined;
      return {
        async run() {
          world = await fold(memory.turns, shelf);
        },
        done() {
          expect(world?.nextSeq === memory.world.nextSeq, `a world of ${memory.world.nextSeq} records`);
        },
      };
    },
    baseline: { name: "turn in memory", prepare: () => turnsInMemory(subject, count) },
  };
}
