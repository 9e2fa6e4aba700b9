// Snapshots in memory, for tests and for worlds that are thrown away.

import { AosError } from "../../air/error.ts";
import type { SnapshotStore } from "../../ports.ts";

/** Snapshots that live as long as the object. */
export function memorySnapshots(): SnapshotStore {
  const files = new Map<number, Uint8Array>();
  let removed = new Map<number, Uint8Array>();
  return {
    async list() {
      return [...files].map(([file, { length }]) => ({ file, bytes: length })).sort((a, b) => a.file - b.file);
    },
    read({ file, offset, bytes }) {
      const found = (files.get(file) ?? removed.get(file))?.slice(offset, offset + bytes);
      if (found?.length === bytes) return found;
      throw new AosError("snapshot.missing", `snapshot file ${file}: no ${bytes} bytes from byte ${offset} on`, { class: "unverified" });
    },
    async write(file, pieces) {
      const kept: Uint8Array[] = [];
      for await (const piece of pieces) kept.push(new Uint8Array(piece));
      const whole = new Uint8Array(kept.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const piece of kept) {
        whole.set(piece, at);
        at += piece.length;
      }
      files.set(file, whole);
    },
    async remove(gone) {
      if (gone.length === 0) return;
      removed = new Map(gone.flatMap((file) => (files.has(file) ? [[file, files.get(file) as Uint8Array] as const] : [])));
      for (const file of gone) files.delete(file);
    },
    async close() {
      removed.clear();
    },
  };
}
