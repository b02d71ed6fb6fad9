// `openai` against this stack: existing code changes its base URL and its key.
//
// Reads {baseURL, apiKey, prompt, model, image (Base64)} from standard input, makes a video that begins with the image,
// and writes {"id", "bytes" (Base64)} to standard output.
import OpenAI, { toFile } from "openai";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";

const { baseURL, apiKey, prompt, model, image } = await json(process.stdin);
const client = new OpenAI({ baseURL, apiKey });
const input_reference = await toFile(Buffer.from(image, "base64"), "fox.png", { type: "image/png" });

let video = await client.videos.create({ model, prompt, seconds: "2", input_reference });
for (let looks = 0; looks < 4500 && !["completed", "failed"].includes(video.status); looks += 1) {
  await pause(400);
  video = await client.videos.retrieve(video.id);
}
if (video.status !== "completed") throw new Error(`${video.id} is ${video.status}: ${JSON.stringify(video.error)}`);
const content = Buffer.from(await (await client.videos.downloadContent(video.id)).arrayBuffer());
process.stdout.write(JSON.stringify({ id: video.id, bytes: content.toString("base64") }));
