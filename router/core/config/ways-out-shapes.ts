import { exactlyOneOf } from "../document/conditions.ts";
import { choice } from "../document/choice-shape.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { size } from "../document/size-shape.ts";
import { text } from "../document/text-shape.ts";
import { isLoopback, path, plainName } from "./config-shapes.ts";
import { endpoint } from "./endpoint-shape.ts";
import type { BlocklistConfig, ProxyConfig } from "./router-config.ts";

const feedIsSafe: Condition<BlocklistConfig> = {
  check({ url, sha256, sha256Url }, map, report) {
    for (const [key, endpointOf] of [
      ["url", url],
      ["sha256Url", sha256Url],
    ] as const) {
      if (endpointOf?.scheme !== "http" || isLoopback(endpointOf) || sha256 !== undefined) continue;
      const place = entryOf(map, key)?.value ?? map;
      report.add(
        place,
        "feed_in_clear",
        "A feed comes over https, or with its sha256, so that nobody on the way changes it.",
      );
    }
  },
};

const parentIsSafe: Condition<ProxyConfig> = {
  check({ endpoint: url, kind, caFile }, map, report) {
    if (url === undefined) return;
    const place = entryOf(map, "endpoint")?.value ?? map;
    if (url.path.length > 1 || url.query !== "") {
      report.add(place, "bad_endpoint", "A proxy's endpoint has neither path nor query.");
    }
    if (kind === "socks5" && url.scheme === "https") {
      report.add(place, "bad_endpoint", "A SOCKS proxy is spoken to in clear: write its endpoint with http.");
    }
    if (caFile !== undefined && url.scheme === "http") {
      report.add(map, "ca_not_used", "caFile belongs to an https endpoint.");
    }
  },
};

const sha256Hex = text({
  code: "bad_digest",
  pattern: /^[0-9a-f]{64}$/,
  hint: "a SHA-256 is 64 hex digits in lower case.",
});

/** A feed of `blocklists`. */
export const blocklist = object(
  {
    name: required(plainName, "In metrics and records."),
    file: optional(path, "A file, also in a mounted ConfigMap."),
    url: optional(endpoint, "Where the feed is published."),
    format: defaulted(
      choice("auto", "hosts", "domains", "wildcards"),
      "auto",
      "hosts: lines of a hosts file, each name alone; domains and wildcards: a name a line, and all below it.",
    ),
    sha256: optional(sha256Hex, "Of the whole feed."),
    sha256Url: optional(endpoint, "Where the feed's SHA-256 is published."),
    caFile: optional(path, "Certificates (PEM) to trust instead of the platform's."),
    refresh: defaulted(duration(), "6h", "How often the feed is asked for."),
    maximumBytes: defaulted(size, "64Mi", "Octets of the feed."),
  },
  exactlyOneOf<{ file: unknown; url: unknown }>(
    ["file", "url"],
    "feed_nowhere",
    'A feed is in a "file" or at a "url".',
  ),
  feedIsSafe,
);

/** One of `proxies`. */
export const proxy = object(
  {
    name: required(plainName, "What rules call it."),
    endpoint: required(endpoint, "http://host:port in clear, https://host:port over TLS."),
    kind: defaulted(choice("http", "socks5"), "http", "http: by CONNECT."),
    credentialFile: optional(path, "A file with user:password; read anew for each connection."),
    caFile: optional(path, "Certificates (PEM) to trust instead of the platform's."),
    send: defaulted(
      choice("address", "name"),
      "address",
      "What it is asked for: an address vetted here, or, where it accepts names only, the name, whose address nobody vets.",
    ),
  },
  parentIsSafe,
);
