import type { ArgumentTest, RuledGroup, SyscallRule } from "./profile.ts";

const ENOSYS = 38;

const FAMILY = { unix: 1, ipv4: 2, ipv6: 10, netlink: 16 } as const;
const STREAM = 1;
const DATAGRAM = 2;
/** The type without SOCK_NONBLOCK and SOCK_CLOEXEC (Linux: SOCK_TYPE_MASK). */
const TYPE_MASK = 0xf;
const TCP = 6;
const UDP = 17;
const ROUTE = 0;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: all that clone(2) itself takes. */
export const NAMESPACES = 0x7e02_0000;
/** Of these, what a browser's sandbox is made of: NEWUSER, NEWPID, NEWNET. */
export const BROWSER_NAMESPACES = 0x7000_0000;
/** CLONE_VM, CLONE_SIGHAND, CLONE_THREAD. */
const THREAD = 0x0001_0900;
/** NEWTIME, which only unshare(2) and clone3(2) take: in clone(2) the bit belongs to the signal. */
const NEW_TIME = 0x80;

function is(index: number, value: number): ArgumentTest {
  return { index, value, op: "SCMP_CMP_EQ" };
}

function masked(index: number, mask: number, value: number): ArgumentTest {
  return { index, value: mask, valueTwo: value, op: "SCMP_CMP_MASKED_EQ" };
}

function allow(name: string, ...args: readonly ArgumentTest[]): SyscallRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args };
}

/**
 * Rules are exact on all 64 bits where the kernel reads 32: with a bit above, the kernel would see the allowed value and the
 * filter does not, which refuses. That way round it is safe.
 */
function internet(type: number, protocol: number): readonly SyscallRule[] {
  return [FAMILY.ipv4, FAMILY.ipv6].flatMap((family) =>
    [0, protocol].map((each) => allow("socket", is(0, family), masked(1, TYPE_MASK, type), is(2, each))),
  );
}

function netlinkRoute(): SyscallRule {
  return allow("socket", is(0, FAMILY.netlink), is(2, ROUTE));
}

/** TCP and UDP over IPv4 and IPv6, local sockets, and the netlink family with which libraries list interfaces. */
export const SOCKETS: RuledGroup = {
  id: "sockets",
  reason:
    "TCP, UDP, local sockets, and NETLINK_ROUTE (getifaddrs). No packet, raw, ICMP, SCTP, MPTCP, VSOCK, ALG, XDP or any other " +
    "family: the guard's rules judge what goes through OUTPUT, and the rest is attack surface",
  rules: [
    allow("socket", is(0, FAMILY.unix)),
    ...internet(STREAM, TCP),
    ...internet(DATAGRAM, UDP),
    netlinkRoute(),
    allow("socketpair", is(0, FAMILY.unix)),
  ],
};

/** Threads and processes, in the namespaces that they are in. */
export const CLONE: RuledGroup = {
  id: "clone",
  reason:
    "threads and processes without a new namespace. clone3 keeps its flags in memory, where a filter cannot look: ENOSYS makes C " +
    "libraries fall back to clone (EPERM would end them)",
  rules: [allow("clone", masked(0, NAMESPACES, 0)), clone3()],
};

/** Threads of the router's own process, and nothing else: CLONE_VM, CLONE_SIGHAND and CLONE_THREAD must be there. */
export const THREADS: RuledGroup = {
  id: "threads-only",
  reason:
    "new threads; no new process (fork, vfork and clone without CLONE_THREAD are refused): what takes the router over is alone",
  rules: [allow("clone", masked(0, NAMESPACES + THREAD, THREAD)), clone3()],
};

/** TCP, UDP and NETLINK_ROUTE: the router has no local sockets. */
export const ROUTER_SOCKETS: RuledGroup = {
  id: "router-sockets",
  reason: "TCP and UDP over IPv4 and IPv6; NETLINK_ROUTE lists the pod's addresses. No local sockets, no pairs of them",
  rules: [...internet(STREAM, TCP), ...internet(DATAGRAM, UDP), netlinkRoute()],
};

/** What is asked of sockets, pipes and standard streams. */
export const ROUTER_IOCTL: RuledGroup = {
  id: "router-ioctl",
  reason:
    "whether a stream is a terminal and how wide, non-blocking and close-on-exec flags, octets that wait, names of interfaces",
  // TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX SIOCGIFNAME SIOCGIFINDEX
  rules: [0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x8910, 0x8933].map((one) => allow("ioctl", is(1, one))),
};

/** The same, and the namespaces of a browser's sandbox. */
export const BROWSER_CLONE: RuledGroup = {
  id: "browser-namespaces",
  reason:
    "Chromium's sandbox: user, PID and network namespaces, and chroot inside of them. No mount, UTS, IPC, cgroup or time " +
    "namespace, no setns, no mount",
  rules: [
    allow("clone", masked(0, NAMESPACES - BROWSER_NAMESPACES, 0)),
    allow("unshare", masked(0, NAMESPACES - BROWSER_NAMESPACES + NEW_TIME, 0)),
    { names: ["chroot"], action: "SCMP_ACT_ALLOW" },
    clone3(),
  ],
};

function clone3(): SyscallRule {
  return { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS };
}
