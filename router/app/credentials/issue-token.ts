import { assertNever } from "../../core/base/assert-never.ts";
import type { Clock } from "../../core/base/clock.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { assumeRoleRequest, readAssumedRole } from "../../core/credential/aws-sts.ts";
import { imdsTokenRequest, readImdsToken } from "../../core/credential/azure-imds.ts";
import { azureTokenRequest, readAzureToken } from "../../core/credential/azure-token.ts";
import {
  gcpExchangeRequest,
  gcpImpersonationRequest,
  readGcpExchange,
  readGcpImpersonation,
} from "../../core/credential/gcp-token.ts";
import {
  type IssuedToken,
  isBearerToken,
  type TokenHttpAnswer,
  type TokenHttpRequest,
} from "../../core/credential/token-answer.ts";
import type { CredentialSource, ProviderEndpoint } from "../../core/models/inference-policy.ts";
import type { AddressAndPort } from "../../core/policy/egress-policy.ts";
import type { CredentialProblem } from "./credential-problem.ts";
import { readSecretFile } from "./secret-file.ts";
import { TOKEN_REQUEST_FAILURES, type TokenIssuer, type TokenRequest } from "./token-request.ts";
import type { Issued } from "./token-source.ts";

/** The sources whose credential somebody issues. */
export type IssuedSource = Extract<
  CredentialSource,
  { kind: "azureWorkloadIdentity" | "azureManagedIdentity" | "awsWebIdentity" | "gcpWorkloadIdentity" }
>;

export interface IssueRooms {
  readonly clock: Clock;
  readonly secretsDirectory: string;
  readonly request: TokenRequest;
  /** Special-use addresses that the source's endpoints may lead to. */
  readonly addresses: readonly AddressAndPort[];
  /** Names the pod in AWS's own logs. */
  readonly sessionName: string;
}

type Issue = Result<Issued, CredentialProblem>;

/** Asks the issuer once. The projected token is read anew each time: the kubelet renews it. */
export async function issueToken(rooms: IssueRooms, source: IssuedSource, signal: AbortSignal): Promise<Issue> {
  switch (source.kind) {
    case "azureManagedIdentity": {
      const request = imdsTokenRequest(source.resource, source.client);
      return issuedToken(await ask(rooms, { kind: "imds" }, request, readImdsToken, signal));
    }
    case "azureWorkloadIdentity": {
      const { authority, tokenFile } = source;
      const assertion = await readAssertion(rooms, tokenFile);
      if (!assertion.ok) return assertion;
      const request = azureTokenRequest(authority.path, { ...source, assertion: assertion.value });
      return issuedToken(await ask(rooms, issuerAt(rooms, authority), request, readAzureToken, signal));
    }
    case "awsWebIdentity": {
      const { role, sts, tokenFile } = source;
      const assertion = await readAssertion(rooms, tokenFile);
      if (!assertion.ok) return assertion;
      const asked = rooms.clock.now();
      const request = assumeRoleRequest(sts.path, role, rooms.sessionName, assertion.value);
      const read = (answer: TokenHttpAnswer) => readAssumedRole(answer, asked);
      const issued = await ask(rooms, issuerAt(rooms, sts), request, read, signal);
      if (!issued.ok) return issued;
      const { keys, life } = issued.value;
      const secrets = [keys.secretAccessKey, ...(keys.sessionToken === undefined ? [] : [keys.sessionToken])];
      return ok({ credential: { kind: "aws", keys }, secrets, life });
    }
    case "gcpWorkloadIdentity":
      return issueGcp(rooms, source, signal);
    default:
      return assertNever(source);
  }
}

async function issueGcp(
  rooms: IssueRooms,
  source: Extract<IssuedSource, { kind: "gcpWorkloadIdentity" }>,
  signal: AbortSignal,
): Promise<Issue> {
  const assertion = await readAssertion(rooms, source.tokenFile);
  if (!assertion.ok) return assertion;
  const exchange = gcpExchangeRequest(source.sts.path, source.audience, assertion.value);
  const exchanged = await ask(rooms, issuerAt(rooms, source.sts), exchange, readGcpExchange, signal);
  if (!exchanged.ok || source.serviceAccount === undefined) return issuedToken(exchanged);
  const federated = exchanged.value.token;
  const request = gcpImpersonationRequest(source.iam.path, source.serviceAccount, federated);
  const asked = rooms.clock.now();
  const read = (answer: TokenHttpAnswer) => readGcpImpersonation(answer, asked);
  return issuedToken(await ask(rooms, issuerAt(rooms, source.iam), request, read, signal));
}

function issuerAt({ addresses }: IssueRooms, endpoint: ProviderEndpoint): TokenIssuer {
  return { kind: "endpoint", endpoint, addresses };
}

function issuedToken(issued: Result<IssuedToken, CredentialProblem>): Issue {
  if (!issued.ok) return issued;
  const { life, token } = issued.value;
  return ok({ credential: { kind: "token", value: token }, secrets: [token], life });
}

async function ask<Value>(
  { request: send }: IssueRooms,
  issuer: TokenIssuer,
  request: TokenHttpRequest,
  read: (answer: TokenHttpAnswer) => Result<Value, string>,
  signal: AbortSignal,
): Promise<Result<Value, CredentialProblem>> {
  const answer = await send(issuer, request, signal);
  if (!answer.ok) {
    const message = `The token issuer was not reached: ${TOKEN_REQUEST_FAILURES[answer.problem]}.`;
    return fail({ code: "issuer_unreachable", message });
  }
  const value = read(answer.value);
  if (value.ok) return value;
  return fail({ code: "issuer_refused", message: `The token issuer gave no token: ${value.problem}` });
}

async function readAssertion(
  { secretsDirectory }: IssueRooms,
  file: string,
): Promise<Result<string, CredentialProblem>> {
  const read = await readSecretFile(secretsDirectory, file);
  if (!read.ok) return read;
  if (isBearerToken(read.value.text)) return ok(read.value.text);
  return fail({ code: "secret_unusable", message: `The secret file ${file} holds no token.` });
}
