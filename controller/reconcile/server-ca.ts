import { X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../../router/core/base/result.ts";
import type { KubeSecret } from "../../router/edge/kubernetes/kube-endpoint.ts";
import { readCapped } from "../../router/edge/trust/read-capped.ts";
import { decodeUtf8 } from "../../router/edge/trust/utf8.ts";

/** A ConfigMap has to hold it beside the router's settings. */
const MOST_OCTETS = 262_144;
const MOST_CERTIFICATES = 128;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,65536}?-----END CERTIFICATE-----/g;

/**
 * Whom the controller itself takes for the API server, as PEM for everybody to read: certificates, and nothing else that
 * stands in that file. The problem is one sentence.
 */
export async function readServerCa(ca: KubeSecret): Promise<Result<string, string>> {
  const text = "text" in ca ? ca.text : await fileText(ca.file);
  if (text === undefined || text.length > MOST_OCTETS) return fail("The CA of the API server cannot be read.");
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return fail("The CA of the API server has no certificate.");
  if (certificates.length > MOST_CERTIFICATES) {
    return fail(`The CA of the API server has more than ${MOST_CERTIFICATES} certificates.`);
  }
  if (!certificates.every(isCertificate)) return fail("The CA of the API server has a certificate that is none.");
  return ok(`${certificates.map((one) => one.replaceAll("\r", "")).join("\n")}\n`);
}

async function fileText(path: string): Promise<string | undefined> {
  const read = await readCapped(path, MOST_OCTETS);
  return read.ok ? decodeUtf8(read.value) : undefined;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
