// What clients of OpenAI's API make of a server: one JSON object on stdout, with what each call gave or how it failed.
// node openai-clients.mjs <base address> <key>
import OpenAI, { AzureOpenAI } from 'openai';
import { DallEAPIWrapper } from '@langchain/openai';
import { generateImage, experimental_generateImage } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';

const [base, key] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const vercel = createOpenAI({ baseURL: `${base}/v1`, apiKey: key });
const draw = generateImage ?? experimental_generateImage;
const small = { prompt: 'a fox', size: '64x64', num_inference_steps: 2 };

const calls = {
  models: async () => {
    const ids = [];
    for await (const model of await openai.models.list()) ids.push(model.id);
    return ids;
  },
  two: async () => (await openai.images.generate({ ...small, n: 2 })).data.map(image => Buffer.from(image.b64_json, 'base64').subarray(1, 4).toString()),
  webp: async () => Buffer.from((await openai.images.generate({ ...small, output_format: 'webp' })).data[0].b64_json, 'base64').subarray(8, 12).toString(),
  url: async () => (await fetch((await openai.images.generate({ ...small, model: 'dall-e-3' })).data[0].url)).status,
  stream: async () => {
    const types = [];
    for await (const event of await openai.images.generate({ ...small, num_inference_steps: 8, stream: true, partial_images: 2 })) types.push(event.type);
    return types;
  },
  azure: async () => {
    const azure = new AzureOpenAI({ endpoint: base, apiKey: key, apiVersion: '2024-10-21', deployment: 'dall-e-3', maxRetries: 0 });
    return (await fetch((await azure.images.generate(small)).data[0].url)).status;
  },
  langchain: async () => (await fetch(await new DallEAPIWrapper({ apiKey: key, baseUrl: `${base}/v1`, size: '256x256' }).invoke('a fox'))).status,
  vercel: async () => (await draw({ model: vercel.image('gpt-image-1'), prompt: 'a fox', size: '64x64', maxRetries: 0 })).image.mediaType,
  bad: () => openai.images.generate({ ...small, size: '65x64' }),
  badVercel: () => draw({ model: vercel.image('gpt-image-1'), prompt: 'a fox', size: '65x64', maxRetries: 0 }),
  wrongKey: () => new OpenAI({ baseURL: `${base}/v1`, apiKey: 'wrong-key-0123456789', maxRetries: 0 }).models.list(),
  wrongBase: () => new OpenAI({ baseURL: base, apiKey: key, maxRetries: 0 }).images.generate(small),
  edit: () => openai.images.edit({ prompt: 'a fox', image: new File(['x'], 'a.png', { type: 'image/png' }) }),
  job: () => openai.put('/jobs/theirs', { body: { input: {} } }),
  impatient: async () => {
    const before = (await openai.get('/jobs')).jobs.length;
    const hasty = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, timeout: 1000, maxRetries: 60 });
    const made = await hasty.images.generate({ prompt: 'a long road', size: '512x512', num_inference_steps: 100 });
    return { images: made.data.length, jobs: (await openai.get('/jobs')).jobs.length - before };
  },
};

const results = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    results[name] = await call();
  } catch (error) {
    results[name] = { status: error.status ?? error.statusCode, message: error.message, param: error.param, requestId: error.requestID };
  }
}

console.log(JSON.stringify(results));
