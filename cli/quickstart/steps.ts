import { styleText } from "node:util";
import type { CliIo } from "../cli-io.ts";

/** An error may say more than a cell of the table holds; the step itself has told it whole. */
const WIDEST = 48;

interface Step {
  readonly tried: string;
  readonly expected: string;
  readonly got: string;
}

/** What was tried, what it should have come to, and what it came to. Prints each step as it happens. */
export class Steps {
  readonly #io: CliIo;
  readonly #signal: AbortSignal;
  readonly #steps: Step[] = [];

  constructor(io: CliIo, signal: AbortSignal) {
    this.#io = io;
    this.#signal = signal;
  }

  get failed(): number {
    return this.#steps.filter((step) => !asExpected(step)).length;
  }

  say(text: string): void {
    this.#io.stdout(`${text}\n`);
  }

  /** Begins a part of the tour: one or two sentences. */
  part(text: string): void {
    this.say(`\n${paint("bold", text)}`);
  }

  /**
   * As expected only where `attempt` returns exactly that text. `detail` is for the moment, not for the table. Throws
   * only where the tour was aborted.
   */
  async take(tried: string, expected: string, attempt: () => string | Promise<string>, detail = ""): Promise<void> {
    this.#signal.throwIfAborted();
    let outcome: string;
    try {
      outcome = await attempt();
    } catch (error) {
      outcome = `error: ${error instanceof Error ? error.message : String(error)}`;
    }
    // What was tried may have ended with the tour, and not by itself.
    this.#signal.throwIfAborted();
    const [got = "", ...more] = outcome.trim().split("\n");
    const step = { tried, expected, got };
    this.#steps.push(step);
    const instead = asExpected(step) ? "" : ` (expected: ${expected})`;
    this.say(`  ${verdict(step)} ${tried}${detail === "" ? "" : `  ${detail}`} -> ${got}${instead}`);
    for (const line of more) this.say(`         ${line}`);
  }

  /** All steps as a table, and one sentence of summary. */
  table(): string {
    const titles = ["", "what was tried", "expected", "got"];
    const rows = this.#steps.map((step, index) => [String(index + 1), step.tried, step.expected, clipped(step.got)]);
    const widths = titles.map((_, column) => Math.max(...[titles, ...rows].map((row) => row[column]?.length ?? 0)));
    const line = (row: readonly string[]): string =>
      row
        .map((cell, column) => (column === 0 ? cell.padStart(widths[0] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join("  ");
    const body = this.#steps.map((step, index) => `${line(rows[index] ?? [])}  ${verdict(step).trimEnd()}`);
    const { failed } = this;
    const summary =
      failed === 0
        ? `All ${rows.length} steps gave the expected verdict.`
        : `${failed} of ${rows.length} steps FAILED: they did not give the expected verdict.`;
    return `${paint("bold", `${line(titles)}  verdict`)}\n${body.join("\n")}\n\n${paint("bold", summary)}\n`;
  }
}

function asExpected({ expected, got }: Step): boolean {
  return got === expected;
}

function clipped(text: string): string {
  return text.length > WIDEST ? `${text.slice(0, WIDEST - 3)}...` : text;
}

function verdict(step: Step): string {
  return asExpected(step) ? paint("green", "ok    ") : paint("red", "FAILED");
}

/** Plain where standard output is no terminal, or NO_COLOR is set. */
function paint(format: "bold" | "green" | "red", text: string): string {
  return styleText(format, text, { stream: process.stdout });
}
