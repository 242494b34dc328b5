import type { InjectionConfig } from "../config/controller-config.ts";
import { OUR_CONTAINERS, RESERVED_PREFIX, VOLUME } from "../pod/names.ts";
import type { Container, JsonObject, PodObject, PodSpec, Volume } from "../pod/pod.ts";
import { AdmissionWarnings } from "./admission-warnings.ts";
import { withAgentEnv } from "./agent-env.ts";
import { withTrustMount } from "./agent-trust.ts";
import { apiAccessVolumes, withoutMounts } from "./api-access.ts";
import { confine, confinementOf } from "./confine.ts";
import { injectedMetadata } from "./pod-metadata.ts";
import { withAdmission } from "./same-container.ts";
import { desiredVolumes } from "./template-volumes.ts";
import { ADMIN_PORT, desiredContainers } from "./template.ts";

export interface Injected {
  readonly pod: PodObject;
  /** Sentences for `warnings` of the AdmissionResponse: bounded in number and length. */
  readonly warnings: readonly string[];
}

/** What the router listens on in the pod (`listeners` of the RouterConfig, which the injector decides). */
const OUR_PORTS: ReadonlySet<number> = new Set([18_053, 18_080, 18_081, 18_084, 18_443, ADMIN_PORT]);
const OUR_VOLUMES: ReadonlySet<string> = new Set(Object.values(VOLUME));

/**
 * The pod with the sidecar. It converges and never skips: whatever stands under our names is taken out and made anew,
 * first among the init containers, so that neither an earlier run, nor another webhook, nor the pod's author decides what
 * the sidecar is. A fixed point: applied to its own result it gives the same bytes. The application is not touched beyond
 * what contract and security context need: commands, arguments, probes, ports and resources stay.
 *
 * It refuses nothing, judging is for the validating side: what is set wrongly, mounts of our volumes by others included,
 * stays for it to see. Parts that do not change are the very objects of the argument.
 */
export function injectPod(pod: PodObject, settings: InjectionConfig): Injected {
  const warnings = new AdmissionWarnings();
  const { spec } = pod;
  const confinement = confinementOf(pod, settings);
  const apiAccess = apiAccessVolumes(spec);
  if (spec["automountServiceAccountToken"] === true || apiAccess.size > 0) warnAboutToken(spec, warnings);
  const ready = (container: Container): Container => {
    const warn = (subject: string, what: string): void => warnings.add(subject, what, container.name);
    warnAboutPorts(container, warn);
    const confined = confine(withoutMounts(container, apiAccess), confinement);
    const trusting = withTrustMount(confined, warn);
    return withAgentEnv(trusting ?? confined, trusting !== undefined, warn);
  };

  const containers = foreign(spec.containers, [], warnings).map(ready);
  const initContainers = [
    ...ourContainers(pod, settings),
    ...foreign(spec.initContainers ?? [], OUR_CONTAINERS, warnings).map(ready),
  ];
  const volumes = [...desiredVolumes(pod, settings), ...foreignVolumes(spec, apiAccess, warnings)];
  return {
    pod: {
      ...pod,
      metadata: injectedMetadata(pod, settings, containers[0]),
      spec: {
        ...spec,
        volumes,
        initContainers,
        containers,
        automountServiceAccountToken: false,
        ...pullSecrets(spec, settings),
        ...gracePeriod(spec, settings),
      },
    },
    warnings: warnings.list(),
  };
}

/** The template's, with what the API server's own admission did to those that an earlier run put there. */
function ourContainers(pod: PodObject, settings: InjectionConfig): readonly Container[] {
  const present = pod.spec.initContainers ?? [];
  return desiredContainers(pod, settings).map((desired) =>
    withAdmission(
      desired,
      present.find(({ name }) => name === desired.name),
    ),
  );
}

/** Those that are not named like ours. `expected` are taken out without a word: an earlier run made them. */
function foreign(
  list: readonly Container[],
  expected: readonly string[],
  warnings: AdmissionWarnings,
): readonly Container[] {
  return list.filter(({ name }) => {
    if (!name.startsWith(RESERVED_PREFIX)) return true;
    if (!expected.includes(name)) warnings.add(`Container ${name}`, "is taken out: its name is reserved");
    return false;
  });
}

function foreignVolumes(
  { volumes = [] }: PodSpec,
  apiAccess: ReadonlySet<string>,
  warnings: AdmissionWarnings,
): readonly Volume[] {
  return volumes.filter(({ name }) => {
    if (apiAccess.has(name)) return false;
    if (!name.startsWith(RESERVED_PREFIX)) return true;
    if (!OUR_VOLUMES.has(name)) warnings.add(`Volume ${name}`, "is taken out: its name is reserved");
    return false;
  });
}

/** In one network a port has one listener, and the router's comes first. */
function warnAboutPorts({ ports = [] }: Container, warn: (subject: string, what: string) => void): void {
  for (const { containerPort } of ports) {
    if (typeof containerPort !== "number" || !OUR_PORTS.has(containerPort)) continue;
    warn(`Port ${containerPort}`, "is the router's in every pod: nothing else can listen on it");
  }
}

/** Not of the token that every pod gets unasked: of one that the pod's author asked for. */
function warnAboutToken(spec: PodSpec, warnings: AdmissionWarnings): void {
  if (spec["automountServiceAccountToken"] !== true) return;
  warnings.add("automountServiceAccountToken", "is set to false: the agent gets no token for the API server");
}

function pullSecrets(spec: PodSpec, settings: InjectionConfig): JsonObject {
  const given = spec["imagePullSecrets"];
  const present: readonly JsonObject[] = Array.isArray(given) ? (given as readonly JsonObject[]) : [];
  const names = new Set(present.map(({ name }) => name));
  const missing = settings.pullSecrets.filter((name) => !names.has(name));
  return missing.length === 0 ? {} : { imagePullSecrets: [...present, ...missing.map((name) => ({ name }))] };
}

/** In seconds. The kubelet's default of 30 is the API server's to fill in, and no less than this for usual settings. */
const DEFAULT_GRACE = 30;
/** The router drains when the application has ended; the rest is for its last records. */
const AFTER_DRAIN = 5;

function gracePeriod(spec: PodSpec, settings: InjectionConfig): JsonObject {
  const given = spec["terminationGracePeriodSeconds"] ?? DEFAULT_GRACE;
  const least = Math.ceil(settings.drain / 1000) + AFTER_DRAIN;
  return typeof given === "number" && given < least ? { terminationGracePeriodSeconds: least } : {};
}
