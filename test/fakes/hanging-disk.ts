import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * To be loaded into a sidecar (`--import`): while there is a FIFO `hang` beside its configuration, what it writes to a
 * file waits there, and a thread of the pool with it, as for a disk that does not answer. It goes on once somebody
 * opens the FIFO.
 */
const fifo = join(dirname(process.argv.at(-1) ?? ""), "hang");
await using probe = await open(process.execPath, "r");
const prototype = Object.getPrototypeOf(probe) as Pick<FileHandle, "write" | "datasync" | "sync" | "truncate">;
for (const name of ["write", "datasync", "sync", "truncate"] as const) {
  const real = prototype[name];
  Object.defineProperty(prototype, name, {
    async value(this: FileHandle, ...argv: unknown[]) {
      if (existsSync(fifo)) await (await open(fifo, "r")).close();
      return Reflect.apply(real, this, argv) as unknown;
    },
  });
}
