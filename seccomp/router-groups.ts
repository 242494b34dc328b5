import type { AllowedGroup } from "./profile.ts";

/**
 * What the router calls. `seen` was observed (strace over the integration suites: tunnels, models, MCP, audit with O_DSYNC and
 * fsync, exports, reloads); `margin` is what the same code calls on another machine: see each reason.
 */
export const ROUTER_GROUPS: readonly AllowedGroup[] = [
  {
    id: "files",
    reason: "policy, trust, ledger, high-water marks and the audit log: read, append, sync, rename, lock (fcntl)",
    names: words(`
      access close fcntl fdatasync fstat fsync ftruncate getcwd getdents64 lseek lstat mkdir newfstatat openat pread64 pwrite64
      read readlink rename stat statfs statx unlink write writev`),
  },
  {
    id: "files-margin",
    reason:
      "the same by the names that arm64 has, and what libuv takes by size and position (readv, preadv, pwritev), older kernels " +
      "(open), modes of new files, room for the ledger (fallocate), dup of the standard streams",
    names: words(`
      chmod dup dup2 dup3 faccessat faccessat2 fallocate fchmod fchmodat fstatfs getdents mkdirat open preadv pwritev readlinkat
      readv renameat renameat2 rmdir umask unlinkat`),
  },
  {
    id: "network",
    reason: "listeners, upstream connections, DNS of c-ares and of the policy resolver",
    names: words(`
      accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto
      setsockopt shutdown`),
  },
  {
    id: "event-loop",
    reason:
      "libuv: epoll, eventfd, its signal pipe, inotify for mounted directories; poll where it waits for one descriptor",
    names: words(`
      epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 inotify_add_watch inotify_init1 inotify_rm_watch
      pipe2 poll ppoll`),
  },
  {
    id: "memory",
    reason: "V8's heap and code (protection keys where the processor has them), allocators, mapped libraries",
    names: words("brk madvise membarrier mmap mprotect mremap mseal munmap pkey_alloc pkey_free pkey_mprotect"),
  },
  {
    id: "threads",
    reason: "the thread pool, V8's helpers, locks; the scheduler is only asked",
    names: words(`
      arch_prctl futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list getcpu gettid prctl restart_syscall rseq
      sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_yield
      set_robust_list set_tid_address`),
  },
  {
    id: "signals",
    reason: "SIGTERM and its like; tgkill is how a C library raises a signal in its own process (abort)",
    names: words("rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill"),
  },
  {
    id: "start",
    reason:
      "the runtime sets the filter before it executes the router, so execve must stay allowed; the runtime's own last steps " +
      "(runc is a Go program) and the loader of Node are in the other groups",
    names: words("capget close_range execve exit exit_group getrlimit prlimit64"),
  },
  {
    id: "clocks",
    reason: "timers; the clock itself where the vDSO cannot read it (some hypervisors)",
    names: words("clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time"),
  },
  {
    id: "facts",
    reason: "who and where it is, how much it uses (metrics), random numbers",
    names: words(`
      getegid geteuid getgid getpid getppid getpriority getrandom getresgid getresuid getrusage getuid sysinfo uname`),
  },
  {
    id: "node-tracing",
    reason: "the trampoline of a tracer on the node: without it a traced process would be killed",
    names: ["uretprobe"],
  },
];

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
