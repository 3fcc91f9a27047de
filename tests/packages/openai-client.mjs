// OpenAI's own client for Node against a server: node openai-client.mjs <base URL> <key> <unique prompt>
import OpenAI from "openai";
import { base, head, key, long, open, small, tell, unique } from "./client-steps.mjs";

const client = new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0 });
const ask = (more) => client.images.generate({ model: "sana", prompt: "a red bicycle", size: small, num_inference_steps: 2, ...more });
const bytes = (text) => Buffer.from(text, "base64");

await tell({
  models: async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: (await client.models.retrieve(ids[0])).id };
  },
  b64: async () => (await ask({ response_format: "b64_json" })).data.map((image) => head(bytes(image.b64_json))),
  url: async () => await Promise.all((await ask({ response_format: "url", n: 2 })).data.map((image) => open(image.url))),
  dalle: async () => await Promise.all((await ask({ model: "dall-e-3" })).data.map((image) => open(image.url))),
  webp: async () => (await ask({ response_format: "b64_json", output_format: "webp" })).data.map((image) => head(bytes(image.b64_json))),
  stream: async () => {
    const events = [];
    for await (const event of await ask({ stream: true, n: 2 })) events.push({ type: event.type, head: head(bytes(event.b64_json)) });
    return events;
  },
  bad: async () => await ask({ size: "65x64" }),
  stranger: async () => await new OpenAI({ baseURL: base, apiKey: "not-the-key-0123456789", maxRetries: 0 }).images.generate({ prompt: "a fox" }),
  gone: async () => await client.images.generate({ model: "sana", prompt: unique, ...long }, { timeout: 1000 }),
});
