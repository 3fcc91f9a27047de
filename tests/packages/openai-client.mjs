// OpenAI's own client for Node against a server: node openai-client.mjs <base URL> <key> <unique prompt>
import OpenAI, { toFile } from "openai";
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
  batch: async () => {
    const line = (id, more) => JSON.stringify({ custom_id: id, method: "POST", url: "/v1/images/generations", body: { prompt: `picture ${id}`, size: small, num_inference_steps: 2, ...more } });
    const rows = async (id) => (await (await client.files.content(id)).text()).trim().split("\n").map((row) => JSON.parse(row));
    const lines = [line("a"), line("b", { size: "65x64" }), line("c", { response_format: "b64_json" })].join("\n");
    const file = await client.files.create({ file: await toFile(Buffer.from(lines), "lines.jsonl"), purpose: "batch" });
    let batch = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/images/generations", completion_window: "24h", metadata: { of: "node" } });
    for (; !["completed", "failed", "expired", "cancelled"].includes(batch.status); batch = await client.batches.retrieve(batch.id)) await new Promise((resolve) => setTimeout(resolve, 100));
    const other = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/images/generations", completion_window: "24h" });
    const listed = [];
    for await (const one of client.batches.list({ limit: 1 })) listed.push(one.id);
    const answers = await rows(batch.output_file_id);
    const image = (id) => answers.find((row) => row.custom_id === id).response.body.data[0];
    return {
      batch, listed, other: other.id, same: (await (await client.files.content(file.id)).text()) === lines,
      link: await open(image("a").url), b64: head(bytes(image("c").b64_json)), errors: await rows(batch.error_file_id), deleted: await client.files.delete(file.id),
    };
  },
  bad: async () => await ask({ size: "65x64" }),
  stranger: async () => await new OpenAI({ baseURL: base, apiKey: "not-the-key-0123456789", maxRetries: 0 }).images.generate({ prompt: "a fox" }),
  gone: async () => await client.images.generate({ model: "sana", prompt: unique, ...long }, { timeout: 1000 }),
});
