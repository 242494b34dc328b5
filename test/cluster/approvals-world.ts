import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ApiAnswer, KubeObject } from "./api-request.ts";
import type { Caller, Cluster, ClusterUser } from "./cluster.ts";
import { eventually } from "./eventually.ts";

export const FILES = join(import.meta.dirname, "../../charts/sluice/files");
export const NAMESPACE = "research";
export const PATH = `/apis/sluice.dev/v1alpha1/namespaces/${NAMESPACE}/egressapprovals`;
const CONTROLLER = "system:serviceaccount:sluice-system:sluice-controller";
export const ROUTER = `system:serviceaccount:${NAMESPACE}:agent`;

/** A cluster with what the chart installs for approvals, and people in their roles. */
export interface ApprovalsWorld {
  readonly cluster: Cluster;
  /** sluice-requester */
  readonly alice: ClusterUser;
  /** sluice-approver */
  readonly bob: ClusterUser;
  /** sluice-requester and sluice-approver */
  readonly carol: ClusterUser;
  /** May write approvals and their status, and lacks the verbs. */
  readonly dave: ClusterUser;
  /** Impersonated. */
  readonly controller: string;
  /** Token of a router's service account. */
  readonly routerToken: string;
  /** Makes an approval in the name of who asks. */
  ask(name: string, as: ClusterUser, spec?: object): Promise<void>;
  /** PATCH of the status, a merge patch. */
  answer(name: string, as: Caller, status: object): Promise<ApiAnswer<KubeObject>>;
}

export function approvalOf(name: string, requestedBy: string | undefined, spec: object = {}): object {
  return {
    apiVersion: "sluice.dev/v1alpha1",
    kind: "EgressApproval",
    metadata: { name },
    spec: {
      action: { kind: "egress", host: "api.example.com", port: 443, protocol: "tls" },
      reason: "The report is published there only.",
      ...(requestedBy === undefined ? {} : { requestedBy }),
      target: { namespace: NAMESPACE, agent: "research-agent", pod: "agent-0" },
      uses: 1,
      duration: "10m",
      ...spec,
    },
  };
}

/** A status that answers: by whom, since so many milliseconds from now. */
export function answerOf(status: string, approvedBy: string, { ahead = 0, ...rest }: { ahead?: number } & object = {}) {
  const lastTransitionTime = `${new Date(Date.now() + ahead).toISOString().slice(0, 19)}Z`;
  return { approvedBy, conditions: [{ type: "Approved", status, lastTransitionTime, reason: "Reviewed" }], ...rest };
}

export async function startApprovalsWorld(cluster: Cluster): Promise<ApprovalsWorld> {
  const folder = (name: string): string[] => readdirSync(join(FILES, name)).map((file) => join(FILES, name, file));
  const files = [...folder("crds"), ...folder("rbac"), join(FILES, "admission/approvals.yaml")];
  const applied = await cluster.kubectl(["apply", ...files.flatMap((file) => ["-f", file])]);
  if (applied.status !== 0) throw new Error(applied.stderr);
  await cluster.createNamespace(NAMESPACE);

  const verbs = {
    writer: ["get", "patch", "update"],
    controller: ["get", "list", "watch", "patch", "update", "delete"],
  };
  const roles = {
    writer: verbs.writer,
    collector: verbs.controller,
    controller: [...verbs.controller, "reconcile"],
  };
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  for (const [name, given] of Object.entries(roles)) {
    const rules = [
      { apiGroups: ["sluice.dev"], resources: ["egressapprovals", "egressapprovals/status"], verbs: given },
    ];
    await made(cluster, `${rbac}/clusterroles`, { metadata: { name }, rules });
  }
  const bind = async (role: string, user: string): Promise<void> => {
    const apiGroup = "rbac.authorization.k8s.io";
    await made(cluster, `${rbac}/namespaces/${NAMESPACE}/rolebindings`, {
      metadata: { generateName: `${role}-` },
      roleRef: { apiGroup, kind: "ClusterRole", name: role },
      subjects: [{ apiGroup, kind: "User", name: user }],
    });
  };
  for (const [role, user] of [
    ["sluice-requester", "alice"],
    ["sluice-approver", "bob"],
    ["sluice-requester", "carol"],
    ["sluice-approver", "carol"],
    ["writer", "dave"],
    ["controller", CONTROLLER],
    ["collector", "system:serviceaccount:kube-system:generic-garbage-collector"],
    ["sluice-router", ROUTER],
    ["sluice-approver", `system:serviceaccount:${NAMESPACE}:approver`],
  ] as const) {
    await bind(role, user);
  }
  const [alice, bob, carol, dave] = [
    cluster.user("alice"),
    cluster.user("bob"),
    cluster.user("carol"),
    cluster.user("dave"),
  ];
  // Policies take a moment to be seen.
  await eventually(async () => {
    const { status } = await cluster.api("POST", `${PATH}?dryRun=All`, approvalOf("forged", "bob"));
    if (status !== 403) throw new Error(`the policy of requests is not seen: ${status}`);
  });
  await eventually(async () => {
    const probe = { ...approvalOf("", "alice"), metadata: { name: "held", finalizers: ["example.com/hold"] } };
    const { status } = await cluster.api("POST", `${PATH}?dryRun=All`, probe, { as: alice });
    if (status !== 403) throw new Error(`the policy of holds is not seen: ${status}`);
  });
  await made(cluster, PATH, approvalOf("probe", "admin"));
  await eventually(async () => {
    const { status } = await cluster.api("PATCH", `${PATH}/probe/status?dryRun=All`, {
      status: answerOf("True", "admin"),
    });
    if (status !== 403) throw new Error(`the policy of answers is not seen: ${status}`);
  });
  await cluster.api("DELETE", `${PATH}/probe`);
  return {
    cluster,
    alice,
    bob,
    carol,
    dave,
    controller: CONTROLLER,
    routerToken: await cluster.serviceAccountToken(NAMESPACE, "agent"),
    async ask(name, as, spec) {
      const { status, body } = await cluster.api("POST", PATH, approvalOf(name, as.name, spec), { as });
      if (status !== 201) throw new Error(`${name}: ${status} ${body.message ?? ""}`);
    },
    answer: async (name, as, status) => {
      // As clients of their own: times are whole seconds, and two writes by one client in one are told apart by nothing.
      const manager = typeof as === "string" ? "controller" : as.name;
      return cluster.api("PATCH", `${PATH}/${name}/status?fieldManager=${manager}`, { status }, { as });
    },
  };
}

async function made(cluster: Cluster, path: string, object: object): Promise<void> {
  const { status, body } = await cluster.api("POST", path, object);
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${body.message ?? ""}`);
}
