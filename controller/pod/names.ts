/** Names that users, the chart and the controller share. The ones of contract.md are fixed. */

/** The router's UID and GID: nobody else's, whatever an image says. */
export const ROUTER_ID = 20_480;
/** Of `sluice-prove`: a UID that is neither the router's nor an application's. */
export const PROVE_ID = 20_481;

export const GUARD = "sluice-guard";
export const PROVE = "sluice-prove";
export const ROUTER = "sluice-router";
/** In this order, before all other init containers. */
export const OUR_CONTAINERS = [GUARD, PROVE, ROUTER] as const;

/** Names of containers, volumes, secrets that begin so are ours. */
export const RESERVED_PREFIX = "sluice-";

export const LABEL = {
  /** On a namespace, "true": every pod in it is injected. */
  enforce: "sluice.dev/enforce",
  /** On an enforced namespace, set by the controller, "true": its settings and trust are there, and pods may be made. */
  kept: "sluice.dev/kept",
  /** On a pod elsewhere, "true": this pod is injected. */
  inject: "sluice.dev/inject",
  /** On a pod, set by the injector, "true": NetworkPolicies, PodMonitor and the controller find it by this. */
  injected: "sluice.dev/injected",
  /** On a pod: the agent's name, to which policies are addressed and budgets counted. */
  agent: "sluice.dev/agent",
  /** On a pod, set by the injector: the ConfigMap its policy comes from. */
  policyName: "sluice.dev/policy-name",
  /** On a node: the content hash of the seccomp profiles that are there. */
  seccomp: "sluice.dev/seccomp",
} as const;

/** On a pod: EKS runs it on Fargate, where the guard cannot be. */
export const FARGATE_LABEL = "eks.amazonaws.com/fargate-profile";

export const ANNOTATION = {
  /** On a pod: the policy ConfigMap, default `sluice-policy`. On a policy resource: the ConfigMap it is rendered into. */
  policy: "sluice.dev/policy",
  /** On a pod: the named seccomp profile, `agent` (default) or `browser`. */
  seccompProfile: "sluice.dev/seccomp-profile",
  /** On an injected pod, informational: version of the template and what it was made with. Never trusted. */
  status: "sluice.dev/status",
  /** On an injected pod, for people: "guard", or "not-enforced" where the operator said so. Never trusted. */
  enforcement: "sluice.dev/enforcement",
  /** On a policy resource: its signatures, one sigstore bundle or a JSON array of them. */
  signatures: "sluice.dev/signatures",
} as const;

export const VOLUME = {
  config: "sluice-config",
  policy: "sluice-policy",
  trust: "sluice-trust",
  secrets: "sluice-secrets",
  state: "sluice-state",
  audit: "sluice-audit",
  /** In memory: the proof of `sluice-prove`, which the router reads. */
  run: "sluice-run",
  /** In memory: what the router writes for all other containers to trust. */
  ca: "sluice-ca",
  podinfo: "sluice-podinfo",
  tmp: "sluice-tmp",
} as const;

/** ConfigMaps that the controller writes into each enforced namespace, and nobody else may. */
export const CONFIG_MAP = {
  /** `router.yaml`, and `ca.crt`: by whom the router knows the API server. */
  config: "sluice-router",
  /** `signers.yaml` and what it names. */
  trust: "sluice-trust",
  /** The default policy. */
  policy: "sluice-policy",
} as const;

/** The Secret with provider credentials, in the pod's namespace; only the router mounts it. */
export const CREDENTIALS_SECRET = "sluice-credentials";
