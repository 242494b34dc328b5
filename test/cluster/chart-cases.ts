const DIGEST = `sha256:${"1a".repeat(32)}`;
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n";
const MONITOR = {
  enabled: true,
  interval: "15s",
  labels: { release: "prometheus" },
  relabelings: [{ targetLabel: "cluster", replacement: "blue" }],
  metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }],
};

/** Values that between them turn every flag of the chart on and off. */
export const CHART_CASES: Readonly<Record<string, object>> = {
  default: {},
  everything: {
    image: { repository: "registry.example/sluice/router", digest: DIGEST, pullPolicy: "Always" },
    guardImage: { repository: "registry.example/sluice/guard", digest: DIGEST.replaceAll("1a", "2b") },
    imagePullSecrets: [{ name: "registry" }],
    commonLabels: { team: "platform" },
    exemptNamespaces: ["kube-system", "istio-system"],
    injection: {
      pullSecrets: ["registry"],
      earlierImages: [`registry.example/sluice/router@sha256:${"3c".repeat(32)}`],
      agentUser: 10_001,
      resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { cpu: "2", memory: "256Mi" } },
      initResources: { limits: { cpu: "1" } },
      runtimeClasses: ["gvisor"],
      tokens: [
        { path: "azure/token", audience: "api://AzureADTokenExchange", expirationSeconds: 7200 },
        { path: "aws/token", audience: "sts.amazonaws.com" },
      ],
      apiAudience: "https://kubernetes.default.svc",
      scrapeAnnotations: true,
      auditSize: "2Gi",
      stateSize: "128Mi",
      resolverServers: ["10.96.0.10:53"],
      drain: "40s",
    },
    router: {
      audit: { maximumBytes: 2_147_483_648, mode: "blocking" },
      inference: { bodyBytes: "16Mi" },
      blocklists: [
        { name: "feed", url: "https://feeds.example/domains.txt", format: "domains" },
        { name: "ours", file: "/etc/sluice/trust/blocked.txt" },
      ],
      proxies: [
        { name: "corp", endpoint: "https://proxy.example:3128", credentialFile: "/run/secrets/sluice/corp-proxy" },
      ],
      resolver: { over: "tls", serverName: "dns.example" },
      dns: { answers: "synthetic" },
      inspection: { caFile: "/etc/sluice/trust/roots.pem" },
    },
    trust: { files: { "signers.yaml": "apiVersion: sluice.dev/v1alpha1\nkind: SignerPolicy\n", "ci.pub": "a key\n" } },
    approvals: { maximumPerNamespace: 50, pending: "2h", keep: "24d" },
    seccomp: { mode: "installer", installer: { interval: "30s", nodeSelector: { pool: "agents" } } },
    replicaCount: 3,
    hostNetwork: true,
    ports: { webhook: 19_443, admin: 19_090 },
    log: { level: "debug" },
    serviceAccount: { annotations: { "example.com/role": "none" } },
    podAnnotations: { "example.com/note": "yes", "checksum/config": "not this" },
    podLabels: { tier: "control", "app.kubernetes.io/component": "not this" },
    nodeSelector: { pool: "system" },
    tolerations: [{ key: "system", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    topologySpreadConstraints: [
      { topologyKey: "kubernetes.io/hostname", maxSkew: 1, whenUnsatisfiable: "DoNotSchedule", labelSelector: {} },
    ],
    extraEnv: [{ name: "SLUICE_NOTE", value: "1" }],
    extraVolumes: [{ name: "note", emptyDir: {} }],
    extraVolumeMounts: [{ name: "note", mountPath: "/note" }],
    extraObjects: [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "of-{{ .Release.Name }}" }, data: { a: "b" } },
    ],
    webhooks: { annotations: { "example.com/note": "yes" }, timeoutSeconds: 3 },
    certificates: { mode: "certManager" },
    networkPolicy: { monitoringNamespaces: ["monitoring"], ingress: "deny", egressCidrs: ["10.0.0.0/8"] },
    metrics: {
      podMonitor: MONITOR,
      serviceMonitor: MONITOR,
      prometheusRule: {
        enabled: true,
        labels: { release: "prometheus" },
        runbookUrl: "https://runbooks.example/sluice",
        disabled: ["SluiceStaleRouterVersion"],
        additionalGroups: [{ name: "more", rules: [{ alert: "More", expr: "vector(1)" }] }],
      },
    },
    dashboards: { enabled: true, annotations: { grafana_folder: "Sluice" } },
  },
  bare: {
    nameOverride: "egress",
    fullnameOverride: "egress-controller",
    crds: { install: false },
    exemptNamespaces: [],
    seccomp: { mode: "external", profiles: { agent: "ours/agent.json", router: "ours/router.json" } },
    trust: { existingConfigMap: "company-trust" },
    replicaCount: 1,
    serviceAccount: { create: false, name: "egress" },
    priorityClassName: "",
    podDisruptionBudget: { enabled: false },
    certificates: { mode: "provided", secretName: "company-tls", caBundle: CERTIFICATE },
    networkPolicy: { enabled: false, controller: { enabled: false } },
    metrics: { prometheusRule: { enabled: true } },
  },
  "not-enforced": {
    platform: "gke-autopilot",
    crds: { keep: false },
    injection: { guard: "notEnforced" },
    seccomp: { mode: "spo" },
    certificates: { mode: "provided" },
    metrics: { prometheusRule: { enabled: true } },
  },
  issuer: {
    certificates: {
      mode: "certManager",
      certManager: {
        issuerRef: { name: "company", kind: "ClusterIssuer", group: "cert-manager.io" },
        duration: "720h",
        renewBefore: "240h",
      },
    },
    image: { tag: "1.2.3" },
    seccomp: { mode: "external" },
    metrics: { prometheusRule: { enabled: true } },
  },
};

/** What is not known, or is no such value: `[what, values, what Helm says]`. */
export const REFUSED_VALUES: readonly (readonly [name: string, values: object, said: RegExp])[] = [
  ["an unknown key", { replicas: 3 }, /additional properties 'replicas' not allowed/],
  ["an unknown key below another", { injection: { gaurd: "required" } }, /additional properties 'gaurd' not allowed/],
  ["an unknown key of the sidecar's NetworkPolicies", { networkPolicy: { egress: [] } }, /'egress' not allowed/],
  ["a failurePolicy", { webhooks: { failurePolicy: "Ignore" } }, /'failurePolicy' not allowed/],
  ["a guard that is off", { injection: { guard: "off" } }, /must be one of 'required', 'notEnforced'/],
  ["a digest that is none", { image: { digest: "sha256:1234" } }, /image\/digest/],
  ["the router's UID for agents", { injection: { agentUser: 20_480 } }, /agentUser/],
  ["root for agents", { injection: { agentUser: 0 } }, /minimum/],
  ["a port that needs a privilege", { ports: { webhook: 443 } }, /minimum/],
  ["another directory of the node", { seccomp: { installer: { hostPath: "/etc" } } }, /hostPath/],
  ["a way out of the directory", { seccomp: { installer: { hostPath: "/var/lib/../seccomp" } } }, /hostPath/],
  ["a line break in a path", { seccomp: { installer: { hostPath: "/a\nb: c/seccomp" } } }, /hostPath/],
  ["a line break in a name", { priorityClassName: "a\nhostPID: true" }, /priorityClassName/],
  ["a time that no timer holds", { approvals: { keep: "30d" } }, /approvals\/keep/],
  ["no replica", { replicaCount: 0 }, /minimum/],
  ["a CA bundle that is no PEM", { certificates: { mode: "provided", caBundle: "bm8=" } }, /caBundle/],
  [
    "Autopilot without saying so",
    { platform: "gke-autopilot" },
    /On gke-autopilot no init container gets NET_ADMIN.*injection\.guard=notEnforced/,
  ],
  ["Fargate without saying so", { platform: "eks-fargate" }, /On eks-fargate no init container gets NET_ADMIN/],
  [
    "an installer where there is no hostPath",
    { platform: "eks-fargate", injection: { guard: "notEnforced" }, seccomp: { mode: "installer" } },
    /seccomp\.mode=installer cannot work/,
  ],
  [
    "the node's network where there is none",
    { platform: "gke-autopilot", injection: { guard: "notEnforced" }, hostNetwork: true },
    /unset hostNetwork/,
  ],
  ["a CA as short as its leaf", { certificates: { caDays: 30, leafDays: 30 } }, /must be at least twice/],
  [
    "profiles without the router's",
    { seccomp: { mode: "external", profiles: { agent: "a.json" } } },
    /must name agent and router/,
  ],
  [
    "a token outside its directory",
    { injection: { tokens: [token("../x")] } },
    /tokens\[0\]\.path is "\.\.\/x": it must be/,
  ],
  [
    "a token in the place of the router's",
    { injection: { tokens: [token("kubernetes/token")] } },
    /not below kubernetes/,
  ],
  [
    "two tokens at one path",
    { injection: { tokens: [token("t"), token("t")] } },
    /tokens\[1\]\.path is "t", and another/,
  ],
  ["a token below another", { injection: { tokens: [token("a/t"), token("b"), token("a")] } }, /a file of its own/],
  [
    "a section that the router does not have",
    { router: { nonsense: 1 } },
    /at '\/router': additional properties 'nonsense' not allowed/,
  ],
  [
    "a section of the router that is decided",
    { router: { listeners: {} } },
    /at '\/router': additional properties 'listeners' not allowed/,
  ],
  ["two servers on one port", { ports: { webhook: 18_090 } }, /ports\.webhook and ports\.admin are both 18090/],
  [
    "more CPU asked for than may be used",
    { injection: { resources: { requests: { cpu: "1500m" }, limits: { cpu: "1" } } } },
    /injection\.resources\.requests\.cpu is 1500m, more than its limit, 1:/,
  ],
  [
    "more memory asked for than may be used",
    { resources: { requests: { memory: "1Gi" }, limits: { memory: 536_870_912 } } },
    / resources\.requests\.memory is 1Gi/,
  ],
  [
    "too little memory for a router",
    { injection: { resources: { requests: { memory: "16Mi" }, limits: { memory: "16Mi" } } } },
    /injection\.resources\.limits\.memory is 16Mi: below 112Mi/,
  ],
  [
    "too little memory for what proves the guard",
    { injection: { initResources: { requests: { memory: "16Mi" }, limits: { memory: "32M" } } } },
    /initResources\.limits\.memory is 32M: below 64Mi/,
  ],
  ["null for a list", { exemptNamespaces: null }, /missing property 'exemptNamespaces'/],
  ["null for a group", { ports: null, metrics: null }, /missing properties 'ports', 'metrics'/],
  [
    "a label that is the chart's own",
    { commonLabels: { "app.kubernetes.io/name": "mine" } },
    /commonLabels: app\.kubernetes\.io\/name is/,
  ],
  [
    "a component's label for all",
    { commonLabels: { "app.kubernetes.io/component": "mine" } },
    /commonLabels: app.*component is/,
  ],
  ["two places of trust", { trust: { files: { a: "b" }, existingConfigMap: "c" } }, /not both/],
];

function token(path: string): object {
  return { path, audience: "sts.example.com" };
}
