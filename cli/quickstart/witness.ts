import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { program } from "./program-files.ts";
import { SYSTEM_ENVIRONMENT } from "./system-tools.ts";

/** `sluice audit witness` as a process of its own: it cosigns the heads of the tour's audit log. */
export interface Witness extends AsyncDisposable {
  /** Where heads are sent. */
  readonly url: string;
  /** Its verifier key. */
  readonly key: string;
}

const PATIENCE_MS = 10_000;

/**
 * Starts one that enrolls every log below `prefix` with the key that it first sees, and keeps what it saw in `state`,
 * which it makes. Throws where it does not come to listen.
 */
export async function startWitness(state: string, prefix: string): Promise<Witness> {
  const args = ["audit", "witness", "--listen", "127.0.0.1:0", "--state", state, "--enroll", prefix];
  const child = spawn(process.execPath, [program("sluice"), ...args], {
    cwd: "/",
    env: SYSTEM_ENVIRONMENT,
    stdio: ["ignore", "pipe", "pipe"],
    // A Ctrl-C of the terminal is the parent's to hear.
    detached: true,
  });
  let last = "";
  child.stderr.on("data", (chunk: Buffer) => (last = chunk.toString().trim()));
  const started = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  // It says more later: who listens to no line leaves the pipe to fill.
  createInterface({ input: child.stdout }).on("line", (line) => started.resolve(line));
  child.on("error", (error) => {
    last = error.message;
    if (child.pid === undefined) ended.resolve();
  });
  child.on("close", () => ended.resolve());
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const first = await Promise.race([started.promise, ended.promise]);
  clearTimeout(timer);
  if (first === undefined) throw new Error(`the witness did not start: ${last}`);
  // Our own child's output: cli/audit-witness.ts.
  const { address, key } = JSON.parse(first) as { readonly address: string; readonly key: string };
  return {
    url: `http://${address}`,
    key,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended.promise;
    },
  };
}
