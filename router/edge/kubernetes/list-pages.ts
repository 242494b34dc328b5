import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { isRecord } from "./is-record.ts";
import type { KubeClient } from "./kube-client.ts";
import { type KubeObject, kubeObject } from "./kube-object.ts";
import { answerTrouble, problemTrouble, type WatchTrouble } from "./watch-trouble.ts";

export interface ListOptions {
  readonly client: KubeClient;
  readonly path: string;
  readonly selectors: Readonly<Record<string, string>>;
  readonly pageSize: number;
  /** Of one answer. */
  readonly maximumBody: number;
  readonly maximumObjects: number;
  readonly timeout: Millis;
  readonly signal: AbortSignal;
  /** Each object once it is read; what it holds besides may be forgotten. */
  readonly each: (object: KubeObject) => void;
}

/**
 * The whole of a collection as it was at one moment, page by page. Without a resourceVersion, so that no cache that lags
 * behind answers: it would take back what was revoked meanwhile. Returns the version to watch from.
 */
export async function listPages(options: ListOptions): Promise<Result<string, WatchTrouble>> {
  const { client, path, selectors, maximumBody, maximumObjects, timeout, signal, each } = options;
  let { pageSize } = options;
  let token = "";
  let count = 0;
  // Empty pages are allowed, and endless ones are not.
  for (let pages = 0; pages <= 2 * Math.ceil(maximumObjects / pageSize) + 8; pages += 1) {
    const query = { ...selectors, limit: String(pageSize), ...(token === "" ? {} : { continue: token }) };
    const answer = await client.request("GET", path, { query, timeout, maximumBody, signal, retry: false });
    if (!answer.ok && answer.problem.code === "too_large" && pageSize > 1) {
      // The same page with fewer objects: a page is bounded by their number only.
      pageSize = Math.max(1, Math.floor(pageSize / 8));
      continue;
    }
    if (!answer.ok) return fail(problemTrouble(answer.problem));
    if (answer.value.status !== 200) return fail(answerTrouble(answer.value));
    const page = pageOf(answer.value.body);
    if (page === undefined) return fail({ reason: "malformed", message: "The list cannot be read." });
    count += page.objects.length;
    if (count > maximumObjects)
      return fail({ reason: "too_many_objects", message: `There are over ${maximumObjects}.` });
    for (const object of page.objects) each(object);
    if (page.next === "") return ok(page.version);
    token = page.next;
  }
  return fail({ reason: "malformed", message: "The list does not end." });
}

interface Page {
  readonly objects: readonly KubeObject[];
  readonly version: string;
  /** Empty: it was the last one. */
  readonly next: string;
}

function pageOf(body: unknown): Page | undefined {
  if (!isRecord(body) || !isRecord(body["metadata"])) return undefined;
  const { resourceVersion, continue: token = "" } = body["metadata"];
  // Written as null where Go found nothing.
  const items = body["items"] ?? [];
  if (typeof resourceVersion !== "string" || resourceVersion === "" || resourceVersion.length > 253) return undefined;
  if (typeof token !== "string" || !Array.isArray(items)) return undefined;
  const { apiVersion, kind } = body;
  // Items of built-in resources name neither.
  const common = {
    ...(typeof apiVersion === "string" ? { apiVersion } : {}),
    ...(typeof kind === "string" && kind.endsWith("List") ? { kind: kind.slice(0, -4) } : {}),
  };
  const objects: KubeObject[] = [];
  for (const item of items) {
    const object = isRecord(item) ? kubeObject({ ...common, ...item }) : undefined;
    if (object?.metadata.resourceVersion === undefined) return undefined;
    objects.push(object);
  }
  return { objects, version: resourceVersion, next: token };
}
