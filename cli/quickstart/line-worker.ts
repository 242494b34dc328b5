import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { SYSTEM_ENVIRONMENT } from "./system-tools.ts";

/** Children answer within their own, shorter deadlines; one that does not is broken. */
const DEADLINE_MS = 10_000;

/**
 * A child process that answers every line of JSON on its input with one on its output, in order. An aborted signal
 * ends it, and so does an answer that does not come; whoever waits then is told.
 */
export class LineWorker<Ask, Answer> implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];
  readonly #ended: Promise<void>;
  #last = "";

  /** `name` is for messages: "the agent". */
  constructor(name: string, command: readonly string[], signal: AbortSignal) {
    this.#name = name;
    const [file = "", ...args] = command;
    const child = spawn(file, args, {
      cwd: "/",
      env: SYSTEM_ENVIRONMENT,
      stdio: ["pipe", "pipe", "pipe"],
      // A Ctrl-C of the terminal is the parent's to hear: it aborts the signal.
      detached: true,
      signal,
      killSignal: "SIGKILL",
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      // Our own child's output: its file exports the type.
      this.#waiting.shift()?.resolve(JSON.parse(line) as Answer);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#last = chunk.toString().trim();
    });
    // Whoever writes to a child that has ended is told by its end, not by the broken pipe.
    child.stdin.on("error", () => undefined);
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    const end = (): void => {
      ended.resolve();
      for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#gone());
    };
    child.on("close", end);
    child.on("error", (error) => {
      this.#last = error.message;
      // One that was never started has no other end.
      if (child.pid === undefined) end();
    });
  }

  async ask(ask: Ask): Promise<Answer> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw this.#gone();
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push(answer);
    this.#child.stdin?.write(`${JSON.stringify(ask)}\n`);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), DEADLINE_MS);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #gone(): Error {
    return new Error(`${this.#name} has ended${this.#last === "" ? "" : `: ${this.#last}`}`);
  }
}
