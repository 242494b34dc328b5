import type { InjectionConfig } from "../config/controller-config.ts";
import { ANNOTATION, LABEL } from "../pod/names.ts";
import type { Container, ObjectMeta, PodObject } from "../pod/pod.ts";
import { agentName, policyName } from "./pod-names.ts";
import { ADMIN_PORT } from "./template.ts";

/** Rises when the template makes other containers of the same settings. */
export const TEMPLATE_VERSION = 2;

const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";
const SCRAPE: Readonly<Record<string, string>> = {
  "prometheus.io/scrape": "true",
  "prometheus.io/port": String(ADMIN_PORT),
  "prometheus.io/path": "/metrics",
};

/** What people and scrapers read off an injected pod. Nothing of it is trusted: the containers themselves are compared. */
export function injectedMetadata(
  pod: PodObject,
  settings: InjectionConfig,
  application: Container | undefined,
): ObjectMeta {
  const annotations = pod.metadata.annotations ?? {};
  const labels = {
    ...pod.metadata.labels,
    [LABEL.injected]: "true",
    [LABEL.agent]: agentName(pod),
    [LABEL.policyName]: policyName(pod),
  };
  return {
    ...pod.metadata,
    labels,
    annotations: {
      ...(application !== undefined && { [DEFAULT_CONTAINER]: application.name }),
      ...(settings.scrapeAnnotations &&
        !Object.keys(SCRAPE).some((name) => Object.hasOwn(annotations, name)) &&
        SCRAPE),
      ...annotations,
      [ANNOTATION.status]: status(pod, settings),
      [ANNOTATION.enforcement]: settings.guard === "required" ? "guard" : "not-enforced",
    },
  };
}

function status(pod: PodObject, settings: InjectionConfig): string {
  return JSON.stringify({
    template: TEMPLATE_VERSION,
    router: settings.routerImage,
    ...(settings.guard === "required" && { guard: settings.guardImage }),
    policy: policyName(pod),
  });
}
