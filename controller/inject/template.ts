import type { InjectionConfig } from "../config/controller-config.ts";
import { GUARD, PROVE, PROVE_ID, ROUTER, ROUTER_ID, VOLUME } from "../pod/names.ts";
import type { Container, JsonObject, PodObject, VolumeMount } from "../pod/pod.ts";
import { isGuaranteed, ourResources } from "./our-resources.ts";
import { agentName } from "./pod-names.ts";
import { TRUST_SOURCE } from "./trust-mount.ts";

/** Where the router answers probes and metrics. */
export const ADMIN_PORT = 18_090;
export const METRICS_PORT_NAME = "sluice-metrics";

const RUN = "/run/sluice";
const IMAGE_BY_DIGEST = /@sha256:[0-9a-f]{64}$/;
const RUNTIME_DEFAULT = { type: "RuntimeDefault" };

/**
 * The init containers that this pod must begin with, in this order: guard, prove, router; the router alone where the
 * guard cannot be had. They depend on the pod's agent name and QoS class and on nothing else of it, so an injected pod
 * gives the same as the one before. Everything that the API server would fill in is written out, and nothing that it
 * would leave out (false, zero or empty members that are no pointers in Go), so that the stored object compares equal.
 */
export function desiredContainers(pod: PodObject, settings: InjectionConfig): readonly Container[] {
  const guaranteed = isGuaranteed(pod);
  const router = routerContainer(pod, settings, guaranteed);
  if (settings.guard === "notEnforced") return [router];
  return [guardContainer(settings, guaranteed), proveContainer(settings, guaranteed), router];
}

function guardContainer(settings: InjectionConfig, guaranteed: boolean): Container {
  return {
    name: GUARD,
    image: settings.guardImage,
    args: ["guard", "install"],
    resources: ourResources(settings.initResources, guaranteed),
    volumeMounts: [{ name: VOLUME.tmp, mountPath: "/tmp" }],
    ...housekeeping(settings),
    // The only container of the pod that is root, and the only one with a capability; it ends before any other starts.
    securityContext: {
      ...confined(0),
      runAsNonRoot: false,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      seccompProfile: RUNTIME_DEFAULT,
    },
  };
}

function proveContainer(settings: InjectionConfig, guaranteed: boolean): Container {
  return {
    name: PROVE,
    image: settings.routerImage,
    args: ["guard", "prove", "--proof", `${RUN}/guard-proof.json`],
    resources: ourResources(settings.initResources, guaranteed),
    volumeMounts: [{ name: VOLUME.run, mountPath: RUN }],
    ...housekeeping(settings),
    securityContext: {
      ...confined(PROVE_ID),
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: RUNTIME_DEFAULT,
    },
  };
}

function routerContainer(pod: PodObject, settings: InjectionConfig, guaranteed: boolean): Container {
  return {
    name: ROUTER,
    image: settings.routerImage,
    args: ["run"],
    restartPolicy: "Always",
    ports: [{ name: METRICS_PORT_NAME, containerPort: ADMIN_PORT, protocol: "TCP" }],
    env: routerEnv(pod, settings),
    resources: ourResources(settings.resources, guaranteed),
    volumeMounts: ROUTER_MOUNTS,
    // Later init containers and the agent wait for this one: for the policy, and for the guard's proof.
    startupProbe: probe("/readyz", { timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 120 }),
    readinessProbe: probe("/readyz", { timeoutSeconds: 2, periodSeconds: 5, failureThreshold: 3 }),
    livenessProbe: probe("/livez", { timeoutSeconds: 5, periodSeconds: 10, failureThreshold: 3 }),
    ...housekeeping(settings),
    securityContext: {
      ...confined(ROUTER_ID),
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: routerSeccomp(settings),
    },
  };
}

function routerEnv(pod: PodObject, settings: InjectionConfig): readonly JsonObject[] {
  return [
    { name: "SLUICE_IDENTITY_NAMESPACE", valueFrom: field("metadata.namespace") },
    { name: "SLUICE_IDENTITY_POD", valueFrom: field("metadata.name") },
    { name: "SLUICE_IDENTITY_AGENT", value: agentName(pod) },
    ...(IMAGE_BY_DIGEST.test(settings.routerImage)
      ? [{ name: "SLUICE_IDENTITY_IMAGE", value: settings.routerImage }]
      : []),
    { name: "SLUICE_GOVERNANCE_LABELS_FILE", value: "/etc/sluice/podinfo/labels" },
    ...(settings.guard === "notEnforced" ? [{ name: "SLUICE_GUARD_EXPECTED", value: "false" }] : []),
  ];
}

const ROUTER_MOUNTS: readonly VolumeMount[] = [
  // A file by subPath: these settings are read once, at the start. What changes while it runs is mounted as a directory.
  { name: VOLUME.config, readOnly: true, mountPath: "/etc/sluice/router.yaml", subPath: "router.yaml" },
  { name: VOLUME.policy, readOnly: true, mountPath: "/etc/sluice/policy" },
  { name: VOLUME.trust, readOnly: true, mountPath: "/etc/sluice/trust" },
  { name: VOLUME.podinfo, readOnly: true, mountPath: "/etc/sluice/podinfo" },
  { name: VOLUME.secrets, readOnly: true, mountPath: "/run/secrets/sluice" },
  { name: VOLUME.run, readOnly: true, mountPath: RUN },
  { name: VOLUME.state, mountPath: "/var/lib/sluice" },
  { name: VOLUME.audit, mountPath: "/var/log/sluice/audit" },
  { name: VOLUME.ca, mountPath: TRUST_SOURCE },
];

function routerSeccomp({ seccomp }: InjectionConfig): JsonObject {
  const profile = seccomp.mode === "localhost" ? seccomp.profiles["router"] : undefined;
  return profile === undefined ? RUNTIME_DEFAULT : { type: "Localhost", localhostProfile: profile };
}

function confined(id: number): JsonObject {
  return {
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsUser: id,
    runAsGroup: id,
  };
}

/** Members that the API server would fill in otherwise. */
function housekeeping(settings: InjectionConfig): JsonObject {
  return {
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "FallbackToLogsOnError",
    imagePullPolicy: settings.pullPolicy,
  };
}

/** By the pod's address, as the kubelet asks: a probe's `host` is forbidden by the Pod Security Standards. */
function probe(path: string, timing: JsonObject): JsonObject {
  return { httpGet: { path, port: ADMIN_PORT, scheme: "HTTP" }, ...timing, successThreshold: 1 };
}

function field(fieldPath: string): JsonObject {
  return { fieldRef: { apiVersion: "v1", fieldPath } };
}
