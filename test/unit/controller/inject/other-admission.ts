import type { JsonObject } from "../../../../controller/pod/pod.ts";

/** Pods as Go's typed structs: changed in place. */
interface MutablePod {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: MutableSpec;
}
interface MutableSpec {
  containers: MutableContainer[];
  initContainers?: MutableContainer[];
  volumes?: MutableVolume[];
  imagePullSecrets?: { name: string }[];
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  restartPolicy?: string;
  dnsPolicy?: string;
  schedulerName?: string;
  securityContext?: object;
  terminationGracePeriodSeconds?: number;
  enableServiceLinks?: boolean;
}
interface MutableContainer {
  name: string;
  image?: string;
  imagePullPolicy?: string;
  terminationMessagePath?: string;
  terminationMessagePolicy?: string;
  restartPolicy?: string;
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { fieldRef?: FieldRef } }[];
  ports?: { protocol?: string }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  securityContext?: { capabilities?: object; runAsUser?: number; runAsGroup?: number };
}
interface Probe {
  timeoutSeconds?: number;
  periodSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
  httpGet?: { path?: string; scheme?: string };
}
interface FieldRef {
  apiVersion?: string;
}
interface PodField {
  fieldRef?: FieldRef;
}
interface WithMode {
  defaultMode?: number;
}
interface MutableVolume {
  name: string;
  configMap?: WithMode;
  secret?: WithMode;
  downwardAPI?: WithMode & { items?: PodField[] };
  emptyDir?: { medium?: string };
  projected?: WithMode & {
    sources?: {
      serviceAccountToken?: { expirationSeconds?: number; audience?: string; path: string };
      downwardAPI?: { items?: PodField[] };
    }[];
  };
}

export type Mutator = (pod: JsonObject) => JsonObject;

function mutator(mutate: (pod: MutablePod) => void): Mutator {
  return (pod) => {
    const copy = structuredClone(pod) as unknown as MutablePod;
    mutate(copy);
    return copy as unknown as JsonObject;
  };
}

function all({ spec }: MutablePod): readonly MutableContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/**
 * What decoding, defaulting and encoding in the API server do to a pod (core/v1 defaults.go of Kubernetes 1.36, and
 * `omitempty` of its types). An object that went through it must not change when it does again.
 */
export const apiServer = mutator((pod) => {
  for (const container of all(pod)) defaultContainer(container);
  for (const volume of pod.spec.volumes ?? []) defaultVolume(volume);
  const { spec } = pod;
  spec.restartPolicy ??= "Always";
  spec.dnsPolicy ??= "ClusterFirst";
  spec.schedulerName ??= "default-scheduler";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.enableServiceLinks ??= true;
  for (const list of ["volumes", "initContainers", "imagePullSecrets"]) omitEmpty(spec, list);
});

function defaultContainer(container: MutableContainer): void {
  container.imagePullPolicy ??= container.image?.endsWith(":latest") === true ? "Always" : "IfNotPresent";
  container.terminationMessagePath ??= "/dev/termination-log";
  container.terminationMessagePolicy ??= "File";
  container.resources ??= {};
  const { limits, requests } = container.resources;
  if (limits !== undefined) container.resources.requests = { ...limits, ...requests };
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
  for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
    if (probe === undefined) continue;
    probe.timeoutSeconds ||= 1;
    probe.periodSeconds ||= 10;
    probe.successThreshold ||= 1;
    probe.failureThreshold ||= 3;
    omitEmpty(probe, "initialDelaySeconds");
    if (probe.httpGet !== undefined) {
      probe.httpGet.path ||= "/";
      probe.httpGet.scheme ||= "HTTP";
    }
  }
  for (const entry of container.env ?? []) {
    omitEmpty(entry, "value");
    defaultField(entry.valueFrom?.fieldRef);
  }
  for (const mount of container.volumeMounts ?? []) {
    omitEmpty(mount, "readOnly");
    omitEmpty(mount, "subPath");
  }
  for (const list of ["command", "args", "ports", "env", "envFrom", "volumeMounts"]) omitEmpty(container, list);
  const capabilities = container.securityContext?.capabilities;
  if (capabilities !== undefined) for (const list of ["add", "drop"]) omitEmpty(capabilities, list);
}

function defaultVolume(volume: MutableVolume): void {
  if (Object.keys(volume).length === 1) volume.emptyDir = {};
  for (const source of [volume.configMap, volume.secret, volume.projected, volume.downwardAPI]) {
    if (source !== undefined) source.defaultMode ??= 420;
  }
  for (const source of volume.projected?.sources ?? []) {
    const token = source.serviceAccountToken;
    if (token !== undefined) {
      token.expirationSeconds ??= 3600;
      omitEmpty(token, "audience");
    }
    for (const item of source.downwardAPI?.items ?? []) defaultField(item.fieldRef);
  }
  for (const item of volume.downwardAPI?.items ?? []) defaultField(item.fieldRef);
  if (volume.emptyDir !== undefined) omitEmpty(volume.emptyDir, "medium");
}

function defaultField(field: FieldRef | undefined): void {
  if (field !== undefined) field.apiVersion ??= "v1";
}

/** Go's omitempty, for what is no pointer: zero, false, "", and lists with nothing in them. */
function omitEmpty(struct: object, name: string): void {
  const object = struct as Record<string, unknown>;
  const value = object[name];
  if (value === 0 || value === false || value === "" || (Array.isArray(value) && value.length === 0))
    delete object[name];
}

const NATIVE = { restartPolicy: "Always", securityContext: { runAsUser: 1337, runAsGroup: 1337 } };

/** Native sidecar and init container go first, whatever stands there. */
export const istio = mutator(({ metadata, spec }) => {
  const others = (spec.initContainers ?? []).filter(({ name }) => !name.startsWith("istio-"));
  spec.initContainers = [
    { name: "istio-init", image: "registry.example/istio/proxyv2:1.29", args: ["istio-iptables"] },
    {
      name: "istio-proxy",
      image: "registry.example/istio/proxyv2:1.29",
      ...NATIVE,
      env: [{ name: "PILOT_CERT_PROVIDER", value: "istiod" }],
    },
    ...others,
  ];
  spec.volumes = [
    ...(spec.volumes ?? []).filter(({ name }) => name !== "istio-envoy"),
    { name: "istio-envoy", emptyDir: { medium: "Memory" } },
  ];
  metadata.annotations = { ...metadata.annotations, "sidecar.istio.io/status": "{}" };
  metadata.labels = { ...metadata.labels, "security.istio.io/tlsMode": "istio" };
});

/** Does nothing when its container is there. */
export const linkerd = mutator(({ metadata, spec }) => {
  spec.initContainers ??= [];
  if (spec.initContainers.some(({ name }) => name === "linkerd-proxy")) return;
  spec.initContainers.unshift(
    { name: "linkerd-init", image: "registry.example/linkerd/proxy-init:v2.4" },
    { name: "linkerd-proxy", image: "registry.example/linkerd/proxy:edge", restartPolicy: "Always" },
  );
  (spec.volumes ??= []).push({ name: "linkerd-identity-end-entity", emptyDir: { medium: "Memory" } });
  metadata.annotations = { ...metadata.annotations, "linkerd.io/proxy-version": "edge" };
});

/** Mounts its secrets into every container there is, ours included; does nothing when its annotation is there. */
export const vault = mutator((pod) => {
  const { metadata, spec } = pod;
  if (metadata.annotations?.["vault.hashicorp.com/agent-inject-status"] === "injected") return;
  for (const container of all(pod)) {
    (container.volumeMounts ??= []).push({ name: "vault-secrets", mountPath: "/vault/secrets" });
  }
  (spec.volumes ??= []).push({ name: "vault-secrets", emptyDir: { medium: "Memory" } });
  spec.containers.push({ name: "vault-agent", image: "registry.example/vault:1.20" });
  metadata.annotations = { ...metadata.annotations, "vault.hashicorp.com/agent-inject-status": "injected" };
});

/** Defaults of a LimitRange for cpu, memory and ephemeral-storage, where a container sets none. */
export const limitRanger = mutator((pod) => {
  const defaults: Record<string, string> = { cpu: "500m", memory: "512Mi", "ephemeral-storage": "2Gi" };
  for (const container of all(pod)) {
    const resources = (container.resources ??= {});
    resources.limits = { ...defaults, ...resources.limits };
    resources.requests = { ...defaults, ...resources.requests };
  }
  pod.metadata.annotations = { ...pod.metadata.annotations, "kubernetes.io/limit-ranger": "defaults" };
});

/** The admission plugin of the same name. */
export const alwaysPullImages = mutator((pod) => {
  for (const container of all(pod)) container.imagePullPolicy = "Always";
});

/** Account, pull secrets and token, unless the pod declines the token or has one mounted there. */
export const serviceAccount = mutator((pod) => {
  const { spec } = pod;
  spec.serviceAccountName ??= "default";
  spec.imagePullSecrets ??= [{ name: "from-account" }];
  if (spec.automountServiceAccountToken === false) return;
  const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
  for (const container of all(pod)) {
    const mounts = (container.volumeMounts ??= []);
    if (mounts.some((mount) => mount.mountPath === mountPath)) continue;
    mounts.push({ name: "kube-api-access-9zq4m", readOnly: true, mountPath });
  }
  if ((spec.volumes ??= []).some(({ name }) => name === "kube-api-access-9zq4m")) return;
  spec.volumes.push({
    name: "kube-api-access-9zq4m",
    projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: "token" } }] },
  });
});

export const OTHERS: readonly (readonly [name: string, mutate: Mutator])[] = [
  ["API server defaults", apiServer],
  ["Istio", istio],
  ["Linkerd", linkerd],
  ["Vault", vault],
  ["LimitRanger", limitRanger],
  ["AlwaysPullImages", alwaysPullImages],
  ["ServiceAccount", serviceAccount],
];
