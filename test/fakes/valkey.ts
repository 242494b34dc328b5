import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./ports.ts";

/** `valkey-server`, or `redis-server` of Debian's package redis-server; undefined where there is neither. */
export const VALKEY: string | undefined = ["valkey-server", "redis-server"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);

export interface ValkeyOptions {
  /** Further arguments of the server. */
  readonly args?: readonly string[];
  /** Every write is on the disk before it is answered. */
  readonly durable?: boolean;
}

/** A real server on a loopback port of its own, in a directory of its own. */
export interface Valkey extends AsyncDisposable {
  readonly port: number;
  /** Runs a command with redis-cli, and returns what it prints. */
  cli(...command: readonly string[]): string;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; the directory stays. */
  kill(): Promise<void>;
  /** Starts again on the same port, with what was on the disk. */
  restart(): Promise<void>;
}

export async function startValkey({ args = [], durable = false }: ValkeyOptions = {}): Promise<Valkey> {
  const program = VALKEY;
  if (program === undefined) throw new Error("there is no valkey-server and no redis-server");
  const directory = mkdtempSync(join(tmpdir(), "sluice-valkey-"));
  const port = await freePort();
  const given = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
  const kept = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : [];
  let child: ChildProcess;
  let exit: Promise<unknown>;

  async function start(): Promise<void> {
    child = spawn(program ?? "", [...given, ...kept, ...args], { stdio: "ignore" });
    exit = new Promise((resolve) => child.once("exit", resolve));
    for (let tries = 0; tries < 500; tries += 1) {
      if (await connects(port)) return;
      await sleep(10);
    }
    throw new Error("the server did not start");
  }

  async function kill(): Promise<void> {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await exit;
  }

  await start();
  return {
    port,
    cli: (...command) => execFileSync("redis-cli", ["-p", String(port), ...command], { encoding: "utf8" }).trim(),
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    kill,
    restart: start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
