import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TokenIssuer, TokenRequest } from "../../router/app/credentials/token-request.ts";
import { fail, ok } from "../../router/core/base/result.ts";
import { portOf } from "../../router/core/base/quantity.ts";
import { parseHost } from "../../router/core/wire/host.ts";
import { MAXIMUM_TOKEN_ANSWER, type TokenHttpAnswer } from "../../router/core/credential/token-answer.ts";
import type { ProviderEndpoint } from "../../router/core/models/inference-policy.ts";

export const TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47";
export const CLIENT = "11111111-2222-3333-4444-555555555555";
export const AZURE_SCOPE = "https://cognitiveservices.azure.com/.default";
export const AZURE_RESOURCE = "https://cognitiveservices.azure.com/";
export const ROLE = "arn:aws:iam::123456789012:role/agent";
export const AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k";
export const SERVICE_ACCOUNT = "agent@project-1.iam.gserviceaccount.com";
/** What the pod's projected token file holds. */
export const ASSERTION = `eyJhbGciOiJSUzI1NiJ9.${"projected".repeat(20)}.c2lnbmF0dXJl`;

interface Asked {
  readonly url: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

type Answerer = (asked: Asked, response: ServerResponse, count: number) => void;

/** One issuer on loopback, which looks at each request closely and answers only what is asked as its API says. */
export interface TokenServer extends AsyncDisposable {
  readonly port: number;
  readonly endpoint: ProviderEndpoint;
  /** How many requests came. */
  readonly count: number;
  /** What was wrong with requests; empty where all were as they should be. */
  readonly faults: string[];
  /** Answers in place of the issuer, to requests that were right, from now on. */
  answer(answerer: Answerer | undefined): void;
}

async function tokenServer(
  check: (asked: Asked, method: string) => string | undefined,
  proper: Answerer,
): Promise<TokenServer> {
  let answerer: Answerer = proper;
  let count = 0;
  const faults: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      count += 1;
      const asked = { url: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString("utf8") };
      const fault = check(asked, request.method ?? "");
      if (fault === undefined) {
        answerer(asked, response, count);
        return;
      }
      faults.push(fault);
      response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_request"}');
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    endpoint: loopbackEndpoint(port),
    get count() {
      return count;
    },
    faults,
    answer(next) {
      answerer = next ?? proper;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function loopbackEndpoint(number: number, path = ""): ProviderEndpoint {
  const host = parseHost("127.0.0.1");
  const port = portOf(number);
  if (!host.ok || port === undefined) throw new Error("no endpoint");
  return { scheme: "http", host: host.value, port, path };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** A token that tells whose it is and the how many-th. */
export function tokenOf(issuer: string, count: number): string {
  return `${issuer}-token-${count}.${"x".repeat(40)}`;
}

/** Entra ID's v2.0 token endpoint, for one federated client. */
export function entraServer(): Promise<TokenServer> {
  return tokenServer(
    (asked, method) =>
      differs(method, "POST") ??
      differs(asked.url, `/${TENANT}/oauth2/v2.0/token`) ??
      differs(asked.headers["content-type"], "application/x-www-form-urlencoded") ??
      formDiffers(asked.body, {
        grant_type: "client_credentials",
        client_id: CLIENT,
        scope: AZURE_SCOPE,
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: ASSERTION,
      }),
    (_asked, response, count) =>
      json(response, {
        token_type: "Bearer",
        expires_in: 3599,
        ext_expires_in: 3599,
        access_token: tokenOf("entra", count),
      }),
  );
}

/** The instance metadata service of Azure. */
export function imdsServer(): Promise<TokenServer> {
  return tokenServer(
    (asked, method) =>
      differs(method, "GET") ??
      differs(asked.headers["metadata"], "true") ??
      differs(asked.headers["x-forwarded-for"], undefined) ??
      differs(asked.headers.host, "169.254.169.254") ??
      differs(asked.body, "") ??
      differs(asked.url.split("?")[0], "/metadata/identity/oauth2/token") ??
      formDiffers(asked.url.split("?")[1] ?? "", {
        "api-version": "2018-02-01",
        resource: AZURE_RESOURCE,
        client_id: CLIENT,
      }),
    (_asked, response, count) =>
      json(response, {
        access_token: tokenOf("imds", count),
        client_id: CLIENT,
        expires_in: "86399",
        expires_on: "1800086399",
        not_before: "1800000000",
        resource: AZURE_RESOURCE,
        token_type: "Bearer",
      }),
  );
}

export function stsXml(accessKeyId: string, secretAccessKey: string, sessionToken: string, expiration: string): string {
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Audience>sts.amazonaws.com</Audience>
    <AssumedRoleUser>
      <AssumedRoleId>AROAEXAMPLE:sluice-pod</AssumedRoleId>
      <Arn>arn:aws:sts::123456789012:assumed-role/agent/sluice-pod</Arn>
    </AssumedRoleUser>
    <Provider>arn:aws:iam::123456789012:oidc-provider/issuer.test/id?a=1&amp;b=2</Provider>
    <Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId>
      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken>
      <Expiration>${expiration}</Expiration>
    </Credentials>
    <SubjectFromWebIdentityToken>system:serviceaccount:research:agent</SubjectFromWebIdentityToken>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>
`;
}

export const awsSecret = (count: number): string => `wJalrXUtnFEMI/K7MDENG/bPxRfiCY${String(count).padStart(10, "0")}`;
export const awsSession = (count: number): string =>
  `IQoJb3JpZ2luX2VjE${String(count).padStart(8, "0")}//session+token==`;

/** The query API of the AWS Security Token Service. `expiration` is asked for each answer. */
export function stsServer(expiration: () => string): Promise<TokenServer> {
  return tokenServer(
    (asked, method) =>
      differs(method, "POST") ??
      differs(asked.url, "/") ??
      differs(asked.headers["authorization"], undefined) ??
      differs(asked.headers["content-type"], "application/x-www-form-urlencoded; charset=utf-8") ??
      formDiffers(asked.body, {
        Action: "AssumeRoleWithWebIdentity",
        Version: "2011-06-15",
        RoleArn: ROLE,
        RoleSessionName: "sluice-pod-1",
        DurationSeconds: "3600",
        WebIdentityToken: ASSERTION,
      }),
    (_asked, response, count) =>
      response
        .writeHead(200, { "content-type": "text/xml" })
        .end(stsXml("ASIAIOSFODNN7EXAMPLE", awsSecret(count), awsSession(count), expiration())),
  );
}

/** Google's token exchange, and the impersonation that takes its tokens, at one address. */
export function gcpServer(expireTime: () => string): Promise<TokenServer> {
  const impersonation = `/v1/projects/-/serviceAccounts/${encodeURIComponent(SERVICE_ACCOUNT)}:generateAccessToken`;
  const isImpersonation = (asked: Asked): boolean => asked.url === impersonation;
  return tokenServer(
    (asked, method) =>
      differs(method, "POST") ??
      (isImpersonation(asked)
        ? (differs(asked.headers["content-type"], "application/json") ??
          differs(/^Bearer gcp-sts-token-\d+\.x{40}$/.test(asked.headers.authorization ?? ""), true) ??
          differs(asked.body, '{"scope":["https://www.googleapis.com/auth/cloud-platform"],"lifetime":"3600s"}'))
        : (differs(asked.url, "/v1/token") ??
          formDiffers(asked.body, {
            grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
            audience: AUDIENCE,
            scope: "https://www.googleapis.com/auth/cloud-platform",
            requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
            subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
            subject_token: ASSERTION,
          }))),
    (asked, response, count) =>
      isImpersonation(asked)
        ? json(response, { accessToken: tokenOf("gcp-iam", count), expireTime: expireTime() })
        : json(response, {
            access_token: tokenOf("gcp-sts", count),
            issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
            token_type: "Bearer",
            expires_in: 3600,
          }),
  );
}

/** What edge/upstream does, for loopback: endpoints as they stand, and the metadata service at `imdsPort`. */
export function loopbackTokenRequest(imdsPort?: number): TokenRequest {
  return (issuer: TokenIssuer, { body, headers, method, path, query }, signal) =>
    new Promise((resolve) => {
      const port = issuer.kind === "imds" ? imdsPort : issuer.endpoint.port;
      const host = issuer.kind === "imds" ? "169.254.169.254" : `127.0.0.1:${port}`;
      const outgoing = httpRequest(
        {
          host: "127.0.0.1",
          port,
          method,
          path: query === "" ? path : `${path}?${query}`,
          headers: {
            host,
            ...Object.fromEntries(headers),
            ...(body === "" ? {} : { "content-length": Buffer.byteLength(body) }),
          },
          agent: false,
          signal,
        },
        (response) => {
          const parts: Buffer[] = [];
          let length = 0;
          response.on("error", () => resolve(fail("answer_invalid")));
          response.on("data", (part: Buffer) => {
            length += part.length;
            if (length > MAXIMUM_TOKEN_ANSWER) {
              resolve(fail("answer_invalid"));
              response.destroy();
            } else parts.push(part);
          });
          response.on("end", () => {
            const answer: TokenHttpAnswer = {
              status: response.statusCode ?? 0,
              body: Buffer.concat(parts).toString("utf8"),
            };
            resolve(ok(answer));
          });
        },
      );
      outgoing.on("error", () => resolve(fail("unreachable")));
      outgoing.end(body);
    });
}

function differs(actual: unknown, expected: unknown): string | undefined {
  return actual === expected ? undefined : `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
}

/** Each field once, none missing, none besides. */
function formDiffers(text: string, expected: Readonly<Record<string, string>>): string | undefined {
  const pairs = [...new URLSearchParams(text)];
  const actual = Object.fromEntries(pairs);
  if (pairs.length !== Object.keys(expected).length)
    return `${pairs.length} fields: ${pairs.map(([name]) => name).join()}`;
  for (const [name, value] of Object.entries(expected)) {
    const difference = differs(actual[name], value);
    if (difference !== undefined) return `${name}: ${difference}`;
  }
  return undefined;
}
