import type { InjectionConfig } from "../config/controller-config.ts";
import { CONFIG_MAP, CREDENTIALS_SECRET, VOLUME } from "../pod/names.ts";
import type { JsonObject, PodObject, Volume } from "../pod/pod.ts";
import { policyName } from "./pod-names.ts";
import { canonicalQuantity } from "./quantity.ts";

/** 0644: of ConfigMaps, Secrets and projections. Kubernetes' default, written out. */
const DEFAULT_MODE = 0o644;
/** What the ServiceAccount admission gives a pod's own token, in seconds: the extended lifetime hangs on this number. */
const TOKEN_SECONDS = 3607;
/** For the proof, and for the guard's scratch files. */
const SMALL = "1Mi";
/** For some 200 kB of root certificates, an operator's besides, and the next ones while they are written. */
const ROOTS = "4Mi";

/**
 * The volumes of our containers, for this pod, in this order. They depend on its policy annotation alone. As in
 * `template.ts`, everything that the API server would fill in is written out.
 */
export function desiredVolumes(pod: PodObject, settings: InjectionConfig): readonly Volume[] {
  return [
    configMap(VOLUME.config, CONFIG_MAP.config),
    // Not optional: without its policy the pod waits, and says for what.
    configMap(VOLUME.policy, policyName(pod)),
    configMap(VOLUME.trust, CONFIG_MAP.trust),
    { name: VOLUME.secrets, projected: { sources: secretSources(settings), defaultMode: DEFAULT_MODE } },
    {
      name: VOLUME.podinfo,
      downwardAPI: { items: [podField("labels", "metadata.labels")], defaultMode: DEFAULT_MODE },
    },
    { name: VOLUME.state, emptyDir: { sizeLimit: canonicalQuantity(settings.stateSize) } },
    { name: VOLUME.audit, emptyDir: { sizeLimit: canonicalQuantity(settings.auditSize) } },
    { name: VOLUME.run, emptyDir: { medium: "Memory", sizeLimit: SMALL } },
    { name: VOLUME.ca, emptyDir: { medium: "Memory", sizeLimit: ROOTS } },
    ...(settings.guard === "required" ? [{ name: VOLUME.tmp, emptyDir: { medium: "Memory", sizeLimit: SMALL } }] : []),
  ];
}

function secretSources(settings: InjectionConfig): readonly JsonObject[] {
  return [
    { secret: { name: CREDENTIALS_SECRET, optional: true } },
    { serviceAccountToken: token("kubernetes/token", TOKEN_SECONDS, settings.apiAudience) },
    // Not kube-root-ca.crt: who may write ConfigMaps there would say whom the router takes for the API server.
    { configMap: { name: CONFIG_MAP.config, items: [{ key: "ca.crt", path: "kubernetes/ca.crt" }] } },
    { downwardAPI: { items: [podField("kubernetes/namespace", "metadata.namespace")] } },
    ...settings.tokens.map(({ path, audience, expirationSeconds }) => ({
      serviceAccountToken: token(path, expirationSeconds, audience),
    })),
  ];
}

function token(path: string, expirationSeconds: number, audience: string | undefined): JsonObject {
  return { ...(audience !== undefined && audience !== "" && { audience }), expirationSeconds, path };
}

function podField(path: string, fieldPath: string): JsonObject {
  return { path, fieldRef: { apiVersion: "v1", fieldPath } };
}

function configMap(volume: string, name: string): Volume {
  return { name: volume, configMap: { name, defaultMode: DEFAULT_MODE } };
}
