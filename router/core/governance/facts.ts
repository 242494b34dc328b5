import { assertNever } from "../base/assert-never.ts";
import type { LimitKey } from "../limiter/limit.ts";
import type { ActionKind } from "./action-kind.ts";
import { ACTION_KINDS } from "./action-kind.ts";
import type { Condition, NumberFact, TextFact } from "./governance-policy.ts";

/** What a condition asks about, as `when` and `unless` of a document write it. */
export type Fact =
  | TextFact
  | NumberFact
  | "stream"
  | "argv"
  | "host"
  | "path"
  | "arguments"
  | "labels"
  | "time"
  | "tier";

/** Which kinds of action have a fact at all. A condition on it is allowed only in a rule whose actions all have it. */
export const ACTIONS_WITH_FACT: Readonly<Record<Fact, readonly ActionKind[]>> = {
  model: ["inference", "tool"],
  provider: ["inference"],
  api: ["inference"],
  stream: ["inference"],
  bytes: ["inference", "mesh.send"],
  host: ["egress"],
  port: ["egress"],
  protocol: ["egress"],
  method: ["egress"],
  path: ["egress"],
  program: ["exec"],
  argv: ["exec"],
  directory: ["exec"],
  agent: ["spawn"],
  image: ["spawn"],
  depth: ["spawn"],
  server: ["tool"],
  tool: ["tool"],
  arguments: ["tool"],
  peer: ["mesh.send"],
  topic: ["mesh.send"],
  tier: ["mesh.send"],
  operation: ["admin"],
  target: ["admin"],
  labels: ACTION_KINDS,
  time: ACTION_KINDS,
};

/**
 * Which kinds of action have what a limit keeps buckets by: a tool (with its server), a model, a destination
 * (`host:port`), a peer. A limit by it is allowed only over actions that all have it.
 */
export const ACTIONS_WITH_KEY: Readonly<Record<LimitKey, readonly ActionKind[]>> = {
  all: ACTION_KINDS,
  action: ACTION_KINDS,
  tool: ["tool"],
  model: ["inference", "tool"],
  destination: ["egress"],
  peer: ["mesh.send"],
};

/** The fact that a condition asks about. */
export function factOf(condition: Condition): Fact {
  switch (condition.kind) {
    case "text":
    case "number":
    case "flag":
    case "texts":
      return condition.fact;
    case "host":
    case "path":
    case "time":
    case "tier":
      return condition.kind;
    case "argument":
      return "arguments";
    case "label":
      return "labels";
    default:
      return assertNever(condition);
  }
}

export function isFact(text: string): text is Fact {
  return Object.hasOwn(ACTIONS_WITH_FACT, text);
}

export function isLimitKey(text: string): text is LimitKey {
  return Object.hasOwn(ACTIONS_WITH_KEY, text);
}
