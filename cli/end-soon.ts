const LAST_WORDS = 250;

/**
 * Ends a process that has nothing left to do, where something would keep it: a pipe that nobody reads, or a thread of the
 * pool that waits for a disk, which `process.exit` would wait for too.
 */
export function endSoon(exit: number): void {
  setTimeout(() => {
    const isHeld = process.getActiveResourcesInfo().some((resource) => resource.startsWith("FSReq"));
    if (isHeld) process.kill(process.pid, "SIGKILL");
    // oxlint-disable-next-line unicorn/no-process-exit -- nothing else ends a process with a pending write to a pipe
    process.exit(exit);
  }, LAST_WORDS).unref();
}
