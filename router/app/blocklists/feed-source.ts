import { assertNever } from "../../core/base/assert-never.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { BlocklistConfig } from "../../core/config/router-config.ts";
import type { Endpoint } from "../../core/config/endpoint-shape.ts";
import { type ChunkProblem, readFileInChunks } from "../../edge/sources/file-chunks.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";
import { type FeedDeadlines, getFeed } from "../../edge/upstream/get-feed.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import type { FeedContent, FeedIntake } from "./feed-intake.ts";
import { publishedDigest } from "./published-digest.ts";

export interface SourceRooms {
  readonly resolve: NameResolver["resolve"];
  readonly deadlines: FeedDeadlines;
  readonly signal: AbortSignal;
}

/** What is in force, as far as the source can be asked whether it changed. */
export interface Standing {
  readonly digest: string;
  readonly etag: string | undefined;
}

export type SourceReading =
  /** What stands is what there is. */
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "whole";
      readonly content: FeedContent;
      readonly etag: string | undefined;
      /** A digest, or whoever writes the pod's own files, vouches for it however little it is. */
      readonly isVouched: boolean;
    };

const MOST_CA_BYTES = 64 * 1024;

/** Reads a feed from where it comes, whole and with the digest that is asked for. `standing`: undefined to have all of it. */
export async function readFeedSource(
  rooms: SourceRooms,
  config: BlocklistConfig,
  standing: Standing | undefined,
  intake: FeedIntake,
): Promise<Result<SourceReading, string>> {
  const { url, file = "", maximumBytes } = config;
  const ca = await readCa(config.caFile);
  if (!ca.ok) return ca;
  const expected = await expectedDigest(rooms, config, ca.value);
  if (!expected.ok) return expected;
  const digest = expected.value;
  if (url !== undefined && standing !== undefined && digest === standing.digest) return ok({ kind: "unchanged" });

  let etag: string | undefined;
  if (url === undefined) {
    const read = await readFileInChunks(file, maximumBytes, (chunk) => intake.take(chunk));
    if (!read.ok) return fail(fileSentence(read.problem));
  } else {
    const read = await readUrl(rooms, config, url, ca.value, digest === undefined ? standing?.etag : undefined, intake);
    if (!read.ok) return read;
    if (read.value.kind === "unchanged") return ok({ kind: "unchanged" });
    ({ etag } = read.value);
  }
  const content = intake.end();
  if (!content.ok) return content;
  if (digest !== undefined && content.value.digest !== digest) {
    return fail(`The feed's SHA-256 is ${content.value.digest}, and not ${digest}.`);
  }
  return ok({
    kind: "whole",
    content: content.value,
    etag,
    isVouched: digest !== undefined || url === undefined,
  });
}

/** `etag`: undefined too where a digest asks for something else than stands: then "unchanged" is no answer. */
function readUrl(
  { resolve, deadlines, signal }: SourceRooms,
  { maximumBytes }: BlocklistConfig,
  endpoint: Endpoint,
  ca: string | undefined,
  etag: string | undefined,
  intake: FeedIntake,
): ReturnType<typeof getFeed> {
  return getFeed({ endpoint, ca, resolve, deadlines, etag, maximumBytes }, (chunk) => intake.take(chunk), signal);
}

async function expectedDigest(
  { resolve, deadlines, signal }: SourceRooms,
  { sha256, sha256Url }: BlocklistConfig,
  ca: string | undefined,
): Promise<Result<string | undefined, string>> {
  if (sha256 !== undefined || sha256Url === undefined) return ok(sha256);
  return publishedDigest({ endpoint: sha256Url, ca, resolve, deadlines }, signal);
}

/** Read anew each time: a rotated file counts. */
async function readCa(caFile: string | undefined): Promise<Result<string | undefined, string>> {
  if (caFile === undefined) return ok(undefined);
  const read = await readRegularFile(caFile, MOST_CA_BYTES);
  return read.ok ? ok(read.value.bytes.toString("latin1")) : fail(`${caFile} cannot be read (${read.problem.kind}).`);
}

export function fileSentence(problem: ChunkProblem): string {
  switch (problem.kind) {
    case "moved":
      return "The file is not there, or changes while it is read.";
    case "not_a_file":
      return "It is not a regular file.";
    case "too_large":
      return "The file is larger than allowed.";
    case "unreadable":
      return `The file cannot be read (${problem.code}).`;
    case "refused":
      return problem.message;
    default:
      return assertNever(problem);
  }
}
