// The testing kit: worlds that replay themselves, parts that fail on purpose, and the suites that every adapter runs.

import "../adapters/sha256.ts";

export { assertOpens, assertReplays, controlFrom, TEST_SANDBOX, TEST_WORLD_ID, withWorld, type TestWorld, type TestWorldOptions } from "./test-world.ts";
export {
  applyFetch, fetchParts, heldAdapter, journalOf, openOn, recordsIn, recordsOf, startOffer, turnsIn, watched, type HostParts,
} from "./host-kit.ts";
export {
  armOf, countAndFetch, FETCH_EDGES, FETCH_STEPS, fetchModules, fetchWorld, fieldOf, type FetchModules, type FetchWorldOptions,
} from "./fetch-world.ts";
export { nativeModules, type NativeModules, type NativeOutput, type NativeReducer } from "./native-modules.ts";
export { httpReceipt, stubAdapter, type StubAdapter, type StubAnswer } from "./stub-adapter.ts";
export { manualClock, type ManualClock } from "./manual-clock.ts";
export { journalContract, turnAt, turnsFrom } from "./journal-contract.ts";
export { blobsContract } from "./blobs-contract.ts";
export { adapterContract, type AdapterContract, type ContractCall, type ContractEnv } from "./adapter-contract.ts";
export { FAULTS, faultServer, type Fault, type FaultServer, type SeenRequest } from "./fault-server.ts";
export { llmListener, llmServer, summarize, type LlmScript, type LlmServer, type LlmServerOptions, type LlmServerProtocol, type LlmServerRequest } from "./llm-server.ts";
export { notesWorld, rehearsal, scenarioOf, shadowBench, START_EVENT, V2, type Recorded, type RecordedPayload, type ShadowBench } from "./shadow-world.ts";
export { fingerprint, toldStory, type Story } from "./story.ts";
export { seeded, type Random } from "./random-air.ts";
export { COUNTER_MULTI, COUNTER_POINTER } from "../sandbox/fixtures/wat.ts";
