import type { Millis } from "../../router/core/base/quantity.ts";

/** Kubernetes resource requirements, as they stand in a container. */
export interface Resources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** What the injector makes of a pod; everything that the injected containers depend on, nothing else. */
export interface InjectionConfig {
  /** By digest where `requireDigest`; `name@sha256:...`. */
  readonly routerImage: string;
  readonly guardImage: string;
  readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Names of Secrets added to `spec.imagePullSecrets`. */
  readonly pullSecrets: readonly string[];
  /** Images of earlier releases: pods may keep them, and replicas that are being replaced may still inject them. */
  readonly earlierImages: readonly string[];
  /** UID for containers that name none. */
  readonly agentUser: number;
  /** `required`: no pod without the guard. `notEnforced`: the guard cannot be had here, pods say so. */
  readonly guard: "required" | "notEnforced";
  /** Of the router. */
  readonly resources: Resources;
  /** Of `sluice-guard` and `sluice-prove`. */
  readonly initResources: Resources;
  /** localhostProfile paths by name (`agent`, `browser`, `router`), or RuntimeDefault for all. */
  readonly seccomp:
    | { readonly mode: "localhost"; readonly profiles: Readonly<Record<string, string>> }
    | { readonly mode: "runtimeDefault" };
  /** Runtime classes that keep the guard's promise; a pod that names another is refused. */
  readonly runtimeClasses: readonly string[];
  /** Projected into the router alone, at `/run/secrets/sluice/<path>`. */
  readonly tokens: readonly { readonly path: string; readonly audience: string; readonly expirationSeconds: number }[];
  /** Audience of the token for the API server; undefined: the API server's own. */
  readonly apiAudience: string | undefined;
  /** `prometheus.io/*` annotations. */
  readonly scrapeAnnotations: boolean;
  /** emptyDir size limits, as quantities. */
  readonly auditSize: string;
  readonly stateSize: string;
  /** Written into `resolver.servers` of the router's settings; empty: the pod's resolv.conf. */
  readonly resolverServers: readonly string[];
  /** After SIGTERM; `terminationGracePeriodSeconds` is raised to it plus five seconds, never lowered. */
  readonly drain: Millis;
}

export type CertificateConfig =
  | {
      /** CA and leaf made and kept in a Secret by the replicas themselves. */
      readonly mode: "auto";
      readonly secret: string;
      readonly caLifetime: Millis;
      readonly leafLifetime: Millis;
    }
  | {
      /** `tls.crt`, `tls.key`, `ca.crt` in a mounted directory, made by somebody else; who sets caBundle is said by `caBundle`. */
      readonly mode: "certManager" | "provided";
      readonly directory: string;
      /** `repair`: the controller keeps the webhooks' caBundle equal to ca.crt; `leave`: cert-manager's cainjector does. */
      readonly caBundle: "repair" | "leave";
    };

/** Static settings of the controller, complete. */
export interface ControllerConfig {
  readonly namespace: string;
  readonly service: string;
  /** Names of the webhook configurations whose caBundle is kept. */
  readonly mutatingWebhook: string;
  readonly validatingWebhook: string;
  readonly listen: { readonly webhookPort: number; readonly adminPort: number };
  readonly certificates: CertificateConfig;
  /** Namespaces that are never injected, whatever they are labelled. */
  readonly exemptNamespaces: readonly string[];
  readonly injection: InjectionConfig;
  /** `spec` of the RouterConfig that goes into each enforced namespace (identity comes from the pod). */
  readonly router: Readonly<Record<string, unknown>>;
  /** Where the trust that goes into each enforced namespace is mounted in the controller. */
  readonly trustDirectory: string;
  readonly approvals: {
    readonly maximumPerNamespace: number;
    /** Nobody answered for so long: over. */
    readonly pending: Millis;
    /** What has ended is deleted after so long. */
    readonly keep: Millis;
  };
  readonly networkPolicy: {
    readonly enabled: boolean;
    /** Which namespaces may scrape and probe the router (label selector `kubernetes.io/metadata.name`). */
    readonly monitoringNamespaces: readonly string[];
    /** `allow`: inbound to the agent stays possible; `deny`: only the monitoring namespaces and the controller. */
    readonly ingress: "allow" | "deny";
    /** CIDRs that the pod may send to at all; empty: any (the router judges by name). */
    readonly egressCidrs: readonly string[];
  };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" | "silent" };
}
