import type { Result } from "../../router/core/base/result.ts";
import type { Clock } from "../../router/core/base/clock.ts";
import type { KubeAnswer, KubeClient, KubeMethod, KubeRequest } from "../../router/edge/kubernetes/kube-client.ts";
import type { KubeProblem } from "../../router/edge/kubernetes/kube-problem.ts";
import { statusMessage } from "../../router/edge/kubernetes/kube-status.ts";
import { FIELD_MANAGER } from "./managed.ts";
import { writeLimit } from "./write-limit.ts";

/** `gone`: the object, its namespace or its kind is not there. `conflict`: it has changed meanwhile. `refused`: it will be again. */
export type WriteOutcome =
  | { readonly kind: "done"; readonly body: unknown }
  | { readonly kind: "gone" | "conflict" | "refused" | "busy" | "forbidden"; readonly message: string };

export interface KubeWriter {
  /** Server-side apply, taking over what others hold of the same fields. */
  apply(path: string, object: object, signal: AbortSignal): Promise<WriteOutcome>;
  /** A merge patch; with metadata.resourceVersion in it, only of that very version. */
  merge(path: string, patch: object, signal: AbortSignal): Promise<WriteOutcome>;
  /** Only the object that has this uid (and version). */
  remove(path: string, preconditions: object, signal: AbortSignal): Promise<WriteOutcome>;
  create(path: string, object: object, signal: AbortSignal): Promise<WriteOutcome>;
  read(path: string, signal: AbortSignal, query?: Readonly<Record<string, string>>): Promise<WriteOutcome>;
  /** What was refused for want of a right, or was not found, the newest of each; gone once it went well. */
  problems(): readonly string[];
}

const WRITES_PER_SECOND = 20;
const MOST_PROBLEMS = 32;

/** Everything the reconciler asks the API server for, at most 20 writes a second. */
export function kubeWriter(client: KubeClient, clock: Clock): KubeWriter {
  const limit = writeLimit(clock, WRITES_PER_SECOND);
  const problems = new Map<string, string>();

  async function write(
    method: KubeMethod,
    path: string,
    options: KubeRequest & { readonly signal: AbortSignal },
  ): Promise<WriteOutcome> {
    if (!(await limit.taken(options.signal))) return { kind: "busy", message: "given up" };
    return said(`${method} ${shapeOf(path)}`, await client.request(method, path, options));
  }

  function said(what: string, answer: Result<KubeAnswer, KubeProblem>): WriteOutcome {
    const outcome = outcomeOf(answer);
    if (outcome.kind === "done" || outcome.kind === "conflict" || outcome.kind === "busy") problems.delete(what);
    else if (outcome.kind !== "gone" && (problems.has(what) || problems.size < MOST_PROBLEMS)) {
      problems.set(what, `${what}: ${outcome.message}`);
    }
    return outcome;
  }

  const manager = { fieldManager: FIELD_MANAGER };
  return {
    apply: async (path, body, signal) =>
      write("PATCH", path, {
        query: { ...manager, force: "true" },
        contentType: "application/apply-patch+yaml",
        body,
        signal,
        // The same again is the same.
        retry: true,
      }),
    merge: async (path, body, signal) =>
      write("PATCH", path, { query: manager, contentType: "application/merge-patch+json", body, signal }),
    remove: async (path, preconditions, signal) =>
      write("DELETE", path, { body: { apiVersion: "v1", kind: "DeleteOptions", preconditions }, signal, retry: false }),
    create: async (path, body, signal) => write("POST", path, { query: manager, body, signal }),
    read: async (path, signal, query = {}) =>
      said(`GET ${shapeOf(path)}`, await client.request("GET", path, { query, signal })),
    problems: () => [...problems.values()],
  };
}

function outcomeOf(answer: Result<KubeAnswer, KubeProblem>): WriteOutcome {
  if (!answer.ok) return { kind: "busy", message: answer.problem.message };
  const { status, body } = answer.value;
  if (status < 300) return { kind: "done", body };
  const { message } = statusMessage(body);
  const text = message === "" ? `The API server answered ${status}.` : message;
  if (status === 404 || status === 410) return { kind: "gone", message: text };
  if (status === 409) return { kind: "conflict", message: text };
  // Terminating namespaces and quotas answer so too: the next pass knows.
  if (status === 403) return { kind: "forbidden", message: text };
  return { kind: status === 401 || status === 429 || status >= 500 ? "busy" : "refused", message: text };
}

/** A path without the names in it: problems are kept by what was tried, not by object. */
function shapeOf(path: string): string {
  return path
    .replace(/^\/api\/v1\/|^\/apis\/[^/]+\/[^/]+\//, "")
    .replace(/^namespaces\/[^/]+\//, "")
    .replace(/^([^/]+)\/[^/]+/, "$1");
}
