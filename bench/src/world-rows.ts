// What is measured of large worlds: opening one with a long journal, an event to one of many cells, a state root after few changes.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stateRoot, type World } from "@agentos/kernel";
import { longJournal, noteOffer, notes, worldOfCells, type Notes, type Running } from "./many-cells.ts";
import { expect, type Row, type Work } from "./measure.ts";

interface WorldSizes {
  readonly records: number;
  readonly tail: number;
  readonly cells: number;
  readonly events: number;
  readonly roots: number;
}
export const FULL: WorldSizes = { records: 1_000_000, tail: 1_000, cells: 1_000_000, events: 5_000, roots: 20 };
export const SHORT: WorldSizes = { records: 4_000, tail: 400, cells: 3_000, events: 200, roots: 2 };

/** Cells that events go to, and that change before a root. */
const TOUCHED = 100;

export function worldRows(sizes: WorldSizes): readonly Row[] {
  const parts = kept(notes);
  const few = { cells: Math.min(1_000, sizes.cells), root: Math.max(TOUCHED, Math.floor(sizes.cells / 100)) };
  const worlds = new Map<number, () => Promise<Running>>();
  const worldOf = (cells: number): Promise<Running> => {
    const make = worlds.get(cells) ?? kept(async () => worldOfCells(await parts(), await folder(), cells));
    worlds.set(cells, make);
    return make();
  };
  return [
    openRow(parts, sizes),
    {
      name: `event to one of ${sizes.cells} cells`, count: sizes.events, unit: "turns", reach: 1.5,
      subject: async () => eventsTo(await worldOf(sizes.cells), sizes.events),
      baseline: { name: `one of ${few.cells}`, prepare: async () => eventsTo(await worldOf(few.cells), sizes.events) },
    },
    {
      name: `state root, ${TOUCHED} of ${sizes.cells} cells changed`, count: sizes.roots, unit: "roots", reach: 3,
      subject: async () => rootsOf(await worldOf(sizes.cells), { roots: sizes.roots, cells: sizes.cells }),
      baseline: { name: `${TOUCHED} of ${few.root}`, prepare: async () => rootsOf(await worldOf(few.root), { roots: sizes.roots, cells: few.root }) },
    },
  ];
}

const OPEN_BYTES_MOST = 300e6;

/** In a process of its own, against the same of a world that has only as many records as follow the snapshot. */
function openRow(parts: () => Promise<Notes>, { records, tail }: WorldSizes): Row {
  const made = (count: number): (() => Promise<{ readonly dir: string; readonly root: string }>) => kept(async () => {
    const dir = await folder();
    const { world } = await longJournal(await parts(), dir, { records: count, tail });
    return { dir, root: stateRoot(world) };
  });
  const [long, small] = [made(records), made(2 * tail)];
  const open = async (fixture: typeof long, told: (line: string) => void): Promise<Work> => {
    const { dir, root } = await fixture();
    let said: { readonly ms: number; readonly rssBytes: number; readonly replayed: number; readonly root: string } | undefined;
    return {
      async run() {
        const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL("./open-child.js", import.meta.url)), dir]);
        said = JSON.parse(stdout) as NonNullable<typeof said>;
      },
      done() {
        expect(said?.root === root && Math.abs(said.replayed - tail) <= 2, `the world is opened from a snapshot ${tail} records back`);
        expect((said?.rssBytes ?? 0) < OPEN_BYTES_MOST, `less than ${OPEN_BYTES_MOST} bytes of memory`);
        told(`  opened in ${Math.round(said?.ms ?? 0)} ms, at most ${Math.round((said?.rssBytes ?? 0) / 1e6)} MB in memory`);
      },
    };
  };
  return {
    name: `open a world of ${records} records`, count: 1, unit: "process", reachNs: 1e9,
    subject: () => open(long, (line) => console.error(line)),
    baseline: { name: `one of ${2 * tail} records`, prepare: () => open(small, () => undefined) },
  };
}

/** Events to a hundred cells in turn, each touched once before. */
function eventsTo(running: Running, count: number): Work {
  for (let id = 0; id < TOUCHED; id++) running.send(noteOffer(id, "first"));
  const before = running.world.nextSeq;
  return {
    run() {
      for (let turn = 0; turn < count; turn++) running.send(noteOffer(turn % TOUCHED, `turn ${turn}`));
    },
    done() {
      expect(running.world.nextSeq === before + 2 * count, `${2 * count} records`);
    },
  };
}

/** Roots of worlds that each differ from one before by a hundred cells all over. */
function rootsOf(running: Running, { roots, cells }: { readonly roots: number; readonly cells: number }): Work {
  stateRoot(running.world);
  const worlds: World[] = [];
  for (let round = 0; round < roots; round++) {
    for (let index = 0; index < TOUCHED; index++) running.send(noteOffer((index * Math.floor(cells / TOUCHED) + round) % cells, `root ${round}`));
    worlds.push(running.world);
  }
  const found = new Set<string>();
  return {
    run() {
      for (const world of worlds) found.add(stateRoot(world));
    },
    done() {
      expect(found.size === roots, `${roots} roots`);
    },
  };
}

/** Made once, when it is first asked for. */
function kept<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** A folder that goes when the process ends. */
async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
  process.once("beforeExit", () => void rm(dir, { recursive: true, force: true }));
  return dir;
}
