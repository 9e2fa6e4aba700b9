// Whether git can sign on this machine: it runs OpenSSH's ssh-keygen, or what stands in for it.

import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Setting of git: the program that it runs in place of ssh-keygen. */
export const SSH_PROGRAM = "gpg.ssh.program";
export const STAND_IN = fileURLToPath(new URL("../bin/openssh/ssh-keygen", import.meta.url));

/** Would git find this program? A name is looked for on the path. */
export function isProgram(name: string, path = process.env["PATH"] ?? ""): boolean {
  const places = isAbsolute(name) ? [name] : path.split(delimiter).filter((folder) => folder !== "").map((folder) => join(folder, name));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The settings by which git signs where OpenSSH is not installed; none where it is. */
export function signingSettings(path?: string): readonly (readonly [string, string])[] {
  return isProgram("ssh-keygen", path) ? [] : [[SSH_PROGRAM, STAND_IN]];
}
