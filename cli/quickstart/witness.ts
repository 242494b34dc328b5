import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { program } from "./program-files.ts";
import { SYSTEM_ENVIRONMENT } from "./system-tools.ts";

/** What it says of itself: cli/audit-witness.ts. */
export interface WitnessFacts {
  /** Where it listens: address and port. */
  readonly address: string;
  /** Its verifier key. */
  readonly key: string;
}

const PATIENCE_MS = 10_000;

/** `sluice audit witness` as a process of its own: it cosigns the signed heads of the tour's audit log. */
export class Witness implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #first: Promise<string>;
  #last = "";

  /** It enrolls every log below `prefix` with the key that it first sees, and keeps what it saw in `state`, which it makes. */
  constructor(state: string, prefix: string) {
    const args = ["audit", "witness", "--listen", "127.0.0.1:0", "--state", state, "--enroll", prefix];
    const child = spawn(process.execPath, [program("sluice"), ...args], {
      cwd: "/",
      env: SYSTEM_ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
      // A Ctrl-C of the terminal is the parent's to hear.
      detached: true,
    });
    this.#child = child;
    const first = Promise.withResolvers<string>();
    this.#first = first.promise;
    // It says more later, which has to be read, or the pipe fills.
    createInterface({ input: child.stdout }).on("line", (line) => first.resolve(line));
    child.stderr.on("data", (chunk: Buffer) => (this.#last = chunk.toString().trim()));
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    child.on("close", () => ended.resolve());
    child.on("error", (error) => {
      this.#last = error.message;
      // One that was never started has no other end.
      if (child.pid === undefined) ended.resolve();
    });
  }

  /** Resolves once it listens; throws where it does not come to that. */
  async listening(): Promise<WitnessFacts> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    const first = await Promise.race([this.#first, this.#ended]);
    clearTimeout(timer);
    if (first === undefined) throw new Error(`the witness did not start: ${this.#last}`);
    return JSON.parse(first) as WitnessFacts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
