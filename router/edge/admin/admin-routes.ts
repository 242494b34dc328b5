import { assertNever } from "../../core/base/assert-never.ts";

/**
 * One thing that readiness depends on. `degraded` is ready all the same: the last good state holds, and somebody
 * should look.
 */
export interface Condition {
  readonly name: string;
  readonly state: "ok" | "degraded" | "failed";
  /** One sentence for people; not shown for `ok`. */
  readonly reason: string;
}

/** What the admin listener shows; each is asked at each request. */
export interface AdminRooms {
  /** Ready: none of them has failed. */
  conditions(): readonly Condition[];
  /**
   * Anything that JSON can hold. No secrets: whoever reaches the pod's address can read it. `near`: it is asked from within
   * the pod, where only the router's own UID gets through the guard.
   */
  status(near: boolean): object;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What runs here, signed: a sigstore bundle. Undefined: there is nothing to say yet. */
  attestation(): string | undefined;
}

export interface AdminReply {
  readonly status: 200 | 404 | 405 | 503;
  readonly contentType: string;
  readonly body: string;
}

const TEXT = "text/plain; charset=utf-8";

const text = (status: AdminReply["status"], body: string): AdminReply => ({
  status,
  contentType: TEXT,
  body: `${body}\n`,
});

/**
 * Answers one request. `target` is the request-target as sent: only whole paths count, and nothing of it is ever
 * part of an answer.
 */
export async function answerAdmin(
  rooms: AdminRooms,
  method: string,
  target: string,
  near = false,
): Promise<AdminReply> {
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  const route = routes.get(path);
  if (route === undefined) return text(404, "not found");
  if (method !== "GET" && method !== "HEAD") return text(405, "only GET and HEAD are answered here");
  return route(rooms, question === -1 ? "" : target.slice(question + 1), near);
}

type Route = (rooms: AdminRooms, query: string, near: boolean) => AdminReply | Promise<AdminReply>;

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  // That this answer is made at all shows that the event loop turns, and that is all that liveness asks.
  ["/livez", () => text(200, "ok")],
  ["/readyz", readiness],
  ["/metrics", async (rooms) => ({ status: 200, ...(await rooms.metrics()) })],
  [
    "/attestation",
    (rooms) => {
      const bundle = rooms.attestation();
      if (bundle === undefined) return text(503, "nothing can be attested yet: no policy is loaded");
      return { status: 200, contentType: "application/vnd.dev.sigstore.bundle.v0.3+json", body: bundle };
    },
  ],
  [
    "/status",
    (rooms, _query, near) => ({
      status: 200,
      contentType: "application/json",
      body: `${JSON.stringify(rooms.status(near))}\n`,
    }),
  ],
]);

/** As the Kubernetes API server answers: `ok`, or with `?verbose`, or when not ready, a line for each condition. */
function readiness(rooms: AdminRooms, query: string): AdminReply {
  const conditions = rooms.conditions();
  const ready = conditions.every((condition) => condition.state !== "failed");
  const verbose = query.split("&").some((part) => part.split("=")[0] === "verbose");
  if (ready && !verbose) return text(200, "ok");
  const lines = conditions.map(conditionLine);
  lines.push(`readyz check ${ready ? "passed" : "failed"}`);
  return text(ready ? 200 : 503, lines.join("\n"));
}

function conditionLine(condition: Condition): string {
  switch (condition.state) {
    case "ok":
      return `[+]${condition.name} ok`;
    case "degraded":
      return `[!]${condition.name} degraded: ${oneLine(condition.reason)}`;
    case "failed":
      return `[-]${condition.name} failed: ${oneLine(condition.reason)}`;
    default:
      return assertNever(condition.state);
  }
}

/** A reason may quote a file's name: it must not make lines of its own, nor steer a terminal. */
function oneLine(reason: string): string {
  return reason.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
