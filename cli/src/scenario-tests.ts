// Runs a world's scenarios as tests: each alone, in an empty world under the control plane at hand, with no clock but its own.

import {
  AosError, bundleOf, canonical, controlShelf, decode, differencesFrom, hashBytes, hashValue, LIMITS, memoryBlobs, SANDBOX_VERSION, shadow, step,
  type ControlPlane, type Difference, type ModuleRunner, type Scenario, type ShadowReport, type World,
} from "@agentos/kernel";
import type { LoadedWorld } from "@agentos/controller";

export interface ScenarioResult {
  readonly scenario: Scenario;
  /** Where what came is not what its author expects; none: it passes. */
  readonly differences: readonly Difference[];
  readonly report: ShadowReport;
}

/** The first moment of 2000: every run is at the same times, whenever it is made. */
const BEGIN_NS = 946_684_800_000_000_000n;
const NO_COMMIT = "0".repeat(40);

/** @param wanted - of the world's scenarios, those to run */
export async function testScenarios({ control, artifacts }: Pick<LoadedWorld, "artifacts"> & { readonly control: ControlPlane }, wanted: readonly Scenario[], modules: ModuleRunner): Promise<readonly ScenarioResult[]> {
  for (const artifact of artifacts.values()) await modules.add(artifact);
  const deps = controlShelf(modules, memoryBlobs());
  const base = { world: emptyWorld(), next: control, nextBundle: hashBytes(bundleOf(control)), head: { commit: NO_COMMIT }, recorded: [] };
  return wanted.map((scenario) => {
    const report = shadow({ ...base, scenarios: [scenario] }, deps);
    return { scenario, differences: differencesFrom(scenario.expect, report), report };
  });
}

function emptyWorld(): World {
  const begun = { kind: "genesis", world: hashValue("a world for tests"), sandbox: SANDBOX_VERSION, limits: decode(canonical({ ...LIMITS })), now_ns: BEGIN_NS, logical_ns: BEGIN_NS, entropy: new Uint8Array(32) } as const;
  // The first record needs neither modules nor a control plane.
  const refuse = (): never => {
    throw new AosError("test.begin", "an empty world asked for a module");
  };
  return step(undefined, begun, { modules: { has: () => false, add: refuse, call: refuse }, control: refuse }).world;
}
