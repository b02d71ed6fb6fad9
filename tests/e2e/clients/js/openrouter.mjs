// `@openrouter/sdk` against this stack: existing code changes its server URL and its key.
//
// Reads {serverURL, apiKey, prompt} from standard input, makes a video, and writes {"id", "bytes" (Base64)} to standard output.
import { OpenRouter } from "@openrouter/sdk";
import { buffer, json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

const { serverURL, apiKey, prompt } = await json(process.stdin);
const client = new OpenRouter({ serverURL, apiKey, retryConfig: { strategy: "none" } });
const videoGenerationRequest = { model: "wan2.5-t2v-preview", prompt, size: "832x480", duration: 5 };

let job = await client.videoGeneration.generate({ videoGenerationRequest });
for (let looks = 0; looks < 4500 && !["completed", "failed"].includes(job.status); looks += 1) {
  await pause(400);
  job = await client.videoGeneration.getGeneration({ jobId: job.id });
}
if (job.status !== "completed") throw new Error(`${job.id} is ${job.status}: ${job.error}`);
const content = await client.videoGeneration.getVideoContent({ jobId: job.id, index: 0 });
process.stdout.write(JSON.stringify({ id: job.id, bytes: (await buffer(content)).toString("base64") }));
