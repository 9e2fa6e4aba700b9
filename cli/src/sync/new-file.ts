// Writes a file at once, as it shall be: bytes and mode.

import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync, type Stats } from "node:fs";

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/** @param mode - exactly, whatever the umask. @returns how it looks. @throws `EEXIST` where something is */
export function writeNew(path: string, content: Uint8Array, mode: number): Stats {
  const file = openSync(path, NEW, mode);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(file, content, at);
    const stats = fstatSync(file);
    if ((stats.mode & 0o777) === mode) return stats;
    fchmodSync(file, mode);
    return fstatSync(file);
  } finally {
    closeSync(file);
  }
}
