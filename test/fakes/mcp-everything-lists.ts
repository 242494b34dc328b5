/** What the everything server lists. The names are those that the conformance suite calls. */
// oxlint-disable-next-line typescript/no-explicit-any -- messages of every shape are taken apart here
type Values = Record<string, any>;

export interface EveryTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Values;
  /** What it gives, whatever it is called with. */
  readonly content?: readonly Values[];
  /** What it asks the agent on its stream. */
  readonly asks?: { readonly method: string; readonly params: (given: Values) => Values };
}

const octets = (text: string): string => Buffer.from(text).toString("base64");
const text = { type: "text", text: "A text for the test." };
const image = { type: "image", data: octets("no real image"), mimeType: "image/png" };
const audio = { type: "audio", data: octets("no real sound"), mimeType: "audio/wav" };
const embedded = (uri: string, mimeType: string, value: string): Values => ({
  type: "resource",
  resource: { uri, mimeType, text: value },
});

function tool(name: string, more: Partial<EveryTool> = {}): EveryTool {
  return { name, description: `For the test: ${name}`, inputSchema: { type: "object", properties: {} }, ...more };
}

const takes = (name: string): Values => ({
  type: "object",
  properties: { [name]: { type: "string" } },
  required: [name],
});

const elicits = (properties: Values): NonNullable<EveryTool["asks"]> => ({
  method: "elicitation/create",
  params: (given) => ({
    mode: "form",
    message: String(given["message"] ?? "Please fill this in"),
    requestedSchema: { type: "object", properties, required: [] },
  }),
});

const options = ["option1", "option2", "option3"];
const titled = [
  { const: "value1", title: "First" },
  { const: "value2", title: "Second" },
  { const: "value3", title: "Third" },
];

export const EVERY_TOOL: readonly EveryTool[] = [
  tool("test_simple_text", { content: [text] }),
  tool("test_image_content", { content: [image] }),
  tool("test_audio_content", { content: [audio] }),
  tool("test_embedded_resource", { content: [embedded("test://embedded-resource", "text/plain", "Embedded.")] }),
  tool("test_multiple_content_types", {
    content: [
      text,
      image,
      embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }),
  tool("test_tool_with_logging"),
  tool("test_logging_tool"),
  tool("test_tool_with_progress"),
  tool("test_error_handling"),
  tool("test_reconnection"),
  tool("test_missing_capability"),
  tool("test_trigger_tool_change"),
  tool("test_trigger_prompt_change"),
  tool("test_streaming_elicitation"),
  tool("test_custom_headers", {
    inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } },
  }),
  tool("test_sampling", {
    inputSchema: takes("prompt"),
    asks: {
      method: "sampling/createMessage",
      params: ({ prompt }) => ({
        messages: [{ role: "user", content: { type: "text", text: prompt } }],
        maxTokens: 100,
      }),
    },
  }),
  tool("test_elicitation", {
    inputSchema: takes("message"),
    asks: elicits({ username: { type: "string" }, email: { type: "string" } }),
  }),
  tool("test_elicitation_sep1034_defaults", {
    asks: elicits({
      name: { type: "string", default: "John Doe" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", default: true },
    }),
  }),
  tool("test_elicitation_sep1330_enums", {
    asks: elicits({
      untitledSingle: { type: "string", enum: options },
      titledSingle: { type: "string", oneOf: titled },
      legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["One", "Two", "Three"] },
      untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: options } },
      titledMulti: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: titled } },
    }),
  }),
  tool("json_schema_2020_12_tool", {
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $defs: { address: { $anchor: "addressDef", type: "object", properties: { city: { type: "string" } } } },
      type: "object",
      properties: {
        name: { type: "string" },
        address: { $ref: "#/$defs/address" },
        contactMethod: { type: "string", enum: ["phone", "email"] },
        phone: { type: "string" },
        email: { type: "string" },
      },
      allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
      if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: { required: ["phone"] },
      else: { required: ["email"] },
      additionalProperties: false,
    },
  }),
  ...[
    "elicitation",
    "sampling",
    "list_roots",
    "request_state",
    "tampered_state",
    "multiple_inputs",
    "multi_round",
    "capabilities",
  ].map((name) => tool(`test_input_required_result_${name}`)),
];

interface EveryPrompt {
  readonly name: string;
  readonly description: string;
  readonly arguments?: readonly Values[];
  readonly messages: (given: Values) => readonly Values[];
}

const said = (...contents: readonly Values[]): readonly Values[] =>
  contents.map((content) => ({ role: "user", content }));
const required = (name: string): Values => ({ name, description: `The ${name}`, required: true });

export const EVERY_PROMPT: readonly EveryPrompt[] = [
  { name: "test_simple_prompt", description: "Without arguments", messages: () => said(text) },
  {
    name: "test_prompt_with_arguments",
    description: "With two arguments",
    arguments: [required("arg1"), required("arg2")],
    messages: ({ arg1, arg2 }) => said({ type: "text", text: `arg1='${arg1}', arg2='${arg2}'` }),
  },
  {
    name: "test_prompt_with_embedded_resource",
    description: "With a resource",
    arguments: [required("resourceUri")],
    messages: ({ resourceUri }) => said(embedded(String(resourceUri), "text/plain", "Embedded."), text),
  },
  { name: "test_prompt_with_image", description: "With an image", messages: () => said(image, text) },
  { name: "test_input_required_result_prompt", description: "Asks before it answers", messages: () => said(text) },
];

export const EVERY_RESOURCE: readonly Values[] = [
  { uri: "test://static-text", name: "static-text", description: "A text", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "static-binary", description: "Octets", mimeType: "image/png" },
  { uri: "test://watched-resource", name: "watched", description: "A text that changes", mimeType: "text/plain" },
];

export function readResource(uri: string): Values | undefined {
  const found = EVERY_RESOURCE.find((one) => one["uri"] === uri);
  if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: octets("no real image") };
  if (found !== undefined) return { uri, mimeType: "text/plain", text: "The content of the resource." };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  return {
    uri,
    mimeType: "application/json",
    text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  };
}
