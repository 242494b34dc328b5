import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "./ports.ts";

/** A proxy of the kind that companies run, as a process of its own. */
export interface RealParent extends AsyncDisposable {
  readonly port: number;
}

/** Undefined where it is not installed. Goes where its client says, to this port only, and asks for `user:password`. */
export async function tinyproxy(
  directory: string,
  originPort: number,
  credential: string,
): Promise<RealParent | undefined> {
  const port = await freePort();
  const file = join(directory, "tinyproxy.conf");
  const lines = [
    `Port ${port}`,
    "Listen 127.0.0.1",
    "Timeout 60",
    "MaxClients 32",
    `BasicAuth ${credential.replace(":", " ")}`,
    `ConnectPort ${originPort}`,
    "LogLevel Critical",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return started("tinyproxy", ["-d", "-c", file], port);
}

/** Undefined where it is not installed. It knows one name, `origin.bench`, and lets nobody go anywhere else. */
export async function squid(directory: string, originPort: number): Promise<RealParent | undefined> {
  const port = await freePort();
  const home = join(directory, "squid");
  mkdirSync(home, { recursive: true });
  // It gives its rights up before it reads what is in there.
  for (const path of [directory, home]) chmodSync(path, 0o777);
  const hosts = join(home, "hosts");
  writeFileSync(hosts, "127.0.0.1 origin.bench\n");
  const file = join(home, "squid.conf");
  const lines = [
    `http_port 127.0.0.1:${port}`,
    `hosts_file ${hosts}`,
    "acl allowed dstdomain origin.bench",
    `acl ports port ${originPort}`,
    "http_access allow allowed ports",
    "http_access deny all",
    "cache deny all",
    "access_log none",
    "cache_log /dev/null",
    "cache_store_log none",
    `pid_filename ${join(home, "squid.pid")}`,
    "pinger_enable off",
    "shutdown_lifetime 0 seconds",
    "max_filedescriptors 1024",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return started("squid", ["-N", "-f", file], port);
}

async function started(program: string, args: readonly string[], port: number): Promise<RealParent | undefined> {
  if (spawnSync("which", [program]).status !== 0) return undefined;
  const child = spawn(program, args, { stdio: "ignore" });
  if (!(await isOpen(port))) {
    await ended(child);
    throw new Error(`${program} does not start`);
  }
  return { port, [Symbol.asyncDispose]: async () => ended(child) };
}

async function isOpen(port: number): Promise<boolean> {
  for (const deadline = performance.now() + 8_000; performance.now() < deadline;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
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

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 4_000);
  await gone;
  clearTimeout(timer);
}
