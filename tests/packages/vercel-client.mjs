// The Vercel AI SDK against a server, with OpenAI's provider and with the one for compatible servers: node vercel-client.mjs <base URL> <key> <unique prompt>
import { generateImage } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { base, head, key, long, small, tell, unique } from "./client-steps.mjs";

const openai = createOpenAI({ baseURL: base, apiKey: key });
const compatible = createOpenAICompatible({ name: "sana", baseURL: base, apiKey: key });
const ask = async (model, more) => {
  const { images } = await generateImage({ model, prompt: "a red bicycle", size: small, maxRetries: 0, ...more });
  return images.map((image) => ({ type: image.mediaType, head: head(image.uint8Array) }));
};

await tell({
  openai: async () => await ask(openai.image("dall-e-3"), { n: 2 }),
  gptImage: async () => await ask(openai.image("gpt-image-1")),
  compatible: async () => await ask(compatible.imageModel("sana"), { n: 2 }),
  webp: async () => await ask(compatible.imageModel("sana"), { providerOptions: { sana: { output_format: "webp" } } }),
  bad: async () => await ask(compatible.imageModel("sana"), { size: "65x64" }),
  stranger: async () => await ask(createOpenAI({ baseURL: base, apiKey: "not-the-key-0123456789" }).image("dall-e-3")),
  gone: async () => await ask(compatible.imageModel("sana"), { prompt: unique, size: long.size, n: long.n, providerOptions: { sana: { num_inference_steps: long.num_inference_steps } }, abortSignal: AbortSignal.timeout(1000) }),
});
