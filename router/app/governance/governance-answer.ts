import { STATUS_CODES } from "node:http";
import { REASONS, type Reason } from "../../core/base/reason.ts";
import type { PolicyIdentity } from "../../core/policy/permit.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";

export interface GovernanceRefusal {
  readonly reason: Reason;
  /** Where the reason's own is too coarse. */
  readonly status?: number;
  /** One sentence of ours; never text that the agent sent. */
  readonly message?: string | undefined;
  readonly rule?: string | undefined;
  readonly policy?: PolicyIdentity | undefined;
  readonly retryAfter?: number | undefined;
  readonly fields?: readonly (readonly [string, string])[];
  /** The answer to HEAD: its fields alone (RFC 9110 section 9.3.2). */
  readonly bodiless?: boolean;
}

/** An answer of ours in JSON. */
export function writeJson(
  agent: AgentSocket,
  request: string,
  status: number,
  value: unknown,
  keepAlive: boolean,
  fields: readonly (readonly [string, string])[] = [],
  bodiless = false,
): void {
  const body = Buffer.from(JSON.stringify(value));
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: application/json\r\n`;
  for (const [name, text] of fields) head += `${name}: ${text}\r\n`;
  head += `Content-Length: ${body.length}\r\nSluice-Request-Id: ${request}\r\nCache-Control: no-store\r\n`;
  head += `Connection: ${keepAlive ? "keep-alive" : "close"}\r\n\r\n`;
  const whole = Buffer.concat([Buffer.from(head, "latin1"), ...(bodiless ? [] : [body])]);
  if (keepAlive) agent.write(whole);
  else agent.finish(whole);
}

/** The refusal of a whole request: whoever reads only `decision` reads deny. */
export function writeDenial(agent: AgentSocket, request: string, refusal: GovernanceRefusal, keepAlive: boolean): void {
  const row = REASONS[refusal.reason];
  const { retryAfter } = refusal;
  const fields: (readonly [string, string])[] = [
    ["Proxy-Status", `sluice; error=${row.proxyStatus}; details="${refusal.reason}"`],
    ["Sluice-Reason", refusal.reason],
    ...(retryAfter === undefined ? [] : [retryField(retryAfter)]),
    ...(refusal.fields ?? []),
  ];
  const body = { decision: "deny", error: errorBody(request, refusal) };
  writeJson(agent, request, refusal.status ?? row.status, body, keepAlive, fields, refusal.bodiless);
}

/** The error object of contract.md, "Refusals". */
export function errorBody(request: string, { reason, message, rule, policy, retryAfter }: GovernanceRefusal): unknown {
  const { sentence } = REASONS[reason];
  return {
    type: "governance_denied",
    code: reason,
    message: message === undefined ? sentence : `${sentence} ${message}`,
    request_id: request,
    rule: rule ?? null,
    policy: policy ?? null,
    ...(retryAfter === undefined ? {} : { retry_after_ms: Math.ceil(retryAfter) }),
  };
}

/** RFC 9110 section 10.2.3: whole seconds, never fewer than the wait. */
export function retryField(millis: number): readonly [string, string] {
  return ["Retry-After", String(Math.max(1, Math.ceil(millis / 1_000)))];
}
