// npm's `ai` with `@ai-sdk/alibaba` against this stack: existing code changes its base URL and its key.
//
// Reads one JSON object from standard input and writes one to standard output:
//   {"do": "start", baseURL, apiKey, prompts, atOnce, timeoutMs}  ->  {"<prompt>": "<task id>"}
//   {"do": "create", baseURL, apiKey, model, video, alibaba}      ->  {taskId}
//   {"do": "generate", baseURL, apiKey, model, video, alibaba}    ->  {taskId, bytes (Base64), mediaType}
// `video` holds arguments of `startVideo` and `generateVideo`, and `alibaba` Alibaba's own options.
import { createAlibaba } from "@ai-sdk/alibaba";
import { experimental_generateVideo as generateVideo, experimental_startVideo as startVideo } from "ai";
import { json } from "node:stream/consumers";
import { Agent, fetch } from "undici";

const MODEL = "wan2.5-t2v-preview";
const SMALL = { resolution: "832x480", duration: 5 };

const asked = await json(process.stdin);
const agent = asked.timeoutMs ? new Agent({ headersTimeout: asked.timeoutMs }) : new Agent();
const alibaba = createAlibaba({
  apiKey: asked.apiKey,
  videoBaseURL: asked.baseURL,
  fetch: (url, options) => fetch(url, { ...options, dispatcher: agent }),
});

/** Download a video; the SDK itself refuses loopback addresses. */
async function download({ url }) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The video answered ${answer.status}.`);
  return { data: new Uint8Array(await answer.arrayBuffer()), mediaType: answer.headers.get("content-type") ?? undefined };
}

/** Create a task for each prompt, `atOnce` at a time. */
async function startAll(prompts, atOnce) {
  const waiting = [...prompts];
  const started = {};
  const work = async () => {
    for (let prompt = waiting.pop(); prompt !== undefined; prompt = waiting.pop()) {
      const { operation } = await startVideo({ model: alibaba.video(MODEL), prompt, ...SMALL });
      started[prompt] = operation.taskId;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return started;
}

/** The arguments of a call that asks for one video. */
function argumentsOf({ model, video, alibaba: options }) {
  return { model: alibaba.video(model), ...video, providerOptions: { alibaba: options ?? {} } };
}

async function create(wanted) {
  const { operation } = await startVideo(argumentsOf(wanted));
  return { taskId: operation.taskId };
}

async function generate(wanted) {
  const { video, providerMetadata } = await generateVideo({
    ...argumentsOf(wanted),
    download,
    poll: { intervalMs: 300, timeoutMs: 1_800_000 },
  });
  return {
    taskId: providerMetadata.alibaba.taskId,
    bytes: Buffer.from(video.uint8Array).toString("base64"),
    mediaType: video.mediaType,
  };
}

const calls = { start: () => startAll(asked.prompts, asked.atOnce), create: () => create(asked), generate: () => generate(asked) };
process.stdout.write(JSON.stringify(await calls[asked.do]()));
await agent.close();
