import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { InjectionConfig } from "../../controller/config/controller-config.ts";

const DIRECTORY = join(import.meta.dirname, "../../charts/sluice/files/admission");

export const ADMISSION_FILES = [
  "pods",
  "pod-labels",
  "pod-exec",
  "pod-resize",
  "inject-label",
  "bindings",
  "namespaces",
  "configmaps",
] as const;

export interface PolicySettings {
  readonly injection: InjectionConfig;
  readonly exemptNamespaces: readonly string[];
  readonly controllerUser: string;
}

/** The chart's policies as `templates/admission-policies.yaml` renders them: each `$(name)` is a value, in JSON. */
export function admissionFile(name: (typeof ADMISSION_FILES)[number], settings: PolicySettings): string {
  const values = placeholders(settings);
  return readFileSync(join(DIRECTORY, `${name}.yaml`), "utf8")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\$\((\w+)\)/g, (_, key: string) => {
      if (!Object.hasOwn(values, key)) throw new Error(`${name}.yaml asks for ${key}`);
      return JSON.stringify(values[key]);
    });
}

function placeholders({
  injection,
  exemptNamespaces,
  controllerUser,
}: PolicySettings): Readonly<Record<string, unknown>> {
  const { seccomp } = injection;
  const localhost = (localhostProfile: string | undefined): object => ({ type: "Localhost", localhostProfile });
  const profiles = seccomp.mode === "localhost" ? Object.entries(seccomp.profiles) : [];
  const runtimeDefault = { type: "RuntimeDefault" };
  return {
    routerImage: injection.routerImage,
    guardImage: injection.guardImage,
    earlierImages: injection.earlierImages,
    guardRequired: injection.guard === "required",
    agentSeccomp:
      seccomp.mode === "localhost"
        ? profiles.flatMap(([name, path]) => (name === "router" ? [] : [localhost(path)]))
        : [runtimeDefault],
    routerSeccomp: seccomp.mode === "localhost" ? localhost(seccomp.profiles["router"]) : runtimeDefault,
    tokens: [
      `kubernetes/token ${injection.apiAudience ?? ""} 3607`,
      ...injection.tokens.map(({ path, audience, expirationSeconds }) => `${path} ${audience} ${expirationSeconds}`),
    ],
    runtimeClasses: injection.runtimeClasses,
    hasResolver: injection.resolverServers.length > 0,
    exemptNamespaces,
    controllerUser,
  };
}
