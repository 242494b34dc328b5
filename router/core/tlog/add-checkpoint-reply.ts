import { fail, ok, type Result } from "../base/result.ts";
import { type NoteSignature, parseSignatureLines } from "./signed-note.ts";
import { parseTreeSize } from "./tree-size.ts";

/** The media type of a 409: the size of the latest checkpoint that the witness cosigned, in decimal, and a newline. */
export const SIZE_MEDIA_TYPE = "text/x.tlog.size";

/**
 * What a witness answered (C2SP tlog-witness). `cosigned`: signatures that nobody verified yet, by keys of any name.
 * `conflict`: its latest checkpoint of the log has this many leaves; where that is the size that the request began at, it
 * has another root, and one of two trees is forged. `refused`: any other status.
 */
export type AddCheckpointReply =
  | { readonly kind: "cosigned"; readonly signatures: readonly NoteSignature[] }
  | { readonly kind: "conflict"; readonly size: number }
  | { readonly kind: "refused"; readonly status: number };

/** The problem is one sentence, without anything of what the witness sent. `contentType` is the whole field value. */
export function parseAddCheckpointReply(
  status: number,
  contentType: string | undefined,
  body: string,
): Result<AddCheckpointReply, string> {
  if (status === 200) {
    const signatures = parseSignatureLines(body);
    if (signatures.ok) return ok({ kind: "cosigned", signatures: signatures.value });
    return fail("The witness answered 200 without signature lines.");
  }
  if (status !== 409 || contentType?.split(";", 1)[0]?.trim().toLowerCase() !== SIZE_MEDIA_TYPE) {
    return ok({ kind: "refused", status });
  }
  const size = body.endsWith("\n") ? parseTreeSize(body.slice(0, -1)) : undefined;
  return size === undefined ? fail("The witness answered 409 without a tree size.") : ok({ kind: "conflict", size });
}

/** The body of a 409. */
export function formatTreeSize(size: number): string {
  return `${size}\n`;
}
