import type { AllowedGroup } from "./profile.ts";

/**
 * What an agent's container may call. The union is RuntimeDefault's list (moby and containerd) without what `refused.ts`
 * names; test/oci/seccomp-derivation.test.ts holds the difference.
 */
export const AGENT_GROUPS: readonly AllowedGroup[] = [
  {
    id: "file-content",
    reason: "reading and writing open files, pipes and sockets; copying without a buffer (git, databases, Go, Node)",
    names: words(`
      cachestat close close_range copy_file_range creat dup dup2 dup3 fadvise64 fallocate fcntl fdatasync flock fsync ftruncate
      ioctl lseek open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile splice
      sync sync_file_range syncfs tee truncate vmsplice write writev`),
  },
  {
    id: "file-names",
    reason: "looking up, listing, making, renaming and removing what the file system's own permissions allow",
    names: words(`
      access chdir faccessat faccessat2 fchdir fstat fstatfs getcwd getdents getdents64 link linkat lstat mkdir mkdirat
      newfstatat readlink readlinkat rename renameat renameat2 rmdir stat statfs statx symlink symlinkat umask unlink unlinkat`),
  },
  {
    id: "file-attributes",
    reason: "modes, owners, times and extended attributes (archivers, package managers)",
    names: words(`
      chmod chown fchmod fchmodat fchmodat2 fchown fchownat fgetxattr flistxattr fremovexattr fsetxattr futimesat getxattr
      getxattrat lchown lgetxattr listxattr listxattrat llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr
      setxattrat utime utimensat utimes`),
  },
  {
    id: "file-watching",
    reason: "watchers of source trees; fanotify_mark is of no use without fanotify_init, which is not here",
    names: words("fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch"),
  },
  {
    id: "waiting",
    reason: "event loops: polls, eventfd, timerfd, signalfd, pipes",
    names: words(`
      epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 pipe pipe2 poll ppoll pselect6
      select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime`),
  },
  {
    id: "asynchronous-files",
    reason: "libaio of databases; it reaches files only, unlike io_uring",
    names: words("io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit"),
  },
  {
    id: "connections",
    reason: "what is done with a socket once it is open; which ones open is another group",
    names: words(`
      accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto
      setsockopt shutdown`),
  },
  {
    id: "memory",
    reason: "allocation, mapped files, JIT compilers, garbage collectors (membarrier), protection keys of V8",
    names: words(`
      brk madvise map_shadow_stack membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync
      munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`),
  },
  {
    id: "threads",
    reason: "threads, locks and their scheduling; a JVM and .NET ask for priorities and affinities",
    names: words(`
      arch_prctl futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list getcpu gettid ioprio_get ioprio_set
      restart_syscall rseq sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
      sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
      set_robust_list set_tid_address`),
  },
  {
    id: "processes",
    reason: "starting programs, waiting for them, sessions, limits, accounts of their use",
    names: words(`
      execve execveat exit exit_group fork getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid pidfd_open prctl
      prlimit64 process_mrelease setpgid setpriority setrlimit setsid times vfork wait4 waitid`),
  },
  {
    id: "signals",
    reason: "signals and interval timers, within what UIDs allow",
    names: words(`
      alarm getitimer kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
      rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo setitimer sigaltstack tgkill tkill`),
  },
  {
    id: "identity",
    reason: "asking who one is, and giving up; without capabilities and with no_new_privs none of them gains anything",
    names: words(`
      capget capset getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgid setgroups setregid
      setresgid setresuid setreuid setuid`),
  },
  {
    id: "clocks",
    reason: "reading clocks, sleeping, timers; no call that sets one",
    names: words(`
      clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time timer_create timer_delete timer_getoverrun
      timer_gettime timer_settime`),
  },
  {
    id: "shared-memory",
    reason: "System V segments and semaphores, in the pod's own IPC namespace (PostgreSQL, Python's multiprocessing)",
    names: words("semctl semget semop semtimedop shmat shmctl shmdt shmget"),
  },
  { id: "machine", reason: "names and sizes of the machine, random numbers", names: words("getrandom sysinfo uname") },
  {
    id: "own-sandbox",
    reason: "further confinement that a program puts on itself; neither can widen anything",
    names: words("landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp"),
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
