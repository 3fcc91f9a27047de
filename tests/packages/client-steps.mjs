// What the clients' scripts have in common: steps that are run one after the other, and what each gave as one line of JSON.
export const [base, key, unique] = process.argv.slice(2);
export const small = "64x64";

// Long enough to be given up while it is rendered.
export const long = { n: 4, size: "512x512", num_inference_steps: 500 };

/** The first bytes of an image, which say what it is. */
export const head = (bytes) => Buffer.from(bytes).subarray(0, 4).toString("hex");

/** Fetches a link as a stranger does, with nothing but the link. */
export async function open(link) {
  const answer = await fetch(link);
  return { link, status: answer.status, type: answer.headers.get("content-type"), head: head(await answer.arrayBuffer()) };
}

/** Runs the steps; one that throws is told as its error. */
export async function tell(steps) {
  const told = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      told[name] = await step();
    } catch (error) {
      told[name] = { error: error.name, message: error.message, status: error.status ?? error.statusCode, code: error.code, param: error.param, type: error.type };
    }
  }
  console.log(JSON.stringify(told));
}
