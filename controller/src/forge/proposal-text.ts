// What a proposal says of itself: the message of a commit that was made to say it, else that of its oldest commit.

export interface ProposalText {
  /** One line. */
  readonly title: string;
  /** What comes after it, without trailers; may be empty. */
  readonly body: string;
}

/** Ends the message of a commit that changes nothing and is there for its message. */
const TRAILER = "Describes";

/** @param text - the title, then an empty line and the body, as git wants messages */
export function describingMessage(slug: string, text: string): string {
  return `${text.trim()}\n\n${TRAILER}: ${slug}\n`;
}

/** The newest word counts. @param messages - of the proposal's commits, oldest first */
export function proposalText(messages: readonly string[]): ProposalText {
  const said = messages.findLast((message) => trailersOf(message).some((line) => line.startsWith(`${TRAILER}: `))) ?? messages[0] ?? "";
  const [title = "", ...rest] = said.trim().split("\n");
  const trailers = trailersOf(said);
  return { title, body: rest.join("\n").trimEnd().slice(0, trailers.length === 0 ? undefined : -trailers.join("\n").length).trim() };
}

/** The lines of the last paragraph, where it is trailers alone and not the title. */
function trailersOf(message: string): readonly string[] {
  const paragraphs = message.trim().split(/\n{2,}/);
  const lines = (paragraphs.length > 1 ? paragraphs.at(-1) : undefined)?.split("\n") ?? [];
  return lines.every((line) => /^[A-Za-z][A-Za-z-]*: \S/.test(line)) ? lines : [];
}
