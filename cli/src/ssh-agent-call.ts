// One question to an ssh-agent and its answer. As a program of its own, `node ssh-agent-call.js SOCKET`, for those who cannot wait
// otherwise: the question from standard input, the answer to standard output.

import { connect } from "node:net";
import { fileURLToPath } from "node:url";

/** What OpenSSH's agent takes and gives at most. */
const MESSAGE_BYTES_MAX = 256 << 10;

/** @param question - a message without its length, as the answer. @throws Error where nobody answers, or not as an agent does */
export function callAgent(socket: string, question: Uint8Array, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const link = connect(socket);
    const fail = (error: Error): void => {
      link.destroy();
      reject(error);
    };
    link.setTimeout(timeoutMs, () => fail(new Error("no answer in time")));
    link.on("error", fail);
    link.on("end", () => fail(new Error("it hung up")));
    link.on("data", (part) => {
      parts.push(part);
      const read = Buffer.concat(parts);
      const length = read.length < 4 ? 0 : read.readUInt32BE();
      if (length > MESSAGE_BYTES_MAX) return fail(new Error(`an answer of ${length} bytes, which no ssh-agent gives`));
      if (read.length < 4 || read.length < 4 + length) return;
      link.destroy();
      resolve(read.subarray(4, 4 + length));
    });
    const head = Buffer.alloc(4);
    head.writeUInt32BE(question.length);
    link.write(Buffer.concat([head, question]));
  });
}

async function main(socket: string, timeoutMs: number): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  try {
    process.stdout.write(await callAgent(socket, Buffer.concat(parts), timeoutMs));
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) void main(process.argv[2] ?? "", Number(process.argv[3]));
