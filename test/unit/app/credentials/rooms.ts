import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { CredentialEvent } from "../../../../router/app/credentials/credential-problem.ts";
import {
  createCredentials,
  type CredentialHeaders,
  type CredentialRooms,
  type Credentials,
  type OutgoingRequest,
} from "../../../../router/app/credentials/credentials.ts";
import type { Clock } from "../../../../router/core/base/clock.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { CredentialSource, Provider, ProviderApi } from "../../../../router/core/models/inference-policy.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import { portOf } from "../../../../router/core/base/quantity.ts";

/** Both clocks, moved by hand. */
export class HandClock implements Clock {
  wall = Date.parse("2026-11-21T12:00:00Z");
  steady = 50_000;

  readonly now = () => epochMillis(this.wall);
  readonly monotonic = () => millis(this.steady);

  pass(time: number): void {
    this.wall += time;
    this.steady += time;
  }

  /** The instant in so many milliseconds, as issuers write it. */
  in(time: number): string {
    return new Date(this.wall + time).toISOString().replace(/\.\d+Z$/, "Z");
  }
}

export interface World {
  readonly clock: HandClock;
  readonly directory: string;
  readonly credentials: Credentials;
  readonly events: CredentialEvent[];
}

/** Credentials over a directory of their own; `request` fails a test that does not give one. */
export function world(t: TestContext, rooms: Partial<CredentialRooms> = {}): World {
  const directory = mkdtempSync(join(tmpdir(), "sluice-credentials-"));
  const clock = new HandClock();
  const events: CredentialEvent[] = [];
  const credentials = createCredentials({
    clock,
    secretsDirectory: directory,
    request: () => Promise.reject(new Error("nobody should ask for a token")),
    random: () => 0,
    event: (event) => void events.push(event),
    sessionName: "pod-1",
    ...rooms,
  });
  t.after(() => {
    credentials.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { clock, directory, credentials, events };
}

export function provider(credential: CredentialSource, api: ProviderApi = "openai"): Provider {
  const host = parseHost("api.model.test");
  const port = portOf(443);
  if (!host.ok || port === undefined) throw new Error("no endpoint");
  return {
    id: "p",
    api,
    endpoint: { scheme: "https", host: host.value, port, path: "" },
    apiVersion: undefined,
    credential,
    tls: { caFile: undefined, serverName: undefined },
    addresses: [],
    timeouts: { connect: millis(1), firstToken: millis(1), idle: millis(1), total: millis(1) },
    streamUsage: true,
    line: 1,
  };
}

export const REQUEST: OutgoingRequest = {
  method: "POST",
  path: "/model/anthropic.claude-v1%3A0/converse",
  query: "",
  host: "bedrock-runtime.us-east-1.amazonaws.com",
  headers: [["content-type", "application/json"]],
  bodySha256: () => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
};

/** The value of `authorization` or of the key's header, or the problem's code. */
export async function given(credentials: Credentials, from: Provider): Promise<string> {
  return shown(await credentials.headersFor(from, REQUEST));
}

/** The same of a call that must not have to wait. */
export function givenAtOnce(credentials: Credentials, from: Provider): string {
  const headers = credentials.headersFor(from, REQUEST);
  return headers instanceof Promise ? "(waits)" : shown(headers);
}

function shown(headers: CredentialHeaders): string {
  return headers.ok ? (headers.value.at(-1)?.[1] ?? "") : headers.problem.code;
}

/** Lets all that needs no time happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
