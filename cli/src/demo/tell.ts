// How the demo speaks.

const bold = process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined ? (text: string): string => `\u001b[1m${text}\u001b[0m` : (text: string): string => text;
let steps = 0;

export function say(text: string): void {
  console.log(text);
}
export function heading(text: string): void {
  steps++;
  console.log(`\n${bold(`${steps}. ${text}`)}`);
}
/** A paragraph, wrapped for a terminal. */
export function note(text: string): void {
  const width = 100;
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    const line = lines[last] ?? "";
    if (line !== "" && line.length + word.length + 1 > width) lines.push(word);
    else lines[last] = line === "" ? word : `${line} ${word}`;
  }
  console.log(lines.join("\n"));
}
/** The one stock command that shows it. */
export function shows(folder: string, command: string): void {
  console.log(`  see: cd ${folder} && ${command}`);
}
