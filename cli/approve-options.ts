import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { KubeChoice } from "./kube-access.ts";

export type ApprovalVerb = "approve" | "deny" | "revoke";

export interface ApproveOptions extends KubeChoice {
  readonly name: string;
  /** Undefined: the context's, else `default`. */
  readonly namespace: string | undefined;
  readonly reason: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
}

export function approveUsage(verb: ApprovalVerb): string {
  const reason = verb === "revoke" ? "" : " [--reason TEXT]";
  return `sluice ${verb} NAME [-n NAMESPACE]${reason} [--yes] [--context C] [--kubeconfig FILE] [--json]`;
}

/** RFC 1123: what may stand in a path of the API without being escaped. */
const OBJECT_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LONGEST_REASON = 1_024;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The problem is one sentence about the arguments. */
export function parseApproveOptions(verb: ApprovalVerb, argv: readonly string[]): Result<ApproveOptions, string> {
  const parsed = parse(argv);
  if (!parsed.ok) return parsed;
  const { values, positionals } = parsed.value;
  const [name, ...more] = positionals;
  const { namespace, reason, yes = false, json = false, context, kubeconfig } = values;
  if (name === undefined || more.length > 0) return fail(`one NAME of an EgressApproval is needed`);
  if (!OBJECT_NAME.test(name)) return fail(`${JSON.stringify(name)} is no name of an object`);
  if (namespace !== undefined && !NAMESPACE.test(namespace)) {
    return fail(`${JSON.stringify(namespace)} is no name of a namespace`);
  }
  if (verb === "revoke" && reason !== undefined) return fail("a revocation has no --reason to be kept in");
  if (reason !== undefined && (reason === "" || reason.length > LONGEST_REASON || UNPRINTABLE.test(reason))) {
    return fail(`--reason is one line of 1 to ${LONGEST_REASON} printable characters`);
  }
  return ok({ name, namespace, reason, yes, json, context, kubeconfig });
}

type Parsed = ReturnType<typeof parseWords>;

function parse(argv: readonly string[]): Result<Parsed, string> {
  try {
    return ok(parseWords(argv));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function parseWords(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      namespace: { type: "string", short: "n" },
      reason: { type: "string" },
      yes: { type: "boolean", short: "y" },
      json: { type: "boolean" },
      context: { type: "string" },
      kubeconfig: { type: "string" },
    },
  });
}
