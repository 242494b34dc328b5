import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../../test/fakes/ports.ts";

/** A proxy under test: its port, its process for memory readings, and how to end it. */
export interface RunningProxy {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function untilOpen(port: number, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (Date.now() < deadline) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 4_000);
  await gone;
  clearTimeout(timer);
}

function installed(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

/** Squid in the foreground, one worker, no cache, no log but a null one: its best case. Undefined where it is not installed. */
export async function startSquid(directory: string, originPort: number): Promise<RunningProxy | undefined> {
  if (!installed("squid")) return undefined;
  const port = await freePort();
  const home = join(directory, "squid");
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o777);
  const hosts = join(home, "hosts");
  writeFileSync(hosts, "127.0.0.1 origin.bench\n");
  const file = join(home, "squid.conf");
  writeFileSync(
    file,
    [
      `http_port 127.0.0.1:${port}`,
      `hosts_file ${hosts}`,
      "acl allowed dstdomain origin.bench",
      `acl ports port ${originPort}`,
      "http_access allow allowed ports",
      "http_access deny all",
      "cache deny all",
      "cache_mem 0 MB",
      "access_log none",
      "cache_log /dev/null",
      "cache_store_log none",
      `pid_filename ${join(home, "squid.pid")}`,
      "pinger_enable off",
      "workers 1",
      "shutdown_lifetime 0 seconds",
      "max_filedescriptors 16384",
      "",
    ].join("\n"),
  );
  const child = spawn("squid", ["-N", "-f", file], { stdio: "ignore" });
  if (child.pid === undefined || !(await untilOpen(port, 8_000))) {
    await ended(child);
    return undefined;
  }
  return { name: "Squid", port, pid: child.pid, stop: async () => ended(child) };
}

export async function startTinyproxy(directory: string, originPort: number): Promise<RunningProxy | undefined> {
  if (!installed("tinyproxy")) return undefined;
  const port = await freePort();
  const file = join(directory, "tinyproxy.conf");
  writeFileSync(
    file,
    [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 600",
      "MaxClients 512",
      `ConnectPort ${originPort}`,
      "LogLevel Critical",
      "",
    ].join("\n"),
  );
  const child = spawn("tinyproxy", ["-d", "-c", file], { stdio: "ignore" });
  if (child.pid === undefined || !(await untilOpen(port, 8_000))) {
    await ended(child);
    return undefined;
  }
  return { name: "tinyproxy", port, pid: child.pid, stop: async () => ended(child) };
}
