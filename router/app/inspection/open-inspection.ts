import type { SecureContext } from "node:tls";
import type { Clock } from "../../core/base/clock.ts";
import { type EpochMillis, epochMillis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { RouterConfig } from "../../core/config/router-config.ts";
import type { Condition } from "../../edge/admin/admin-routes.ts";
import { type Authority, makeAuthority } from "../../edge/inspection/authority.ts";
import { readAuthority } from "../../edge/inspection/given-authority.ts";
import { createLeafMint } from "../../edge/inspection/leaf-mint.ts";
import { writeTrustFiles } from "../../edge/inspection/trust-files.ts";
import { readRegularFile } from "../../edge/sources/regular-file.ts";
import { originTrust, platformTrust } from "../../edge/upstream/secure-dial.ts";
import type { CorridorRooms, InspectionRoom } from "../corridor-rooms.ts";
import type { CredentialEvent } from "../credentials/credential-problem.ts";
import { createHttp2Room } from "./http2-room.ts";
import { type InjectedFields, injectedFields } from "./injected-fields.ts";
import { createInjectionSecrets } from "./injection-secrets.ts";
import { createInspectionRoom } from "./inspection.ts";
import type { InspectionCounts } from "./inspection-counts.ts";
import { InspectedConnections } from "./inspected-connections.ts";

export interface InspectionOptions {
  readonly config: RouterConfig["inspection"];
  /** In the CA's name. */
  readonly pod: string;
  /** `inference.secrets` */
  readonly secretsDirectory: string;
  readonly clock: Clock;
  readonly counts: InspectionCounts;
  /** Of files with secrets that are injected; nothing of a secret is in an event. */
  readonly event: (event: CredentialEvent) => void;
}

/** The part of the router that ends TLS. */
export interface Inspection {
  /** PEM: what agents are to trust. */
  readonly certificate: string;
  /** What origins are verified by, for `createUpstreamRooms`. */
  trust(): SecureContext;
  /** The corridor's room. */
  room(rooms: CorridorRooms): InspectionRoom;
  /** What a rule writes into requests of the fetch tool. */
  inject(permit: NamePermit): Promise<Result<InjectedFields, string>>;
  /** For `/status`. */
  status(): InspectionStatus;
  condition(): Condition;
  /** The process ends: connections without a request close, the others after theirs. */
  drain(): void;
  close(): void;
}

export interface InspectionStatus {
  /** SHA-256 of the CA's certificate, as `AB:CD:…`. */
  readonly fingerprint: string;
  readonly notAfter: string;
  readonly given: boolean;
  /** Where agents find it. */
  readonly directory: string | undefined;
  readonly leaves: number;
  readonly minted: number;
  readonly connections: number;
}

const LARGEST_FILE = 1024 * 1024;
/** Of a CA that is given: the end of its life that operators hear of. */
const NEARLY_OVER = 30 * 24 * 60 * 60 * 1000;

/**
 * Makes or reads the CA, and puts it where agents look for it, before anything listens. The problem is a sentence; with it
 * the router does not start: an operator who asked for inspection is not to get something else.
 */
export async function openInspection(options: InspectionOptions): Promise<Result<Inspection, string>> {
  const { clock, config, counts, pod } = options;
  const authority = await authorityOf(config, pod, clock.now());
  if (!authority.ok) return authority;
  const further = config.caFile === undefined ? ok(undefined) : await textOf(config.caFile);
  if (!further.ok) return further;
  const trust = trustOf(further.value);
  if (!trust.ok) return trust;
  if (config.directory !== undefined) {
    const written = await writeTrustFiles(config.directory, authority.value.trusted, further.value);
    if (!written.ok) return written;
  }
  const { certificate, notAfter } = authority.value;
  const leaves = createLeafMint(authority.value, { clock, lifetime: config.lifetime, capacity: config.leaves });
  const secrets = createInjectionSecrets({ clock, directory: options.secretsDirectory, event: options.event });
  const http2 = createHttp2Room();
  const connections = new InspectedConnections();
  const given = config.certificateFile !== undefined;

  return ok({
    certificate: authority.value.trusted,
    trust: trust.value,
    room: (rooms) => createInspectionRoom({ ...rooms, leaves, secrets, http2, counts, connections }),
    inject: (permit) => injectedFields(secrets, permit),
    status: () => ({
      fingerprint: certificate.fingerprint256,
      notAfter: new Date(notAfter).toISOString(),
      given,
      directory: config.directory,
      leaves: leaves.kept,
      minted: leaves.minted,
      connections: connections.size,
    }),
    condition: () => conditionOf(notAfter, clock.now()),
    drain() {
      http2.drain();
      connections.drain();
    },
    close: () => secrets.close(),
  });
}

async function authorityOf(
  config: RouterConfig["inspection"],
  pod: string,
  now: EpochMillis,
): Promise<Result<Authority, string>> {
  const { certificateFile, keyFile } = config;
  if (certificateFile === undefined || keyFile === undefined) return ok(makeAuthority(pod, now));
  const certificates = await textOf(certificateFile);
  if (!certificates.ok) return certificates;
  const key = await textOf(keyFile);
  if (!key.ok) return key;
  const read = readAuthority(certificates.value, key.value, now);
  return read.ok ? read : fail(`inspection: ${read.problem}`);
}

function trustOf(roots: string | undefined): Result<() => SecureContext, string> {
  if (roots === undefined) return ok(platformTrust());
  const context = originTrust(roots);
  return context.ok ? ok(() => context.value) : fail(`inspection.caFile is of no use: ${context.problem}`);
}

async function textOf(path: string): Promise<Result<string, string>> {
  const read = await readRegularFile(path, LARGEST_FILE);
  return read.ok
    ? ok(read.value.bytes.toString("latin1"))
    : fail(`inspection: ${path} cannot be read (${read.problem.kind}).`);
}

function conditionOf(notAfter: EpochMillis, now: EpochMillis): Condition {
  const name = "inspection";
  if (now >= notAfter) return { name, state: "failed", reason: "the CA has expired" };
  if (now < epochMillis(notAfter - NEARLY_OVER)) return { name, state: "ok", reason: "" };
  return { name, state: "degraded", reason: `the CA expires at ${new Date(notAfter).toISOString()}` };
}
