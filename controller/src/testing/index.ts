// What tests of other packages build on.

export * from "./governed-world.ts";
