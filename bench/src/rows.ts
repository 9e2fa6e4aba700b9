// What is measured: turns in memory, events made durable, journals replayed; what of the language is in air-rows.ts.

import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  controlShelf, decodeCanonical, ed25519Signer, fold, memoryBlobs, openFileJournal, openHost, SANDBOX_VERSION, systemClock, systemEntropy, type Host, type World,
} from "@agentos/kernel";
import { airRows } from "./air-rows.ts";
import { expect, type Row, type Work } from "./measure.ts";
import { FULL, SHORT, worldRows } from "./world-rows.ts";
import { wsRows } from "./ws-rows.ts";
import { blobsOf, memoryWorld, scriptCounter, wasmCounter, WORLD, type MemoryWorld, type Subject } from "./worlds.ts";

/** How much each row does: `full` is what a table is quoted from, `short` shows in a second or two that every row runs. */
export type Size = "full" | "short";

/** All rows, in the order of the table. */
export async function rows(size: Size): Promise<readonly Row[]> {
  const wasm = await wasmCounter();
  const script = await scriptCounter();
  const [turns, single, events] = size === "full" ? [5_000, 300, 20_000] : [50, 10, 200];
  return [
    turnRow("turn in memory, raw WASM", wasm, turns),
    turnRow("turn in memory, TypeScript", script, turns),
    durableRow("durable event, one by one", wasm, { count: single, group: 1 }),
    durableRow("durable event, 256 at a time", wasm, { count: single * 256 / (size === "full" ? 10 : 5), group: 256 }),
    replayRow("replay, raw WASM", wasm, events),
    replayRow("replay, TypeScript", script, events),
    ...worldRows(size === "full" ? FULL : SHORT),
    ...wsRows({ files: size === "full" ? 100_000 : 2_000 }),
    ...airRows(size === "full" ? { definitions: 1_000, events: 100_000 } : { definitions: 1_000, events: 2_000 }),
  ];
}

/** Admit, step and encode, without a journal; against the module alone, called as often with the last of these calls. */
function turnRow(name: string, subject: Subject, count: number): Row {
  return {
    name, count, unit: "turns",
    async subject() {
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
    },
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

/** Submitted to a host on a journal of files; against plain writes of as many bytes, each followed by fdatasync. */
function durableRow(name: string, subject: Subject, { count, group }: { readonly count: number; readonly group: number }): Row {
  let bytes = 0;
  const groups = count / group;
  return {
    name, count, unit: "events",
    async subject() {
      const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
      const host = await openHostIn(join(dir, "journal"), subject);
      const before = { seq: host.world.nextSeq, bytes: await folderBytes(join(dir, "journal")) };
      return {
        async run() {
          for (let sent = 0; sent < count; sent += group) await Promise.all(Array.from({ length: group }, () => host.submit(subject.offer)));
        },
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
        expect(bytes > 0, "the size of its groups is known");
        return plainWrites(new Uint8Array(Math.round(bytes / groups)).fill(0xaa), groups);
      },
    },
  };
}

async function plainWrites(chunk: Uint8Array, groups: number): Promise<Work> {
  const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
  const file = await open(join(dir, "plain"), "w");
  return {
    async run() {
      for (let written = 0; written < groups; written++) {
        await file.write(chunk, 0, chunk.length, written * chunk.length);
        await file.datasync();
      }
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

/** A journal in memory folded into a world, every derived record compared; against decoding the same records. */
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
    baseline: {
      name: "decoding the records",
      async prepare() {
        const memory = journal();
        let decoded = 0;
        return {
          run() {
            for (const turn of memory.turns) for (const bytes of turn) if (decodeCanonical(bytes) instanceof Map) decoded++;
          },
          done() {
            expect(decoded === memory.world.nextSeq, "every record decoded");
          },
        };
      },
    },
  };
}
