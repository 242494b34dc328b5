import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { epochMillis } from "../router/core/base/quantity.ts";
import { type Reason, REASONS } from "../router/core/base/reason.ts";
import { LearnedBook } from "../router/core/learning/learned-book.ts";
import type { LearnedAbout } from "../router/core/learning/learned-text.ts";
import { parseShape, type PathShape } from "../router/core/learning/path-shape.ts";
import { LASTING, namedMethod, type Observation, type SeenTarget } from "../router/core/learning/seen.ts";
import { requestKind, SEEN_KINDS, type SeenKind, showsRequests } from "../router/core/learning/seen-kind.ts";
import { parseAuthority } from "../router/core/wire/authority.ts";
import type { ShownRecord } from "./shown-record.ts";

/** As large as a sidecar's can be. */
const ENTRIES = 65_536;
/** Exchanges that have begun and not ended, at most; of more, the oldest count as ended. */
const MOST_OPEN = 100_000;
/** Where a log does not say which paths were asked for. */
const EVERY_PATH: PathShape = ["**"];

/** What a log shows of traffic: the records of one or more sidecars, in their order. */
export class SeenLog {
  readonly book = new LearnedBook(ENTRIES);
  /** Decisions whose target is not there to be read: cut, or hidden by a redaction. */
  unreadable = 0;
  /** Requests in clear whose paths are not on record. */
  pathless = 0;
  /** Names of policies and the highest version of each, the last one last. */
  readonly policies = new Map<string, number>();
  readonly namespaces = new Set<string>();
  readonly agents = new Set<string>();
  readonly #open = new Map<string, Observation>();

  read(record: ShownRecord): void {
    if (record.kind === "egress.decision") this.#decided(record);
    else if (record.kind === "egress.end") this.#ended(record);
    // Versions rise, also those under which nothing happened.
    else if (record.kind === "policy.load" && record.detail["kind"] === "EgressPolicy") this.#judgedBy(record);
  }

  /** Behind the last record: what had not ended was seen all the same. */
  finish(): void {
    for (const key of this.#open.keys()) this.#close(key);
  }

  /** Undefined: no policy is named. */
  get about(): Pick<LearnedAbout, "policy" | "version"> | undefined {
    const last = [...this.policies].at(-1);
    return last === undefined ? undefined : { policy: last[0], version: last[1] };
  }

  #decided(record: ShownRecord): void {
    const { decision, reason, rule, detail } = record;
    const isRefusal = decision === "deny" && isReason(reason) && LASTING.includes(reason);
    if (decision !== "allow" && !isRefusal) return;
    const target = this.#targetOf(record);
    if (target === "unreadable") this.unreadable += 1;
    if (target === "unreadable" || target === "nothing") return;
    this.#judgedBy(record);
    this.namespaces.add(record.actor.namespace);
    this.agents.add(record.actor.agent);
    const about = { ...target, at: epochMillis(Date.parse(record.time)), bytesOut: 0, bytesIn: 0 };
    if (isRefusal) {
      this.book.observe({ ...about, outcome: { allowed: false, reason } });
      return;
    }
    const unlisted = reasonOf(detail["unlisted"]);
    const observation: Observation = { ...about, outcome: { allowed: true, rule: rule ?? undefined, unlisted } };
    const key = keyOf(record);
    if (this.#open.has(key)) this.#close(key);
    const [oldest] = this.#open.size >= MOST_OPEN ? this.#open.keys() : [];
    if (oldest !== undefined) this.#close(oldest);
    this.#open.set(key, observation);
  }

  /** It counts as it is known. */
  #close(key: string): void {
    const observation = this.#open.get(key);
    if (observation !== undefined) this.book.observe(observation);
    this.#open.delete(key);
  }

  #judgedBy({ policy }: ShownRecord): void {
    if (policy === null) return;
    const version = Math.max(policy.version, this.policies.get(policy.name) ?? 0);
    this.policies.delete(policy.name);
    this.policies.set(policy.name, version);
  }

  #ended(record: ShownRecord): void {
    const { decision, reason, detail, time } = record;
    const key = keyOf(record);
    const begun = this.#open.get(key);
    if (begun === undefined) return;
    this.#open.delete(key);
    const at = epochMillis(Date.parse(time));
    // Also what was open when it came to be denied.
    if (isReason(reason) && LASTING.includes(reason)) {
      this.book.observe({ ...begun, at, outcome: { allowed: false, reason } });
    }
    // Admitted, and refused after all: its ClientHello, or nobody answered.
    else if (decision === "allow")
      this.book.observe({ ...begun, at, bytesOut: countOf(detail["bytesOut"]), bytesIn: countOf(detail["bytesIn"]) });
  }

  #targetOf({ action, target, decision, detail }: ShownRecord): SeenTarget | "unreadable" | "nothing" {
    if (target === "-") return "nothing";
    const authority = parseAuthority(target, undefined);
    if (!authority.ok) return "unreadable";
    const { host, port } = authority.value;
    const method = /^http\.(.+)$/s.exec(action)?.[1];
    if (method === undefined) {
      // What it carries is on record request by request.
      if (detail["protocol"] === "http" || detail["inspect"] === true) return "nothing";
      const kind: SeenKind = SEEN_KINDS.find((each) => each === detail["protocol"]) ?? (port === 443 ? "tls" : "tcp");
      return { host, port, kind, method: undefined, shape: undefined };
    }
    const isListed = decision === "allow" && detail["unlisted"] === undefined;
    const kind = requestKind(detail["secure"] === true, detail["inspect"] === true, !isListed);
    if (!showsRequests(kind)) return { host, port, kind, method: undefined, shape: undefined };
    const path = detail["path"];
    if (path === undefined) this.pathless += 1;
    const shape = path === undefined ? EVERY_PATH : typeof path === "string" ? parseShape(path) : undefined;
    return { host, port, kind, method: namedMethod(method), shape };
  }
}

function keyOf({ stream, request }: ShownRecord): string {
  return `${stream} ${request}`;
}

function reasonOf(value: AuditValue | undefined): Reason | undefined {
  return isReason(value) ? value : undefined;
}

function isReason(value: AuditValue | undefined): value is Reason {
  return typeof value === "string" && Object.hasOwn(REASONS, value);
}

function countOf(value: AuditValue | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
