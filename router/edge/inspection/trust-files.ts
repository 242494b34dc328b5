import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { fail, ok, type Result } from "../../core/base/result.ts";

/** Everyone in the pod reads them, and nobody writes. */
const MODE = 0o444;

/** Files of the directory that agents are pointed to. */
export const CA_FILE = "ca.pem";
export const BUNDLE_FILE = "bundle.pem";

/**
 * Writes what agents are to trust, PEM: `ca.pem`, with the operator's `further` roots, for programs that take such beside
 * their own (NODE_EXTRA_CA_CERTS); `bundle.pem`, with the platform's roots as well, for those that take one file in the
 * place of theirs (SSL_CERT_FILE). Each appears whole or not at all. The problem is a sentence.
 */
export async function writeTrustFiles(directory: string, ca: string, further = ""): Promise<Result<void, string>> {
  const own = [ca, further].map(endedLine).join("");
  const roots = getCACertificates("default").map(endedLine);
  try {
    await mkdir(directory, { recursive: true });
    await replace(directory, BUNDLE_FILE, `${own}${roots.join("")}`);
    await replace(directory, CA_FILE, own);
    return ok(undefined);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return fail(`The CA cannot be written to ${directory} (${code}).`);
  }
}

function endedLine(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

async function replace(directory: string, name: string, text: string): Promise<void> {
  const next = join(directory, `.${name}.next`);
  await rm(next, { force: true });
  // "wx": never through a link that someone else has put there.
  await writeFile(next, text, { flag: "wx", mode: MODE });
  // The umask may have taken from the mode.
  await chmod(next, MODE);
  await rename(next, join(directory, name));
}
