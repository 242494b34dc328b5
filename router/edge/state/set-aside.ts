import { rename } from "node:fs/promises";
import { join } from "node:path";

/**
 * Takes a state file out of the way, to be looked at by people; what was set aside before is gone. The path where it lies
 * now; undefined: it cannot be moved.
 */
export async function setAside(directory: string, name: string): Promise<string | undefined> {
  const aside = join(directory, `${name}.damaged`);
  try {
    await rename(join(directory, name), aside);
    return aside;
  } catch {
    return undefined;
  }
}
