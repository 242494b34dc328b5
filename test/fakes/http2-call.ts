import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type Frame, framesOf, type Pairs } from "./http2-frames.ts";

export interface Called {
  readonly status: number | undefined;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** `status` and what came with it, of each 1xx. */
  readonly interim: readonly number[];
  readonly body: Buffer;
  readonly trailers: ReadonlyMap<string, readonly string[]>;
  /** The code that the stream was closed with. */
  readonly code: number;
  /** The reason in a refusal. */
  readonly reason: string | undefined;
}

export interface Content {
  readonly body?: string | Buffer;
  readonly trailers?: OutgoingHttpHeaders;
  /** The content is not ended. */
  readonly open?: boolean;
  readonly onStream?: (stream: ClientHttp2Stream) => void;
}

/** One request, to its end. */
export async function call(
  session: ClientHttp2Session,
  fields: OutgoingHttpHeaders | readonly string[],
  content?: Content,
): Promise<Called> {
  const stream = session.request(fields, {
    endStream: content === undefined,
    waitForTrailers: content?.trailers !== undefined,
  });
  content?.onStream?.(stream);
  let status: number | undefined;
  let got: readonly string[] = [];
  let trailers: readonly string[] = [];
  const interim: number[] = [];
  const parts: Buffer[] = [];
  stream.on("headers", (head) => interim.push(Number(head[":status"])));
  stream.on("response", (head, _flags, raw) => {
    status = head[":status"];
    got = raw;
  });
  stream.on("trailers", (_head, _flags, raw) => {
    trailers = raw;
  });
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("error", () => undefined);
  stream.on("wantTrailers", () => stream.sendTrailers(content?.trailers ?? {}));
  if (content?.body !== undefined) stream.write(content.body);
  if (content !== undefined && content.open !== true) stream.end();
  await new Promise<void>((resolve) => stream.on("close", resolve));
  const byName = lists(got);
  return {
    status,
    fields: byName,
    interim,
    body: Buffer.concat(parts),
    trailers: lists(trailers),
    code: stream.rstCode ?? 0,
    reason: byName.get("sluice-reason")?.[0],
  };
}

export function lists(raw: readonly string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    byName.set(name, [...(byName.get(name) ?? []), raw[at + 1] ?? ""]);
  }
  return byName;
}

/** Frames off a socket, as they come; `preface`: the octets before the first. */
export function reader(
  socket: TLSSocket,
  preface = 0,
): {
  readonly frames: Frame[];
  until(test: (frame: Frame) => boolean): Promise<Frame>;
} {
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let skip = preface;
  let look = (): void => undefined;
  socket.on("data", (chunk: Buffer) => {
    const read = framesOf(Buffer.concat([rest, chunk.subarray(skip)]));
    skip = Math.max(0, skip - chunk.length);
    rest = read.rest;
    frames.push(...read.frames);
    look();
  });
  return {
    frames,
    until: async (test) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`no such frame among ${frames.map(({ type, stream }) => `${type}/${stream}`).join(" ")}`));
        }, 4_000);
        look = () => {
          const found = frames.find(test);
          if (found === undefined) return;
          clearTimeout(timer);
          resolve(found);
        };
        look();
      }),
  };
}

export function requestHead(authority: string, method = "GET", path = "/"): Pairs {
  return [
    [":method", method],
    [":scheme", "https"],
    [":path", path],
    [":authority", authority],
  ];
}

/** Looks until it is so, for ten seconds at most. */
export async function eventually(isSo: () => boolean): Promise<void> {
  const until = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > until) throw new Error(`not so after ten seconds: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
