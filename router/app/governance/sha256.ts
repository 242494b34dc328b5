import { createHash } from "node:crypto";

/** In 64 hex digits, of the text's UTF-8. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
