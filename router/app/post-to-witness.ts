import { millis } from "../core/base/quantity.ts";
import { ok, type Result } from "../core/base/result.ts";
import type { Endpoint } from "../core/config/endpoint-shape.ts";
import { createPoster, POST_DEADLINES } from "../edge/upstream/post.ts";
import type { NameResolver } from "../edge/upstream/resolver.ts";
import type { PostCheckpoint } from "./witness-output.ts";

const DEADLINE = millis(10_000);

/**
 * Posts below a witness's submission prefix. `logKey` is our vkey, for a witness that pins the keys it first sees. What the
 * first post would have to load is loaded here, while no traffic waits.
 */
export async function postToWitness(
  url: Endpoint,
  resolve: NameResolver["resolve"],
  logKey: () => string,
): Promise<Result<PostCheckpoint, string>> {
  const endpoint = { ...url, path: `${url.path.replace(/\/$/, "")}/add-checkpoint` };
  const deadlines = { ...POST_DEADLINES, total: DEADLINE };
  const poster = createPoster({ endpoint, ca: undefined, resolve, deadlines });
  if (!poster.ok) return poster;
  await poster.value.prepare();
  return ok((body) => {
    const headers = { "content-type": "text/plain; charset=utf-8", "sluice-log-key": logKey() };
    return poster.value.post(headers, body, AbortSignal.timeout(DEADLINE));
  });
}
