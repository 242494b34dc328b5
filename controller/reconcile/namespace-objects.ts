import { canonicalJson } from "../../router/core/audit/canonical-json.ts";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import type { ControllerConfig } from "../config/controller-config.ts";
import { routerConfigDocument } from "../config/controller-config-shape.ts";
import { resolverPort, routerSpecOf, type RouterSettings } from "../config/router-settings.ts";
import { CONFIG_MAP } from "../pod/names.ts";
import { type DesiredObject, MANAGED_KINDS, managedMetadata, NAME } from "./managed.ts";
import { type EgressNeeds, networkPolicy } from "./network-policies.ts";

/** The files of the trust directory, as a ConfigMap holds them. */
export interface TrustFiles {
  readonly data: Readonly<Record<string, string>>;
}

/** PEM of the API server's CA; `none`: it has none of its own; `unread`: it could not be read yet, then what is there stands. */
export type ServerCa = { readonly pem: string } | "none" | "unread";

export interface NamespaceQuestion {
  readonly namespace: string;
  readonly config: ControllerConfig;
  /** Undefined: the trust directory cannot be read; then what is there stands. */
  readonly trust: TrustFiles | undefined;
  readonly ca: ServerCa;
  /** By the name of the policy ConfigMap that pods use. */
  readonly needs: ReadonlyMap<string, EgressNeeds>;
}

/** Everything that an enforced namespace needs, whole and in the order in which it is made. */
export function namespaceObjects({ namespace, config, trust, ca, needs }: NamespaceQuestion): readonly DesiredObject[] {
  const { networkPolicy: network, injection } = config;
  const settings = {
    ...network,
    namespace: config.namespace,
    resolverServers: injection.resolverServers,
    resolverPort: resolverPort(config.router),
  };
  const policies = network.enabled ? [...needs].toSorted(([one], [other]) => (one < other ? -1 : 1)) : [];
  return [
    ...(trust === undefined ? [] : [configMap(namespace, CONFIG_MAP.trust, trust.data)]),
    ...(ca === "unread" ? [] : [configMap(namespace, CONFIG_MAP.config, routerFiles(config, ca))]),
    roleBinding(namespace),
    resourceQuota(namespace, config.approvals.maximumPerNamespace),
    ...policies.map(([name, needed]) => networkPolicy(namespace, name, needed, settings)),
  ];
}

/** The objects without which no pod may be made: what a router goes by, and its right to read approvals. */
export function isFoundation({ kind, metadata: { name } }: DesiredObject): boolean {
  return (kind === "ConfigMap" || kind === "RoleBinding") && isOursByName(kind, name);
}

/** Of `isFoundation`. */
export const FOUNDATION_SIZE = 3;

function routerFiles(config: ControllerConfig, ca: Exclude<ServerCa, "unread">): Readonly<Record<string, string>> {
  return { "router.yaml": routerConfigText(config), ...(ca === "none" ? {} : { "ca.crt": ca.pem }) };
}

/** The sidecar's settings: config.router, and what the injector's own settings have to say in it. */
export function routerConfigText(settings: RouterSettings): string {
  const text = canonicalJson(routerConfigDocument(routerSpecOf(settings)) as AuditValue);
  if (text === undefined) throw new Error("the RouterConfig was checked when the settings were read");
  return `${text}\n`;
}

/** Whether an object may be taken away: ours by its name too, so that a label alone deletes nobody's object. */
export function isOursByName(kind: string, name: string): boolean {
  switch (kind) {
    case "ConfigMap":
      return name === CONFIG_MAP.config || name === CONFIG_MAP.trust;
    case "RoleBinding":
      return name === NAME.roleBinding;
    case "ResourceQuota":
      return name === NAME.quota;
    case "NetworkPolicy":
      return name.startsWith(NAME.networkPolicyPrefix);
    default:
      return false;
  }
}

export function kindOf(object: DesiredObject): (typeof MANAGED_KINDS)[number] {
  const found = MANAGED_KINDS.find(({ kind }) => kind === object.kind);
  if (found === undefined) throw new Error(`${object.kind} is no kind that is made here`);
  return found;
}

function configMap(namespace: string, name: string, data: Readonly<Record<string, string>>): DesiredObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: managedMetadata(namespace, name), data };
}

/** Every service account of the namespace: which one a pod uses is the pod's choice. */
function roleBinding(namespace: string): DesiredObject {
  const apiGroup = "rbac.authorization.k8s.io";
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: "RoleBinding",
    metadata: managedMetadata(namespace, NAME.roleBinding),
    roleRef: { apiGroup, kind: "ClusterRole", name: NAME.clusterRole },
    subjects: [{ apiGroup, kind: "Group", name: `system:serviceaccounts:${namespace}` }],
  };
}

function resourceQuota(namespace: string, most: number): DesiredObject {
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: managedMetadata(namespace, NAME.quota),
    spec: { hard: { "count/egressapprovals.sluice.dev": String(most) } },
  };
}
