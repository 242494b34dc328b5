import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { deniedAddress } from "../policy/denied-address.ts";
import { denies } from "../policy/match-rule.ts";
import { type NamePermit, type PolicyIdentity, takeServerMint } from "../policy/permit.ts";
import type { PolicySnapshot } from "../policy/snapshot.ts";
import type { IpAddress } from "../wire/ip-address.ts";
import type { McpServer } from "./mcp-server.ts";

const mint = takeServerMint();

/** What of a governance policy counts here. */
export interface ServerPolicy {
  readonly identity: PolicyIdentity;
  readonly deniesFrom: EpochMillis;
  mcpServer(id: string): McpServer | undefined;
}

export interface ServerRefusal {
  readonly reason: Reason;
  /** The deny rule's id. */
  readonly rule: string | undefined;
}

/**
 * Leave to resolve an MCP server's endpoint. The governance policy stands in the place of an allow rule; a deny rule of
 * the egress policy that names host and port wins over it, also one about methods and paths, since a permit is for the
 * connection. Only the very server objects of this policy count.
 */
export function serverPermit(
  policy: ServerPolicy,
  server: McpServer,
  egress: PolicySnapshot,
  now: EpochMillis,
): Result<NamePermit, ServerRefusal> {
  const { scheme, host, port } = server.endpoint;
  // A look-alike, or one of a policy that was replaced meanwhile.
  if (policy.mcpServer(server.id) !== server) return refuse("governance_denied");
  if (egress.state === "missing") return refuse("policy_missing");
  // Written so that a clock that is not a number denies.
  if (!(now < policy.deniesFrom) || !(now < egress.deniesFrom)) return refuse("policy_expired");
  const asked = { host, port, http: undefined };
  const denying = egress.denyFor(host).find((rule) => denies(rule, asked, true));
  if (denying !== undefined) return refuse("denied_by_rule", denying.id);

  const named: readonly IpAddress[] = Object.freeze(
    server.addresses.filter((entry) => entry.port === port).map(({ address }) => address),
  );
  const deniedByRule = deniedAddress(egress, asked, true);
  return ok(
    mint({
      server: server.id,
      host,
      port,
      policy: policy.identity,
      namedAddresses: named,
      // A name may lead to any public address, and a credential goes in clear to none.
      deniedAddress:
        scheme === "https"
          ? deniedByRule
          : (address) => deniedByRule(address) ?? (named.includes(address) ? undefined : `mcp:${server.id}`),
    }),
  );
}

function refuse(reason: Reason, rule?: string): Result<NamePermit, ServerRefusal> {
  return fail({ reason, rule });
}
