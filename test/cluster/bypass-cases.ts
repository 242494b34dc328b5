/**
 * Everything that a pod's spec can say to get around the router, and what must come of it. One table for both controls
 * of the final pod: `judgePod` in the validating webhook, and the ValidatingAdmissionPolicies, which hold without it.
 */
import type { InjectionConfig } from "../../controller/config/controller-config.ts";
import { injectPod } from "../../controller/inject/inject-pod.ts";
import { TRUST_MOUNT } from "../../controller/inject/trust-mount.ts";
import { ANNOTATION, LABEL, PROVE_ID, ROUTER_ID } from "../../controller/pod/names.ts";
import type { JsonObject, PodObject } from "../../controller/pod/pod.ts";
import type { ViolationCode } from "../../controller/pod/violation.ts";
import { agentContainer, agentPod, apiAccessVolume, GUARD_IMAGE, injectionConfig } from "../fakes/agent-pod.ts";
import { append, change, type Change, insert, remove, set, swap } from "./pod-change.ts";

export interface BypassCase {
  readonly name: string;
  /** Number in the bypass catalogue (k8s-injection.md section 2.5), or the section that has it. */
  readonly catalogue: number | "1.2" | "2.4" | "new";
  /** EPHEMERAL, RESIZE: by that subresource of the pod, which the API server calls UPDATE too. */
  readonly operation: "CREATE" | "UPDATE" | "EPHEMERAL" | "RESIZE";
  /** Of UPDATE and EPHEMERAL: what the stored pod is like; without it the pod as injected. */
  readonly before: Change;
  /** From the stored pod, on CREATE the injected one, to the one that is asked for. */
  readonly change: Change;
  readonly expected: ViolationCode | "admitted";
  /** The API server's own validation refuses it, before any policy is asked. */
  readonly invalid: boolean;
}

const EARLIER_ROUTER = `registry.example/sluice/router@sha256:${"c".repeat(64)}`;
const EARLIER_GUARD = "registry.example/sluice/guard:0.9.0";

export const CASE_SETTINGS = injectionConfig({
  runtimeClasses: ["runc-hardened"],
  earlierImages: [EARLIER_ROUTER, EARLIER_GUARD],
  tokens: [{ path: "azure/token", audience: "api://AzureADTokenExchange", expirationSeconds: 3600 }],
});

/** An injected pod: an agent, and an init container of its own. */
export function finalPod(from: Change = [], settings: InjectionConfig = CASE_SETTINGS): PodObject {
  const own = agentContainer({ name: "setup", ports: [], readinessProbe: undefined });
  const plain = agentPod({ metadata: { name: "research-agent" }, spec: { initContainers: [own] } });
  return injectPod(change(plain, from), settings).pod;
}

const AGENT = "spec containers 0";
const SETUP = "spec initContainers 3";
const GUARD = "spec initContainers 0";
const PROVE = "spec initContainers 1";
const ROUTER = "spec initContainers 2";
const SECURITY = `${AGENT} securityContext`;
const POD_SECURITY = "spec securityContext";

const AFFINITY = "spec affinity nodeAffinity";
const REQUIRED_NODES = `${AFFINITY} requiredDuringSchedulingIgnoredDuringExecution nodeSelectorTerms`;
const PREFERRED_NODES = `${AFFINITY} preferredDuringSchedulingIgnoredDuringExecution`;
const other = { key: "mine", operator: "Exists" };

/** As a careful `kubectl debug --custom` makes one. */
const debugContainer = {
  name: "debugger",
  image: "registry.example/tools/debug:1",
  stdin: true,
  securityContext: {
    runAsUser: 1000,
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "Localhost", localhostProfile: "sluice/agent.json" },
  },
};

type Row = readonly [
  catalogue: BypassCase["catalogue"],
  name: string,
  change: Change,
  expected: BypassCase["expected"],
];

const created: readonly Row[] = [
  [33, "as injected", [], "admitted"],

  [34, "the node's network", [set("spec hostNetwork", true)], "host_network"],
  [19, "the node's processes", [set("spec hostPID", true)], "host_namespace"],
  [19, "the node's IPC", [set("spec hostIPC", true)], "host_namespace"],
  [19, "processes shared in the pod", [set("spec shareProcessNamespace", true)], "process_namespace_shared"],
  [34, "a port of the node", [set(`${AGENT} ports 0 hostPort`, 8080)], "host_port"],
  [
    34,
    "a port of the node, of an init container",
    [append(`${SETUP} ports`, { containerPort: 1, hostPort: 81 })],
    "host_port",
  ],
  [
    36,
    "the node's files",
    [append("spec volumes", { name: "node", hostPath: { path: "/var/lib/kubelet/pods" } })],
    "host_path",
  ],
  [
    15,
    "a sysctl of the network",
    [set(`${POD_SECURITY} sysctls`, [{ name: "net.ipv4.ping_group_range", value: "0 0" }])],
    "sysctl",
  ],
  [
    15,
    "a sysctl with slashes",
    [set(`${POD_SECURITY} sysctls`, [{ name: "net/ipv4/ping_group_range", value: "0 0" }])],
    "sysctl",
  ],
  [
    "1.2",
    "a sysctl of shared memory",
    [set(`${POD_SECURITY} sysctls`, [{ name: "kernel.shm_rmid_forced", value: "1" }])],
    "admitted",
  ],

  [3, "root", [set(`${SECURITY} runAsUser`, 0)], "user_root"],
  [3, "root, of an init container", [set(`${SETUP} securityContext runAsUser`, 0)], "user_root"],
  [3, "root, of the pod", [set(`${POD_SECURITY} runAsUser`, 0)], "user_root"],
  [3, "perhaps root", [set(`${SECURITY} runAsNonRoot`, false)], "user_root"],
  [3, "perhaps root, not said", [remove(`${SECURITY} runAsNonRoot`)], "user_root"],
  [
    "1.2",
    "not root, said by the pod",
    [remove(`${SECURITY} runAsNonRoot`), set(`${POD_SECURITY} runAsNonRoot`, true)],
    "admitted",
  ],
  [4, "the router's UID", [set(`${SECURITY} runAsUser`, ROUTER_ID)], "user_router"],
  [4, "the router's UID, of the pod", [set(`${POD_SECURITY} runAsUser`, ROUTER_ID)], "user_router"],
  [
    4,
    "the router's UID, inherited",
    [remove(`${SECURITY} runAsUser`), set(`${POD_SECURITY} runAsUser`, ROUTER_ID)],
    "user_router",
  ],
  [4, "the prover's UID", [set(`${SECURITY} runAsUser`, PROVE_ID)], "user_router"],
  [4, "the image's UID", [remove(`${SECURITY} runAsUser`)], "user_missing"],
  [4, "the image's UID, of an init container", [remove(`${SETUP} securityContext runAsUser`)], "user_missing"],
  [4, "no securityContext", [remove(SECURITY)], "user_missing"],
  ["1.2", "the pod's UID", [remove(`${SECURITY} runAsUser`), set(`${POD_SECURITY} runAsUser`, 1001)], "admitted"],
  [4, "the router's group", [set(`${SECURITY} runAsGroup`, ROUTER_ID)], "group_router"],
  [4, "the router's group, of the pod", [set(`${POD_SECURITY} runAsGroup`, ROUTER_ID)], "group_router"],
  [4, "the router's group for files", [set(`${POD_SECURITY} fsGroup`, ROUTER_ID)], "group_router"],
  [4, "the router's group among others", [set(`${POD_SECURITY} supplementalGroups`, [7, ROUTER_ID])], "group_router"],
  [
    "1.2",
    "groups of its own",
    [set(`${POD_SECURITY} supplementalGroups`, [7]), set(`${POD_SECURITY} fsGroup`, 2000)],
    "admitted",
  ],

  [
    6,
    "privileged",
    [set(`${SECURITY} privileged`, true), remove(`${SECURITY} allowPrivilegeEscalation`)],
    "privileged",
  ],
  [
    6,
    "privileged, of an init container",
    [set(`${SETUP} securityContext privileged`, true), remove(`${SETUP} securityContext allowPrivilegeEscalation`)],
    "privileged",
  ],
  [4, "setuid files", [set(`${SECURITY} allowPrivilegeEscalation`, true)], "privilege_escalation"],
  [4, "setuid files, not said", [remove(`${SECURITY} allowPrivilegeEscalation`)], "privilege_escalation"],
  ...["NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "SYS_PTRACE", "BPF", "ALL", "net_admin"].map(
    (name): Row => [
      name === "NET_RAW" ? 7 : 6,
      `capability ${name}`,
      [set(`${SECURITY} capabilities add`, [name])],
      "capability",
    ],
  ),
  [
    6,
    "a capability, of an init container",
    [set(`${SETUP} securityContext capabilities add`, ["NET_ADMIN"])],
    "capability",
  ],
  [5, "the runtime's capabilities", [remove(`${SECURITY} capabilities`)], "capability"],
  [5, "most capabilities dropped", [set(`${SECURITY} capabilities drop`, ["NET_RAW", "NET_ADMIN"])], "capability"],
  ["1.2", "ports below 1024", [set(`${SECURITY} capabilities add`, ["NET_BIND_SERVICE"])], "admitted"],
  [19, "an open /proc", [set("spec hostUsers", false), set(`${SECURITY} procMount`, "Unmasked")], "proc_mount"],
  ["1.2", "the usual /proc", [set(`${SECURITY} procMount`, "Default")], "admitted"],
  [16, "no seccomp", [set(`${SECURITY} seccompProfile`, { type: "Unconfined" })], "seccomp"],
  [16, "seccomp not said", [remove(`${SECURITY} seccompProfile`)], "seccomp"],
  [
    16,
    "no seccomp, of the pod",
    [remove(`${SECURITY} seccompProfile`), set(`${POD_SECURITY} seccompProfile`, { type: "Unconfined" })],
    "seccomp",
  ],
  [
    16,
    "a seccomp profile of its own",
    [set(`${SECURITY} seccompProfile`, { type: "Localhost", localhostProfile: "mine.json" })],
    "seccomp",
  ],
  [
    16,
    "the router's seccomp profile",
    [set(`${SECURITY} seccompProfile`, { type: "Localhost", localhostProfile: "sluice/router.json" })],
    "seccomp",
  ],
  [
    16,
    "the runtime's seccomp profile, where ours is there",
    [set(`${SECURITY} seccompProfile`, { type: "RuntimeDefault" })],
    "seccomp",
  ],
  [
    16,
    "no seccomp, of an init container",
    [set(`${SETUP} securityContext seccompProfile`, { type: "Unconfined" })],
    "seccomp",
  ],
  [
    "1.2",
    "the browsers' seccomp profile",
    [set(`${SECURITY} seccompProfile localhostProfile`, "sluice/browser.json")],
    "admitted",
  ],
  [
    "1.2",
    "a seccomp profile that nobody inherits",
    [set(`${POD_SECURITY} seccompProfile`, { type: "RuntimeDefault" })],
    "admitted",
  ],
  ["1.2", "AppArmor off", [set(`${SECURITY} appArmorProfile`, { type: "Unconfined" })], "apparmor"],
  ["1.2", "AppArmor off, of the pod", [set(`${POD_SECURITY} appArmorProfile`, { type: "Unconfined" })], "apparmor"],
  [
    "1.2",
    "AppArmor off, by annotation",
    [set("metadata annotations container.apparmor.security.beta.kubernetes.io/agent", "unconfined")],
    "apparmor",
  ],
  [
    "1.2",
    "other annotations",
    [
      set("metadata annotations container.apparmor.security.beta.kubernetes.io/agent", "runtime/default"),
      set("metadata annotations mine", "unconfined"),
    ],
    "admitted",
  ],
  [
    "1.2",
    "AppArmor as the runtime has it",
    [set(`${SECURITY} appArmorProfile`, { type: "RuntimeDefault" })],
    "admitted",
  ],
  ["1.2", "an SELinux type", [set(`${SECURITY} seLinuxOptions`, { type: "spc_t" })], "selinux"],
  ["1.2", "an SELinux type, of the pod", [set(`${POD_SECURITY} seLinuxOptions`, { type: "spc_t" })], "selinux"],
  ["1.2", "an SELinux user", [set(`${SECURITY} seLinuxOptions`, { user: "system_u" })], "selinux"],
  ["1.2", "an SELinux role, of the pod", [set(`${POD_SECURITY} seLinuxOptions`, { role: "sysadm_r" })], "selinux"],
  [
    "1.2",
    "an SELinux level",
    [set(`${SECURITY} seLinuxOptions`, { level: "s0:c1,c2", type: "container_t" })],
    "admitted",
  ],
  ["2.4", "Windows by its options", [set(`${SECURITY} windowsOptions`, { runAsUserName: "x" })], "windows"],
  [
    "2.4",
    "Windows by its options, of the pod",
    [set(`${POD_SECURITY} windowsOptions`, { runAsUserName: "x" })],
    "windows",
  ],
  ["2.4", "Windows by node selector", [set("spec nodeSelector", { "kubernetes.io/os": "windows" })], "windows"],

  [
    "1.2",
    "a raw disk",
    [
      append("spec volumes", { name: "disk", persistentVolumeClaim: { claimName: "disk" } }),
      set(`${AGENT} volumeDevices`, [{ name: "disk", devicePath: "/dev/sda" }]),
    ],
    "device",
  ],
  [
    "new",
    "a file server, reached over the node's network",
    [append("spec volumes", { name: "away", nfs: { server: "203.0.113.7", path: "/" } })],
    "device",
  ],
  [
    "new",
    "a disk server, reached over the node's network",
    [
      append("spec volumes", {
        name: "away",
        iscsi: { targetPortal: "203.0.113.7", iqn: "iqn.2001-04.com.example:x", lun: 0 },
      }),
    ],
    "device",
  ],
  [
    "new",
    "a file server, by a driver",
    [
      append("spec volumes", {
        name: "away",
        csi: { driver: "nfs.csi.k8s.io", volumeAttributes: { server: "203.0.113.7", share: "/" } },
      }),
    ],
    "device",
  ],
  [
    "1.2",
    "volumes of the usual kinds",
    [
      append("spec volumes", { name: "data", persistentVolumeClaim: { claimName: "data" } }),
      append("spec volumes", { name: "scratch", emptyDir: {} }),
      append("spec volumes", { name: "settings", configMap: { name: "settings" } }),
    ],
    "admitted",
  ],
  [
    28,
    "a probe of another host",
    [set(`${AGENT} livenessProbe`, { httpGet: { host: "203.0.113.7", path: "/", port: 80 } })],
    "probe_host",
  ],
  [
    28,
    "a readiness probe of another host",
    [set(`${AGENT} readinessProbe`, { tcpSocket: { host: "203.0.113.7", port: 80 } })],
    "probe_host",
  ],
  [
    28,
    "a startup probe of another host",
    [set(`${AGENT} startupProbe`, { tcpSocket: { host: "203.0.113.7", port: 80 } })],
    "probe_host",
  ],
  [
    31,
    "a start hook to another host",
    [set(`${AGENT} lifecycle`, { postStart: { httpGet: { host: "203.0.113.7", path: "/", port: 80 } } })],
    "probe_host",
  ],
  [
    31,
    "a stop hook to another host",
    [set(`${AGENT} lifecycle`, { preStop: { tcpSocket: { host: "203.0.113.7", port: 80 } } })],
    "probe_host",
  ],
  [
    "1.2",
    "probes and hooks of its own",
    [
      set(`${AGENT} lifecycle`, {
        postStart: { exec: { command: ["true"] } },
        preStop: { httpGet: { path: "/", port: 80 } },
      }),
    ],
    "admitted",
  ],

  [30, "an init container before the guard", [swap("spec initContainers", 0, 3)], "order_wrong"],
  [
    31,
    "a sidecar between guard and router",
    [
      insert("spec initContainers", 2, {
        ...agentContainer({ name: "mesh" }),
        restartPolicy: "Always",
        volumeMounts: [],
        ports: [],
        securityContext: debugContainer.securityContext,
      }),
    ],
    "order_wrong",
  ],
  [30, "guard and prove exchanged", [swap("spec initContainers", 0, 1)], "order_wrong"],
  [30, "prove after the router", [swap("spec initContainers", 1, 2)], "order_wrong"],
  [33, "no guard", [remove(GUARD)], "not_injected"],
  [33, "no prover", [remove(PROVE)], "not_injected"],
  [33, "no router", [remove(ROUTER)], "not_injected"],
  [33, "nothing injected", [remove("spec initContainers")], "not_injected"],
  [
    33,
    "status annotation alone",
    [remove("spec initContainers"), set(`metadata annotations ${ANNOTATION.status}`, "{}")],
    "not_injected",
  ],
  [33, "opted out", [remove("spec initContainers"), set(`metadata labels ${LABEL.inject}`, "false")], "not_injected"],
  [
    33,
    "a guard among the containers",
    [append("spec containers", { ...debugContainer, name: "sluice-guard-2" })],
    "name_reserved",
  ],
  [
    33,
    "the router as a common container",
    [append("spec containers", { ...debugContainer, name: "sluice-router" }), remove(ROUTER)],
    "order_wrong",
  ],

  [32, "another guard", [set(`${GUARD} image`, "registry.example/mine:1")], "guard_altered"],
  [32, "another prover", [set(`${PROVE} image`, "registry.example/mine:1")], "prove_altered"],
  [32, "another router", [set(`${ROUTER} image`, "registry.example/mine:1")], "router_altered"],
  [32, "an earlier router", [set(`${ROUTER} image`, "registry.example/sluice/router:0.0.1")], "router_altered"],
  ...(
    [
      [GUARD, "guard_altered", "guard"],
      [PROVE, "prove_altered", "prover"],
      [ROUTER, "router_altered", "router"],
    ] as const
  ).flatMap(([at, code, who]): readonly Row[] => [
    [33, `other arguments of the ${who}`, [set(`${at} args`, ["guard", "print"])], code],
    [33, `no arguments of the ${who}`, [remove(`${at} args`)], code],
    [33, `a command of the ${who}`, [set(`${at} command`, ["/bin/true"])], code],
    [33, `a directory of the ${who}`, [set(`${at} workingDir`, "/tmp")], code],
    [
      33,
      `an environment of the ${who} from elsewhere`,
      [set(`${at} envFrom`, [{ configMapRef: { name: "mine" } }])],
      code,
    ],
    [4, `root, of the ${who}, or not`, [set(`${at} securityContext runAsUser`, 1)], code],
    [4, `the group of the ${who}`, [set(`${at} securityContext runAsGroup`, 1)], code],
    [
      6,
      `a capability of the ${who}`,
      [set(`${at} securityContext capabilities add`, ["NET_ADMIN", "SYS_ADMIN"])],
      code,
    ],
    [6, `capabilities of the ${who} kept`, [set(`${at} securityContext capabilities drop`, [])], code],
    [
      6,
      `a privileged ${who}`,
      [set(`${at} securityContext privileged`, true), remove(`${at} securityContext allowPrivilegeEscalation`)],
      code,
    ],
    [4, `setuid files of the ${who}`, [set(`${at} securityContext allowPrivilegeEscalation`, true)], code],
    [36, `a writable root of the ${who}`, [set(`${at} securityContext readOnlyRootFilesystem`, false)], code],
    [16, `no seccomp of the ${who}`, [set(`${at} securityContext seccompProfile`, { type: "Unconfined" })], code],
    ["1.2", `AppArmor of the ${who} off`, [set(`${at} securityContext appArmorProfile`, { type: "Unconfined" })], code],
    [
      36,
      `a volume in the ${who}`,
      [
        append("spec volumes", { name: "mine", emptyDir: {} }),
        append(`${at} volumeMounts`, { name: "mine", mountPath: "/mine" }),
      ],
      code,
    ],
    [36, `no volumes in the ${who}`, [remove(`${at} volumeMounts`)], code],
    [
      "1.2",
      `a raw disk in the ${who}`,
      [
        append("spec volumes", { name: "disk", persistentVolumeClaim: { claimName: "disk" } }),
        set(`${at} volumeDevices`, [{ name: "disk", devicePath: "/dev/sda" }]),
      ],
      code,
    ],
    ["1.2", `a terminal of the ${who}`, [set(`${at} stdin`, true)], code],
  ]),
  [30, "the guard as a sidecar that need not end", [set(`${GUARD} restartPolicy`, "Always")], "guard_altered"],
  [33, "a variable of the guard", [set(`${GUARD} env`, [{ name: "PATH", value: "/mine" }])], "guard_altered"],
  [
    33,
    "a variable of the prover",
    [set(`${PROVE} env`, [{ name: "NODE_OPTIONS", value: "--require /mine.js" }])],
    "prove_altered",
  ],
  [
    33,
    "a router that ends",
    [
      remove(`${ROUTER} restartPolicy`),
      remove(`${ROUTER} startupProbe`),
      remove(`${ROUTER} readinessProbe`),
      remove(`${ROUTER} livenessProbe`),
    ],
    "router_altered",
  ],
  [
    33,
    "a variable more in the router",
    [append(`${ROUTER} env`, { name: "NODE_OPTIONS", value: "--require /mine.js" })],
    "router_altered",
  ],
  [
    33,
    "a variable twice in the router",
    [append(`${ROUTER} env`, { name: "SLUICE_IDENTITY_AGENT", value: "other" })],
    "router_altered",
  ],
  [33, "a variable less in the router", [remove(`${ROUTER} env 4`)], "router_altered"],
  [33, "no variables in the router", [remove(`${ROUTER} env`)], "router_altered"],
  [33, "another agent's name in the router", [set(`${ROUTER} env 2 value`, "billing-agent")], "router_altered"],
  [
    33,
    "the guard not expected by the router",
    [append(`${ROUTER} env`, { name: "SLUICE_GUARD_EXPECTED", value: "false" })],
    "router_altered",
  ],
  [
    31,
    "a hook of the router",
    [set(`${ROUTER} lifecycle`, { postStart: { exec: { command: ["node", "-e", "0"] } } })],
    "router_altered",
  ],
  [
    31,
    "a startup probe that runs a program in the router",
    [remove(`${ROUTER} startupProbe httpGet`), set(`${ROUTER} startupProbe exec`, { command: ["node", "-e", "0"] })],
    "router_altered",
  ],
  [
    31,
    "a liveness probe that runs a program in the router",
    [remove(`${ROUTER} livenessProbe httpGet`), set(`${ROUTER} livenessProbe exec`, { command: ["node", "-e", "0"] })],
    "router_altered",
  ],
  [31, "a readiness probe of another path", [set(`${ROUTER} readinessProbe httpGet path`, "/livez")], "router_altered"],
  [31, "a startup probe of another port", [set(`${ROUTER} startupProbe httpGet port`, 8080)], "router_altered"],
  [31, "no startup probe", [remove(`${ROUTER} startupProbe`)], "router_altered"],
  [
    28,
    "a liveness probe of another host",
    [set(`${ROUTER} livenessProbe httpGet host`, "203.0.113.7")],
    "router_altered",
  ],
  [34, "a port of the node for the router", [set(`${ROUTER} ports 0 hostPort`, 18_090)], "router_altered"],
  [
    36,
    "last words of the router's over its labels",
    [set(`${ROUTER} terminationMessagePath`, "/etc/sluice/podinfo/labels")],
    "router_altered",
  ],
  [
    36,
    "a volume of the router elsewhere",
    [
      set(`${ROUTER} volumeMounts 1 mountPath`, "/etc/sluice/trust"),
      set(`${ROUTER} volumeMounts 2 mountPath`, "/etc/sluice/policy"),
    ],
    "router_altered",
  ],
  [
    36,
    "settings of the router's from the policy",
    [set(`${ROUTER} volumeMounts 0 name`, "sluice-policy")],
    "router_altered",
  ],
  [32, "the router of an earlier release, its name kept", [set(`${ROUTER} image`, EARLIER_ROUTER)], "router_altered"],
  [
    32,
    "an earlier router, with another earlier name",
    [set(`${ROUTER} image`, EARLIER_ROUTER), set(`${ROUTER} env 3 value`, EARLIER_GUARD)],
    "router_altered",
  ],
  [
    "1.2",
    "all of an earlier release",
    [
      set(`${GUARD} image`, EARLIER_GUARD),
      set(`${PROVE} image`, EARLIER_ROUTER),
      set(`${ROUTER} image`, EARLIER_ROUTER),
      set(`${ROUTER} env 3 value`, EARLIER_ROUTER),
    ],
    "admitted",
  ],
  [
    "1.2",
    "an earlier router that has no digest",
    [set(`${ROUTER} image`, EARLIER_GUARD), remove(`${ROUTER} env 3`)],
    "admitted",
  ],
  [
    32,
    "an earlier router that has no digest, with a name",
    [set(`${ROUTER} image`, EARLIER_GUARD), set(`${ROUTER} env 3 value`, EARLIER_GUARD)],
    "router_altered",
  ],
  [
    32,
    "an earlier guard with arguments of its own",
    [set(`${GUARD} image`, EARLIER_GUARD), set(`${GUARD} args`, ["guard", "print"])],
    "guard_altered",
  ],
  ...[`${AGENT} resources`, `${SETUP} resources`].flatMap((at): readonly Row[] => [
    ...[
      "rdma/hca",
      "deviceclass.resource.kubernetes.io/nic",
      "intel.com/sriov_vfio",
      "vpc.amazonaws.com/efa",
      "example.com/MLNX-nics",
    ].map((name): Row => ["new", `a network device ${name} at ${at}`, [set(at, devices(name))], "device"]),
    ...["nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915", "hugepages-2Mi"].map((name): Row => [
      "1.2",
      `a device ${name} at ${at}`,
      [set(at, devices(name))],
      "admitted",
    ]),
  ]),
  ...[AGENT, SETUP].map((at): Row => [
    "new",
    `a port that scrapers take for the router's, of ${at}`,
    [set(`${at} ports`, [{ name: "sluice-metrics", containerPort: 8080 }])],
    "name_reserved",
  ]),
  ...["sluice-router", "sluice-trust", "sluice-policies", "kube-root-ca.crt"].map((name): Row => [
    36,
    `the policy from the ConfigMap ${name}`,
    named(name),
    "router_volume",
  ]),
  ["1.2", "the policy from a ConfigMap of another name", named("sluice-policy-2"), "admitted"],
  ["new", "a device by claim", [set("spec resourceClaims", [{ name: "nic", resourceClaimName: "mine" }])], "device"],
  ...[AGENT, SETUP].flatMap((at): readonly Row[] => [
    [
      30,
      `a restart of all containers, by ${at}`,
      [set(`${at} restartPolicy`, "Never"), restart(at, "RestartAllContainers")],
      "restart_all",
    ],
    [
      "1.2",
      `a restart of one container, ${at}`,
      [set(`${at} restartPolicy`, "Never"), restart(at, "Restart")],
      "admitted",
    ],
  ]),
  [24, "the router's name servers", [set("spec dnsConfig", { nameservers: ["203.0.113.53"] })], "router_altered"],
  [
    "1.2",
    "search domains",
    [set("spec dnsConfig", { searches: ["corp.example"], options: [{ name: "ndots", value: "2" }] })],
    "admitted",
  ],
  // The router asks DNS itself and never reads /etc/hosts, which the kubelet shares with the agent's containers.
  [
    "1.2",
    "host aliases",
    [set("spec hostAliases", [{ ip: "203.0.113.7", hostnames: ["api.github.com"] }])],
    "admitted",
  ],
  ["1.2", "a user namespace", [set("spec hostUsers", false)], "admitted"],
  ["1.2", "a node chosen by name", [set("spec nodeName", "node-7")], "admitted"],

  ...[
    "sluice-secrets",
    "sluice-state",
    "sluice-audit",
    "sluice-run",
    "sluice-config",
    "sluice-policy",
    "sluice-trust",
    "sluice-podinfo",
    "sluice-tmp",
    "sluice-ca",
  ].map((name): Row => [
    36,
    `the agent mounts ${name}`,
    [append(`${AGENT} volumeMounts`, { name, mountPath: "/mine" })],
    "router_volume",
  ]),
  [
    36,
    "an init container mounts the router's secrets",
    [append(`${SETUP} volumeMounts`, { name: "sluice-secrets", mountPath: "/mine" })],
    "router_volume",
  ],
  [36, "the router's settings from another ConfigMap", [set("spec volumes 0 configMap name", "mine")], "router_volume"],
  [36, "a policy that the annotation does not name", [set("spec volumes 1 configMap name", "mine")], "router_volume"],
  [36, "an optional policy", [set("spec volumes 1 configMap optional", true)], "router_volume"],
  [36, "trust from another ConfigMap", [set("spec volumes 2 configMap name", "mine")], "router_volume"],
  [
    36,
    "keys of trust renamed",
    [set("spec volumes 2 configMap items", [{ key: "mine", path: "signers.yaml" }])],
    "router_volume",
  ],
  [
    36,
    "trust from the node",
    [set("spec volumes 2", { name: "sluice-trust", hostPath: { path: "/" } })],
    "router_volume",
  ],
  [36, "trust that the agent writes", [set("spec volumes 2", { name: "sluice-trust", emptyDir: {} })], "router_volume"],
  [
    36,
    "credentials from another Secret",
    [set("spec volumes 3 projected sources 0 secret name", "mine")],
    "router_volume",
  ],
  [
    36,
    "a source more among the credentials",
    [append("spec volumes 3 projected sources", { secret: { name: "mine" } })],
    "router_volume",
  ],
  [
    36,
    "a token of another audience for the router",
    [set("spec volumes 3 projected sources 1 serviceAccountToken audience", "mine")],
    "router_volume",
  ],
  [
    36,
    "another root of trust for the API server",
    [set("spec volumes 3 projected sources 2 configMap name", "mine")],
    "router_volume",
  ],
  [
    36,
    "labels from elsewhere",
    [set("spec volumes 4 downwardAPI items 0 fieldRef fieldPath", "metadata.annotations")],
    "router_volume",
  ],
  [
    36,
    "state on a claim",
    [set("spec volumes 5", { name: "sluice-state", persistentVolumeClaim: { claimName: "mine" } })],
    "router_volume",
  ],
  [
    36,
    "audit on a claim",
    [set("spec volumes 6", { name: "sluice-audit", persistentVolumeClaim: { claimName: "mine" } })],
    "router_volume",
  ],
  [
    36,
    "a proof on a claim",
    [set("spec volumes 7", { name: "sluice-run", persistentVolumeClaim: { claimName: "mine" } })],
    "router_volume",
  ],
  ["new", "the certificates as injected, again", [set(`${AGENT} volumeMounts`, [TRUST_MOUNT])], "admitted"],
  ["new", "no certificates", [remove(`${AGENT} volumeMounts`)], "admitted"],
  ...Object.entries({
    "to write": { readOnly: undefined },
    "to write, in words": { readOnly: false },
    "in the place of others": { mountPath: "/etc/ssl/certs" },
    "in part": { subPath: "ca.pem" },
    "in part, by a variable": { subPathExpr: "$(LOG_LEVEL)" },
    "with what is mounted later": { mountPropagation: "HostToContainer" },
  }).map(([how, members]): Row => [
    "new",
    `the certificates ${how}`,
    [set(`${AGENT} volumeMounts`, [{ ...TRUST_MOUNT, ...members }])],
    "router_volume",
  ]),
  [
    "new",
    "the certificates to write, in an init container",
    [remove(`${SETUP} volumeMounts 0 readOnly`)],
    "router_volume",
  ],
  [
    "new",
    "the certificates twice",
    [append(`${AGENT} volumeMounts`, { ...TRUST_MOUNT, mountPath: "/mine" })],
    "router_volume",
  ],
  [
    "new",
    "another volume in the place of the certificates",
    [
      append("spec volumes", { name: "mine", emptyDir: {} }),
      set(`${AGENT} volumeMounts`, [{ name: "mine", mountPath: TRUST_MOUNT.mountPath }]),
    ],
    "admitted",
  ],
  [
    "new",
    "the router's certificates to read alone",
    [set(`${ROUTER} volumeMounts 8 readOnly`, true)],
    "router_altered",
  ],
  [
    "new",
    "certificates from a ConfigMap",
    [set("spec volumes 8", { name: "sluice-ca", configMap: { name: "mine" } })],
    "router_volume",
  ],
  ["new", "certificates on the disk", [set("spec volumes 8 emptyDir", { sizeLimit: "4Mi" })], "router_volume"],
  [
    "new",
    "certificates as a variable",
    [
      append(`${AGENT} env`, {
        name: "X",
        valueFrom: { fileKeyRef: { volumeName: "sluice-ca", path: "ca.pem", key: "X" } },
      }),
    ],
    "router_volume",
  ],
  [
    36,
    "scratch files of the guard on a claim",
    [set("spec volumes 9", { name: "sluice-tmp", persistentVolumeClaim: { claimName: "mine" } })],
    "router_volume",
  ],
  [36, "a volume of our names", [append("spec volumes", { name: "sluice-mine", emptyDir: {} })], "name_reserved"],
  [36, "a policy by annotation", [set(`metadata annotations ${ANNOTATION.policy}`, "other-policy")], "router_volume"],
  [
    36,
    "a policy by annotation, everywhere",
    [
      set(`metadata annotations ${ANNOTATION.policy}`, "other-policy"),
      set("spec volumes 1 configMap name", "other-policy"),
      set(`metadata labels ${LABEL.policyName}`, "other-policy"),
    ],
    "admitted",
  ],

  [
    35,
    "the credentials as a volume",
    [append("spec volumes", { name: "mine", secret: { secretName: "sluice-credentials" } })],
    "router_secret",
  ],
  [
    35,
    "the credentials as a projected source",
    [append("spec volumes", { name: "mine", projected: { sources: [{ secret: { name: "sluice-credentials" } }] } })],
    "router_secret",
  ],
  [
    35,
    "the credentials by a driver",
    [
      append("spec volumes", {
        name: "mine",
        csi: { driver: "secrets-store.csi.k8s.io", nodePublishSecretRef: { name: "sluice-credentials" } },
      }),
    ],
    "router_secret",
  ],
  [
    35,
    "the credentials as a variable",
    [
      append(`${AGENT} env`, {
        name: "KEY",
        valueFrom: { secretKeyRef: { name: "sluice-credentials", key: "openai" } },
      }),
    ],
    "router_secret",
  ],
  [
    35,
    "the credentials as variables",
    [set(`${AGENT} envFrom`, [{ secretRef: { name: "sluice-credentials" } }])],
    "router_secret",
  ],
  [
    35,
    "the credentials in an init container",
    [set(`${SETUP} envFrom`, [{ secretRef: { name: "sluice-credentials" } }])],
    "router_secret",
  ],
  [
    36,
    "trust as a volume of its own",
    [append("spec volumes", { name: "mine", configMap: { name: "sluice-trust" } })],
    "router_volume",
  ],
  [
    36,
    "trust as a projected source",
    [append("spec volumes", { name: "mine", projected: { sources: [{ configMap: { name: "sluice-trust" } }] } })],
    "router_volume",
  ],
  [
    36,
    "the router's state as variables",
    [
      append(`${AGENT} env`, {
        name: "X",
        valueFrom: { fileKeyRef: { volumeName: "sluice-state", path: "state", key: "X" } },
      }),
    ],
    "router_volume",
  ],
  [
    36,
    "settings as a variable",
    [
      append(`${AGENT} env`, {
        name: "X",
        valueFrom: { configMapKeyRef: { name: "sluice-router", key: "router.yaml" } },
      }),
    ],
    "router_volume",
  ],
  [
    36,
    "settings as variables",
    [set(`${AGENT} envFrom`, [{ configMapRef: { name: "sluice-router" } }])],
    "router_volume",
  ],
  [
    "1.2",
    "secrets of its own",
    [
      append(`${AGENT} env`, { name: "KEY", valueFrom: { secretKeyRef: { name: "mine", key: "key" } } }),
      set(`${AGENT} envFrom`, [{ secretRef: { name: "mine" } }]),
    ],
    "admitted",
  ],
  [
    35,
    "a token projected for the agent",
    [
      append("spec volumes", {
        name: "mine",
        projected: { sources: [{ serviceAccountToken: { path: "token", audience: "sts.amazonaws.com" } }] },
      }),
    ],
    "token",
  ],
  [35, "the API server's token left", [append("spec volumes", apiAccessVolume("kube-api-access-x2k8q"))], "token"],
  [35, "a token automounted", [set("spec automountServiceAccountToken", true)], "token"],
  [35, "a token automounted by default", [remove("spec automountServiceAccountToken")], "token"],
  [
    "1.2",
    "sources of its own",
    [
      append("spec volumes", {
        name: "mine",
        projected: {
          sources: [
            { secret: { name: "mine" } },
            { configMap: { name: "mine" } },
            { downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
          ],
        },
      }),
    ],
    "admitted",
  ],
  [
    35,
    "a certificate of the pod",
    [
      append("spec volumes", {
        name: "mine",
        projected: {
          sources: [
            { podCertificate: { signerName: "x.example/y", keyType: "ED25519", credentialBundlePath: "c.pem" } },
          ],
        },
      }),
    ],
    "token",
  ],

  ["2.4", "a runtime that was not tried", [set("spec runtimeClassName", "gvisor")], "runtime_class"],
  ["2.4", "a runtime that was tried", [set("spec runtimeClassName", "runc-hardened")], "admitted"],
  ["2.4", "Fargate by its scheduler", [set("spec schedulerName", "fargate-scheduler")], "node_not_enforceable"],
  [
    "2.4",
    "Fargate by its label",
    [set("metadata labels eks.amazonaws.com/fargate-profile", "mine")],
    "node_not_enforceable",
  ],
  [
    "2.4",
    "Fargate by node selector",
    [set("spec nodeSelector", { "eks.amazonaws.com/compute-type": "fargate" })],
    "node_not_enforceable",
  ],
  [
    "2.4",
    "a virtual kubelet by node selector",
    [set("spec nodeSelector", { type: "virtual-kubelet" })],
    "node_not_enforceable",
  ],
  [
    "2.4",
    "a virtual kubelet by toleration",
    [append("spec tolerations", { key: "virtual-kubelet.io/provider", operator: "Exists" })],
    "node_not_enforceable",
  ],
  [
    "2.4",
    "Fargate by toleration",
    [append("spec tolerations", { key: "eks.amazonaws.com/compute-type", value: "fargate" })],
    "node_not_enforceable",
  ],
  ["2.4", "every taint tolerated", [append("spec tolerations", { operator: "Exists" })], "node_not_enforceable"],
  ...(
    [
      ["a virtual kubelet", "type", "In", "virtual-kubelet", "node_not_enforceable"],
      ["Fargate", "eks.amazonaws.com/compute-type", "In", "fargate", "node_not_enforceable"],
      ["a virtual kubelet's name", "kubernetes.io/hostname", "In", "virtual-node-aci-linux", "node_not_enforceable"],
      ["Windows", "kubernetes.io/os", "In", "windows", "windows"],
      ["what is not Linux", "kubernetes.io/os", "NotIn", "linux", "windows"],
      ["no virtual kubelet", "type", "NotIn", "virtual-kubelet", "admitted"],
      ["Linux", "kubernetes.io/os", "In", "linux", "admitted"],
    ] as const
  ).flatMap(([what, key, operator, value, expected]): readonly Row[] => {
    const term = { matchExpressions: [{ key, operator, values: ["mine", value] }] };
    return [
      ["2.4", `affinity to ${what}`, [set(REQUIRED_NODES, [{ matchExpressions: [other] }, term])], expected],
      ["2.4", `a preference of ${what}`, [set(PREFERRED_NODES, [{ weight: 1, preference: term }])], expected],
    ];
  }),
  [
    "2.4",
    "affinity to a virtual kubelet by its field",
    [set(REQUIRED_NODES, [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["virtual-node-1"] }] }])],
    "node_not_enforceable",
  ],
  ["2.4", "Windows by its older label", [set("spec nodeSelector", { "beta.kubernetes.io/os": "windows" })], "windows"],
  [
    "2.4",
    "a virtual kubelet by its host name",
    [set("spec nodeSelector", { "kubernetes.io/hostname": "fargate-ip-10-0-0-1" })],
    "node_not_enforceable",
  ],
  ["2.4", "a virtual kubelet by name", [set("spec nodeName", "virtual-node-aci-linux")], "node_not_enforceable"],

  [33, "not marked as injected", [remove(`metadata labels ${LABEL.injected}`)], "not_injected"],
  [33, "marked as not injected", [set(`metadata labels ${LABEL.injected}`, "false")], "not_injected"],
  [33, "marked with another policy", [set(`metadata labels ${LABEL.policyName}`, "open")], "not_injected"],
  [33, "not marked with an agent's name", [remove(`metadata labels ${LABEL.agent}`)], "router_altered"],
  [33, "marked with another agent's name", [set(`metadata labels ${LABEL.agent}`, "billing-agent")], "router_altered"],

  [
    "1.2",
    "a job",
    [set("spec restartPolicy", "Never"), remove(`${AGENT} readinessProbe`), set("spec activeDeadlineSeconds", 600)],
    "admitted",
  ],
  [
    "1.2",
    "a service mesh with restricted settings",
    [
      append("spec initContainers", {
        ...debugContainer,
        stdin: false,
        name: "istio-proxy",
        restartPolicy: "Always",
        ports: [{ name: "http-envoy-prom", containerPort: 15_090, protocol: "TCP" }],
        securityContext: {
          ...debugContainer.securityContext,
          runAsUser: 1337,
          runAsGroup: 1337,
          readOnlyRootFilesystem: true,
          privileged: false,
        },
      }),
    ],
    "admitted",
  ],
];

/** Refused by the API server's own validation, whatever the policies say; `judgePod` says so all the same. */
const invalid: readonly Row[] = [
  ["2.4", "Windows", [set("spec os", { name: "windows" })], "windows"],
  ["2.4", "a node's process on Windows", [set(`${POD_SECURITY} windowsOptions`, { hostProcess: true })], "windows"],
  [33, "a second guard", [append("spec initContainers", { ...debugContainer, name: "sluice-guard" })], "name_reserved"],
  [
    36,
    "the router's state as a disk",
    [set(`${AGENT} volumeDevices`, [{ name: "sluice-state", devicePath: "/dev/x" }])],
    "device",
  ],
  [33, "two routers", [append("spec containers", { ...debugContainer, name: "sluice-router" })], "name_reserved"],
  [36, "a volume of ours taken away", [remove("spec volumes 3")], "router_volume"],
];

const updated: readonly Row[] = [
  ["1.2", "nothing", [], "admitted"],
  [
    "1.2",
    "annotations and labels of its own",
    [set("metadata annotations mine", "1"), set("metadata labels mine", "1")],
    "admitted",
  ],
  ["1.2", "the image of the agent", [set(`${AGENT} image`, "registry.example/research/agent:1.4.3")], "admitted"],
  [
    "1.2",
    "the image of an init container",
    [set(`${SETUP} image`, "registry.example/research/agent:1.4.3")],
    "admitted",
  ],
  ["1.2", "a deadline", [set("spec activeDeadlineSeconds", 600)], "admitted"],
  ["1.2", "a toleration", [append("spec tolerations", { key: "spot", operator: "Exists" })], "admitted"],
  [32, "the image of the guard", [set(`${GUARD} image`, "registry.example/mine:1")], "image_changed"],
  [32, "the image of the prover", [set(`${PROVE} image`, "registry.example/mine:1")], "image_changed"],
  [32, "the image of the router", [set(`${ROUTER} image`, "registry.example/mine:1")], "image_changed"],
  [33, "the mark taken away", [remove(`metadata labels ${LABEL.injected}`)], "not_injected"],
  [33, "the mark changed", [set(`metadata labels ${LABEL.injected}`, "false")], "not_injected"],
  [33, "the policy's mark changed", [set(`metadata labels ${LABEL.policyName}`, "open")], "not_injected"],
  [33, "the policy's annotation changed", [set(`metadata annotations ${ANNOTATION.policy}`, "open")], "not_injected"],
  [
    33,
    "the policy's mark and annotation changed",
    [set(`metadata labels ${LABEL.policyName}`, "open"), set(`metadata annotations ${ANNOTATION.policy}`, "open")],
    "not_injected",
  ],
  [33, "the label that asked for Sluice", [set(`metadata labels ${LABEL.inject}`, "true")], "admitted"],
  [33, "the agent's name changed", [set(`metadata labels ${LABEL.agent}`, "billing-agent")], "router_altered"],
  [33, "the agent's name taken away", [remove(`metadata labels ${LABEL.agent}`)], "router_altered"],
  [
    "2.4",
    "a toleration of a virtual kubelet",
    [append("spec tolerations", { key: "virtual-kubelet.io/provider", operator: "Exists" })],
    "node_not_enforceable",
  ],
  [
    "2.4",
    "a Fargate label",
    [set("metadata labels eks.amazonaws.com/fargate-profile", "mine")],
    "node_not_enforceable",
  ],
];

/** Of pods that were there before the namespace was enforced, or before this release. */
const grown: readonly (readonly [...row: Row, before: Change])[] = [
  [
    "1.2",
    "a label of a pod that was never injected",
    [set("metadata labels mine", "1")],
    "admitted",
    [remove("spec initContainers"), remove(`metadata labels ${LABEL.injected}`)],
  ],
  [
    "1.2",
    "the agent's image in a pod that was never injected",
    [set(`${AGENT} image`, "registry.example/research/agent:1.4.3")],
    "not_injected",
    [
      remove("spec initContainers"),
      remove(`metadata labels ${LABEL.injected}`),
      set(`${SECURITY} runAsUser`, 0),
      set("spec hostPID", true),
    ],
  ],
  [
    33,
    "an init container's image in a pod that was never injected",
    [set("spec initContainers 0 image", "registry.example/mine:1")],
    "not_injected",
    [remove(ROUTER), remove(PROVE), remove(GUARD), remove(`metadata labels ${LABEL.injected}`)],
  ],
  [
    "1.2",
    "a deadline of a pod that was never injected",
    [set("spec activeDeadlineSeconds", 600), set("metadata finalizers", [])],
    "admitted",
    [remove("spec initContainers"), remove(`metadata labels ${LABEL.injected}`), set("spec hostPID", true)],
  ],
  [
    33,
    "a mark on a pod that was never injected",
    [set(`metadata labels ${LABEL.injected}`, "true")],
    "not_injected",
    [remove("spec initContainers"), remove(`metadata labels ${LABEL.injected}`)],
  ],
  [
    "1.2",
    "a label of a pod of an earlier release",
    [set("metadata labels mine", "1")],
    "admitted",
    [set(`${ROUTER} image`, "registry.example/sluice/router:0.0.1"), set(`${ROUTER} args`, ["run", "--earlier"])],
  ],
  [
    "1.2",
    "a label of a pod with the guard in another place",
    [set("metadata labels mine", "1")],
    "admitted",
    [swap("spec initContainers", 0, 3)],
  ],
  [
    "1.2",
    "a label of a pod on a virtual kubelet",
    [set("metadata labels mine", "1")],
    "admitted",
    [append("spec tolerations", { key: "virtual-kubelet.io/provider", operator: "Exists" })],
  ],
  [
    32,
    "another router in a pod of an earlier release",
    [set(`${ROUTER} image`, "registry.example/mine:1")],
    "image_changed",
    [set(`${ROUTER} image`, "registry.example/sluice/router:0.0.1")],
  ],
  [
    32,
    "this release's guard in a pod of an earlier release",
    [set(`${GUARD} image`, GUARD_IMAGE)],
    "image_changed",
    [set(`${GUARD} image`, "registry.example/sluice/guard:0.0.1")],
  ],
  ...[remove(`metadata labels ${LABEL.inject}`), set(`metadata labels ${LABEL.inject}`, "false")].map(
    (step, index) =>
      [
        33 as const,
        index === 0 ? "no longer asked for Sluice" : "asked not to have Sluice",
        [step],
        "not_injected" as const,
        [set(`metadata labels ${LABEL.inject}`, "true")],
      ] as const,
  ),
  [
    "2.4",
    "another Fargate label on a pod that has one",
    [set("metadata labels eks.amazonaws.com/fargate-profile", "other")],
    "node_not_enforceable",
    [set("metadata labels eks.amazonaws.com/fargate-profile", "mine")],
  ],
  [
    "2.4",
    "affinity to a virtual kubelet, while the pod is held back",
    [set(REQUIRED_NODES, [{ matchExpressions: [{ key: "type", operator: "In", values: ["virtual-kubelet"] }] }])],
    "node_not_enforceable",
    [set("spec schedulingGates", [{ name: "x.example/hold" }])],
  ],
  [
    33,
    "another agent's name on a pod of an earlier release",
    [set(`metadata labels ${LABEL.agent}`, "billing-agent")],
    "router_altered",
    [append(`${ROUTER} env`, { name: "SLUICE_EARLIER", value: "1" })],
  ],
  [
    "2.4",
    "a node selector of a virtual kubelet, while the pod is held back",
    [set("spec nodeSelector", { type: "virtual-kubelet" })],
    "node_not_enforceable",
    [set("spec schedulingGates", [{ name: "x.example/hold" }])],
  ],
];

const debugged: readonly Row[] = [
  [29, "with restricted settings", [debug({})], "admitted"],
  [29, "in the agent's processes", [debug({ targetContainerName: "agent" })], "admitted"],
  [29, "in the router's processes", [debug({ targetContainerName: "sluice-router" })], "debug_target"],
  [29, "in the guard's processes", [debug({ targetContainerName: "sluice-guard" })], "debug_target"],
  [29, "as kubectl makes it", [debug({ securityContext: undefined })], "user_missing"],
  [29, "as root", [debug({ securityContext: { ...debugContainer.securityContext, runAsUser: 0 } })], "user_root"],
  [
    29,
    "as the router",
    [debug({ securityContext: { ...debugContainer.securityContext, runAsUser: ROUTER_ID } })],
    "user_router",
  ],
  [
    29,
    "in the router's group",
    [debug({ securityContext: { ...debugContainer.securityContext, runAsGroup: ROUTER_ID } })],
    "group_router",
  ],
  [
    29,
    "as a network administrator",
    [
      debug({
        securityContext: {
          ...debugContainer.securityContext,
          capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
        },
      }),
    ],
    "capability",
  ],
  [
    29,
    "to trace others",
    [
      debug({
        securityContext: { ...debugContainer.securityContext, capabilities: { drop: ["ALL"], add: ["SYS_PTRACE"] } },
      }),
    ],
    "capability",
  ],
  [
    29,
    "privileged",
    [
      debug({
        securityContext: { ...debugContainer.securityContext, privileged: true, allowPrivilegeEscalation: true },
      }),
    ],
    "privileged",
  ],
  [
    29,
    "with setuid files",
    [debug({ securityContext: { ...debugContainer.securityContext, allowPrivilegeEscalation: true } })],
    "privilege_escalation",
  ],
  [
    29,
    "without seccomp",
    [debug({ securityContext: { ...debugContainer.securityContext, seccompProfile: { type: "Unconfined" } } })],
    "seccomp",
  ],
  [
    29,
    "without AppArmor",
    [debug({ securityContext: { ...debugContainer.securityContext, appArmorProfile: { type: "Unconfined" } } })],
    "apparmor",
  ],
  [
    29,
    "with an SELinux type",
    [debug({ securityContext: { ...debugContainer.securityContext, seLinuxOptions: { type: "spc_t" } } })],
    "selinux",
  ],
  [
    29,
    "with Windows' options",
    [debug({ securityContext: { ...debugContainer.securityContext, windowsOptions: { runAsUserName: "x" } } })],
    "windows",
  ],
  [
    29,
    "with the router's secrets",
    [debug({ volumeMounts: [{ name: "sluice-secrets", mountPath: "/mine" }] })],
    "router_volume",
  ],
  [
    29,
    "with the router's state",
    [debug({ volumeMounts: [{ name: "sluice-state", mountPath: "/mine" }] })],
    "router_volume",
  ],
  [29, "with the certificates", [debug({ volumeMounts: [TRUST_MOUNT] })], "admitted"],
  [
    29,
    "with the certificates to write",
    [debug({ volumeMounts: [{ ...TRUST_MOUNT, readOnly: false }] })],
    "router_volume",
  ],
  [29, "with the credentials", [debug({ envFrom: [{ secretRef: { name: "sluice-credentials" } }] })], "router_secret"],
  [29, "under a name of ours", [debug({ name: "sluice-debugger" })], "name_reserved"],
];

/** Of pods that were there before the namespace was enforced. */
const debuggedBefore: readonly Row[] = [
  [33, "of a pod that was never injected, with restricted settings", [debug({})], "not_injected"],
];

const resized: readonly Row[] = [
  ["1.2", "the agent's resources", [set(`${AGENT} resources limits cpu`, "2")], "admitted"],
  ["new", "less for the router", [set(`${ROUTER} resources`, devices("cpu", "1m"))], "router_altered"],
  ["new", "more for the router", [set(`${ROUTER} resources limits memory`, "512Mi")], "router_altered"],
];

/** Settings with every choice other than in `CASE_SETTINGS`. */
export const OTHER_SETTINGS = injectionConfig({
  routerImage: "registry.example/sluice/router:1.0.0",
  guard: "notEnforced",
  seccomp: { mode: "runtimeDefault" },
  apiAudience: "https://kubernetes.example",
  resolverServers: ["10.96.0.10"],
});

/** Of a pod injected with `OTHER_SETTINGS`, created: what makes the difference. */
export const OTHER_CASES: readonly (readonly [change: Change, expected: ViolationCode])[] = [
  [[remove("spec initContainers 0")], "not_injected"],
  [[swap("spec initContainers", 0, 1)], "order_wrong"],
  [
    [
      append("spec initContainers", {
        ...debugContainer,
        name: "sluice-guard",
        securityContext: { ...debugContainer.securityContext, seccompProfile: { type: "RuntimeDefault" } },
      }),
    ],
    "name_reserved",
  ],
  [[append("spec volumes", { name: "sluice-tmp", emptyDir: {} })], "name_reserved"],
  [[remove("spec initContainers 0 env 4")], "router_altered"],
  [[set("spec initContainers 0 image", CASE_SETTINGS.routerImage)], "router_altered"],
  [
    [set("spec initContainers 0 securityContext seccompProfile", { type: "Localhost", localhostProfile: "mine.json" })],
    "router_altered",
  ],
  [[set(`${SECURITY} seccompProfile`, { type: "Localhost", localhostProfile: "sluice/agent.json" })], "seccomp"],
  [[remove("spec volumes 3 projected sources 1 serviceAccountToken audience")], "router_volume"],
];

export const BYPASS_CASES: readonly BypassCase[] = [
  ...created.map((row) => bypassCase(row, "CREATE")),
  ...invalid.map((row) => bypassCase(row, "CREATE", [], true)),
  ...updated.map((row) => bypassCase(row, "UPDATE")),
  ...grown.map(([catalogue, name, does, expected, before]) =>
    bypassCase([catalogue, name, does, expected], "UPDATE", before),
  ),
  ...debugged.map((row) => bypassCase(row, "EPHEMERAL")),
  ...resized.map((row) => bypassCase(row, "RESIZE")),
  ...debuggedBefore.map((row) =>
    bypassCase(row, "EPHEMERAL", [remove("spec initContainers"), remove(`metadata labels ${LABEL.injected}`)]),
  ),
];

function bypassCase(
  [catalogue, name, does, expected]: Row,
  operation: BypassCase["operation"],
  before: Change = [],
  isInvalid = false,
): BypassCase {
  return { catalogue, name: `${operation}: ${name}`, operation, before, change: does, expected, invalid: isInvalid };
}

function devices(name: string, amount = name.startsWith("hugepages") ? "2Mi" : "1"): JsonObject {
  const usual = { cpu: "1", memory: "1Gi" };
  return { limits: { ...usual, [name]: amount }, requests: { ...usual, [name]: amount } };
}

/** As injected with the annotation. */
function named(policy: string): Change {
  return [
    set(`metadata annotations ${ANNOTATION.policy}`, policy),
    set(`metadata labels ${LABEL.policyName}`, policy),
    set("spec volumes 1 configMap name", policy),
  ];
}

function restart(at: string, action: string): Change[number] {
  return set(`${at} restartPolicyRules`, [{ action, exitCodes: { operator: "In", values: [42] } }]);
}

function debug(members: JsonObject): Change[number] {
  return set("spec ephemeralContainers", [JSON.parse(JSON.stringify({ ...debugContainer, ...members }))]);
}
