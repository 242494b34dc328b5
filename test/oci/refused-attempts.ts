/** Numbers of a system call on x86-64 and arm64 (Linux uapi); undefined: that ABI has none. */
type Numbers = readonly [x64: number | undefined, arm64: number | undefined];
type Argument = number | string | readonly [zeroes: number];

/** A system call that a profile refuses. Run by root with capabilities, so that nothing else refuses it first. */
export interface Attempt {
  /** The refusal (seccomp/refused.ts) that it belongs to. */
  readonly of: string;
  readonly name: string;
  readonly nr: number;
  readonly args: readonly Argument[];
  /** Makes a process where it is let. */
  readonly forks: boolean;
  /** EPERM; ENOSYS where C libraries expect it; SIGSYS for a foreign ABI. Newer calls than the runtime knows may be either errno. */
  readonly expected: readonly string[];
  /** What a browser's sandbox is made of: not refused to `browser`. */
  readonly browsers?: true;
}

const PAGE = 4096;
const SIGCHLD = 17;
const X32 = 0x4000_0000;
const ABOVE = 2 ** 32;
const NEW = { time: 0x80, ns: 0x2_0000, cgroup: 0x200_0000, uts: 0x400_0000, ipc: 0x800_0000, user: 0x1000_0000 };
const NEW_PID = 0x2000_0000;
const NEW_NET = 0x4000_0000;

const CALLS: Readonly<Record<string, Numbers>> = {
  acct: [163, 89],
  add_key: [248, 217],
  adjtimex: [159, 171],
  bpf: [321, 280],
  capset: [126, 91],
  chroot: [161, 51],
  clock_adjtime: [305, 266],
  clock_settime: [227, 112],
  clone: [56, 220],
  clone3: [435, 435],
  delete_module: [176, 106],
  execveat: [322, 281],
  fanotify_init: [300, 262],
  finit_module: [313, 273],
  fork: [57, undefined],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  init_module: [175, 105],
  ioctl: [16, 29],
  io_setup: [206, 0],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  iopl: [172, undefined],
  kcmp: [312, 272],
  kexec_file_load: [320, 294],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  kill: [62, 129],
  landlock_create_ruleset: [444, 444],
  listmount: [458, 458],
  mbind: [237, 235],
  memfd_create: [319, 279],
  memfd_secret: [447, 447],
  migrate_pages: [256, 238],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  modify_ldt: [154, undefined],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  mq_open: [240, 180],
  msgget: [68, 186],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  personality: [135, 92],
  pidfd_getfd: [438, 438],
  pidfd_open: [434, 434],
  pivot_root: [155, 41],
  process_madvise: [440, 440],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  ptrace: [101, 117],
  quotactl: [179, 60],
  reboot: [169, 142],
  request_key: [249, 218],
  seccomp: [317, 277],
  sendfile: [40, 71],
  sethostname: [170, 161],
  set_mempolicy: [238, 237],
  setns: [308, 268],
  setresuid: [117, 147],
  settimeofday: [164, 170],
  shmget: [29, 194],
  socket: [41, 198],
  socketpair: [53, 199],
  statmount: [457, 457],
  swapon: [167, 224],
  symlinkat: [266, 36],
  syslog: [103, 116],
  umount2: [166, 39],
  unshare: [272, 97],
  userfaultfd: [323, 282],
  vhangup: [153, 58],
};

function number(call: string): number | undefined {
  const row = CALLS[call];
  if (row === undefined) throw new Error(`no number for ${call}`);
  return process.arch === "x64" ? row[0] : row[1];
}

const rows: Attempt[] = [];

export function attempt(
  of: string,
  name: string,
  call: string,
  args: readonly Argument[],
  expected: readonly string[],
): Attempt {
  const nr = number(call);
  if (nr === undefined) throw new Error(`${call} is none of this ABI`);
  return { of, name, nr, args, forks: call === "clone" || call === "fork", expected };
}

function add(
  of: string,
  name: string,
  call: string,
  args: readonly Argument[],
  expected: readonly string[] = ["EPERM"],
) {
  if (number(call) !== undefined) rows.push(attempt(of, name, call, args, expected));
}

function socket(of: string, name: string, ...args: readonly [family: number, type: number, protocol: number]) {
  add(of, `socket ${name}`, "socket", args);
}

for (const [flag, name, browsers] of [
  [NEW.user, "user", true],
  [NEW_NET, "network", true],
  [NEW.ns, "mount"],
  [NEW.uts, "UTS"],
  [NEW.ipc, "IPC"],
  [NEW_PID, "PID", true],
  [NEW.cgroup, "cgroup"],
  [NEW.user + NEW_NET, "user and network", true],
  [NEW.user + NEW_NET + NEW.ns, "user, network and mount"],
] as const) {
  const from = rows.length;
  add("namespaces", `clone: a new ${name} namespace`, "clone", [flag + SIGCHLD, 0, 0, 0, 0]);
  add("namespaces", `clone: a new ${name} namespace, with bits above the flags`, "clone", [
    flag + SIGCHLD + ABOVE,
    0,
    0,
    0,
    0,
  ]);
  add("namespaces", `unshare: a new ${name} namespace`, "unshare", [flag]);
  if (browsers === true) rows.push(...rows.splice(from).map((row) => ({ ...row, browsers })));
}
add("namespaces", "unshare: a new time namespace", "unshare", [NEW.time]);
add("namespaces", "setns", "setns", [-1, 0]);
add("clone3", "clone3", "clone3", [[88], 0], ["ENOSYS"]);
socket("packet-sockets", "AF_PACKET raw", 17, 3, 0x300);
socket("packet-sockets", "AF_PACKET cooked", 17, 2, 0x300);
socket("packet-sockets", "AF_PACKET, with a bit above the family", ABOVE + 17, 3, 0x300);
socket("packet-sockets", "AF_INET SOCK_PACKET", 2, 10, 0x300);
socket("vsock", "AF_VSOCK stream", 40, 1, 0);
socket("vsock", "AF_VSOCK datagram", 40, 2, 0);
socket("alg", "AF_ALG", 38, 5, 0);
socket("mptcp", "MPTCP", 2, 1, 262);
socket("mptcp", "MPTCP over IPv6", 10, 1, 262);
socket("mptcp", "MPTCP, non-blocking", 2, 0x801, 262);
socket("mptcp", "MPTCP, with a bit above the protocol", 2, 1, ABOVE + 262);
socket("raw-sockets", "raw TCP", 2, 3, 6);
socket("raw-sockets", "raw IPv4", 2, 3, 255);
socket("raw-sockets", "raw ICMPv6", 10, 3, 58);
socket("raw-sockets", "raw, close-on-exec", 2, 0x8_0003, 255);
socket("raw-sockets", "ICMP datagrams", 2, 2, 1);
socket("raw-sockets", "ICMPv6 datagrams", 10, 2, 58);
socket("raw-sockets", "SCTP", 2, 1, 132);
socket("raw-sockets", "SCTP sequenced packets", 2, 5, 132);
socket("raw-sockets", "UDP-Lite", 2, 2, 136);
socket("raw-sockets", "DCCP", 2, 6, 33);
socket("raw-sockets", "L2TP", 2, 2, 115);
for (const [protocol, name] of [
  [4, "sock_diag"],
  [6, "xfrm"],
  [9, "audit"],
  [12, "netfilter"],
  [15, "kobject events"],
  [16, "generic"],
  [21, "crypto"],
] as const) {
  socket("netlink", `netlink ${name}`, 16, 3, protocol);
}
for (const [family, name] of [
  [3, "AX.25"],
  [4, "IPX"],
  [5, "AppleTalk"],
  [9, "X.25"],
  [15, "PF_KEY"],
  [21, "RDS"],
  [24, "PPPoX"],
  [29, "CAN"],
  [30, "TIPC"],
  [31, "Bluetooth"],
  [39, "NFC"],
  [41, "KCM"],
  [42, "QIPCRTR"],
  [43, "SMC"],
  [44, "XDP"],
] as const) {
  socket("other-sockets", name, family, 1, 0);
}
add("other-sockets", "socketpair TIPC", "socketpair", [30, 1, 0, [8]]);
add("io-uring", "io_uring_setup", "io_uring_setup", [8, [120]]);
add("io-uring", "io_uring_enter", "io_uring_enter", [-1, 0, 0, 0, 0, 0]);
add("io-uring", "io_uring_register", "io_uring_register", [-1, 0, 0, 0]);
add("other-processes", "ptrace TRACEME", "ptrace", [0, 0, 0, 0]);
add("other-processes", "ptrace SEIZE", "ptrace", [0x4206, 1, 0, 0]);
add("other-processes", "process_vm_readv", "process_vm_readv", [1, 0, 0, 0, 0, 0]);
add("other-processes", "process_vm_writev", "process_vm_writev", [1, 0, 0, 0, 0, 0]);
add("other-processes", "process_madvise", "process_madvise", [-1, 0, 0, 0, 0]);
add("other-processes", "pidfd_getfd", "pidfd_getfd", [-1, 0, 0]);
add("other-processes", "kcmp", "kcmp", [1, 1, 99, 0, 0]);
add("bpf", "bpf", "bpf", [0, [120], 120]);
add("perf", "perf_event_open", "perf_event_open", [[128], 0, -1, -1, 0]);
add("keys", "add_key", "add_key", ["user", "x", [1], 1, -3]);
add("keys", "keyctl", "keyctl", [0, -3, 0, 0, 0]);
add("keys", "request_key", "request_key", [0, 0, 0, 0]);
add("userfaultfd", "userfaultfd", "userfaultfd", [1]);
add("mounts", "mount", "mount", ["none", "/nowhere", "tmpfs", 0, 0]);
add("mounts", "umount2", "umount2", ["/nowhere", 0]);
add("mounts", "pivot_root", "pivot_root", ["/nowhere", "/nowhere"]);
add("mounts", "fsopen", "fsopen", ["tmpfs", 0]);
add("mounts", "fsconfig", "fsconfig", [-1, 0, 0, 0, 0]);
add("mounts", "fsmount", "fsmount", [-1, 0, 0]);
add("mounts", "fspick", "fspick", [-1, "/nowhere", 0]);
add("mounts", "open_tree", "open_tree", [-1, "/nowhere", 1]);
add("mounts", "move_mount", "move_mount", [-1, "", -1, "", 0]);
add("mounts", "mount_setattr", "mount_setattr", [-1, "/nowhere", 0, [32], 32]);
add("mounts", "swapon", "swapon", ["/nowhere", 0]);
add("mounts", "quotactl", "quotactl", [0, 0, 0, 0]);
add("mounts", "statmount", "statmount", [[24], [PAGE], PAGE, 99], ["EPERM", "ENOSYS"]);
add("mounts", "listmount", "listmount", [[24], [PAGE], 8, 99], ["EPERM", "ENOSYS"]);
add("chroot", "chroot", "chroot", ["/"]);
add("kernel-code", "kexec_load", "kexec_load", [0, 99, 0, 0]);
add("kernel-code", "kexec_file_load", "kexec_file_load", [-1, -1, 0, 0, 0]);
add("kernel-code", "init_module", "init_module", [0, 0, 0]);
add("kernel-code", "finit_module", "finit_module", [-1, "", 0]);
add("kernel-code", "delete_module", "delete_module", ["nothing_of_that_name", 0x800]);
add("kernel-code", "reboot", "reboot", [0, 0, 0, 0]);
add("file-handles", "name_to_handle_at", "name_to_handle_at", [-100, "/", [PAGE], [8], 0]);
add("file-handles", "open_by_handle_at", "open_by_handle_at", [-1, [PAGE], 0]);
add("device-nodes", "mknodat: a FIFO", "mknodat", [-100, "/tmp/fifo", 0o010_600, 0]);
add("message-queues", "msgget", "msgget", [0, 0o1600]);
add("message-queues", "mq_open", "mq_open", ["nothing", 0, 0, 0]);
add("setting-clocks", "adjtimex", "adjtimex", [[256]]);
add("setting-clocks", "clock_adjtime", "clock_adjtime", [0, [256]]);
add("setting-clocks", "clock_settime", "clock_settime", [99, [16]]);
add("setting-clocks", "settimeofday", "settimeofday", [0, 0]);
add("odd-execution", "personality: no random addresses", "personality", [0x4_0000]);
add("odd-execution", "personality: asked", "personality", [0xffff_ffff]);
add("odd-execution", "modify_ldt", "modify_ldt", [0, [16], 16]);
add("odd-execution", "iopl", "iopl", [0]);
add("odd-execution", "memfd_secret", "memfd_secret", [0x10]);
add("host", "sethostname", "sethostname", ["x", 99_999]);
add("host", "syslog", "syslog", [10, 0, 0]);
add("host", "acct", "acct", ["/nowhere"]);
add("host", "vhangup", "vhangup", []);
add("host", "fanotify_init", "fanotify_init", [0xffff_0000, 0]);
add("host", "mbind", "mbind", [0, 0, 0, 0, 0, 0]);
add("host", "set_mempolicy", "set_mempolicy", [0, 0, 0]);
add("host", "migrate_pages", "migrate_pages", [0, 0, 0, 0]);
add("new-processes", "fork", "fork", []);
add("new-processes", "clone: a process", "clone", [SIGCHLD, 0, 0, 0, 0]);
add("new-processes", "clone: a process that shares memory", "clone", [0x4000 + SIGCHLD, 0, 0, 0, 0]);
add("new-processes", "execveat", "execveat", [-1, "", 0, 0, 0]);
add("programs-in-memory", "memfd_create", "memfd_create", ["x", 0]);
socket("local-sockets", "AF_UNIX stream", 1, 1, 0);
socket("local-sockets", "AF_UNIX datagrams", 1, 2, 0);
add("local-sockets", "socketpair AF_UNIX", "socketpair", [1, 1, 0, [8]]);
add("device-requests", "ioctl TIOCSTI", "ioctl", [0, 0x5412, [8]]);
add("device-requests", "ioctl FS_IOC_GETFLAGS", "ioctl", [0, 0x8008_6601, [8]]);
add("others-signals", "kill: oneself, no signal", "kill", [0, 0]);
add("others-signals", "pidfd_open", "pidfd_open", [1, 0]);
add("shared-memory", "shmget", "shmget", [0, PAGE, 0o1600]);
add("unused-by-the-router", "io_setup", "io_setup", [1, [8]]);
add("unused-by-the-router", "sendfile", "sendfile", [-1, -1, 0, 0]);
add("unused-by-the-router", "symlinkat", "symlinkat", ["x", -100, "/tmp/link"]);
add("unused-by-the-router", "setresuid", "setresuid", [-1, -1, -1]);
add("unused-by-the-router", "capset", "capset", [0, 0]);
if (process.arch === "x64") {
  rows.push(
    { of: "foreign-abi", name: "i386: getpid by int 0x80", nr: -1, args: [], forks: false, expected: ["SIGSYS"] },
    { of: "foreign-abi", name: "x32: getpid", nr: X32 + 39, args: [], forks: false, expected: ["SIGSYS"] },
    {
      of: "foreign-abi",
      name: "x32: socket AF_PACKET",
      nr: X32 + 41,
      args: [17, 3, 0],
      forks: false,
      expected: ["SIGSYS"],
    },
  );
}

export const REFUSED_ATTEMPTS: readonly Attempt[] = rows;
