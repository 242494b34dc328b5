import { fail, ok, type Result } from "../../core/base/result.ts";
import { type FeedRequest, getFeed } from "../../edge/upstream/get-feed.ts";

const MOST_OCTETS = 4_096;
const DIGEST = /(?<![0-9A-Za-z])[0-9A-Fa-f]{64}(?![0-9A-Za-z])/;

/**
 * The SHA-256 that a publisher states, in lower-case hex: the first word of 64 hex digits in a small text, which is how
 * both `sha256sum` and `shasum --tag` write it.
 */
export async function publishedDigest(
  request: Omit<FeedRequest, "maximumBytes" | "etag">,
  signal: AbortSignal,
): Promise<Result<string, string>> {
  let text = "";
  const take = async (chunk: Uint8Array): Promise<undefined> => {
    text += Buffer.from(chunk).toString("latin1");
  };
  const answer = await getFeed({ ...request, maximumBytes: MOST_OCTETS, etag: undefined }, take, signal);
  if (!answer.ok) return fail(`The SHA-256 cannot be fetched: ${answer.problem}`);
  const digest = DIGEST.exec(text)?.[0].toLowerCase();
  return digest === undefined ? fail("What should be the SHA-256 of the feed is none.") : ok(digest);
}
