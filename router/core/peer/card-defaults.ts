import { isList, isObject, type JsonObject } from "./agent-card.ts";

/**
 * A message of the A2A 1.0 schema (specification/a2a.proto): its members that a signer leaves out where they have their
 * default, being neither REQUIRED nor `optional`, and those that hold messages, alone, in lists or in maps.
 */
interface Message {
  readonly plain: readonly string[];
  readonly within: Readonly<Record<string, Message>>;
}

const message = (plain: readonly string[], within: Readonly<Record<string, Message>> = {}): Message => ({
  plain,
  within,
});

// "*" stands for each member of a map.
const requirement = message(["schemes"], { schemes: message([], { "*": message(["list"]) }) });
const flow = message(["refreshUrl", "pkceRequired"]);
const oldFlow = message(["authorizationUrl", "tokenUrl", "refreshUrl", "scopes"]);
const flows = message([], {
  authorizationCode: flow,
  clientCredentials: flow,
  deviceCode: flow,
  implicit: oldFlow,
  password: oldFlow,
});
const scheme = message([], {
  apiKeySecurityScheme: message(["description"]),
  httpAuthSecurityScheme: message(["description", "bearerFormat"]),
  oauth2SecurityScheme: message(["description", "oauth2MetadataUrl"], { flows }),
  openIdConnectSecurityScheme: message(["description"]),
  mtlsSecurityScheme: message(["description"]),
});
const CARD = message(["securitySchemes", "securityRequirements"], {
  supportedInterfaces: message(["tenant"]),
  capabilities: message(["extensions"], { extensions: message(["uri", "description", "required"]) }),
  securitySchemes: message([], { "*": scheme }),
  securityRequirements: requirement,
  skills: message(["examples", "inputModes", "outputModes", "securityRequirements"], {
    securityRequirements: requirement,
  }),
});

/**
 * The card without what has its default value, as A2A 1.0 section 8.4.1 has it signed. Only members that are known to have
 * a default are left out: of all others, what is not signed is not in the card.
 */
export function withoutDefaults(card: JsonObject): JsonObject {
  return stripped(card, CARD);
}

function stripped(value: JsonObject, { plain, within }: Message): JsonObject {
  const kept = Object.entries(value).flatMap(([name, member]): readonly (readonly [string, unknown])[] => {
    const inner = Object.hasOwn(within, name) ? within[name] : within["*"];
    const rest = inner === undefined ? member : each(member, inner);
    return plain.includes(name) && isDefault(rest) ? [] : [[name, rest]];
  });
  // From entries: a member named __proto__ is a member like any other.
  return Object.fromEntries(kept);
}

function each(member: unknown, inner: Message): unknown {
  if (isList(member)) return member.map((item) => (isObject(item) ? stripped(item, inner) : item));
  return isObject(member) ? stripped(member, inner) : member;
}

function isDefault(value: unknown): boolean {
  if (value === "" || value === 0 || value === false || value === null) return true;
  if (isList(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
