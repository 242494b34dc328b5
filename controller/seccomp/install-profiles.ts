import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { localhostProfile, PROFILE_NAMES, profileText, setHash } from "../../seccomp/profiles.ts";
import { holds, placeFile, UNFINISHED } from "./place-file.ts";

/** Below the kubelet's seccomp root. */
const DIRECTORY = "sluice";
/** Milliseconds after which an unfinished file is nobody's any more. */
const ABANDONED = 10 * 60 * 1000;

export interface InstalledProfiles {
  /** Of all profiles together; what the node's label says. */
  readonly hash: string;
  /** localhostProfile paths that had to be written: none where all was in place. */
  readonly written: readonly string[];
}

/**
 * Makes the profiles of this release stand below `root` (the node's /var/lib/kubelet/seccomp), and says what had to be written.
 * Idempotent; two at once do no harm. Files of other releases stay: a pod may still name them, and its container could not be
 * started again. `root` must exist: a root that is made here is not the node's. `now` in milliseconds, `tag` unique.
 */
export async function installProfiles(
  root: string,
  now: number,
  tag: string,
): Promise<Result<InstalledProfiles, string>> {
  const directory = join(root, DIRECTORY);
  const written: string[] = [];
  try {
    await mkdir(directory, { mode: 0o755 }).catch(unless("EEXIST"));
    if (!(await lstat(directory)).isDirectory()) return fail(`${directory} is not a directory`);
    for (const name of PROFILE_NAMES) {
      const path = join(root, localhostProfile(name));
      const text = profileText(name);
      if (await holds(path, text)) continue;
      await placeFile(path, text, tag);
      if (!(await holds(path, text))) return fail(`${path} does not hold what was written to it`);
      written.push(localhostProfile(name));
    }
    await sweep(directory, now);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  return ok({ hash: setHash(), written });
}

/** Takes away what a writer that was ended has left behind; never a profile. */
async function sweep(directory: string, now: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith("sluice-") || !name.endsWith(UNFINISHED)) continue;
    const path = join(directory, name);
    const found = await lstat(path).catch(unless("ENOENT"));
    if (found !== undefined && now - found.mtimeMs > ABANDONED) await rm(path, { force: true });
  }
}

/** Swallows one error of the file system, by its code. */
function unless(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === code) return undefined;
    throw error;
  };
}
