import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { findTool } from "../tools/find.ts";

/** What the Go program of `test/tools/tlog` said, and its exit code: 0 holds, 1 does not, 2 is wrong usage. */
export interface TlogAnswer {
  readonly exit: number;
  readonly said: { readonly [key: string]: unknown };
}

/** The built program, or undefined. */
export const tlogTool = findTool("tlog");

export async function tlog(...args: readonly string[]): Promise<TlogAnswer> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 20_000, maxBuffer: 4_194_304, env: {} };
    execFile(tlogTool ?? "", args, options, (error, stdout, stderr) => {
      const exit = error === null ? 0 : error.code;
      if (typeof exit !== "number" || exit > 1) reject(new Error(`tlog ${args.join(" ")}: ${stderr}`));
      else resolve({ exit, said: JSON.parse(stdout) as TlogAnswer["said"] });
    });
  });
}

/** Starts the program's witness, and ends it with the test. `logs` is a file with one vkey of a log a line. */
export async function tlogWitness(t: TestContext, skey: string, logs: string): Promise<string> {
  const child = spawn(tlogTool ?? "", ["witness", "--skey", skey, "--logs", logs], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  t.after(async () => {
    child.kill();
    await ended;
  });
  for await (const line of createInterface(child.stdout)) return (JSON.parse(line) as { url: string }).url;
  throw new Error("the witness ended before it listened");
}
