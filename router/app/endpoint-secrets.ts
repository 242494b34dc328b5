import type { Clock } from "../core/base/clock.ts";
import { fail, ok, type Result } from "../core/base/result.ts";
import { readRegularFile } from "../edge/sources/regular-file.ts";

/** Paths of what an endpoint needs and a configuration must not hold; undefined where it needs none. */
export interface SecretFiles {
  /** PEM certificates that vouch for the endpoint. */
  readonly ca: string | undefined;
  /** A bearer token. */
  readonly token: string | undefined;
  /** Lines `Name: value`. */
  readonly headers: string | undefined;
  /** The key of the webhook's signature. */
  readonly signingKey: string | undefined;
}

export interface Secrets {
  readonly ca: string | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signingKey: Uint8Array | undefined;
}

export interface SecretSource {
  /** The problem names the file and nothing of what is in it. */
  read(): Promise<Result<Secrets, string>>;
  /** The next read goes to the files. */
  forget(): void;
}

const MAXIMUM_BYTES = 64 * 1024;
const MAXIMUM_HEADERS = 16;
/** Kubernetes renews mounted secrets by the minute; a sink that catches up asks fifty times a second. */
const FRESH_MILLIS = 1_000;
/** What frames a request, or is said by the router itself. */
const NOT_TO_GIVE = new Set(
  (
    "connection content-encoding content-length content-type date expect host keep-alive proxy-connection " +
    "sluice-signature te trailer transfer-encoding upgrade user-agent"
  ).split(" "),
);
/** Of RFC 9110's tokens those that are in use, and none that means something to JavaScript. */
const NAME = /^[a-z][a-z0-9._-]{0,127}$/;
/** Visible ASCII (RFC 9110 `field-vchar` without obs-text), blanks inside only. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** RFC 6750 section 2.1, `b64token`, and whatever else of visible ASCII tokens are made of. */
const BEARER = /^[\x21-\x7e]{1,16384}$/;

/** The secrets of an endpoint, read again where a second has passed: a rotated file counts without a restart. */
export function secretSource(files: SecretFiles, clock: Clock): SecretSource {
  let held: { readonly secrets: Secrets; readonly at: number } | undefined;
  return {
    async read() {
      if (held !== undefined && clock.monotonic() - held.at < FRESH_MILLIS) return ok(held.secrets);
      held = undefined;
      const secrets = await readSecrets(files);
      if (secrets.ok) held = { secrets: secrets.value, at: clock.monotonic() };
      return secrets;
    },
    forget() {
      held = undefined;
    },
  };
}

async function readSecrets(files: SecretFiles): Promise<Result<Secrets, string>> {
  const [ca, token, given, key] = await Promise.all([
    readSecret(files.ca),
    readSecret(files.token),
    readSecret(files.headers),
    readSecret(files.signingKey),
  ]);
  if (!ca.ok) return ca;
  if (!token.ok) return token;
  if (!given.ok) return given;
  if (!key.ok) return key;
  const headers = parseHeaders(given.value?.toString("latin1") ?? "");
  if (headers === undefined) return fail(`${files.headers} does not hold lines of the form "Name: value".`);
  if (token.value !== undefined) {
    const bearer = withoutLineEnd(token.value).toString("latin1");
    if (!BEARER.test(bearer)) return fail(`${files.token} does not hold a token.`);
    headers["authorization"] = `Bearer ${bearer}`;
  }
  const signingKey = key.value === undefined ? undefined : withoutLineEnd(key.value);
  if (signingKey?.length === 0) return fail(`${files.signingKey} is empty.`);
  return ok({ ca: ca.value?.toString("latin1"), headers, signingKey });
}

async function readSecret(path: string | undefined): Promise<Result<Buffer | undefined, string>> {
  if (path === undefined) return ok(undefined);
  const read = await readRegularFile(path, MAXIMUM_BYTES);
  return read.ok ? ok(read.value.bytes) : fail(`${path} cannot be read (${read.problem.kind}).`);
}

/** Undefined where a line is none, is given twice, or is the router's to say. Empty lines do not count. */
function parseHeaders(text: string): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  if (lines.length > MAXIMUM_HEADERS) return undefined;
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!NAME.test(name) || !VALUE.test(value) || NOT_TO_GIVE.has(name) || Object.hasOwn(headers, name))
      return undefined;
    headers[name] = value;
  }
  return headers;
}

/** Editors and `kubectl create secret --from-file` leave one line end. */
function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
