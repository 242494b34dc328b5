import type { Container, JsonObject, PodObject } from "../../controller/pod/pod.ts";
import type { Bundle, BundleMount } from "./oci.ts";
import { fieldOf } from "./pod-lab-fields.ts";
import { asObject, asText, list, onlyKnown } from "./pod-lab-json.ts";
import { seccompOf } from "./pod-lab-seccomp.ts";

/** The part of an image that says how it is started. */
export interface LabImage {
  readonly rootfs: string;
  /** Pieces of the image that lie elsewhere. */
  readonly mounts: readonly BundleMount[];
  /** `uid:gid`, as an image of ours says it. */
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

/** What a container has of its pod. */
export interface Surroundings {
  readonly pod: PodObject;
  readonly netns: string;
  readonly seccompRoot: string;
  /** Of its volumes, and the files that the kubelet makes. */
  readonly mounts: readonly BundleMount[];
}

/** What containerd gives where nothing is dropped. */
const RUNTIME_CAPS = words(`
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`);

const CONTAINER_MEMBERS = words(`
  name image command args env volumeMounts securityContext restartPolicy startupProbe readinessProbe livenessProbe`);
/** Without effect on what is tested here: no cgroup is set up, nothing is pulled, and ports are informational. */
const WITHOUT_EFFECT = words("resources ports imagePullPolicy terminationMessagePath terminationMessagePolicy");
const CONTEXT_MEMBERS = words(`
  runAsUser runAsGroup runAsNonRoot privileged allowPrivilegeEscalation readOnlyRootFilesystem capabilities seccompProfile`);

function words(text: string): readonly string[] {
  return text.trim().split(" ");
}

/**
 * The container as a kubelet and a CRI runtime start it: the context of the pod under its own, the image's user, environment
 * and entrypoint under what the pod says. Throws what would be a CreateContainerConfigError, and what the lab does not know.
 * One deviation: a UID that is not 0 has its added capabilities as ambient ones, which is more than Kubernetes gives.
 */
export function bundleOf(container: Container, image: LabImage, around: Surroundings): Bundle {
  onlyKnown(`container ${container.name}`, container, [...CONTAINER_MEMBERS, ...WITHOUT_EFFECT]);
  const context = contextOf(around.pod, container);
  const [imageUser = 0, imageGroup = imageUser] = image.user.split(":").map(Number);
  const uid = numberOr(context["runAsUser"], imageUser);
  const gid = numberOr(context["runAsGroup"], context["runAsUser"] === undefined ? imageGroup : 0);
  if (context["privileged"] === true) throw new Error(`${container.name}: the lab runs nothing privileged`);
  if (context["runAsNonRoot"] === true && uid === 0) {
    throw new Error(`${container.name}: CreateContainerConfigError: container has runAsNonRoot and will run as root`);
  }
  const caps = capabilities(context["capabilities"]);
  const seccomp = seccompOf(context["seccompProfile"], caps, around.seccompRoot);
  const env = environment(container, image, around.pod);
  return {
    rootfs: image.rootfs,
    mounts: [...image.mounts, ...around.mounts],
    args: command(container, image, env),
    env,
    uid,
    gid,
    caps,
    ...(seccomp !== undefined && { seccomp }),
    netns: around.netns,
    readonly: context["readOnlyRootFilesystem"] === true,
    noNewPrivileges: context["allowPrivilegeEscalation"] === false,
    timeoutMs: 120_000,
  };
}

function contextOf(pod: PodObject, container: Container): JsonObject {
  const ofPod = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  onlyKnown("the pod's securityContext", ofPod, CONTEXT_MEMBERS);
  onlyKnown(`securityContext of ${container.name}`, own, CONTEXT_MEMBERS);
  return { ...ofPod, ...own };
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function capabilities(given: unknown): readonly string[] {
  const { drop, add } = asObject(given ?? {});
  const dropped = list(drop);
  const left = dropped.includes("ALL") ? [] : RUNTIME_CAPS.filter((name) => !dropped.includes(name));
  return [...new Set([...left, ...list(add).map(asText)])].map((name) => `CAP_${name}`);
}

/** The image's, then the kubelet's, then the container's own, in which `$(NAME)` stands for what is known by then. */
function environment(container: Container, image: LabImage, pod: PodObject): Readonly<Record<string, string>> {
  const env: Record<string, string> = Object.fromEntries(
    image.env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  Object.assign(env, {
    HOSTNAME: pod.metadata.name ?? "",
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    KUBERNETES_SERVICE_PORT: "443",
    KUBERNETES_SERVICE_PORT_HTTPS: "443",
    KUBERNETES_PORT: "tcp://10.96.0.1:443",
    KUBERNETES_PORT_443_TCP: "tcp://10.96.0.1:443",
  });
  for (const entry of container.env ?? []) {
    const name = asText(entry["name"]);
    const { valueFrom, value = "" } = entry;
    env[name] =
      valueFrom === undefined
        ? expanded(asText(value), env)
        : fieldOf(pod, asText(asObject(asObject(valueFrom)["fieldRef"])["fieldPath"]));
  }
  return env;
}

function command(container: Container, image: LabImage, env: Readonly<Record<string, string>>): readonly string[] {
  const texts = (value: unknown): readonly string[] => list(value).map((each) => expanded(asText(each), env));
  const given = container["command"];
  const args = container["args"];
  const program = given === undefined ? image.entrypoint : texts(given);
  return [...program, ...(args === undefined ? (given === undefined ? image.cmd : []) : texts(args))];
}

/** `$(NAME)`, of a name that is known; `$$(NAME)` is the text. */
function expanded(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$\([^)]*\))|\$\(([^)]*)\)/g, (all, escaped: string | undefined, name: string) =>
    escaped === undefined ? (env[name] ?? all) : escaped,
  );
}
