/**
 * Asks the Sluice router of this pod before the agent acts. One file, no dependency: copy it, or import it; Node 20+, Deno,
 * Bun. Nothing here throws but `guarded`, and nothing here allows but a whole, well-formed `allow` of the router: no answer,
 * a late one, a redirect, another status, something that is not JSON, or a decision of another name, is a denial.
 *
 * It is a courtesy to the agent, not a fence: what leaves the pod is judged by the router whether it is asked or not.
 */

/** What is left out is missing: no allow rule that asks for it matches, and every deny rule that asks for it does. */
export type Action =
  | { kind: "inference"; model?: string; provider?: string; api?: string; stream?: boolean; bytes?: number }
  | {
      kind: "egress";
      host?: string;
      port?: number;
      protocol?: "tls" | "http" | "tcp";
      method?: string;
      /** Without its query. */
      path?: string;
    }
  /** `program`: its real, absolute path; `argv`: without the program. */
  | { kind: "exec"; program?: string; argv?: readonly string[]; directory?: string }
  | { kind: "spawn"; agent?: string; image?: string; depth?: number }
  /** `server`: the policy's name of an MCP server, or `function`; `arguments`: any JSON value. */
  | { kind: "tool"; server?: string; tool?: string; arguments?: unknown; model?: string }
  | { kind: "mesh.send"; peer?: string; topic?: string; bytes?: number }
  | { kind: "admin"; operation?: string; target?: string };

export interface PolicyIdentity {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
}

/** What the agent must do with what is allowed. */
export interface Obligations {
  /** RFC 6901 pointers into the arguments whose values must not be shown or kept. */
  readonly redact: readonly string[];
  /** Octets of the result at most. */
  readonly limit: { readonly result_bytes: number } | null;
  readonly log: "digest" | "full";
}

export interface Allowed {
  readonly decision: "allow";
  /** For `report`. */
  readonly id: string;
  readonly rule: string | null;
  readonly policy: PolicyIdentity | null;
  readonly obligations: Obligations;
  /** The approval it rests on. */
  readonly approval?: string;
  /** Allowed only because the policy observes: what it would have been. */
  readonly observed?: string;
}

export interface Refused {
  readonly decision: "deny" | "require_approval" | "rate_limit";
  /** Null: the router said nothing that counts. */
  readonly id: string | null;
  /** The router's word, or one of `ClientReason`. */
  readonly reason: string;
  readonly rule: string | null;
  readonly message: string | null;
  /** Milliseconds after which the same may be asked again. */
  readonly retry_after_ms?: number;
  /** An operator could allow it: see `ask`. */
  readonly askable: boolean;
}

export type Decision = Allowed | Refused;

/** Why there is a denial of which the router knows nothing. */
export type ClientReason =
  | "client/unreachable"
  | "client/timeout"
  | "client/bad_answer"
  | "client/bad_status"
  | "client/bad_action";

/**
 * How a request for access stands; `not_needed`: it is allowed as it is; `refused`: it cannot be asked for, or the router did
 * not say.
 */
export type AccessState =
  | "pending"
  | "approved"
  | "denied"
  | "expired"
  | "revoked"
  | "used"
  | "withdrawn"
  | "not_needed"
  | "refused";

export interface Access {
  readonly state: AccessState;
  readonly id: string | null;
  readonly message: string | null;
}

export interface GovernanceOptions {
  /** Of the agent API. */
  readonly url?: string;
  /** Milliseconds until a question without its whole answer is a denial. */
  readonly timeout?: number;
}

/** An action that was not done. */
export class ActionRefused extends Error {
  readonly decision: Refused;

  constructor(decision: Refused) {
    super(decision.message ?? `refused: ${decision.reason}`);
    this.name = "ActionRefused";
    this.decision = decision;
  }
}

const STATES: readonly AccessState[] = ["pending", "approved", "denied", "expired", "revoked", "used", "withdrawn"];
/** Seconds that the router waits at most. */
const MOST_WAIT = 300;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

type Read = { readonly value: unknown; readonly status: number } | { readonly failed: ClientReason };

export class Governance {
  readonly #url: string;
  readonly #timeout: number;

  constructor({ url = "http://127.0.0.1:18084", timeout = 5_000 }: GovernanceOptions = {}) {
    this.#url = url.replace(/\/+$/, "");
    this.#timeout = timeout;
  }

  /** Never rejects. */
  async evaluate(action: Action): Promise<Decision> {
    const read = await this.#send("POST", "/governance/v1/evaluate", { action });
    return "failed" in read ? denied(read.failed) : decisionOf(read.value, read.status);
  }

  /** One decision for each action, in their order; at most 100 actions, of more all are refused. Never rejects. */
  async evaluateAll(actions: readonly Action[]): Promise<readonly Decision[]> {
    if (actions.length === 0) return [];
    const read = await this.#send("POST", "/governance/v1/evaluate", { actions });
    if ("failed" in read) return actions.map(() => denied(read.failed));
    const list = isObject(read.value) ? read.value["decisions"] : undefined;
    if (read.status !== 200 || !Array.isArray(list) || list.length !== actions.length) {
      const whole = decisionOf(read.value, read.status);
      return actions.map(() => (whole.decision === "allow" ? denied("client/bad_answer") : whole));
    }
    return list.map((one: unknown) => decisionOf(one, 200));
  }

  /** Tells how an allowed action ended; false: the router did not take it. `bytes`: octets that it sent. Never rejects. */
  async report(id: string, result: "succeeded" | "failed", bytes = 0): Promise<boolean> {
    const read = await this.#send("POST", "/governance/v1/report", { id, result, bytes });
    return !("failed" in read) && read.status === 200 && isObject(read.value) && read.value["id"] === id;
  }

  /** Asks for access to exactly this action; `reason`: for the person who decides. Never rejects. */
  async ask(action: Action, reason: string): Promise<Access> {
    return accessOf(await this.#send("POST", "/governance/v1/requests", { action, reason }));
  }

  /**
   * How a request for access stands, waiting at most `seconds` (300 at most) for an answer. `approved` is no leave yet:
   * evaluate the same action again, which uses the approval. Never rejects.
   */
  async wait(id: string, seconds: number): Promise<Access> {
    if (!ID.test(id)) return { state: "refused", id: null, message: "client/bad_action" };
    const whole = Math.min(MOST_WAIT, Math.max(0, Math.floor(seconds) || 0));
    const path = `/governance/v1/requests/${id}?wait=${whole}`;
    return accessOf(await this.#send("GET", path, undefined, whole * 1_000 + this.#timeout));
  }

  /**
   * Does it only where it is allowed, and reports how it ended. Rejects with `ActionRefused` where it is not, and with what
   * `act` throws. `act` is given the decision, whose obligations are its to fulfil.
   */
  async guarded<T>(action: Action, act: (allowed: Allowed) => T | Promise<T>): Promise<T> {
    const decision = await this.evaluate(action);
    if (decision.decision !== "allow") throw new ActionRefused(decision);
    let value: T;
    try {
      value = await act(decision);
    } catch (error) {
      await this.report(decision.id, "failed");
      throw error;
    }
    await this.report(decision.id, "succeeded");
    return value;
  }

  async #send(method: string, path: string, body: unknown, timeout = this.#timeout): Promise<Read> {
    let text: string | undefined;
    try {
      text = body === undefined ? undefined : JSON.stringify(body);
    } catch {
      return { failed: "client/bad_action" };
    }
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: { accept: "application/json", ...(text === undefined ? {} : { "content-type": "application/json" }) },
        // Whoever is asked must answer itself.
        redirect: "error",
        signal: AbortSignal.timeout(timeout),
        ...(text === undefined ? {} : { body: text }),
      });
      const isJson = /^application\/json\s*(?:;|$)/i.test(response.headers.get("content-type") ?? "");
      const answer = await response.text();
      if (!isJson) return { failed: response.status === 200 ? "client/bad_answer" : "client/bad_status" };
      return { value: JSON.parse(answer) as unknown, status: response.status };
    } catch (error) {
      if (error instanceof SyntaxError) return { failed: "client/bad_answer" };
      const isLate = error instanceof Error && error.name === "TimeoutError";
      return { failed: isLate ? "client/timeout" : "client/unreachable" };
    }
  }
}

/** A decision counts only with every member it must have; an allow counts only with status 200. */
function decisionOf(value: unknown, status: number): Decision {
  if (!isObject(value)) return denied("client/bad_answer");
  const { error } = value;
  // A whole request that was refused: the router's error object.
  if (isObject(error)) return refusedOf("deny", { ...error, reason: error["code"], id: error["request_id"] });
  if (status !== 200) return denied("client/bad_status");
  const { decision, id, rule, policy, obligations, approval, observed } = value;
  switch (decision) {
    case "deny":
    case "require_approval":
    case "rate_limit":
      return refusedOf(decision, value);
    case "allow":
      if (typeof id !== "string" || !ID.test(id) || !isTextOrNull(rule) || !isObligations(obligations)) break;
      if (policy !== null && !isPolicy(policy)) break;
      return {
        decision,
        id,
        rule,
        policy,
        obligations,
        ...(typeof approval === "string" ? { approval } : {}),
        ...(typeof observed === "string" ? { observed } : {}),
      };
    default:
  }
  return denied("client/bad_answer");
}

function refusedOf(decision: Refused["decision"], value: Readonly<Record<string, unknown>>): Refused {
  const { id, reason, rule, message, retry_after_ms: wait, how_to_request: how } = value;
  return {
    decision,
    id: typeof id === "string" ? id : null,
    reason: typeof reason === "string" ? reason : "client/bad_answer",
    rule: typeof rule === "string" ? rule : null,
    message: typeof message === "string" ? message : null,
    ...(typeof wait === "number" ? { retry_after_ms: wait } : {}),
    askable: how !== undefined && how !== null,
  };
}

function denied(reason: ClientReason): Refused {
  return { decision: "deny", id: null, reason, rule: null, message: null, askable: false };
}

function accessOf(read: Read): Access {
  if ("failed" in read) return { state: "refused", id: null, message: read.failed };
  const { value, status } = read;
  if (!isObject(value)) return { state: "refused", id: null, message: "client/bad_answer" };
  const { id, state, error } = value;
  if (status === 200 && state === "not_needed") return { state, id: null, message: null };
  const found = STATES.find((known) => known === state);
  if (status >= 200 && status < 300 && typeof id === "string" && found !== undefined && error === undefined) {
    return { state: found, id, message: null };
  }
  const message = isObject(error) && typeof error["message"] === "string" ? error["message"] : "client/bad_answer";
  return { state: "refused", id: null, message };
}

function isObligations(value: unknown): value is Obligations {
  if (!isObject(value)) return false;
  const { redact, limit, log } = value;
  const isLimit = limit === null || (isObject(limit) && typeof limit["result_bytes"] === "number");
  return isTexts(redact) && isLimit && (log === "digest" || log === "full");
}

function isPolicy(value: unknown): value is PolicyIdentity {
  if (!isObject(value)) return false;
  return (
    typeof value["name"] === "string" && typeof value["version"] === "number" && typeof value["digest"] === "string"
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
