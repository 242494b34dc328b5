import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SidecarOptions, startSidecar } from "./sidecar.ts";

const program = join(import.meta.dirname, "../../cli/sluice.ts");

/** One start of a sidecar, whose output goes to a file: nothing of it can be lost with the process. */
export interface Start {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Waits for the forward listener; false where the process has ended instead. */
  listening(): Promise<boolean>;
  /** Standard output and error. */
  output(): string;
}

/** One set of directories and ports, started again and again over the same signed policy, marks and audit log. */
export interface SidecarStarts extends AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly adminPort: number;
  readonly auditDirectory: string;
  start(nodeFlags?: readonly string[]): Start;
  /** What all starts have written, in their order. */
  output(): string;
}

/** Starts a sidecar once, to the end: its files then are those of a pod that has run before. */
export async function sidecarStarts(options: Omit<SidecarOptions, "directory">): Promise<SidecarStarts> {
  const directory = mkdtempSync(join(tmpdir(), "sluice-starts-"));
  // Compiled code is kept from the first start to all others, which then take a third of the time.
  process.env["NODE_COMPILE_CACHE"] ??= join(directory, "compiled");
  const { port, adminPort, auditDirectory, child, exited, output } = await startSidecar({ ...options, directory });
  child.kill("SIGTERM");
  await exited();
  const files: string[] = [];
  const children = new Set<ChildProcess>();
  return {
    directory,
    port,
    adminPort,
    auditDirectory,
    start(nodeFlags = []) {
      const file = join(directory, `output-${files.length}`);
      files.push(file);
      const descriptor = openSync(file, "w");
      const argv = [...nodeFlags, program, "run", "--config", join(directory, "router.yaml")];
      const started = spawn(process.execPath, argv, { stdio: ["ignore", descriptor, descriptor] });
      closeSync(descriptor);
      children.add(started);
      const ended = new Promise<number | null>((resolve) => started.once("exit", (code) => resolve(code)));
      void ended.then(() => children.delete(started));
      return {
        child: started,
        exited: ended,
        listening: () => isListening(port, started),
        output: () => readFileSync(file, "utf8"),
      };
    },
    output: () => [output(), ...files.map((file) => `${readFileSync(file, "utf8")}\n`)].join(""),
    async [Symbol.asyncDispose]() {
      for (const left of children) {
        const gone = new Promise((resolve) => left.once("exit", resolve));
        left.kill("SIGKILL");
        await gone;
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function isListening(port: number, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isThere) return true;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  return false;
}
