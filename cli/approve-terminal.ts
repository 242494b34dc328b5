import { createInterface } from "node:readline/promises";

/** Who is asked before something happens. */
export interface Terminal {
  /** Both ends are a terminal: somebody can be asked. */
  readonly interactive: boolean;
  /** One line; undefined where the terminal was closed instead. */
  ask(question: string): Promise<string | undefined>;
}

/** The question goes to standard error, so that standard output stays a program's. */
export function processTerminal(): Terminal {
  return {
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    async ask(question) {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      const closed = new AbortController();
      lines.once("close", () => closed.abort());
      try {
        return await lines.question(question, { signal: closed.signal });
      } catch {
        return undefined;
      } finally {
        lines.close();
      }
    },
  };
}
