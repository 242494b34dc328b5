import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import type { Result } from "../../router/core/base/result.ts";

/** What is asked of the Kubernetes API here; `KubeClient` of router/edge/kubernetes is one. Never rejects. */
export interface KubeRequests {
  request(
    method: "GET" | "POST" | "PUT" | "PATCH",
    path: string,
    options?: { readonly body?: object; readonly contentType?: string },
  ): Promise<Result<{ readonly status: number; readonly body: unknown }, { readonly message: string }>>;
}

export function memberOf(given: unknown, ...path: readonly string[]): unknown {
  let at = given;
  for (const name of path) at = isRecord(at) ? at[name] : undefined;
  return at;
}
