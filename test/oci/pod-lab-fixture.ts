import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InjectionConfig } from "../../controller/config/controller-config.ts";
import { routerConfigDocument } from "../../controller/config/controller-config-shape.ts";
import { parseControllerConfig } from "../../controller/config/parse-controller-config.ts";
import { routerSpecOf } from "../../controller/config/router-settings.ts";
import { CONFIG_MAP, ROUTER_ID } from "../../controller/pod/names.ts";
import type { JsonObject, PodObject } from "../../controller/pod/pod.ts";
import { canonicalDocument } from "../../controller/policies/canonical-document.ts";
import type { AuditValue } from "../../router/core/audit/audit-event.ts";
import { localhostProfile, PROFILE_NAMES } from "../../seccomp/profiles.ts";
import { testCa } from "../fakes/origins.ts";
import { testSigner, writeTrust } from "../fakes/signing.ts";
import { NODE } from "../netns/lab.ts";
import { type BuiltImage, builtImage, type Target } from "./build-image.ts";
import { hostRoot } from "./oci.ts";
import type { LabImage } from "./pod-lab-container.ts";
import { ALLOWED } from "./pod-lab-internet.ts";
import type { PodOptions } from "./pod-lab.ts";

export const NAMESPACE = "test";
const AGENT_IMAGE = "registry.example/team/agent:1";
/** In the agent's image, and whose: a shell that runs as the router's UID, if set-user-ID bits count. */
export const SETUID_SHELL = "/opt/tools/shell";
const AGENT_FILES = "agent-files";

/** What a test's agents are to do, by the name of a file below /opt/agent. */
export type AgentFiles = Readonly<Record<string, unknown>>;

const images = new Map<Target, BuiltImage>();

/** Asked for once by this process, so that all its pods run the same. */
function image(target: Target): BuiltImage {
  const known = images.get(target) ?? builtImage(target);
  images.set(target, known);
  return known;
}

/** The settings of a controller of this tree, with the images of this tree. */
export function labSettings(more: Partial<InjectionConfig> = {}): InjectionConfig {
  return { ...controllerConfig().injection, ...more };
}

function controllerConfig() {
  const named = (target: Target): string => `localhost/sluice-${target}@${image(target).digest}`;
  const profiles = Object.fromEntries(PROFILE_NAMES.map((name) => [name, localhostProfile(name)]));
  const spec = {
    namespace: "sluice-system",
    injection: {
      routerImage: named("router"),
      guardImage: named("guard"),
      seccomp: { mode: "localhost", profiles },
      drain: "2s",
      resolverServers: [NODE.ipv4],
    },
    router: {
      network: { deny: ["10.77.0.0/24", "fd77::/64", "10.96.0.0/12"], nat64: { discover: false } },
    },
  };
  const document = { apiVersion: "sluice.dev/v1alpha1", kind: "ControllerConfig", spec };
  const parsed = parseControllerConfig("controller.yaml", JSON.stringify(document));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  return parsed.value;
}

/** As the controller renders it; there is no API server to follow. */
function labRouter(): Readonly<Record<string, unknown>> {
  return { ...routerSpecOf(controllerConfig()), kubernetes: { watch: false } };
}

/** A pod as its author writes it: one container, `agent`, that does what the arguments of agent.py say. */
export function plainPod(args: readonly string[], more: JsonObject = {}): PodObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "agent-0", namespace: NAMESPACE, labels: { app: "agent" } },
    spec: {
      containers: [agentContainer("agent", args)],
      volumes: [{ name: "files", configMap: { name: AGENT_FILES } }],
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 30,
      serviceAccountName: "default",
      ...more,
    },
  };
}

export function agentContainer(name: string, args: readonly string[], securityContext: JsonObject = {}) {
  return {
    name,
    image: AGENT_IMAGE,
    args,
    env: [{ name: "SSL_CERT_FILE", value: "/opt/agent/ca.pem" }],
    volumeMounts: [{ name: "files", mountPath: "/opt/agent", readOnly: true }],
    securityContext: { readOnlyRootFilesystem: true, ...securityContext },
  };
}

/** The objects of the namespace, as the controller writes them, and the images. */
export function labOptions(pod: PodObject, agentFiles: AgentFiles = {}): PodOptions {
  const program = readFileSync(join(import.meta.dirname, "attempts/agent.py"), "utf8");
  const files = Object.entries(agentFiles).map(([name, content]) => [name, JSON.stringify(content)] as const);
  const settings = labSettings();
  return {
    pod,
    objects: {
      configMaps: {
        [CONFIG_MAP.config]: {
          "router.yaml": JSON.stringify(routerConfigDocument(labRouter())),
          "ca.crt": testCa().certificatePem,
        },
        ...signedPolicy(),
        [AGENT_FILES]: { "agent.py": program, "ca.pem": testCa().certificatePem, ...Object.fromEntries(files) },
      },
      secrets: {},
    },
    images: {
      [settings.routerImage]: ourImage("router"),
      [settings.guardImage]: ourImage("guard"),
      [AGENT_IMAGE]: agentImage(),
    },
  };
}

/** The policy in the form in which a resource of it is rendered, and the trust that it is verified with. */
function signedPolicy(): PodOptions["objects"]["configMaps"] {
  const signer = testSigner();
  const day = 24 * 60 * 60 * 1000;
  const at = (offset: number): string => new Date(Date.now() + offset).toISOString();
  const spec: AuditValue = {
    version: 1,
    issuedAt: at(-60_000),
    expiresAt: at(day),
    audience: { namespaces: [NAMESPACE], agents: ["*"] },
    mode: "enforce",
    allow: [
      { id: "allowed", hosts: [ALLOWED.host], ports: [443] },
      { id: "rebind", hosts: ["*.rebind.example"], ports: [443, 18_084, 18_090] },
      { id: "rebind-http", hosts: ["*.rebind.example"], ports: [80], protocol: "http" },
    ],
  };
  const text = canonicalDocument({ apiVersion: "sluice.dev/v1alpha1", kind: "EgressPolicy", name: "lab", spec }) ?? "";
  const directory = mkdtempSync(join(tmpdir(), "sluice-trust-"));
  writeTrust(directory, signer);
  const trust = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")] as const);
  rmSync(directory, { recursive: true });
  const name = "egresspolicy-lab.yaml";
  return {
    [CONFIG_MAP.policy]: { [name]: text, [`${name}.sigstore.json`]: signer.bundleFor(text) },
    [CONFIG_MAP.trust]: Object.fromEntries(trust),
  };
}

function ourImage(target: Target): LabImage {
  const { rootfs, config } = image(target);
  const { User = "", Env = [], Entrypoint = [], Cmd = [] } = config.config;
  return { rootfs: realpathSync(rootfs), mounts: [], user: User, env: Env, entrypoint: Entrypoint, cmd: Cmd };
}

/** Of the host's /etc, what its programs need. */
const ETC = [
  "alternatives",
  "group",
  "hosts",
  "iproute2",
  "ld.so.cache",
  "nsswitch.conf",
  "passwd",
  "resolv.conf",
  "ssl",
];

let agent: LabImage | undefined;

/** The host's programs, as an image whose user is root, with a set-user-ID program that somebody put there. */
function agentImage(): LabImage {
  if (agent !== undefined) return agent;
  const rootfs = mkdtempSync(join(tmpdir(), "sluice-agent-image-"));
  chmodSync(rootfs, 0o755);
  for (const name of ["usr", "etc", "proc", "dev", "opt/tools", "opt/agent"]) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  // Copied, since a runtime makes the places of mounts in it.
  for (const name of ETC.filter((each) => existsSync(join("/etc", each)))) {
    cpSync(join("/etc", name), join(rootfs, "etc", name), { recursive: true });
  }
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(rootfs, name));
  const shell = join(rootfs, SETUID_SHELL);
  copyFileSync("/bin/bash", shell);
  chownSync(shell, ROUTER_ID, ROUTER_ID);
  chmodSync(shell, 0o4755);
  process.on("exit", () => rmSync(rootfs, { recursive: true, force: true }));
  agent = {
    rootfs,
    mounts: hostRoot().mounts.filter(({ at }) => at === "/usr"),
    user: "0:0",
    env: [],
    entrypoint: ["/usr/bin/python3", "-I", "/opt/agent/agent.py"],
    cmd: [],
  };
  return agent;
}
