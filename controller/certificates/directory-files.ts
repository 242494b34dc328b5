import { open, realpath } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../router/core/base/result.ts";

/** Texts of the three files; `authorities` is empty where there is no `ca.crt`. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

const MOST_OCTETS = 256 * 1024;

/**
 * Reads `tls.crt`, `tls.key` and `ca.crt` of one moment: behind `..data` (how the kubelet mounts a Secret) all are of the
 * directory that it names now. Elsewhere a pair may be read while it is being replaced; then it is no pair, and the next
 * look gets it.
 */
export async function readCertificateFiles(directory: string): Promise<Result<CertificateFiles, string>> {
  const at = await realpath(join(directory, "..data")).catch(() => directory);
  const certificate = await readCapped(join(at, "tls.crt"));
  const key = await readCapped(join(at, "tls.key"));
  const authorities = await readCapped(join(at, "ca.crt"));
  if (certificate === undefined) return fail(`${directory}/tls.crt cannot be read.`);
  if (key === undefined) return fail(`${directory}/tls.key cannot be read.`);
  return ok({ certificate, key, authorities: authorities ?? "" });
}

async function readCapped(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const facts = await file.stat();
    if (!facts.isFile() || facts.size > MOST_OCTETS) return undefined;
    const buffer = Buffer.alloc(MOST_OCTETS);
    const { bytesRead } = await file.read(buffer, 0, MOST_OCTETS, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return undefined;
  }
}
