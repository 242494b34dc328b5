import type { InjectionConfig } from "../../controller/config/controller-config.ts";
import type { Container, JsonObject, PodObject } from "../../controller/pod/pod.ts";
import { millis } from "../../router/core/base/quantity.ts";

export interface PodOverrides {
  /** Merged over the usual ones, member by member; `undefined` takes one out. */
  readonly metadata?: JsonObject;
  readonly spec?: JsonObject;
  /** Merged over the members of the one usual container, `agent`. */
  readonly container?: JsonObject;
}

export const ROUTER_IMAGE = `registry.example/sluice/router@sha256:${"a".repeat(64)}`;
export const GUARD_IMAGE = `registry.example/sluice/guard@sha256:${"b".repeat(64)}`;

/**
 * A usual agent's pod as an AdmissionReview of CREATE carries it: defaults filled in and the service account's token
 * mounted, both of which the API server does before webhooks are asked. JSON all through, made anew at each call.
 */
export function agentPod(overrides: PodOverrides = {}): PodObject {
  return plain({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: "research-agent-7d9c4b8f6-",
      namespace: "research",
      creationTimestamp: null,
      labels: { "app.kubernetes.io/name": "research-agent", "pod-template-hash": "7d9c4b8f6" },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: "research-agent-7d9c4b8f6",
          uid: "0b8cf6d5-7d2f-4c1e-9a53-5b0c9d3e1f20",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      ...overrides.metadata,
    },
    spec: {
      volumes: [apiAccessVolume("kube-api-access-x2k8q")],
      containers: [agentContainer(overrides.container)],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      serviceAccountName: "research",
      serviceAccount: "research",
      securityContext: {},
      schedulerName: "default-scheduler",
      tolerations: [
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
        { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: "PreemptLowerPriority",
      ...overrides.spec,
    },
    status: {},
  }) as PodObject;
}

/** The usual container, with members of its own; by default it is named `agent`. */
export function agentContainer(members: JsonObject = {}): Container {
  return plain({
    name: "agent",
    image: "registry.example/research/agent:1.4.2",
    command: ["node", "agent.ts"],
    args: ["--serve"],
    ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
    env: [{ name: "LOG_LEVEL", value: "info" }],
    resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "200m", memory: "512Mi" } },
    volumeMounts: [
      { name: "kube-api-access-x2k8q", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ],
    readinessProbe: {
      httpGet: { path: "/ready", port: 8080, scheme: "HTTP" },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: "IfNotPresent",
    ...members,
  }) as Container;
}

/** The volume that the API server's ServiceAccount admission adds. */
export function apiAccessVolume(name: string): JsonObject {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
      defaultMode: 420,
    },
  };
}

/** Complete settings, as the chart's defaults make them. */
export function injectionConfig(overrides: Partial<InjectionConfig> = {}): InjectionConfig {
  return {
    routerImage: ROUTER_IMAGE,
    guardImage: GUARD_IMAGE,
    pullPolicy: "IfNotPresent",
    pullSecrets: [],
    earlierImages: [],
    agentUser: 1000,
    guard: "required",
    resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { cpu: "250m", memory: "256Mi" } },
    initResources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "100m", memory: "64Mi" } },
    seccomp: {
      mode: "localhost",
      profiles: { agent: "sluice/agent.json", browser: "sluice/browser.json", router: "sluice/router.json" },
    },
    runtimeClasses: [],
    tokens: [],
    apiAudience: undefined,
    scrapeAnnotations: false,
    auditSize: "1Gi",
    stateSize: "64Mi",
    resolverServers: [],
    drain: millis(25_000),
    ...overrides,
  };
}

/** As it comes off the wire: no shared parts, no `undefined`. */
function plain(value: JsonObject): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}
