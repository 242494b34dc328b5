import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { millis } from "../../core/base/quantity.ts";
import { parseKey } from "../../core/credential/inject.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import { parseEndpoint } from "../../core/config/endpoint-shape.ts";
import type { InferencePolicySnapshot } from "../../core/models/compile-inference-policy.ts";
import { formatAuthority } from "../../core/wire/authority.ts";
import type { ModelRequest } from "../../edge/upstream/model-call.ts";
import { createPoster, type Poster, POST_DEADLINES } from "../../edge/upstream/post.ts";
import type { NameResolver } from "../../edge/upstream/resolver.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { PostCheck, RemoteAnswer, RemoteCheck } from "../guardrails/remote-check.ts";
import type { ProviderRoutes } from "./provider-routes.ts";
import { wholeAnswer } from "./whole-answer.ts";

export interface CheckRooms {
  readonly config: RouterConfig["inference"];
  resolve: NameResolver["resolve"];
  policy(): InferencePolicySnapshot;
  readonly routes: ProviderRoutes;
  readonly credentials: Credentials;
}

/** A check answers with the texts it was asked about, at most. */
const MOST_ANSWER = 8 * 1024 * 1024;
const TIMEOUTS = { firstByte: millis(30_000), idle: millis(30_000), total: millis(60_000) };

/**
 * Questions to guardrails elsewhere. A webhook is an endpoint of the operator's, as the audit log's exports are: the signed
 * policy chose its address. A moderation goes to a provider of the policy, the way its calls do.
 */
export function checkRequests(rooms: CheckRooms): { readonly post: PostCheck; close(): void } {
  const posters = new Map<string, Poster>();
  const post: PostCheck = (check, body, signal) =>
    check.kind === "webhook" ? webhook(check, body, signal) : moderation(check, body, signal);

  async function webhook(
    { url, tokenFile }: Extract<RemoteCheck, { kind: "webhook" }>,
    body: string,
    signal: AbortSignal,
  ): Promise<Result<RemoteAnswer, string>> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (tokenFile !== undefined) {
      const token = parseKey((await readFile(join(rooms.config.secrets, tokenFile), "latin1")).replace(/\n$/, ""));
      if (token === undefined) return fail("The webhook's token is not at hand.");
      headers["authorization"] = `Bearer ${token}`;
    }
    const poster = posterFor(url);
    return poster.ok ? poster.value.post(headers, body, signal) : poster;
  }

  function posterFor(url: string): Result<Poster, string> {
    const known = posters.get(url);
    if (known !== undefined) return ok(known);
    const endpoint = parseEndpoint(url);
    if (!endpoint.ok) return endpoint;
    const made = createPoster({
      endpoint: endpoint.value,
      ca: undefined,
      resolve: rooms.resolve,
      deadlines: POST_DEADLINES,
      connections: 32,
      maximumBody: MOST_ANSWER,
    });
    if (made.ok) posters.set(url, made.value);
    return made;
  }

  async function moderation(
    { provider: id }: Extract<RemoteCheck, { kind: "moderation" }>,
    body: string,
    signal: AbortSignal,
  ): Promise<Result<RemoteAnswer, string>> {
    const policy = rooms.policy();
    const connections = policy.state === "missing" ? undefined : rooms.routes.of(policy, id);
    if (connections === undefined) return fail("The policy has no such provider.");
    const { provider, client } = connections;
    const path = `${provider.endpoint.path}/moderations`;
    const octets = Buffer.from(body);
    const credential = await rooms.credentials.headersFor(provider, {
      method: "POST",
      path,
      query: "",
      host: formatAuthority(provider.endpoint),
      headers: [],
      bodySha256: () => "",
    });
    if (!credential.ok) return fail("The provider's credential is not at hand.");
    const headers = ["content-type", "application/json", ...credential.value.flat()];
    const request: ModelRequest = { method: "POST", path, headers, body: [octets], length: octets.length };
    const answer = await wholeAnswer(client, request, TIMEOUTS, MOST_ANSWER, signal);
    return answer.ok ? answer : fail(`The moderation failed (${answer.problem}).`);
  }

  return {
    post,
    close() {
      for (const poster of posters.values()) poster.close();
    },
  };
}
