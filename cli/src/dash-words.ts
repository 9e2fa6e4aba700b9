// Words that begin with a dash and are no flags: a lone `-`, and what follows `--`.

// yargs gives a command none of the words behind `--`, and takes a word that begins with a dash for a flag even where a command
// reads its arguments. No word that a process is given holds this character.
const MARK = "\0";

/** The words as yargs may have them: without `--`, and what is no flag does not look like one. */
export function markDashWords(argv: readonly string[]): readonly string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const marked = (word: string): string => MARK + word;
  return [
    ...argv.slice(0, end).map((word) => (word === "-" ? marked(word) : word)),
    ...argv.slice(end + 1).map((word) => (word.startsWith("-") ? marked(word) : word)),
  ];
}

/** What yargs made of such words, as they were typed: a text, or a list of them. Other values stay as they are. */
export function asTyped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asTyped);
  return typeof value === "string" ? value.replaceAll(MARK, "") : value;
}

/** A message of yargs, with such words as they were typed; some it quotes as JSON. */
export function saidAsTyped(message: string): string {
  return message.replaceAll(MARK, "").replaceAll("\\u0000", "");
}
