import type { Json } from "../json/json.ts";
import type { Host } from "../wire/host.ts";
import type { Port } from "../base/quantity.ts";

/**
 * One action, normalised: what an agent sends is checked and bounded before it becomes one. A fact that is undefined is
 * missing: it never makes an allow rule match, and always a deny rule. Who acts is not in it: that comes from the pod.
 */
export type Action =
  | InferenceAction
  | EgressAction
  | ExecAction
  | SpawnAction
  | ToolAction
  | MeshSendAction
  | AdminAction;

export interface InferenceAction {
  readonly kind: "inference";
  /** The policy's name of the model. */
  readonly model: string | undefined;
  readonly provider: string | undefined;
  /** `chat`, `messages` ...: `Api` of core/inference. */
  readonly api: string | undefined;
  readonly stream: boolean | undefined;
  /** Octets of the request's body. */
  readonly bytes: number | undefined;
}

export interface EgressAction {
  readonly kind: "egress";
  readonly host: Host | undefined;
  readonly port: Port | undefined;
  readonly protocol: "tls" | "http" | "tcp" | undefined;
  /** As sent; undefined in a tunnel that is not looked into. */
  readonly method: string | undefined;
  /** Without its query, beginning with "/". */
  readonly path: string | undefined;
}

/** Advisory: nothing of it passes the router. */
export interface ExecAction {
  readonly kind: "exec";
  /** The real path of what is run, absolute. A shell is all commands. */
  readonly program: string | undefined;
  /** Without the program. */
  readonly argv: readonly string[] | undefined;
  /** Absolute. */
  readonly directory: string | undefined;
}

/** Advisory. */
export interface SpawnAction {
  readonly kind: "spawn";
  readonly agent: string | undefined;
  readonly image: string | undefined;
  /** How many agents stand above it. */
  readonly depth: number | undefined;
}

export interface ToolAction {
  readonly kind: "tool";
  /** The policy's name of an MCP server; `function` for a tool that a request to a model declares, or a model calls. */
  readonly server: string | undefined;
  readonly tool: string | undefined;
  /**
   * What it is called with. `pending`: the tool is only declared or listed, so that rules on arguments may come out
   * either way; such a tool is refused only where no arguments could be allowed.
   */
  readonly arguments: { readonly state: "known"; readonly value: Json } | { readonly state: "pending" | "missing" };
  /** The policy's name of the model that asks for the call. */
  readonly model: string | undefined;
}

export interface MeshSendAction {
  readonly kind: "mesh.send";
  /** The policy's name of a peer. Its tier is the router's to know. */
  readonly peer: string | undefined;
  readonly topic: string | undefined;
  readonly bytes: number | undefined;
}

/** Advisory. */
export interface AdminAction {
  readonly kind: "admin";
  readonly operation: string | undefined;
  readonly target: string | undefined;
}

/** What counts besides the action itself, from the router and never from the agent. */
export interface ActionContext {
  /** Milliseconds since 1970, UTC. */
  readonly now: number;
  /** The pod's labels; undefined: not known. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  /** 0 to 1000, of a peer of the policy; undefined: no such peer, or its standing cannot be read. */
  readonly scoreOf: (peer: string) => number | undefined;
}
