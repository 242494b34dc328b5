import { spawn } from "node:child_process";

export type ToolOutcome =
  | { readonly status: "exited"; readonly code: number; readonly stdout: string; readonly stderr: string }
  /** No such program. */
  | { readonly status: "missing" };

/** Runs a program with a text on its standard input. Never a shell. */
export type RunTool = (program: string, args: readonly string[], stdin: string) => Promise<ToolOutcome>;

/** Long enough for a busy node, short enough that a name service that hangs (xt_owner asks one) fails the pod's start. */
const DEADLINE_MS = 30_000;
/** iptables-save of a node with tens of thousands of rules is a few megabytes; the rest is cut and then not as planned. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/**
 * `environment` replaces the process's own: iptables loads code from where its environment says. A program that
 * does not end within the deadline is killed and counts as failed.
 */
export function toolRunner(environment: Readonly<Record<string, string>>): RunTool {
  return (program, args, stdin) => {
    const outcome = Promise.withResolvers<ToolOutcome>();
    const child = spawn(program, args, { env: environment, timeout: DEADLINE_MS, killSignal: "SIGKILL" });
    const text = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8");
      child[stream].on("data", (chunk: string) => {
        if (text[stream].length < OUTPUT_LIMIT) text[stream] += chunk;
      });
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      outcome.resolve(
        error.code === "ENOENT"
          ? { status: "missing" }
          : { status: "exited", code: -1, stdout: "", stderr: error.message },
      );
    });
    child.on("close", (code, signal) => {
      const stderr = signal === null ? text.stderr : `${text.stderr}ended by ${signal}`;
      outcome.resolve({ status: "exited", code: code ?? -1, stdout: text.stdout, stderr });
    });
    // A program that ends before it has read everything breaks the pipe; its exit code says more.
    child.stdin.on("error", (error: NodeJS.ErrnoException) => {
      text.stderr += error.code === "EPIPE" ? "" : error.message;
    });
    child.stdin.end(stdin);
    return outcome.promise;
  };
}
