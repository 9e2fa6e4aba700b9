import { journalContract } from "../../testing/journal-contract.ts";
import { memoryJournal } from "./memory.ts";

journalContract("memory", async () => memoryJournal());
