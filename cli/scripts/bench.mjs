// `npm run bench`: prepares, then prints one table of measurements.
import { join } from "node:path";
import { prepare, root, run } from "./prepare.mjs";

await prepare();
run(process.execPath, [join(root, "bench", "dist", "main.js"), ...process.argv.slice(2)]);
