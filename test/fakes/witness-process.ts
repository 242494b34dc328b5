import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const program = join(import.meta.dirname, "../../cli/sluice.ts");

/** `sluice audit witness` as a process of its own, for the logs of pods in namespace `test`. */
export interface WitnessProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly address: string;
  readonly key: string;
  /** The lines that it wrote. */
  readonly lines: readonly string[];
}

export async function startWitness(state: string, address = "127.0.0.1:0"): Promise<WitnessProcess> {
  const child = spawn(
    process.execPath,
    [program, "audit", "witness", "--listen", address, "--state", state, "--enroll", "sluice.dev/audit/test/"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exit = once(child, "exit");
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const [first] = (await Promise.race([once(reader, "line"), exit.then(() => ["{}"])])) as [string];
  reader.on("line", (line) => lines.push(line));
  const start = JSON.parse(first) as { address?: string; key?: string };
  if (start.address === undefined || start.key === undefined) throw new Error("the witness did not start");
  return {
    child,
    address: start.address,
    key: start.key,
    lines,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exit;
    },
  };
}
