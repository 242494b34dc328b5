import { readFileSync } from "node:fs";
import { join } from "node:path";
import { millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { parseKey } from "../../core/credential/inject.ts";
import type { CompiledGovernancePolicy } from "../../core/governance/compile-governance-policy.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { serverPermit } from "../../core/mcp/server-permit.ts";
import { admitAddresses } from "../../core/policy/admit-address.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import { createModelClient, type ModelClient } from "../../edge/upstream/model-client.ts";
import type { CredentialEvent, CredentialProblem } from "../credentials/credential-problem.ts";
import { FileSource } from "../credentials/file-source.ts";
import { type LeakRules, NO_LEAK_RULES } from "../credentials/known-secrets.ts";
import { admitEndpoint, type ConnectionRooms } from "../inference/provider-routes.ts";

export interface ServerRouteRooms extends Omit<ConnectionRooms, "certificates"> {
  readonly secretsDirectory: string;
  readonly event: (event: CredentialEvent) => void;
}

/** The way to one server under one policy. */
export interface ServerRoute {
  readonly server: McpServer;
  readonly client: ModelClient;
  /** The fields that carry its credential, name and value by turns; at once where it is at hand. */
  credential(): Promise<Result<readonly string[], CredentialProblem>>;
  /** The server did not take it. */
  rejected(): void;
  /** What none of its answers may hold; ask after `credential`. */
  leakRules(): LeakRules;
}

/** For one look at a secret's file. */
const DEADLINE = millis(5_000);
const NO_FIELDS: Result<readonly string[], CredentialProblem> = ok([]);

/**
 * The ways to the servers of the policy in force. Every connection is resolved and admitted anew, as any other that leaves
 * the pod; whatever changes what may be reached ends the kept ones.
 */
export class ServerRoutes {
  readonly #rooms: ServerRouteRooms;
  #open = new Map<McpServer, ServerRoute>();
  /** By the name of the file: what was in it before a policy was swapped must not come back either. */
  readonly #sources = new Map<string, FileSource>();

  constructor(rooms: ServerRouteRooms) {
    this.#rooms = rooms;
  }

  of(policy: CompiledGovernancePolicy, server: McpServer): ServerRoute {
    const known = this.#open.get(server);
    if (known !== undefined) return known;
    const { endpoint, caFile, timeout } = server;
    const client = createModelClient({
      scheme: endpoint.scheme,
      host: endpoint.host,
      port: endpoint.port,
      tls: { ca: caFile === undefined ? undefined : this.#certificates(caFile), serverName: undefined },
      open: (signal) => admitEndpoint(this.#rooms, endpoint.host, signal, () => this.#permit(policy, server)),
      clock: this.#rooms.clock,
      timeout: millis(timeout),
    });
    const source = server.credential && this.#source(server.credential.file);
    const field = server.credential?.header;
    const made: ServerRoute = {
      server,
      client,
      async credential() {
        if (source === undefined) return NO_FIELDS;
        const obtained = await source.get();
        if (!obtained.ok) return obtained;
        if (obtained.value.kind !== "key") throw new Error("the file of an MCP server holds a key");
        const { value } = obtained.value;
        return ok(field === undefined ? ["authorization", `Bearer ${value}`] : [field, value]);
      },
      rejected: () => source?.rejected(),
      leakRules: () => source?.rules() ?? NO_LEAK_RULES,
    };
    this.#open.set(server, made);
    return made;
  }

  /** Whether the server may be dialled at `address` now. */
  admits(policy: CompiledGovernancePolicy, server: McpServer, address: IpAddress): boolean {
    const permit = this.#permit(policy, server);
    return permit.ok && admitAddresses(this.#rooms.network(), permit.value, [address]).ok;
  }

  /** Kept connections end when their exchanges do; the next one is admitted anew. */
  reset(): void {
    const old = this.#open;
    this.#open = new Map();
    for (const { client } of old.values()) void client.close();
  }

  destroy(): void {
    for (const { client } of this.#open.values()) client.destroy();
    this.#open.clear();
    for (const source of this.#sources.values()) source.close();
  }

  #permit(policy: CompiledGovernancePolicy, server: McpServer): ReturnType<typeof serverPermit> {
    return serverPermit(policy, server, this.#rooms.egress(), this.#rooms.time());
  }

  #source(file: string): FileSource {
    const known = this.#sources.get(file);
    if (known !== undefined) return known;
    const { secretsDirectory: directory, clock, event } = this.#rooms;
    const source = new FileSource({
      directory,
      file,
      name: `file ${file}`,
      clock,
      deadline: DEADLINE,
      event,
      parse(text) {
        const value = parseKey(text);
        if (value === undefined) return fail("it holds something other than a key.");
        return ok({ credential: { kind: "key", value }, secrets: [value] });
      },
    });
    this.#sources.set(file, source);
    return source;
  }

  /** Where they cannot be read, nobody's count. Read once under each policy. */
  #certificates(file: string): string {
    try {
      return readFileSync(join(this.#rooms.secretsDirectory, file), "utf8");
    } catch {
      const message = `The certificates ${file} cannot be read.`;
      this.#rooms.event({
        kind: "failed",
        source: `file ${file}`,
        problem: { code: "secret_unusable", message },
        stillValid: false,
      });
      return "";
    }
  }
}
