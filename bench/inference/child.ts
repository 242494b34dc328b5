import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { CallsOrder, CallsResult, LoadOrder, LoadResult, StreamsOrder, StreamsResult } from "./load-order.ts";
import { on } from "./cores.ts";

/** Starts a file of this folder as a process with a channel, on these processors. */
export function start(file: string, cores: string | undefined): ChildProcess {
  const [program = process.execPath, ...before] = [...on(cores), process.execPath];
  return fork(join(import.meta.dirname, file), { execPath: program, execArgv: before });
}

export async function message<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a bench process ended early (${code})`));
    child.once("exit", onExit);
    child.once("message", (value) => {
      child.off("exit", onExit);
      resolve(value as Message);
    });
  });
}

export async function ask(load: ChildProcess, order: CallsOrder): Promise<CallsResult>;
export async function ask(load: ChildProcess, order: StreamsOrder): Promise<StreamsResult>;
export async function ask(load: ChildProcess, order: LoadOrder): Promise<LoadResult> {
  const answer = message<LoadResult>(load);
  load.send(order);
  return answer;
}
