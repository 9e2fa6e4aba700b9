// What is measured of workspaces: listing 100,000 entries, against `ls` of as many files by node itself.

import { mkdtemp, readdir, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileBlobs, hashBytes, trees, utf8, type Hash } from "@agentos/kernel";
import { expect, type Row } from "./measure.ts";

/** The rows, over as many files. */
export function wsRows({ files }: { readonly files: number }): readonly Row[] {
  return [listRow("ws ls -R, from disk", files)];
}

const FILES_A_FOLDER = 1_000;

function pathAt(index: number): string {
  return `d${String(Math.floor(index / FILES_A_FOLDER)).padStart(4, "0")}/f${String(index % FILES_A_FOLDER).padStart(4, "0")}`;
}

/** Every entry of a tree in the blob store of a world, in order; against reading the same names of a folder, recursively. */
function listRow(name: string, files: number): Row {
  const folders = Math.ceil(files / FILES_A_FOLDER);
  return {
    name, count: files, unit: "files",
    async subject() {
      const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
      const blobs = fileBlobs(dir);
      const root = await treeOf(blobs, files);
      let count = 0;
      return {
        async run() {
          for await (const entry of trees.walkTree(blobs, root, { scope: "subtree" })) if (entry.path !== "") count++;
        },
        async done() {
          expect(count === files + folders, `${files} files in ${folders} folders`);
          await rm(dir, { recursive: true });
        },
      };
    },
    baseline: {
      name: "readdir, recursive, sorted",
      async prepare() {
        const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
        for (let folder = 0; folder < folders; folder++) {
          await mkdir(join(dir, pathAt(folder * FILES_A_FOLDER).slice(0, 5)));
          await Promise.all(Array.from({ length: Math.min(FILES_A_FOLDER, files - folder * FILES_A_FOLDER) }, (_, at) => writeFile(join(dir, pathAt(folder * FILES_A_FOLDER + at)), "")));
        }
        let count = 0;
        return {
          async run() {
            count = (await readdir(dir, { recursive: true })).sort().length;
          },
          async done() {
            expect(count === files + folders, `${files} files in ${folders} folders`);
            await rm(dir, { recursive: true });
          },
        };
      },
    },
  };
}

async function treeOf(blobs: ReturnType<typeof fileBlobs>, files: number): Promise<Hash> {
  const bytes = utf8("");
  const edits = new Map<string, trees.FileEdit>();
  for (let index = 0; index < files; index++) edits.set(pathAt(index), { hash: hashBytes(bytes), size: 0 });
  return trees.changeTree(blobs, trees.EMPTY_TREE_HASH, edits);
}
