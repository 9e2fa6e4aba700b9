// The platform's SHA-256 for all of the kernel: every entry to the package imports this file before any other.

import { hash } from "node:crypto";
import { provideSha256 } from "../air/hash.ts";

// As text: a Buffer from the library costs more than the digest of a short input.
provideSha256((bytes, form) => hash("sha256", bytes, form));
