import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson } from "../../../../router/core/audit/canonical-json.ts";
import { withoutDefaults } from "../../../../router/core/peer/card-defaults.ts";

// The first row is the example of A2A 1.0, section 8.4.1; the others follow its schema (specification/a2a.proto).
const rows: readonly (readonly [name: string, card: string, form: string])[] = [
  [
    "the specification's example",
    '{"name":"Example Agent","description":"","capabilities":{"streaming":false,"pushNotifications":false,"extensions":[]},"skills":[]}',
    '{"capabilities":{"pushNotifications":false,"streaming":false},"description":"","name":"Example Agent","skills":[]}',
  ],
  ["what is optional and said", '{"documentationUrl":"","iconUrl":""}', '{"documentationUrl":"","iconUrl":""}'],
  ["maps and lists", '{"securitySchemes":{},"securityRequirements":[],"signature":""}', '{"signature":""}'],
  ["not set", '{"securitySchemes":null,"securityRequirements":null}', "{}"],
  [
    "an interface",
    '{"supportedInterfaces":[{"url":"","tenant":""},{"tenant":"t"}]}',
    '{"supportedInterfaces":[{"url":""},{"tenant":"t"}]}',
  ],
  [
    "an extension, and nothing within its parameters",
    '{"capabilities":{"extensions":[{"uri":"u","description":"","required":false,"params":{"required":false,"list":[]}}]}}',
    '{"capabilities":{"extensions":[{"params":{"list":[],"required":false},"uri":"u"}]}}',
  ],
  [
    "a skill",
    '{"skills":[{"id":"","tags":[],"examples":[],"inputModes":[],"outputModes":[],"securityRequirements":[]}]}',
    '{"skills":[{"id":"","tags":[]}]}',
  ],
  [
    "requirements and their scopes",
    '{"securityRequirements":[{"schemes":{"a":{"list":[]},"b":{"list":["x"]}}},{"schemes":{}}]}',
    '{"securityRequirements":[{"schemes":{"a":{},"b":{"list":["x"]}}},{}]}',
  ],
  [
    "schemes",
    '{"securitySchemes":{"k":{"apiKeySecurityScheme":{"description":"","name":""}},"o":{"oauth2SecurityScheme":{"oauth2MetadataUrl":"","flows":{"authorizationCode":{"refreshUrl":"","pkceRequired":false,"scopes":{}}}}}}}',
    '{"securitySchemes":{"k":{"apiKeySecurityScheme":{"name":""}},"o":{"oauth2SecurityScheme":{"flows":{"authorizationCode":{"scopes":{}}}}}}}',
  ],
  ["names that every object has", '{"toString":"","__proto__":{"a":""}}', '{"__proto__":{"a":""},"toString":""}'],
  ["the same names elsewhere", '{"extensions":[],"tenant":"","list":[]}', '{"extensions":[],"list":[],"tenant":""}'],
];
for (const [name, card, form] of rows) {
  test(`what has its default is not signed: ${name}`, () => {
    assert.equal(canonicalJson(withoutDefaults(JSON.parse(card)) as never), form);
  });
}
