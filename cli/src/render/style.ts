// Emphasis on a terminal, and columns: text in, text out.

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** `plain` gives every text back as it is. */
export function createStyle(kind: "colour" | "plain"): Style {
  const paint = (open: number, close: number) => (text: string): string => (kind === "plain" || text === "" ? text : `\u001b[${open}m${text}\u001b[${close}m`);
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39), cyan: paint(36, 39) };
}

export const PLAIN = createStyle("plain");

/** What a terminal shows of a text, in columns: escapes take none. */
function widthOf(text: string): number {
  return [...text.replaceAll(/\u001b\[\d+m/g, "")].length;
}

/** Rows as lines, each column as wide as its widest cell, two blanks between; nothing is padded at the end of a line. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))));
  return rows.map((row) => {
    const cells = row.map((cell, at) => (at === row.length - 1 ? cell : cell + " ".repeat((widths[at] ?? 0) - widthOf(cell))));
    return cells.join("  ").trimEnd();
  });
}

/** Text of a world or of another person, for a terminal: what is not seen becomes an escape such as `\u{1b}`. */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** The same, cut to a number of characters. */
export function brief(text: string, charsMax: number): string {
  const characters = [...shown(text)];
  return characters.length <= charsMax ? characters.join("") : `${characters.slice(0, charsMax - 1).join("")}…`;
}

/** Enough of a commit id or a hash to know it by: 12 characters, behind `sha256:` where that is there. */
export function short(id: string): string {
  return id.startsWith("sha256:") ? `sha256:${id.slice(7, 19)}` : id.slice(0, 12);
}

/** `1 record`, `2 records`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
