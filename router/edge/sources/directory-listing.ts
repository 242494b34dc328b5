import { createHash } from "node:crypto";

/** One document of a source: its bytes as read, and their digest. */
export interface SourceFile {
  readonly bytes: Buffer;
  /** `sha256:` and 64 hex digits, over `bytes`. */
  readonly digest: string;
}

/** A whole set of documents, as it stood at one moment. */
export interface DirectoryListing {
  /** By file name, in code unit order. */
  readonly files: ReadonlyMap<string, SourceFile>;
  /** `sha256:` and 64 hex digits, over names and digests: equal exactly where names and contents are. */
  readonly digest: string;
}

export function sourceFile(bytes: Buffer): SourceFile {
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

/** `files` must be in code unit order of their names. */
export function directoryListing(files: ReadonlyMap<string, SourceFile>): DirectoryListing {
  const hash = createHash("sha256");
  // Unambiguous: a file name holds no NUL, and a digest has one length.
  for (const [name, file] of files) hash.update(`${name}\0${file.digest}\0`);
  return { files, digest: `sha256:${hash.digest("hex")}` };
}
