import type { ProfileName } from "./profiles.ts";
import type { SeccompProfile, SyscallRule } from "./profile.ts";

/**
 * What a profile withholds, and why. Absence from the allowed groups is what refuses; this list is for people and for the tests,
 * which lift each refusal in turn and want to see an attempt succeed that had failed.
 */
export interface Refusal {
  readonly id: string;
  readonly reason: string;
  readonly profiles: readonly ProfileName[];
  /** What would have to be allowed to lift it. A rule without arguments takes the place of all others of its names. */
  readonly lift: readonly SyscallRule[];
}

const EVERY: readonly ProfileName[] = ["agent", "browser", "router"];

export const REFUSALS: readonly Refusal[] = [
  names(
    "namespaces",
    "a new user namespace brings capabilities over a new network, and much of the kernel with them",
    EVERY,
    ["unshare", "setns", "clone"],
  ),
  names("clone3", "its flags lie in memory, where a filter cannot look", EVERY, ["clone3"]),
  sockets("packet-sockets", "AF_PACKET goes out below the guard's rules", [[0, 17]]),
  sockets("vsock", "AF_VSOCK reaches the hypervisor and other guests past every network rule", [[0, 40]]),
  sockets("alg", "AF_ALG: the kernel's cryptography, a long line of privilege escalations", [[0, 38]]),
  sockets("mptcp", "a second TCP with paths of its own", [[2, 262]]),
  sockets("raw-sockets", "packets that a program writes itself (type SOCK_RAW), ICMP among them", [
    [0, 2],
    [0, 10],
  ]),
  sockets(
    "netlink",
    "every netlink family but the one that lists interfaces: netfilter, audit, sock_diag, crypto, xfrm",
    [[0, 16]],
  ),
  names(
    "other-sockets",
    "TIPC, SMC, XDP, RDS, Bluetooth, CAN, KCM, X.25 and the rest: attack surface, and ways out",
    EVERY,
    ["socket", "socketpair"],
  ),
  names("io-uring", "does by queue what filters judge by call", EVERY, [
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
  ]),
  names("other-processes", "reading, writing and stealing descriptors from processes of the same user", EVERY, [
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
  ]),
  names("bpf", "programs in the kernel", EVERY, ["bpf"]),
  names("perf", "the kernel's tracing", EVERY, ["perf_event_open", "lookup_dcookie"]),
  names("keys", "keyrings are not namespaced", EVERY, ["add_key", "keyctl", "request_key"]),
  names("userfaultfd", "stops the kernel at a chosen page, which makes races winnable", EVERY, ["userfaultfd"]),
  names(
    "mounts",
    "file systems as they were laid out stay so; the new calls that list them serve nothing here",
    EVERY,
    [
      "mount",
      "umount2",
      "pivot_root",
      "fsopen",
      "fsconfig",
      "fsmount",
      "fspick",
      "move_mount",
      "open_tree",
      "open_tree_attr",
      "mount_setattr",
      "statmount",
      "listmount",
      "swapon",
      "swapoff",
      "quotactl",
      "quotactl_fd",
    ],
  ),
  names("chroot", "of no use without privilege, and a step of old escapes", ["agent", "router"], ["chroot"]),
  names("kernel-code", "another kernel, modules, a reboot", EVERY, [
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
  ]),
  names("file-handles", "open files by number past the mount that hides them", EVERY, [
    "name_to_handle_at",
    "open_by_handle_at",
  ]),
  names("device-nodes", "devices are the runtime's to make", EVERY, ["mknod", "mknodat"]),
  names("message-queues", "System V and POSIX queues: nothing that runs here uses them", EVERY, [
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "mq_open",
    "mq_unlink",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "mq_getsetattr",
  ]),
  names("setting-clocks", "expiries and certificates are judged by them", EVERY, [
    "adjtimex",
    "clock_adjtime",
    "clock_settime",
    "settimeofday",
  ]),
  names(
    "odd-execution",
    "personalities, segments of 16-bit programs, ports, memory that the kernel itself cannot see",
    EVERY,
    ["personality", "modify_ldt", "iopl", "ioperm", "memfd_secret", "uselib"],
  ),
  names(
    "host",
    "the machine's name, log, accounting, terminals, memory policy, and a watch on all of its files",
    EVERY,
    [
      "sethostname",
      "setdomainname",
      "syslog",
      "acct",
      "vhangup",
      "fanotify_init",
      "get_mempolicy",
      "mbind",
      "migrate_pages",
      "move_pages",
      "set_mempolicy",
      "set_mempolicy_home_node",
      "nfsservctl",
      "_sysctl",
      "ustat",
      "sysfs",
    ],
  ),
  names(
    "new-processes",
    "the router starts no program: whoever takes it over cannot either, but in its place",
    ["router"],
    ["fork", "vfork", "clone", "execveat"],
  ),
  names("programs-in-memory", "what was never a file", ["router"], ["memfd_create"]),
  names(
    "local-sockets",
    "the router has none; abstract ones are shared by the whole pod",
    ["router"],
    ["socket", "socketpair"],
  ),
  names("device-requests", "ioctl beyond streams, sockets and interface names", ["router"], ["ioctl"]),
  names(
    "others-signals",
    "no signal to another process",
    ["router"],
    ["kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal"],
  ),
  names(
    "shared-memory",
    "memory that other processes of the pod can have too",
    ["router"],
    ["shmget", "shmat", "shmctl", "semget", "semop", "semctl"],
  ),
  names(
    "unused-by-the-router",
    "what agents need and the router never calls",
    ["router"],
    [
      "io_setup",
      "splice",
      "tee",
      "vmsplice",
      "sendfile",
      "copy_file_range",
      "symlink",
      "link",
      "setxattr",
      "setuid",
      "setgid",
      "setresuid",
      "capset",
      "seccomp",
      "timer_create",
      "setsid",
      "mlockall",
      "remap_file_pages",
      "sched_setaffinity",
      "setpriority",
    ],
  ),
];

/** The profile as it would be without that refusal. */
export function lifted(profile: SeccompProfile, refusal: Refusal): SeccompProfile {
  const free = new Set(refusal.lift.filter((rule) => rule.args === undefined).flatMap((rule) => rule.names));
  const kept = profile.syscalls
    .map((rule) => ({ ...rule, names: rule.names.filter((name) => !free.has(name)) }))
    .filter((rule) => rule.names.length > 0);
  return { ...profile, syscalls: [...kept, ...refusal.lift] };
}

function names(id: string, reason: string, profiles: readonly ProfileName[], calls: readonly string[]): Refusal {
  return { id, reason, profiles, lift: [{ names: calls, action: "SCMP_ACT_ALLOW" }] };
}

/** Lifted by allowing sockets where one argument, by index, has a value. */
function sockets(id: string, reason: string, ways: readonly (readonly [index: number, value: number])[]): Refusal {
  const lift = ways.map(([index, value]): SyscallRule => ({
    names: ["socket"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index, value, op: "SCMP_CMP_EQ" }],
  }));
  return { id, reason, profiles: EVERY, lift };
}
