import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { accessSync, constants } from "node:fs";

/** Where iptables, ip and setpriv are; also what the guard's own tools are given. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const PYTHON = "/usr/bin/python3";
export const IP = "ip";

/** Root, both address families, namespaces with veth pairs, and the tools: what `requirement("netns", ...)` asks. */
export function haveNetns(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    for (const [file, mode] of [
      [PYTHON, constants.X_OK],
      ["/proc/net/if_inet6", constants.R_OK],
    ] as const) {
      accessSync(file, mode);
    }
  } catch {
    return false;
  }
  const name = `slx${randomBytes(4).toString("hex")}`;
  if (system(IP, ["netns", "add", name]).status !== 0) return false;
  const commands = [
    "iptables-nft-save",
    "ip6tables-nft-save",
    "setpriv --version",
    "ip link add slx0 type veth peer name slx1",
  ];
  const worked = commands.every((each) => system(IP, ["netns", "exec", name, ...each.split(" ")]).status === 0);
  system(IP, ["netns", "del", name]);
  return worked;
}

/** Whether this kernel still has the tables of `iptables-legacy`. */
export function haveLegacyTables(): boolean {
  return (
    haveNetns() && ["iptables-legacy-save", "ip6tables-legacy-save"].every((tool) => system(tool, []).status === 0)
  );
}

/** Runs a program of the system, as root, in no namespace of ours. */
export function system(program: string, args: readonly string[]) {
  return spawnSync(program, args, { encoding: "utf8", cwd: "/", env: { PATH: SYSTEM_PATH, LC_ALL: "C" } });
}

/** Runs a program and throws what it said, where it fails. */
export function must(program: string, args: readonly string[]): string {
  const run = system(program, args);
  if (run.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${run.stderr}${run.error?.message ?? ""}`);
  return run.stdout;
}
