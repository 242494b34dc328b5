import type { EpochMillis } from "../base/quantity.ts";
import { entryOf } from "../document/document-node.ts";
import { required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { list } from "../document/list-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { text } from "../document/text-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";

const audienceName = text({
  code: "bad_name",
  pattern: /^(?:\*|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)$/,
  hint: 'a name, or "*" alone for every one; there are no partial patterns.',
});

const audience = object({
  namespaces: required(list(audienceName, { unique: true }), 'Namespaces it is for; "*" is every one.'),
  agents: required(list(audienceName, { unique: true }), 'Agents it is for; "*" is every one.'),
});

/** The first keys of the spec of every dated document: what `judgeFreshness` asks about. */
export const validity = {
  version: required(
    integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    "Rises strictly: a version lower than one ever accepted is refused.",
  ),
  issuedAt: required(timestamp, "When it was issued."),
  expiresAt: required(timestamp, "From then on everything is denied."),
  audience: required(audience, "Whom it is for; anybody else refuses it."),
};

export const expiresLater: Condition<{ issuedAt: EpochMillis; expiresAt: EpochMillis }> = {
  check({ issuedAt, expiresAt }, map, report) {
    if (issuedAt === undefined || expiresAt === undefined || issuedAt < expiresAt) return;
    report.add(entryOf(map, "expiresAt")?.value ?? map, "expires_too_early", "expiresAt must be later than issuedAt.");
  },
};
