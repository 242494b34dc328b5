import type { ProfileName } from "../../seccomp/profiles.ts";
import { type Attempt, attempt } from "./refused-attempts.ts";

const AGENTS: readonly ProfileName[] = ["agent", "browser"];
const ALL: readonly ProfileName[] = ["agent", "browser", "router"];

/** System calls that succeed, with the profile as without. Real programs are in seccomp-programs.test.ts. */
export const ALLOWED_ATTEMPTS: readonly { readonly profiles: readonly ProfileName[]; readonly attempt: Attempt }[] = [
  ...(
    [
      ["TCP", 2, 1, 0],
      ["TCP by number", 2, 1, 6],
      ["TCP over IPv6", 10, 1, 0],
      ["TCP over IPv6 by number, non-blocking, close-on-exec", 10, 0x8_0801, 6],
      ["UDP", 2, 2, 0],
      ["UDP by number", 2, 2, 17],
      ["UDP over IPv6", 10, 0x8_0002, 17],
      ["netlink route", 16, 0x8_0003, 0],
      ["netlink route, datagrams", 16, 2, 0],
    ] as const
  ).map(([name, ...args]) => ({ profiles: ALL, attempt: attempt("", `socket ${name}`, "socket", args, ["0"]) })),
  ...(
    [
      ["local stream socket", "socket", [1, 1, 0]],
      ["local datagram socket", "socket", [1, 0x8_0002, 0]],
      ["local packet socket", "socket", [1, 5, 0]],
      ["pair of local sockets", "socketpair", [1, 1, 0, [8]]],
      ["a process by clone", "clone", [17, 0, 0, 0, 0]],
      ["memfd_create", "memfd_create", ["x", 0]],
      ["shmget", "shmget", [0, 4096, 0o1600]],
      ["io_setup", "io_setup", [1, [8]]],
      ["pidfd_open", "pidfd_open", [1, 0]],
      ["kill, no signal", "kill", [0, 0]],
      ["landlock: its version", "landlock_create_ruleset", [0, 0, 1]],
      ["seccomp: is an action there", "seccomp", [2, 0, [4]]],
      ["setresuid to what one is", "setresuid", [-1, -1, -1]],
      ["symlinkat", "symlinkat", ["x", -100, "/tmp/link"]],
    ] as const
  ).map(([name, call, args]) => ({ profiles: AGENTS, attempt: attempt("", name, call, args, ["0"]) })),
];
