// LangChain's DALL-E tool against a server: node langchain-client.mjs <base URL> <key>
import { DallEAPIWrapper } from "@langchain/openai";
import { base, head, key, open, small, tell } from "./client-steps.mjs";

const tool = (more) => new DallEAPIWrapper({ apiKey: key, baseUrl: base, size: small, ...more });

await tell({
  url: async () => await open(await tool().invoke("a red bicycle")),
  several: async () => await Promise.all((await tool({ n: 2 }).invoke("a red bicycle")).map((part) => open(part.image_url))),
  b64: async () => head(Buffer.from(await tool({ dallEResponseFormat: "b64_json" }).invoke("a red bicycle"), "base64")),
  dalle2: async () => await open(await tool({ model: "dall-e-2" }).invoke("a red bicycle")),
  bad: async () => await tool({ size: "65x64" }).invoke("a red bicycle"),
});
