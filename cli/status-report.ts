import type { DocumentProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { count, type Flaw, listOf, matching, members, nullOr, object, truth } from "../router/core/attest/members.ts";

/** What `GET /status` says (router/app/router.ts), as far as it is shown. Texts in it are whatever the peer sent. */
export interface SidecarStatus {
  readonly version: string;
  readonly identity: { readonly namespace: string; readonly pod: string; readonly agent: string };
  /** Never empty. */
  readonly conditions: readonly StatusCondition[];
  readonly policy: PolicyState;
  readonly inference: {
    readonly policy: PolicyState;
    readonly calls: number;
    /** Octets of request bodies that are held now. */
    readonly bodies: number;
    readonly budgets: { readonly budgets: readonly BudgetState[] };
  };
  /** An older router says nothing of it. */
  readonly governance?: GovernanceState;
  readonly tunnels: number;
  readonly connections: number;
  readonly audit: {
    readonly writable: boolean;
    readonly records: number;
    readonly bytes: number;
    readonly origin: string;
    /** The newest signed head; without members while there is none. */
    readonly checkpoint: { readonly size?: number; readonly at?: string };
    readonly witnesses: readonly { readonly witness: string; readonly cosignedSize: number }[];
  };
}

export interface StatusCondition {
  readonly name: string;
  readonly state: "ok" | "degraded" | "failed";
  readonly reason: string;
}

export interface PolicyState {
  /** `missing`: without any of the members below but the condition. */
  readonly state: "missing" | "loaded" | "degraded";
  readonly name?: string;
  readonly version?: number;
  readonly digest?: string;
  readonly mode?: string;
  /** RFC 3339, like every time here. */
  readonly issuedAt?: string;
  readonly expiresAt?: string;
  readonly loadedAt?: string;
  readonly signers?: readonly string[];
  /** Why no newer document is in force. */
  readonly condition: { readonly problems?: readonly DocumentProblem[] };
}

export interface BudgetState {
  readonly id: string;
  readonly unit: "tokens" | "requests" | "usd";
  /** `request`, `minute`, `hour`, `day`, `month`, or seconds of a rolling window, such as `21600s`. */
  readonly window: string;
  readonly scope: string;
  /** Null: its models together. */
  readonly model: string | null;
  /** A number, or dollars as a decimal text. */
  readonly limit: number | string;
  readonly used: number | string;
  readonly reserved: number | string;
  readonly remaining: number | string;
  /** Null: it remembers nothing. */
  readonly resetAt: string | null;
}

/** What was asked for at run time, and what operators allowed (router/app/governance/open-approvals.ts). */
export interface GovernanceState {
  readonly policy?: PolicyState;
  readonly requests?: {
    readonly pending: number;
    /** Oldest first; not all of them. */
    readonly newest: readonly {
      readonly digest: string;
      readonly summary: string;
      readonly reason: string;
      readonly requestedAt: string;
      readonly expiresAt: string;
      readonly count: number;
      /** The EgressApproval that it asks for, in YAML and unapproved; null: too long to be shown. */
      readonly manifest: string | null;
    }[];
  };
  readonly approvals?: readonly {
    readonly id: string;
    readonly digest: string;
    readonly summary: string;
    readonly expiresAt: string;
    /** Null: as often as wanted. */
    readonly uses: number | null;
    readonly left: number | null;
  }[];
}

const text: Flaw = (value) => (typeof value === "string" ? undefined : "");
const TIME = matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/);
const DECIMAL = matching(/^[0-9]{1,16}(?:\.[0-9]{1,9})?$/);
const amount: Flaw = (value) => (typeof value === "number" ? count(value) : DECIMAL(value));
/** The answer as a whole is bounded by whoever fetched it. */
const MOST = 20_000;
const MOST_NESTED = 64;

/** An object with these members, and any others: a newer router may say more. */
function having(required: Readonly<Record<string, Flaw>>, optional: Readonly<Record<string, Flaw>> = {}): Flaw {
  const check = members(required, optional);
  const known = Object.keys({ ...required, ...optional });
  return (value) => {
    if (object(value) !== undefined) return "";
    const given = value as { readonly [name: string]: AuditValue };
    return check(
      Object.fromEntries(known.flatMap((name) => (Object.hasOwn(given, name) ? [[name, given[name] ?? null]] : []))),
    );
  };
}

const problem = having({ file: text, line: count, column: count, code: text, message: text });
const condition = having({}, { problems: listOf(problem, MOST) });
const standing = having(
  {
    state: matching(/^(?:loaded|degraded)$/),
    condition,
    name: text,
    version: count,
    digest: text,
    issuedAt: TIME,
    expiresAt: TIME,
    loadedAt: TIME,
  },
  { mode: text, signers: listOf(text, MOST) },
);
const missing = having({ state: matching(/^missing$/), condition });
const policy: Flaw = (value) => (missing(value) === undefined ? undefined : standing(value));

const budget = having({
  id: text,
  unit: matching(/^(?:tokens|requests|usd)$/),
  window: text,
  scope: text,
  model: nullOr(text),
  limit: amount,
  used: amount,
  reserved: amount,
  remaining: amount,
  resetAt: nullOr(TIME),
});

const request = having({
  digest: text,
  summary: text,
  reason: text,
  requestedAt: TIME,
  expiresAt: TIME,
  count,
  manifest: nullOr(text),
});
const approval = having({
  id: text,
  digest: text,
  summary: text,
  expiresAt: TIME,
  uses: nullOr(count),
  left: nullOr(count),
});
const governance = having(
  {},
  {
    policy,
    requests: having({ pending: count, newest: listOf(request, MOST) }),
    approvals: listOf(approval, MOST),
  },
);

const status = having(
  {
    version: text,
    identity: having({ namespace: text, pod: text, agent: text }),
    conditions: listOf(having({ name: text, state: matching(/^(?:ok|degraded|failed)$/), reason: text }), MOST),
    policy,
    inference: having({
      policy,
      calls: count,
      bodies: count,
      budgets: having({ budgets: listOf(budget, MOST) }),
    }),
    tunnels: count,
    connections: count,
    audit: having({
      writable: truth,
      records: count,
      bytes: count,
      origin: text,
      checkpoint: having({}, { size: count, at: TIME }),
      witnesses: listOf(having({ witness: text, cosignedSize: count }), MOST),
    }),
  },
  { governance },
);

/** Reads the body of the answer. The problem says where it is not what a sidecar says, in names of our own only. */
export function readStatus(body: Uint8Array): Result<SidecarStatus, string> {
  const value = jsonIn(body);
  if (value === undefined) return fail("the answer is no JSON text");
  const flaw = status(value);
  if (flaw !== undefined) return fail(`the answer is no status of a sidecar: see ${flaw === "" ? "all of it" : flaw}`);
  const read = value as unknown as SidecarStatus;
  // Nothing that could fail is no reason to call it ready.
  return read.conditions.length === 0 ? fail("the answer names no condition") : ok(read);
}

/** As `/readyz` has it: what is degraded works on. */
export function isReady({ conditions }: SidecarStatus): boolean {
  return conditions.every(({ state }) => state !== "failed");
}

function jsonIn(body: Uint8Array): AuditValue | undefined {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as AuditValue;
    return isWithin(value, MOST_NESTED) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What is nested more deeply may be read by JSON.parse, and not be written by JSON.stringify. */
function isWithin(value: AuditValue, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isWithin(inner, depth - 1));
}
