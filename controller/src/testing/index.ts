// What tests of other packages build on.

export * from "./governed-world.ts";
export * from "./brings.ts";
export * from "./local-history.ts";
export * from "./review-histories.ts";
