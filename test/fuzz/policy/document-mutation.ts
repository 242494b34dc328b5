import type { Random } from "../random.ts";

/** What YAML and our shapes treat in a way of its own. */
export const PIECES: readonly string[] = [
  ..."\n \t:-?,[]{}#&*!|>'\"%@`~.\\".split(""),
  ": ",
  "- ",
  "? ",
  " #",
  "\n  ",
  "\n    - ",
  "\r\n",
  "\r",
  "---\n",
  "...\n",
  "<<: ",
  "{}",
  "[]",
  "''",
  "null",
  "true",
  "0",
  "-1",
  "007",
  "0x1",
  "1e3",
  "1_0",
  "9007199254740993",
  "*.com",
  "**.",
  "A.example",
  "10.0.0.1",
  "[::1]:443",
  "0s",
  "25d",
  "10Mi",
  "2026-02-30T00:00:00Z",
  "allow",
  "id: github\n",
  "\u0000",
  "\u001B",
  "\u0085",
  "\u2028",
  "\u202E",
  "\uFEFF",
  "\u{1F600}",
  "é",
  '"\\ud800"',
  '"\\q"',
];

/** A document with a few changes: of lines, of words, of characters. */
export function mutatedDocument(document: string, random: Random): string {
  let text = document;
  for (let changes = 1 + random.below(random.once(2) ? 1 : 4); changes > 0; changes -= 1) text = changed(text, random);
  return text;
}

function changed(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const piece = random.pick(PIECES);
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at) + piece + text.slice(at);
    case 1:
      return text.slice(0, at) + piece + text.slice(at + 1 + random.below(6));
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random.below(12));
    case 3:
      return random.once(8) ? text.slice(0, at) : withWord(text, at, piece);
    case 4:
      return withWord(text, at, wordFrom(text, random.below(text.length + 1)));
    case 5:
      return withLines(text, (lines) => lines.toSpliced(random.below(lines.length), 1));
    case 6:
      return withLines(text, (lines) => lines.toSpliced(random.below(lines.length), 0, random.pick(lines)));
    default:
      return withLines(text, (lines) => {
        const line = random.below(lines.length);
        return lines.with(line, " ".repeat(random.below(10)) + (lines[line] ?? "").trimStart());
      });
  }
}

/** The text with another word at or after the offset. */
function withWord(text: string, at: number, by: string): string {
  const word = wordFrom(text, at);
  const start = text.indexOf(word, at);
  return text.slice(0, start) + by + text.slice(start + word.length);
}

function wordFrom(text: string, at: number): string {
  return /[\w.*:/"-]+/.exec(text.slice(at))?.[0] ?? "";
}

function withLines(text: string, change: (lines: readonly string[]) => readonly string[]): string {
  return change(text.split("\n")).join("\n");
}
