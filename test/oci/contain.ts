import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Bundle, hostRoot, startBundle } from "./oci.ts";

/**
 * `node contain.ts PROFILE PROGRAM [ARGUMENT...]`: runs the program in a container with that profile (`-`: none), on the network
 * and the temporary directory of the host, and ends as it does. What stands before a command, as `strace` or `setpriv` would.
 */
const [profile = "-", ...args] = process.argv.slice(2);

const bundle: Bundle = {
  rootfs: hostRoot().rootfs,
  mounts: [...hostRoot().mounts, { at: tmpdir(), from: tmpdir(), write: true }],
  args,
  env: Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""])),
  // Its files are this user's.
  uid: process.getuid?.() ?? 0,
  netns: `/proc/${process.pid}/ns/net`,
  timeoutMs: 600_000,
  echo: true,
  ...(profile === "-" ? {} : { seccomp: readFileSync(profile, "utf8") }),
};

const running = startBundle(bundle);
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => running.signal(name.slice(3)));
const ended = await running.ended;
await running[Symbol.asyncDispose]();
process.exitCode = ended.code ?? 1;
