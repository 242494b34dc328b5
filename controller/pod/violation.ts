/**
 * Why a pod is not admitted. A closed list: the validating webhook, the ValidatingAdmissionPolicies, metrics and the docs
 * share it.
 */
export const VIOLATION_CODES = [
  "malformed_pod",
  "too_many_containers",
  "not_injected",
  "guard_altered",
  "prove_altered",
  "router_altered",
  "order_wrong",
  "name_reserved",
  "image_changed",
  "host_network",
  "host_namespace",
  "host_port",
  "host_path",
  "process_namespace_shared",
  "sysctl",
  "user_missing",
  "user_root",
  "user_router",
  "group_router",
  "privileged",
  "privilege_escalation",
  "capability",
  "proc_mount",
  "seccomp",
  "apparmor",
  "selinux",
  "windows",
  "device",
  "restart_all",
  "router_volume",
  "router_secret",
  "token",
  "debug_target",
  "probe_host",
  "runtime_class",
  "node_not_enforceable",
] as const;

export type ViolationCode = (typeof VIOLATION_CODES)[number];

export interface Violation {
  readonly code: ViolationCode;
  /** As Kubernetes names it: `spec.containers[1].securityContext.runAsUser`. */
  readonly path: string;
  /** What is wrong and how to mend it, a sentence or two, without a value of more than 80 characters. */
  readonly message: string;
}
