import type { Action } from "../../core/governance/action.ts";
import type { LimitNames } from "../../core/limiter/limit-pool.ts";

/** Under which names an action's buckets stand. All of it was judged already, and nothing comes from a header. */
export function limitKeys(action: Action, target: string): LimitNames {
  return {
    action: action.kind,
    tool: action.kind === "tool" ? target : undefined,
    model: action.kind === "inference" || action.kind === "tool" ? action.model : undefined,
    destination: action.kind === "egress" ? target : undefined,
    peer: action.kind === "mesh.send" ? target : undefined,
  };
}
