/** What an agent may mean to do. The closed list that rules, the evaluation API, audit and metrics share. */
export type ActionKind = "inference" | "egress" | "exec" | "spawn" | "tool" | "mesh.send" | "admin";

export const ACTION_KINDS: readonly ActionKind[] = [
  "inference",
  "egress",
  "exec",
  "spawn",
  "tool",
  "mesh.send",
  "admin",
];
