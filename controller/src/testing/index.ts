// What tests of other packages build on.

export * from "./at-end.ts";
export * from "./governed-world.ts";
export * from "./brings.ts";
export * from "./eventually.ts";
export * from "./local-history.ts";
export * from "./review-histories.ts";
export * from "./github-double/double.ts";
export * from "./github-double/state.ts";
export * from "./github-double/world.ts";
export * from "./world-repo.ts";
