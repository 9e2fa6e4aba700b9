// What Node's file handles do, in the hands of a test.

import { open, type FileHandle } from "node:fs/promises";
import type { TestContext } from "node:test";

type Read = (this: FileHandle, bytes: Uint8Array, offset: number, length: number, position: number) => Promise<{ readonly bytesRead: number }>;

/** The methods that every handle has, to be mocked. */
export async function handleMethods(): Promise<FileHandle> {
  const probe = await open("/dev/null", "r");
  await probe.close();
  return Object.getPrototypeOf(probe) as FileHandle;
}

/** Counts the bytes that handles read from here on. @returns those since it was last asked */
export async function bytesRead(t: TestContext): Promise<() => number> {
  const handles = await handleMethods();
  const read = handles.read as unknown as Read;
  let bytes = 0;
  t.mock.method(handles, "read", async function (this: FileHandle, ...args: Parameters<Read>) {
    const done = await read.apply(this, args);
    bytes += done.bytesRead;
    return done;
  });
  return () => {
    const before = bytes;
    bytes = 0;
    return before;
  };
}
