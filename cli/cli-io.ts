import type { EpochMillis } from "../router/core/base/quantity.ts";

/** What a verb may touch besides its arguments: so that a test can run it and read what it said. */
export interface CliIo {
  stdout(text: string): void;
  /** Octets that the reader of standard output has not taken yet; left out: none. */
  readonly pending?: () => number;
  stderr(text: string): void;
  readonly cwd: string;
  now(): EpochMillis;
}

/** The exit codes of contract.md, "Command line". */
export const EXIT = { yes: 0, no: 1, usage: 2, badConfiguration: 64, unavailable: 69 } as const;
