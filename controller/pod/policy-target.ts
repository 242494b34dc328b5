import { CONFIG_MAP, RESERVED_PREFIX } from "./names.ts";

/** Whether a ConfigMap of that name is ours, or the cluster's, for something else: no policy is rendered into it. */
export function isTakenTarget(name: string): boolean {
  const isPolicy = name === CONFIG_MAP.policy || name.startsWith(`${CONFIG_MAP.policy}-`);
  return name === "kube-root-ca.crt" || (name.startsWith(RESERVED_PREFIX) && !isPolicy);
}
