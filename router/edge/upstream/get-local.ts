import { type IncomingMessage, request } from "node:http";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { type Millis, millis } from "../../core/base/quantity.ts";
import { parseIpAddress } from "../../core/wire/ip-address.ts";

export interface LocalAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface LocalProblem {
  readonly code: "bad_url" | "unreachable" | "timed_out" | "too_large";
  /** One sentence; of what the peer sent it holds nothing. */
  readonly message: string;
}

const MAXIMUM_BODY = 1024 * 1024;
/** For all of it: connection, answer, last octet. */
const DEADLINE = millis(5_000);

/**
 * One GET to a router's admin listener, for the command line: `base` is `http://` with an IP address or `localhost`, so
 * nothing is resolved and nothing leaves by a proxy; redirects are not followed. At most 1 MiB within 5 s. Whatever
 * answers is not authenticated: what it says must be proved otherwise. `deadline` is for tests.
 */
export async function getLocal(
  base: string,
  path: string,
  deadline: Millis = DEADLINE,
): Promise<Result<LocalAnswer, LocalProblem>> {
  const peer = parseBase(base);
  if (peer === undefined) {
    return fail({
      code: "bad_url",
      message: "Needed is http:// with an IP address or localhost, a port, and no path.",
    });
  }
  const timeout = AbortSignal.timeout(deadline);
  try {
    const response = await answered(peer, path, timeout);
    const body: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      // Leaving the loop destroys the response, and its socket with it.
      if (length > MAXIMUM_BODY) {
        return fail({ code: "too_large", message: `The answer is larger than ${MAXIMUM_BODY} octets.` });
      }
      body.push(chunk);
    }
    return ok({ status: response.statusCode ?? 0, body: Buffer.concat(body) });
  } catch (error) {
    if (timeout.aborted) return fail({ code: "timed_out", message: `No whole answer came within ${deadline} ms.` });
    const code = error instanceof Error && "code" in error ? String(error.code) : "no answer";
    return fail({ code: "unreachable", message: `The router cannot be asked: ${code}.` });
  }
}

interface Peer {
  readonly host: string;
  readonly port: string;
}

function parseBase(base: string): Peer | undefined {
  const url = URL.parse(base);
  if (url === null || url.protocol !== "http:" || url.username !== "" || url.password !== "") return undefined;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") return undefined;
  const host = url.hostname === "localhost" ? "127.0.0.1" : url.hostname.replaceAll(/[[\]]/g, "");
  return parseIpAddress(host) === undefined ? undefined : { host, port: url.port === "" ? "80" : url.port };
}

function answered({ host, port }: Peer, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path, agent: false, signal, headers: { accept: "application/json" } });
    outgoing.once("response", resolve);
    // Stays: a connection may also fail after its response has begun.
    outgoing.on("error", reject);
    outgoing.end();
  });
}
