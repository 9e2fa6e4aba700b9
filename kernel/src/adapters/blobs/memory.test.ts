import { blobsContract } from "../../testing/blobs-contract.ts";
import { memoryBlobs } from "./memory.ts";

blobsContract("memory", async () => memoryBlobs());
