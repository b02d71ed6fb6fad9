// `standardwebhooks` and `openai` verify a request that a webhook endpoint has received.
//
// Reads {secret, body, headers} from standard input, and writes {"standardwebhooks", "openai"}, the event as each library
// returns it, to standard output.
import OpenAI from "openai";
import { json } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const { secret, body, headers } = await json(process.stdin);
const openai = await new OpenAI({ apiKey: "unused" }).webhooks.unwrap(body, headers, secret);
process.stdout.write(JSON.stringify({ standardwebhooks: new Webhook(secret).verify(body, headers), openai }));
