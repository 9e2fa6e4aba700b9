// Text of a world on one line of a message: it can hold anything, also what would steer a terminal.

/** Runs of control characters and line separators become one blank; what is longer than `charsMax` is cut. */
export function oneLine(text: string, charsMax: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu, " ").trim();
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
