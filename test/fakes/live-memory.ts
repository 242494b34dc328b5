import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a node process holds, as opposed to what it has not collected yet: resident memory has 64 MiB of that and more. */
export interface LiveMemory extends Disposable {
  /** What the process must be started with. */
  readonly nodeFlags: readonly string[];
  /**
   * MiB in the heap and in buffers, once everything else has been collected. Text that waits in a socket's queue is in
   * neither: where that could grow, look at the resident set too.
   */
  of(child: ChildProcess): Promise<number>;
}

const PATIENCE_MILLIS = 10_000;

export function liveMemory(): LiveMemory {
  const directory = mkdtempSync(join(tmpdir(), "sluice-live-"));
  const file = join(directory, "octets");
  // The second collection ends what the first has left to other threads.
  const program = `
    import { renameSync, writeFileSync } from "node:fs";
    process.on("SIGUSR2", () => {
      gc();
      gc();
      const { heapUsed, external } = process.memoryUsage();
      writeFileSync(${JSON.stringify(`${file}.new`)}, String(heapUsed + external));
      renameSync(${JSON.stringify(`${file}.new`)}, ${JSON.stringify(file)});
    });`;
  return {
    nodeFlags: ["--expose-gc", `--import=data:text/javascript,${encodeURIComponent(program)}`],
    async of(child) {
      child.kill("SIGUSR2");
      const deadline = performance.now() + PATIENCE_MILLIS;
      while (!existsSync(file)) {
        if (performance.now() > deadline) throw new Error("the process does not tell of its memory");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const octets = Number(readFileSync(file, "utf8"));
      rmSync(file);
      return octets / 2 ** 20;
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
