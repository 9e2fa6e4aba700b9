// What is measured of workspaces: listing 100,000 entries, against `ls` of as many files by node itself.

import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileBlobs, hashBytes, trees, utf8, type Blobs, type Hash } from "@agentos/kernel";
import { expect, type Row } from "./measure.ts";

/** The rows, over as many files. */
export function wsRows({ files }: { readonly files: number }): readonly Row[] {
  return [listRow("ws ls -R, from disk", files)];
}

const FILES_A_FOLDER = 1_000;

function pathAt(index: number): string {
  return `d${String(Math.floor(index / FILES_A_FOLDER)).padStart(4, "0")}/f${String(index % FILES_A_FOLDER).padStart(4, "0")}`;
}

/** Every entry of a tree in the blob store of a world, in order; against reading the same names of a folder, recursively. Both are made once. */
function listRow(name: string, files: number): Row {
  const folders = Math.ceil(files / FILES_A_FOLDER);
  const counted = (count: number): void => expect(count === files + folders, `${files} files in ${folders} folders`);
  let tree: Promise<{ readonly blobs: Blobs; readonly root: Hash }> | undefined;
  let folder: Promise<string> | undefined;
  return {
    name, count: files, unit: "files",
    async subject() {
      const { blobs, root } = await (tree ??= treeIn(files));
      let count = 0;
      return {
        async run() {
          for await (const entry of trees.walkTree(blobs, root, { scope: "subtree" })) if (entry.path !== "") count++;
        },
        done: () => counted(count),
      };
    },
    baseline: {
      name: "readdir, recursive, sorted",
      async prepare() {
        const dir = await (folder ??= folderOf(files));
        let count = 0;
        return {
          async run() {
            count = (await readdir(dir, { recursive: true })).sort().length;
          },
          done: () => counted(count),
        };
      },
    },
  };
}

/** A folder that goes when the benchmark ends. */
async function temporary(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "aos-bench-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function treeIn(files: number): Promise<{ readonly blobs: Blobs; readonly root: Hash }> {
  const blobs = fileBlobs(await temporary());
  return { blobs, root: await treeOf(blobs, files) };
}

async function folderOf(files: number): Promise<string> {
  const dir = await temporary();
  for (let index = 0; index < files; index += FILES_A_FOLDER) {
    const below = join(dir, pathAt(index), "..");
    await mkdir(below, { recursive: true });
    await Promise.all(Array.from({ length: Math.min(FILES_A_FOLDER, files - index) }, (_, at) => writeFile(join(dir, pathAt(index + at)), "")));
  }
  return dir;
}

async function treeOf(blobs: Blobs, files: number): Promise<Hash> {
  const bytes = utf8("");
  const edits = new Map<string, trees.FileEdit>();
  for (let index = 0; index < files; index++) edits.set(pathAt(index), { hash: hashBytes(bytes), size: 0 });
  return trees.changeTree(blobs, trees.EMPTY_TREE_HASH, edits);
}
