import { fail, ok, type Result } from "../../router/core/base/result.ts";
import { isLabelValue } from "./label-value.ts";
import { ANNOTATION, LABEL, OUR_CONTAINERS } from "./names.ts";
import type { PodObject } from "./pod.ts";
import {
  hasMembers,
  isBoolean,
  isInteger,
  isList,
  isName,
  isObject,
  isString,
  isText,
  isTexts,
  type ShapeCheck,
} from "./shape-check.ts";
import type { Violation } from "./violation.ts";

/** Containers of all kinds that one pod may have beside ours. */
export const MAXIMUM_CONTAINERS = 64;
/** Items of any one list in a pod; pods of 3 MiB, the API server's bound, with usual entries stay below. */
const MAXIMUM_ITEMS = 10_000;
/** Of what each container or the scheduler looks through once more. */
const MAXIMUM_VOLUMES = 256;
const MAXIMUM_MOUNTS = 512;
const MAXIMUM_SELECTORS = 256;
const MAXIMUM_TOLERATIONS = 256;

const KINDS = ["containers", "initContainers", "ephemeralContainers"] as const;
const OURS: ReadonlySet<unknown> = new Set(OUR_CONTAINERS);

const object = hasMembers({});
const strings = isList(MAXIMUM_ITEMS, isString);
const objects = isList(MAXIMUM_ITEMS, object);

const securityMembers = {
  runAsUser: isInteger,
  runAsGroup: isInteger,
  runAsNonRoot: isBoolean,
  seccompProfile: hasMembers({ type: isString, localhostProfile: isString }),
  appArmorProfile: object,
  seLinuxOptions: object,
  windowsOptions: object,
};

const container = hasMembers(
  {
    name: isName,
    image: isString,
    imagePullPolicy: isString,
    restartPolicy: isString,
    targetContainerName: isString,
    env: isList(MAXIMUM_ITEMS, hasMembers({ name: isName, value: isString, valueFrom: object }, ["name"])),
    envFrom: objects,
    ports: objects,
    volumeMounts: isList(
      MAXIMUM_MOUNTS,
      hasMembers({ name: isName, mountPath: isString, subPath: isString, readOnly: isBoolean }, ["name", "mountPath"]),
    ),
    volumeDevices: objects,
    resources: hasMembers({ requests: object, limits: object, claims: objects }),
    securityContext: hasMembers({
      ...securityMembers,
      privileged: isBoolean,
      allowPrivilegeEscalation: isBoolean,
      readOnlyRootFilesystem: isBoolean,
      procMount: isString,
      capabilities: hasMembers({ add: strings, drop: strings }),
    }),
  },
  ["name"],
);

const containers = isList(2 * MAXIMUM_CONTAINERS, container);

/** A DNS subdomain that fits in a label too: NetworkPolicies find the pods of a policy by it. */
const POLICY_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const AGENT_NAME: ShapeCheck = (value) =>
  typeof value === "string" && (value === "" || isLabelValue(value))
    ? undefined
    : { at: "", must: "must be a label value, at most 63 letters, digits, '-', '_' and '.'" };

const pod: ShapeCheck = hasMembers(
  {
    metadata: hasMembers({
      name: isString,
      generateName: isString,
      namespace: isString,
      labels: isTexts(MAXIMUM_ITEMS, { [LABEL.agent]: AGENT_NAME }),
      annotations: isTexts(MAXIMUM_ITEMS, {
        [ANNOTATION.policy]: isText(
          POLICY_NAME,
          63,
          "must be the name of a ConfigMap, at most 63 lower-case letters, digits, '-' and '.'",
        ),
      }),
    }),
    spec: hasMembers(
      {
        containers,
        initContainers: containers,
        ephemeralContainers: containers,
        volumes: isList(
          MAXIMUM_VOLUMES,
          hasMembers({ name: isName, projected: hasMembers({ sources: objects }) }, ["name"]),
        ),
        imagePullSecrets: isList(MAXIMUM_ITEMS, hasMembers({ name: isString })),
        securityContext: hasMembers({
          ...securityMembers,
          fsGroup: isInteger,
          supplementalGroups: isList(MAXIMUM_ITEMS, isInteger),
          sysctls: isList(MAXIMUM_ITEMS, hasMembers({ name: isString, value: isString })),
        }),
        resources: hasMembers({ requests: object, limits: object }),
        tolerations: isList(MAXIMUM_TOLERATIONS, object),
        nodeSelector: isTexts(MAXIMUM_SELECTORS),
        os: hasMembers({ name: isString }),
        hostNetwork: isBoolean,
        hostPID: isBoolean,
        hostIPC: isBoolean,
        hostUsers: isBoolean,
        shareProcessNamespace: isBoolean,
        automountServiceAccountToken: isBoolean,
        serviceAccountName: isString,
        runtimeClassName: isString,
        schedulerName: isString,
        nodeName: isString,
        terminationGracePeriodSeconds: isInteger,
      },
      ["containers"],
    ),
  },
  ["metadata", "spec"],
);

/**
 * A Pod as JSON, looked at: every member that `pod.ts` names, and every other that injector or judge go by, is of the
 * type the API gives it, and all counts are bounded. The value itself is returned: unknown members stay as they are.
 * `null` for a member that is looked at is refused; the API server, which decodes and encodes what it was given, sends
 * none. Violations: `malformed_pod`, `too_many_containers`. Total for JSON values; time is linear in the lists' length.
 */
export function readPod(value: unknown): Result<PodObject, Violation> {
  const crowd = tooManyContainers(value);
  if (crowd !== undefined) return fail(crowd);
  const flaw = pod(value);
  if (flaw !== undefined) {
    const path = flaw.at === "" ? "" : flaw.at.slice(1);
    const message = `${path === "" ? "The pod" : path} ${flaw.must}.`;
    return fail({ code: "malformed_pod", path, message });
  }
  return ok(value as PodObject);
}

/** Counts before it looks at any: how much work a pod makes is bounded by this. */
function tooManyContainers(value: unknown): Violation | undefined {
  const spec = isObject(value) ? value["spec"] : undefined;
  if (!isObject(spec)) return undefined;
  let all = 0;
  let others = 0;
  for (const kind of KINDS) {
    const list: unknown = spec[kind];
    if (!Array.isArray(list)) continue;
    all += list.length;
    if (all > 2 * MAXIMUM_CONTAINERS) break;
    for (const item of list as readonly unknown[]) if (!isObject(item) || !OURS.has(item["name"])) others += 1;
  }
  if (others <= MAXIMUM_CONTAINERS && all <= 2 * MAXIMUM_CONTAINERS) return undefined;
  return {
    code: "too_many_containers",
    path: "spec",
    message: `A pod may have at most ${MAXIMUM_CONTAINERS} containers, init and ephemeral ones included.`,
  };
}
