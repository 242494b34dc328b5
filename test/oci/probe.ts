import { readFileSync } from "node:fs";
import type { Attempt } from "./refused-attempts.ts";
import { hostRoot, runBundle } from "./oci.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = readFileSync(new URL("syscall-probe.py", import.meta.url), "utf8");

/** All that a call in the tables could need: so that with the profile it is the profile that refuses. */
const CAPABILITIES = [
  "BPF",
  "DAC_READ_SEARCH",
  "MKNOD",
  "NET_ADMIN",
  "NET_RAW",
  "PERFMON",
  "SETPCAP",
  "SETUID",
  "SYSLOG",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_CHROOT",
  "SYS_MODULE",
  "SYS_NICE",
  "SYS_PACCT",
  "SYS_PTRACE",
  "SYS_RAWIO",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
].map((name) => `CAP_${name}`);

/**
 * What each attempt came to in a container of its own, by name: "0", an errno's name, or a signal's. `here`: without a process
 * for each, where there may be none.
 */
export async function probe(
  attempts: readonly Attempt[],
  seccomp: object | undefined,
  here = false,
): Promise<ReadonlyMap<string, string>> {
  const asked = JSON.stringify(attempts.map(({ name, nr, args, forks }) => ({ name, nr, args, forks })));
  const ran = await runBundle({
    ...hostRoot(),
    args: [PYTHON, "-I", "-S", "-c", SCRIPT, asked, here ? "here" : "fork"],
    uid: 0,
    caps: CAPABILITIES,
    ...(seccomp === undefined ? {} : { seccomp }),
  });
  const [only] = attempts;
  // 128 and the signal: SIGSYS of the filter, SIGSEGV of what the kernel has no such ABI for.
  if (here && only !== undefined && ran.code === 159) return new Map([[only.name, "SIGSYS"]]);
  if (ran.code !== 0) throw new Error(`the probe ended with ${String(ran.code)}: ${ran.stderr}`);
  return new Map(Object.entries(JSON.parse(ran.stdout) as Record<string, string>));
}
