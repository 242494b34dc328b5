import { RESERVED_PREFIX } from "../pod/names.ts";

/** Under this name the API server notes what of an object is ours (server-side apply). */
export const FIELD_MANAGER = "sluice-controller";
/** Only what carries it is repaired and taken away again. */
export const MANAGED_LABEL = "app.kubernetes.io/managed-by";
export const MANAGED_BY = "sluice";
/** On a ConfigMap that policies are rendered into: others may keep keys of their own in it. */
export const RENDERED_LABEL = "sluice.dev/rendered";

export const NAME = {
  roleBinding: "sluice-router",
  clusterRole: "sluice-router",
  quota: "sluice-approvals",
  networkPolicyPrefix: `${RESERVED_PREFIX}egress-`,
} as const;

/** An object as it is sent, whole. */
export interface DesiredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

export function managedMetadata(namespace: string, name: string): DesiredObject["metadata"] {
  return { name, namespace, labels: { [MANAGED_LABEL]: MANAGED_BY } };
}

/** Kinds that the controller makes in namespaces, and where their collections are. */
export const MANAGED_KINDS = [
  { kind: "ConfigMap", root: "/api/v1", plural: "configmaps" },
  { kind: "RoleBinding", root: "/apis/rbac.authorization.k8s.io/v1", plural: "rolebindings" },
  { kind: "ResourceQuota", root: "/api/v1", plural: "resourcequotas" },
  { kind: "NetworkPolicy", root: "/apis/networking.k8s.io/v1", plural: "networkpolicies" },
] as const;

/** Where a collection is. */
export interface Collection {
  readonly root: string;
  readonly plural: string;
}

/** Names come from the API server, which checked them. */
export function pathOf({ root, plural }: Collection, namespace: string, name: string): string {
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
}
