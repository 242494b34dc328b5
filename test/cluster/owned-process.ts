import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** A program that runs beside a test, with all that it prints in a file. */
export interface OwnedProcess {
  /** What it has printed of late. */
  tail(): string;
  /** Undefined while it runs, then how it ended. */
  ended(): string | undefined;
  /** Ends it, and resolves when it has ended. */
  end(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
}

/** It dies with this process, however that dies: `setpriv` (util-linux) asks the kernel for it. */
export function startOwned(program: string, args: readonly string[], logFile: string): OwnedProcess {
  const log = openSync(logFile, "a");
  const child: ChildProcess = spawn("setpriv", ["--pdeathsig", "KILL", program, ...args], {
    stdio: ["ignore", log, log],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  closeSync(log);
  let ending: string | undefined;
  const exit = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      ending = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      ending = signal === null ? `exit code ${code}` : `signal ${signal}`;
      resolve();
    });
  });
  return {
    tail: () => readFileSync(logFile, "utf8").split("\n").slice(-40).join("\n"),
    ended: () => ending,
    async end(signal = "SIGKILL") {
      child.kill(signal);
      await exit;
    },
  };
}
