import { stampApproval } from "../approvals/stamp.ts";
import type { ControllerConfig } from "../config/controller-config.ts";
import { injectPod } from "../inject/inject-pod.ts";
import { jsonPatch } from "../inject/json-patch.ts";
import { judgePod } from "../judge/judge-pod.ts";
import { readPod } from "../pod/read-pod.ts";
import type { Webhook } from "./admission-server.ts";
import { type Answer, allow, refuse } from "./answer.ts";
import { checkDocument, sameSpec } from "./check-document.ts";
import type { Review } from "./review.ts";

const DOCUMENTS: ReadonlySet<string> = new Set([
  "egressapprovals",
  "egresspolicies",
  "inferencepolicies",
  "governancepolicies",
]);

/**
 * The webhooks by path. What a webhook is not configured for is refused and not passed: a configuration that somebody
 * widened or mixed up must not let anything through.
 */
export function admissionWebhooks(
  config: Pick<ControllerConfig, "namespace" | "exemptNamespaces" | "injection">,
): ReadonlyMap<string, Webhook> {
  const settings = config.injection;
  // The API server leaves these out by itself, by the webhooks' selectors, which anyone may have edited.
  const exempt = new Set([...config.exemptNamespaces, config.namespace]);

  function mutate(review: Review): Answer {
    const { object, operation, namespace, subResource } = review;
    if (!isPod(review) || subResource !== "" || operation !== "CREATE" || object === undefined)
      return stray("pods being created");
    if (exempt.has(namespace)) return allow();
    const pod = readPod(object);
    if (!pod.ok) return refuse(422, [pod.problem]);
    const injected = injectPod(pod.value, settings);
    // What cannot be injected whole is refused here and now: the judge would only say so later.
    const violations = judgePod({ operation, pod: injected.pod, namespace, settings });
    if (violations.length > 0) return refuse(403, violations, injected.warnings);
    return allow(jsonPatch(object, injected.pod), injected.warnings);
  }

  function validate(review: Review): Answer {
    const { object, oldObject, operation, namespace, subResource } = review;
    const judged = operation === "CREATE" || operation === "UPDATE";
    const known = subResource === "" || subResource === "ephemeralcontainers";
    if (!isPod(review) || !judged || !known || object === undefined) return stray("pods being created or updated");
    if (exempt.has(namespace)) return allow();
    const pod = readPod(object);
    const before = oldObject === undefined ? undefined : readPod(oldObject);
    if (!pod.ok) {
      // Stored before the namespace was enforced, and the same but for its metadata: it must be able to lose its finalizers.
      const isStored = before?.ok === false && oldObject !== undefined && sameSpec(object, oldObject);
      return isStored ? allow() : refuse(422, [pod.problem]);
    }
    // A stored pod that cannot be read excuses nothing.
    const oldPod = before?.ok === true ? { oldPod: before.value } : {};
    const violations = judgePod({ operation, pod: pod.value, namespace, settings, ...oldPod });
    return violations.length === 0 ? allow() : refuse(403, violations);
  }

  function stamp(review: Review): Answer {
    const { object, resource, operation, user } = review;
    const ours = isDocument(review) && resource.resource === "egressapprovals";
    if (!ours || operation !== "CREATE" || object === undefined) return stray("EgressApprovals being created");
    const stamped = stampApproval(object, user.username);
    if ("patch" in stamped) return allow(stamped.patch);
    return refuse(422, [{ code: "requester", path: "spec.requestedBy", message: stamped.refused }]);
  }

  function documents(review: Review): Answer {
    const { object, oldObject, operation } = review;
    const judged = operation === "CREATE" || operation === "UPDATE";
    if (!isDocument(review) || !judged || object === undefined) return stray("documents being created or updated");
    // Whatever is stored can be relabelled, and lose its finalizers when it is deleted.
    if (operation === "UPDATE" && oldObject !== undefined && sameSpec(object, oldObject)) return allow();
    const problems = checkDocument(object);
    return problems.length === 0 ? allow() : refuse(422, problems);
  }

  return new Map<string, Webhook>([
    ["/mutate", { name: "mutate", handle: mutate }],
    ["/validate", { name: "validate", handle: validate }],
    ["/stamp", { name: "stamp", handle: stamp }],
    ["/documents", { name: "documents", handle: documents }],
  ]);
}

function isPod({ resource }: Review): boolean {
  return resource.group === "" && resource.version === "v1" && resource.resource === "pods";
}

function isDocument({ resource, subResource }: Review): boolean {
  return resource.group === "sluice.dev" && subResource === "" && DOCUMENTS.has(resource.resource);
}

function stray(what: string): Answer {
  return refuse(400, [
    { code: "stray_review", path: "", message: `This webhook judges ${what}, and was asked about something else.` },
  ]);
}
