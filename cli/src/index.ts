// The command line as a library: what `bin/aos.js` calls.

export { main } from "./main.ts";
