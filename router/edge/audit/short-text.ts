import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";

/**
 * All of a file as text, a byte order mark included; undefined where it has more than `longest` octets or is not UTF-8.
 * A pipe is read to its end. Throws what the file system throws.
 */
export async function readShortText(path: string, longest: number): Promise<string | undefined> {
  await using handle = await open(path, "r");
  const bytes = Buffer.alloc(longest + 1);
  let length = 0;
  while (length <= longest) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  const octets = bytes.subarray(0, length);
  return length <= longest && isUtf8(octets) ? octets.toString("utf8") : undefined;
}
