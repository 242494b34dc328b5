import assert from "node:assert/strict";
import { NAMESPACE } from "./chart-render.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

/** `[verb, resource[.group][/subresource], namespace, name, allowed]`. */
const RIGHTS: readonly (readonly [string, string, string, string, boolean])[] = [
  ["watch", "namespaces", "", "", true],
  ["patch", "namespaces", "", "x", true],
  ["update", "namespaces", "", "x", false],
  ["keep", "namespaces.sluice.dev", "", "x", true],
  ["list", "pods", "agents", "", true],
  ["create", "pods", "agents", "", false],
  ["delete", "pods", "agents", "x", true],
  ["deletecollection", "pods", "agents", "", false],
  ["create", "pods/exec", "agents", "x", false],
  ["patch", "configmaps", "agents", "sluice-router", true],
  ["delete", "resourcequotas", "agents", "sluice-approvals", true],
  ["create", "networkpolicies.networking.k8s.io", "agents", "", true],
  ["create", "rolebindings.rbac.authorization.k8s.io", "agents", "", true],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "sluice-router", true],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "sluice-approver", false],
  ["bind", "clusterroles.rbac.authorization.k8s.io", "", "cluster-admin", false],
  ["escalate", "clusterroles.rbac.authorization.k8s.io", "", "sluice-router", false],
  ["create", "clusterrolebindings.rbac.authorization.k8s.io", "", "", false],
  ["reconcile", "egressapprovals.sluice.dev", "agents", "x", true],
  ["approve", "egressapprovals.sluice.dev", "agents", "x", false],
  ["create", "egressapprovals.sluice.dev", "agents", "", false],
  ["patch", "egressapprovals.sluice.dev", "agents", "x", false],
  ["patch", "egressapprovals.sluice.dev/status", "agents", "x", true],
  ["delete", "egressapprovals.sluice.dev", "agents", "x", true],
  ["patch", "egresspolicies.sluice.dev", "agents", "x", false],
  ["patch", "egresspolicies.sluice.dev/status", "agents", "x", true],
  ["create", "events", "agents", "", true],
  ["get", "secrets", NAMESPACE, "sluice-webhook-tls", true],
  ["update", "secrets", NAMESPACE, "sluice-webhook-tls", true],
  ["create", "secrets", NAMESPACE, "", true],
  ["list", "secrets", NAMESPACE, "", false],
  ["get", "secrets", NAMESPACE, "another", false],
  ["get", "secrets", "agents", "sluice-webhook-tls", false],
  ["create", "secrets", "agents", "", false],
  ["update", "leases.coordination.k8s.io", NAMESPACE, "sluice-controller", true],
  ["update", "leases.coordination.k8s.io", "kube-system", "sluice-controller", false],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "sluice-injector", true],
  ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "another", false],
  ["delete", "validatingwebhookconfigurations.admissionregistration.k8s.io", "", "sluice-validator", false],
  ["patch", "validatingadmissionpolicies.admissionregistration.k8s.io", "", "sluice-pods", false],
  ["unenforce", "namespaces.sluice.dev", "", "agents", false],
  ["exec", "pods.sluice.dev", "agents", "x", false],
  ["get", "nodes", "", "x", false],
  ["impersonate", "users", "", "admin", false],
];

/** Asks the API server, as the account, for each. */
export async function rights(cluster: Cluster): Promise<void> {
  const token = await cluster.serviceAccountToken(NAMESPACE, "sluice-controller");
  for (const [verb, what, namespace, name, allowed] of RIGHTS) {
    const [whole = "", subresource = ""] = what.split("/");
    const [resource = "", ...group] = whole.split(".");
    const resourceAttributes = { verb, resource, group: group.join("."), subresource, namespace, name };
    const review = { spec: { resourceAttributes } };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    await eventually(async () => {
      const { status, body } = await cluster.api("POST", path, review, { token });
      assert.equal(status, 201, body.message ?? "");
      assert.equal((body.status as { allowed: boolean }).allowed, allowed, `${verb} ${what} ${namespace} ${name}`);
    }, 3_000);
  }
}
