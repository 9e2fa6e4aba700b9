import { snapshotsContract } from "../../testing/snapshots-contract.ts";
import { memorySnapshots } from "./memory.ts";

snapshotsContract("memory", async () => memorySnapshots());
