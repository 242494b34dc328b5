import { fail, ok, type Result } from "../base/result.ts";

/**
 * What one attempt to leave the pod came to. Only the first three keep it closed: `redirected` ended at a loopback
 * listener, `no_route` had nowhere to go.
 */
export type AttemptOutcome = "refused" | "redirected" | "no_route" | "left" | "timed_out";

export interface GuardCheck {
  readonly family: "ipv4" | "ipv6";
  readonly transport: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly outcome: AttemptOutcome;
  /** What the system called it: `ECONNREFUSED`, `EPERM`. Empty where there was no error. */
  readonly error: string;
  readonly milliseconds: number;
}

/** What `sluice guard prove --proof FILE` writes as JSON, and the router reads before it calls itself ready. */
export interface GuardProof {
  /** `/proc/self/ns/net`, as `net:[4026531840]`: the network namespace in which it was shown. */
  readonly netns: string;
  /** `/proc/sys/kernel/random/boot_id`: namespace numbers begin anew with each boot. */
  readonly bootId: string;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly time: number;
  /** The UID that tried, in the prover's user namespace. */
  readonly uid: number;
  readonly families: readonly ("ipv4" | "ipv6")[];
  readonly checks: readonly GuardCheck[];
}

export interface GuardProofProblem {
  readonly code: "proof_unreadable" | "proof_stale" | "proof_failed";
  readonly message: string;
}

/** Where the reader stands: read from the same two files. */
export interface ProofPlace {
  readonly netns: string;
  readonly bootId: string;
}

/**
 * The proof in `text`, if it holds here: written in this boot and this network namespace, every attempt kept
 * inside, and in each family at least one refused or redirected (an attempt without a route shows nothing).
 */
export function readProof(text: string, here: ProofPlace): Result<GuardProof, GuardProofProblem> {
  const proof = parse(text);
  if (proof === undefined) return fail({ code: "proof_unreadable", message: "The guard's proof is not readable." });
  if (proof.netns !== here.netns || proof.bootId !== here.bootId) {
    return fail({
      code: "proof_stale",
      message: `The guard's proof is of ${proof.netns} in boot ${proof.bootId}, not of here.`,
    });
  }
  const doubt = doubtIn(proof);
  return doubt === undefined ? ok(proof) : fail({ code: "proof_failed", message: doubt });
}

/** Why these checks do not show a closed pod, as one sentence; undefined where they do. */
export function doubtIn(proof: Pick<GuardProof, "families" | "checks">): string | undefined {
  if (proof.families.length === 0) return "No address family was tried.";
  for (const check of proof.checks) {
    if (!CLOSED.has(check.outcome)) {
      const error = check.error === "" ? "" : ` (${check.error})`;
      return `${check.transport} to ${check.address} port ${check.port}: ${check.outcome} after ${check.milliseconds} ms${error}.`;
    }
  }
  const untried = proof.families.find(
    (family) => !proof.checks.some((check) => check.family === family && check.outcome !== "no_route"),
  );
  return untried === undefined ? undefined : `Nothing was shown for ${untried}: every attempt lacked a route.`;
}

const CLOSED: ReadonlySet<string> = new Set<AttemptOutcome>(["refused", "redirected", "no_route"]);
const OUTCOMES: ReadonlySet<unknown> = new Set([...CLOSED, "left", "timed_out"]);

function parse(text: string): GuardProof | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { netns, bootId, time, uid, families, checks } = value;
  if (typeof netns !== "string" || typeof bootId !== "string" || netns === "" || bootId === "") return undefined;
  if (!isCount(time) || !isCount(uid)) return undefined;
  if (!Array.isArray(families) || !families.every(isFamily)) return undefined;
  if (!Array.isArray(checks) || !checks.every(isCheck)) return undefined;
  return { netns, bootId, time, uid, families, checks };
}

function isCheck(value: unknown): value is GuardCheck {
  return (
    isRecord(value) &&
    isFamily(value["family"]) &&
    (value["transport"] === "tcp" || value["transport"] === "udp") &&
    typeof value["address"] === "string" &&
    isCount(value["port"]) &&
    OUTCOMES.has(value["outcome"]) &&
    typeof value["error"] === "string" &&
    isCount(value["milliseconds"])
  );
}

function isFamily(value: unknown): value is "ipv4" | "ipv6" {
  return value === "ipv4" || value === "ipv6";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
