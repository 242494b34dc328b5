import { contentName, PARTS, type ProfileName, profileOf } from "./profiles.ts";
import type { SyscallRule } from "./profile.ts";

/** Where the Security Profiles Operator puts the object's profile, for `localhostProfile` (its `status.localhostProfile`). */
export function operatorProfile(name: ProfileName): string {
  return `operator/${contentName(name)}.json`;
}

/**
 * The same profile as a `SeccompProfile` of the Security Profiles Operator (security-profiles-operator.x-k8s.io/v1, cluster
 * scoped), as YAML. The operator has no field for the default errno; what it leaves out is EPERM, which is ours. The name
 * holds the content's hash: an upgrade makes a new object, and pods that run keep the old one.
 */
export function operatorDocument(name: ProfileName): string {
  const { defaultAction, architectures, syscalls } = profileOf(PARTS[name]);
  return [
    "apiVersion: security-profiles-operator.x-k8s.io/v1",
    "kind: SeccompProfile",
    "metadata:",
    `  name: ${contentName(name)}`,
    "  labels:",
    "    app.kubernetes.io/name: sluice",
    "    app.kubernetes.io/component: seccomp",
    "spec:",
    `  defaultAction: ${defaultAction}`,
    "  architectures:",
    ...architectures.map((each) => `    - ${each}`),
    "  syscalls:",
    ...syscalls.flatMap(ruleLines),
    "",
  ].join("\n");
}

function ruleLines({ names, action, errnoRet, args = [] }: SyscallRule): readonly string[] {
  return [
    `    - action: ${action}`,
    ...(errnoRet === undefined ? [] : [`      errnoRet: ${errnoRet}`]),
    "      names:",
    ...names.map((each) => `        - ${each}`),
    ...(args.length === 0 ? [] : ["      args:"]),
    ...args.flatMap(({ index, value, valueTwo, op }) => [
      `        - index: ${index}`,
      `          op: ${op}`,
      `          value: ${value}`,
      ...(valueTwo === undefined ? [] : [`          valueTwo: ${valueTwo}`]),
    ]),
  ];
}
