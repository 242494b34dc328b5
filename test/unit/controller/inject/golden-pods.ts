import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import type { InjectionConfig } from "../../../../controller/config/controller-config.ts";
import { injectPod } from "../../../../controller/inject/inject-pod.ts";
import type { PodObject } from "../../../../controller/pod/pod.ts";
import { millis } from "../../../../router/core/base/quantity.ts";
import { injectionConfig } from "../../../fakes/agent-pod.ts";
import { apiServer, serviceAccount } from "./other-admission.ts";

/** Every setting that shows in a pod, other than the chart's default. */
const OTHER_SETTINGS: Partial<InjectionConfig> = {
  routerImage: "registry.example/sluice/router:dev",
  pullPolicy: "Always",
  pullSecrets: ["sluice-pull", "team"],
  agentUser: 2000,
  guard: "notEnforced",
  seccomp: { mode: "runtimeDefault" },
  tokens: [{ path: "vertex/token", audience: "https://models.example", expirationSeconds: 7200 }],
  apiAudience: "sluice",
  scrapeAnnotations: true,
  auditSize: "2048Mi",
  drain: millis(58_001),
};

const UNEQUAL: Partial<InjectionConfig> = {
  pullSecrets: ["sluice-pull", "team"],
  resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "1000m", memory: "512Mi" } },
};

/** Name of the golden file, of the pod, and the settings. */
export const GOLDEN_PODS: readonly (readonly [name: string, pod: string, settings: Partial<InjectionConfig>])[] = [
  ["simple", "simple", {}],
  ["simple-other-settings", "simple", OTHER_SETTINGS],
  ["job", "job", {}],
  ["istio", "istio", { scrapeAnnotations: true }],
  ["guaranteed", "guaranteed", UNEQUAL],
  ["hostile", "hostile", {}],
];

export function goldenFile(name: string): URL {
  return new URL(`../../../golden/inject/${name}`, import.meta.url);
}

/** The pod as the webhook gets it. */
export function admitted(pod: string): PodObject {
  const written = parse(readFileSync(goldenFile(`${pod}.yaml`), "utf8")) as PodObject;
  return serviceAccount(apiServer(written)) as PodObject;
}

export function golden(pod: string, settings: Partial<InjectionConfig>): string {
  const { pod: injected, warnings } = injectPod(admitted(pod), injectionConfig(settings));
  return `${JSON.stringify({ warnings, pod: apiServer(injected) }, undefined, 2)}\n`;
}

if (import.meta.main) {
  for (const [name, pod, settings] of GOLDEN_PODS) writeFileSync(goldenFile(`${name}.json`), golden(pod, settings));
}
