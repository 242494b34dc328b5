import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import {
  isIn,
  KubeStore,
  type Matches,
  mergePatch,
  type Place,
  placeOf,
  selected,
  type StoredEvent,
  type StoredObject,
} from "./kube-store.ts";
import { testCa } from "./origins.ts";

export interface FakeKubeOptions {
  /** https with a certificate of the tests' CA for localhost. */
  readonly tls?: boolean;
  /** Bearer tokens that count; none given: everybody may. */
  readonly tokens?: readonly string[];
  /** Kinds of lists that may be empty: `{ pods: "Pod" }`. */
  readonly kinds?: Readonly<Record<string, string>>;
  /** What admission and quota would say of a write; undefined: nothing. */
  readonly refuse?: (method: string, place: Place, object: WrittenObject) => FakeStatus | undefined;
  /** Of single objects. */
  readonly refuseRead?: (place: Place) => FakeStatus | undefined;
}

export interface FakeStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}

/** What a client sent, as it is. */
export interface WrittenObject {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string; readonly [member: string]: unknown };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: WrittenObject | undefined;
  /** By `performance.now()`. */
  readonly at: number;
}

/** An API server without RBAC and without schemas, that misbehaves when it is told to. Paths are whole: `/apis/...`. */
export interface FakeKubeApi extends AsyncDisposable {
  readonly url: string;
  /** PEM; undefined without TLS. */
  readonly ca: string | undefined;
  readonly requests: FakeRequest[];
  /** Open ones. */
  readonly watches: number;
  readonly version: string;
  get(path: string): StoredObject | undefined;
  list(path: string): readonly StoredObject[];
  /** Creates or replaces, status included. */
  put(path: string, object: object): StoredObject;
  /** Replaces members of the status. */
  patchStatus(path: string, status: object): StoredObject;
  remove(path: string): void;
  /** What it returns sets the store back to now, versions included; open watches hear nothing of it. */
  backup(): () => void;
  /** To every watch; the version is the newest, unless it is said. */
  bookmark(version?: string): void;
  /** Cuts every watch. */
  dropWatches(): void;
  /** Ends every watch as its time would. */
  endWatches(): void;
  /** What was before is not kept any more; open watches are told so (410). */
  expire(): void;
  /** The next lists and watches from a version find that it is not kept, so often. */
  expireNext(times: number): void;
  /** The next requests are answered 429. */
  throttle(times: number, retryAfter: number | undefined): void;
  /** The next requests are answered with that. */
  failNext(times: number, status: number): void;
  /** Octets into every open watch, as they are. */
  raw(octets: string | Uint8Array): void;
  /** Sends the last events again, the newest first. */
  repeat(events: number): void;
  /** Sends an event to every watch, whatever is stored. */
  event(type: string, object: object): void;
  /** From here on nothing reaches the watches that are open now, and they stay open. */
  silence(): void;
  /** Every answer begins so much later. */
  delay(milliseconds: number): void;
  /** Events of watches are written in pieces of so many octets. */
  pieces(octets: number): void;
  tokens(tokens: readonly string[]): void;
  /** Nobody listens, and all connections are cut. */
  away(): Promise<void>;
  /** At the same port. */
  back(): Promise<void>;
}

interface OpenWatch {
  readonly response: ServerResponse;
  readonly place: Place;
  readonly matches: Matches;
  /** The version it was asked for. */
  readonly from: number;
  isSilent: boolean;
}

export async function startFakeKubeApi(options: FakeKubeOptions = {}): Promise<FakeKubeApi> {
  const store = new KubeStore();
  const watches = new Set<OpenWatch>();
  const sockets = new Set<Socket>();
  const requests: FakeRequest[] = [];
  const faults: { status: number; retryAfter: number | undefined; times: number }[] = [];
  const events: StoredEvent[] = [];
  let tokens = options.tokens;
  let late = 0;
  let piece = 0;
  let expired = 0;

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(request, response);
  };
  const { certificatePem: cert, keyPem: key } =
    options.tls === true ? testCa().issue(["localhost"]) : { certificatePem: "", keyPem: "" };
  const server = options.tls === true ? createHttps({ cert, key }, listener) : createHttp(listener);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  });
  let port = 0;
  const listen = async (): Promise<void> => {
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
  };
  await listen();
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://api");
    let text = "";
    for await (const part of request) text += String(part);
    const body = text === "" ? undefined : (JSON.parse(text) as WrittenObject);
    const { method = "GET" } = request;
    const { authorization, "content-type": contentType } = request.headers;
    requests.push({
      method,
      path: url.pathname,
      query: url.searchParams,
      authorization,
      contentType,
      body,
      at: performance.now(),
    });
    if (late > 0) await new Promise((resolve) => setTimeout(resolve, late));
    const [fault] = faults;
    if (fault !== undefined) {
      fault.times -= 1;
      if (fault.times <= 0) faults.shift();
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", String(fault.retryAfter));
      return refuse(response, { code: fault.status, reason: "Fault", message: "as it was told to" });
    }
    if (tokens !== undefined && !tokens.some((token) => authorization === `Bearer ${token}`)) {
      return refuse(response, { code: 401, reason: "Unauthorized", message: "Unauthorized" });
    }
    const place = placeOf(url.pathname);
    if (place === undefined) return refuse(response, notFound("that path"));
    if (method === "GET" && place.name === undefined) return collection(response, place, url.searchParams);
    if (method === "GET") {
      const unread = options.refuseRead?.(place);
      return unread === undefined ? answer(response, 200, store.get(place), place) : refuse(response, unread);
    }
    write(response, method, place, body, contentType);
  }

  function collection(response: ServerResponse, place: Place, query: URLSearchParams): void {
    const matches = selected(query.get("fieldSelector"), query.get("labelSelector"));
    if (query.get("watch") === "true") return watch(response, place, query, matches);
    const token = query.get("continue");
    const [version, from] = (token ?? `${store.version}:0`).split(":").map(Number);
    if (token !== null && (expired > 0 || store.since(version ?? 0) === undefined)) {
      expired = Math.max(0, expired - 1);
      return refuse(response, GONE);
    }
    const all = store.list(place, matches);
    const limit = Number(query.get("limit") ?? 0) || all.length;
    const page = all.slice(from, (from ?? 0) + limit);
    const isMore = (from ?? 0) + limit < all.length;
    send(response, 200, {
      apiVersion: place.root.replace(/^\/apis?\//, ""),
      kind: `${options.kinds?.[place.plural] ?? all[0]?.kind ?? ""}List`,
      metadata: {
        resourceVersion: String(version),
        ...(isMore ? { continue: `${version}:${(from ?? 0) + limit}` } : {}),
      },
      items: page,
    });
  }

  function watch(response: ServerResponse, place: Place, query: URLSearchParams, matches: Matches): void {
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    const from = Number(query.get("resourceVersion") ?? 0);
    const open: OpenWatch = { response, place, matches, from, isSilent: false };
    const missed = expired > 0 ? undefined : store.since(from);
    expired = Math.max(0, expired - 1);
    if (missed === undefined) {
      frame(open, { type: "ERROR", object: statusOf(GONE) });
      response.end();
      return;
    }
    watches.add(open);
    for (const event of missed) tell(open, event);
    const timer = setTimeout(() => end(open), Number(query.get("timeoutSeconds") ?? 600) * 1_000);
    timer.unref();
    response.once("close", () => {
      clearTimeout(timer);
      watches.delete(open);
    });
  }

  function write(
    response: ServerResponse,
    method: string,
    place: Place,
    body: WrittenObject | undefined,
    contentType = "",
  ): void {
    const named = { ...place, name: place.name ?? body?.metadata?.name };
    const before = store.get(named);
    const isStatus = place.subresource === "status";
    const asked = ((method === "PATCH" ? mergePatch(before ?? {}, body) : body) ?? {}) as WrittenObject;
    const refused = options.refuse?.(method, named, asked);
    if (refused !== undefined) return refuse(response, refused);
    if (method === "DELETE") return answer(response, 200, store.remove(named), place);
    if (named.name === undefined)
      return refuse(response, { code: 422, reason: "Invalid", message: "name is required" });
    if (method === "POST") {
      if (before !== undefined) {
        return refuse(response, { code: 409, reason: "AlreadyExists", message: `"${named.name}" already exists` });
      }
      // With a status subresource nobody is created with one.
      const { status: _status, ...rest } = asked;
      return send(response, 201, store.put(named, place.root === "/api/v1" ? asked : rest));
    }
    const isApply = method === "PATCH" && contentType.startsWith("application/apply-patch");
    if (before === undefined && !isApply) return refuse(response, notFound(`"${named.name}"`));
    const version = asked.metadata?.resourceVersion;
    if (before !== undefined && version !== undefined && version !== before.metadata.resourceVersion) {
      return refuse(response, { code: 409, reason: "Conflict", message: "the object has been modified" });
    }
    const next = isStatus
      ? { ...before, status: asked.status }
      : { ...asked, status: before?.["status"] ?? asked.status };
    send(response, before === undefined ? 201 : 200, store.put(named, next));
  }

  function answer(response: ServerResponse, status: number, object: StoredObject | undefined, place: Place): void {
    if (object === undefined) refuse(response, notFound(`"${place.name}"`));
    else send(response, status, object);
  }

  function tell(open: OpenWatch, event: StoredEvent): void {
    // As a watch cache does it: also of a version that is still to come.
    if (!isIn(event.place, open.place) || event.version <= open.from) return;
    const was = event.before !== undefined && open.matches(event.before);
    const is = event.type !== "DELETED" && open.matches(event.object);
    if (is) frame(open, { type: was ? "MODIFIED" : "ADDED", object: event.object });
    else if (was) frame(open, { type: "DELETED", object: event.object });
  }

  function frame(open: OpenWatch, value: object): void {
    octets(open, Buffer.from(`${JSON.stringify(value)}\n`));
  }

  function end(open: OpenWatch): void {
    watches.delete(open);
    open.response.end();
  }

  function octets({ response, isSilent }: OpenWatch, data: Uint8Array): void {
    if (isSilent) return;
    if (piece === 0) response.write(data);
    else for (let at = 0; at < data.length; at += piece) response.write(data.subarray(at, at + piece));
  }

  store.onChange((event) => {
    events.push(event);
    for (const open of watches) tell(open, event);
  });

  const at = (path: string): Place => {
    const place = placeOf(path);
    if (place === undefined) throw new Error(`${path} is no path of an API server`);
    return place;
  };

  return {
    get url() {
      return options.tls === true ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
    },
    ca: options.tls === true ? testCa().certificatePem : undefined,
    requests,
    get watches() {
      return watches.size;
    },
    get version() {
      return String(store.version);
    },
    get: (path) => store.get(at(path)),
    list: (path) => store.list(at(path)),
    put: (path, object) => store.put(at(path), object),
    patchStatus(path, status) {
      const before = store.get(at(path));
      if (before === undefined) throw new Error(`${path} is not there`);
      return store.put(at(path), { ...before, status: { ...(before["status"] as object | undefined), ...status } });
    },
    remove: (path) => void store.remove(at(path)),
    backup: () => store.backup(),
    bookmark(version = String(store.version)) {
      for (const open of watches) {
        frame(open, { type: "BOOKMARK", object: { metadata: { resourceVersion: version } } });
      }
    },
    dropWatches() {
      for (const { response } of watches) response.destroy();
    },
    endWatches() {
      for (const open of watches) end(open);
    },
    expire() {
      store.compact();
      for (const open of watches) {
        frame(open, { type: "ERROR", object: statusOf(GONE) });
        end(open);
      }
    },
    expireNext: (times) => void (expired = times),
    throttle: (times, retryAfter) => void faults.push({ status: 429, retryAfter, times }),
    failNext: (times, status) => void faults.push({ status, retryAfter: undefined, times }),
    raw(data) {
      for (const open of watches) octets(open, Buffer.from(data));
    },
    repeat(count) {
      for (const event of events.slice(-count).toReversed()) for (const open of watches) tell(open, event);
    },
    event(type, object) {
      for (const open of watches) frame(open, { type, object });
    },
    silence() {
      for (const open of watches) open.isSilent = true;
    },
    delay: (milliseconds) => void (late = milliseconds),
    pieces: (count) => void (piece = count),
    tokens: (given) => void (tokens = given),
    away: close,
    back: listen,
    async [Symbol.asyncDispose]() {
      if (server.listening) await close();
    },
  };
}

const GONE: FakeStatus = { code: 410, reason: "Expired", message: "too old resource version" };

function notFound(what: string): FakeStatus {
  return { code: 404, reason: "NotFound", message: `${what} not found` };
}

function statusOf({ code, reason, message }: FakeStatus): object {
  return { apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure", code, reason, message };
}

function refuse(response: ServerResponse, status: FakeStatus): void {
  send(response, status.code, statusOf(status));
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
