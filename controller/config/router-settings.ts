import type { MapNode } from "../../router/core/document/document-node.ts";
import type { Report } from "../../router/core/document/report.ts";
import { nodeAt } from "../../router/core/document/settings.ts";
import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { TRUST_SOURCE } from "../inject/trust-mount.ts";
import type { ControllerConfig } from "./controller-config.ts";

/** What of the controller's settings the sidecar's are made of. */
export type RouterSettings = Pick<ControllerConfig, "router" | "injection">;

/**
 * Settings of the sidecar that are no choice where its pod is made here, by path, and what decides them. Others would make
 * a router that nobody reaches, that believes somebody else, or that says it is guarded where it is not.
 */
const DECIDED: readonly (readonly [path: string, by: string])[] = [
  ["identity", "the pod"],
  ["listeners", "the guard's rules and the pod's probes"],
  ["guard", "injection.guard"],
  ["policy.directory", "the pod's volumes"],
  ["trust", "the pod's volumes"],
  ["state", "the pod's volumes"],
  ["audit.directory", "the pod's volumes"],
  ["inspection.directory", "the pod's volumes"],
  ["inference.secrets", "the pod's volumes"],
  ["governance.labelsFile", "the pod's volumes"],
  ["kubernetes.watch", "the injector: approvals are always followed"],
  ["kubernetes.server", "the pod's environment"],
  ["kubernetes.tokenFile", "the pod's volumes"],
  ["kubernetes.caFile", "the pod's volumes"],
  ["limits.drain", "injection.drain"],
  ["resolver.servers", "injection.resolverServers"],
];

/** Reports each setting of `router` that is decided elsewhere. */
export function refuseDecided(router: MapNode, report: Report): void {
  for (const [path, by] of DECIDED) {
    const found = nodeAt(router, path.split("."));
    if (found !== undefined) report.add(found, "decided_elsewhere", `router.${path} is not set here: ${by} says it.`);
  }
}

/** The spec of the RouterConfig in each enforced namespace: `router`, and what the injector's own settings have to say in it. */
export function routerSpecOf({ router, injection }: RouterSettings): Readonly<Record<string, unknown>> {
  const { resolverServers, drain } = injection;
  // What is no section at all stays as it is, for the sidecar's own reader to refuse.
  const section = (name: string, decided: Readonly<Record<string, unknown>>): unknown => {
    const given = router[name] ?? {};
    return isRecord(given) ? { ...given, ...decided } : given;
  };
  return {
    ...router,
    kubernetes: section("kubernetes", { watch: true }),
    // terminationGracePeriodSeconds of the pods comes from the same setting.
    limits: section("limits", { drain: `${Math.floor(drain / 1_000)}s${drain % 1_000}ms` }),
    // Where the pods' volume is that other containers read.
    inspection: section("inspection", { directory: TRUST_SOURCE }),
    resolver: section("resolver", resolverServers.length === 0 ? {} : { servers: [...resolverServers] }),
  };
}

/** The port of DNS servers that are named without one. */
export function resolverPort({ resolver }: ControllerConfig["router"]): 53 | 443 | 853 {
  const over = isRecord(resolver) ? resolver["over"] : undefined;
  // RFC 7858, RFC 8484, RFC 1035.
  return over === "tls" ? 853 : over === "https" ? 443 : 53;
}
