import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Clock } from "../../core/base/clock.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { KubeSecret } from "./kube-endpoint.ts";

/** Of a token, a key or a bundle of certificates. */
const MOST_OCTETS = 256 * 1024;
/** Projected tokens are renewed at 80 % of a life of ten minutes at least. */
const FRESH_MILLIS = 60_000;

/** A secret as it is now: looked at again each minute, and at once after `forget`. */
export interface SecretText {
  /** The problem names the file and nothing of what is in it. */
  read(): Promise<Result<string, string>>;
  /** It was refused: another may be there by now. */
  forget(): void;
}

export function secretText(secret: KubeSecret, clock: Clock): SecretText {
  if ("text" in secret) return { read: async () => ok(secret.text), forget: () => undefined };
  const { file } = secret;
  let held: { readonly text: string; readonly at: number } | undefined;
  let isStale = true;
  return {
    async read() {
      const now = clock.monotonic();
      if (held !== undefined && !isStale && now - held.at < FRESH_MILLIS) return ok(held.text);
      const read = await readText(file);
      if (read.ok) {
        held = { text: read.value, at: now };
        isStale = false;
        return read;
      }
      // A swap of the mount may be under way; whether the old one still counts is the server's word.
      return held === undefined ? read : ok(held.text);
    },
    forget() {
      isStale = true;
    },
  };
}

/** Neither a FIFO nor a file that grows can hold us up. */
async function readText(file: string): Promise<Result<string, string>> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = await handle.stat();
    if (!stats.isFile()) return fail(`${file} is no regular file.`);
    const buffer = Buffer.alloc(Math.min(stats.size, MOST_OCTETS) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length === buffer.length) return fail(`${file} is too long, or just being changed.`);
    const text = buffer.toString("latin1", 0, length);
    // Of a CA it would not mean nobody, but everybody whom Node trusts.
    return text.trim() === "" ? fail(`${file} is empty, or just being changed.`) : ok(text);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return fail(`${file} cannot be read (${code}).`);
  }
}
