// The official TypeScript client of the Model Context Protocol with `wan-video mcp`.
//
// Reads {command, args, env, request, timeoutMs, patienceMs} from standard input. The first call of generate_video gets
// `timeoutMs` and must time out; the second one repeats it. Writes {tools, timedOut, made, ended, links, bytes (Base64)}.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { json } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

const FINAL = ["completed", "failed", "cancelled", "expired"];
const asked = await json(process.stdin);
const client = new Client({ name: "test", version: "1" });
await client.connect(new StdioClientTransport({ command: asked.command, args: asked.args, env: asked.env }));
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const patience = { timeout: asked.patienceMs };

const tools = (await client.listTools()).tools.map((tool) => tool.name);
let timedOut = "";
try {
  await call("generate_video", asked.request, { timeout: asked.timeoutMs });
} catch (error) {
  timedOut = error.message;
}
const made = (await call("generate_video", asked.request, patience)).structuredContent;
let shown = await call("get_video", { video_id: made.id }, patience);
while (!FINAL.includes(shown.structuredContent.status)) {
  await setTimeout(200);
  shown = await call("get_video", { video_id: made.id }, patience);
}
const ended = shown.structuredContent;
const links = shown.content.filter((part) => part.type === "resource_link");
const read = await client.readResource({ uri: links[0].uri }, patience);
await client.close();
console.log(JSON.stringify({ tools, timedOut, made, ended, links, bytes: read.contents[0].blob }));
