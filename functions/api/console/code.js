/** The request of the form as a program: for the shell, for Python, for the command line and for DashScope. */

const lines = (...texts) => `${texts.join("\n")}\n`;

/** Return the text for a POSIX shell. */
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Return a value as Python writes it. */
function python(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  return JSON.stringify(value);
}

const pythonArguments = (members) => Object.entries(members).map(([name, value]) => `    ${name}=${python(value)},`);

const pythonDict = (members) =>
  `{${Object.entries(members)
    .map(([name, value]) => `${python(name)}: ${python(value)}`)
    .join(", ")}}`;

function curl(request, root) {
  return `curl ${shell(`${root}/v1/videos`)} \\
  -H "Authorization: Bearer $WAN_VIDEO_TOKEN" -H "Content-Type: application/json" \\
  -H "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')" \\
  -d ${shell(JSON.stringify(request))}
`;
}

function openai(request, root) {
  const { prompt, model, size, seconds, ...rest } = request;
  const known = { prompt, model, ...(size ? { size } : {}), seconds: String(seconds) };
  return lines(
    "# pip install openai",
    "import os",
    "",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${python(`${root}/v1`)}, api_key=os.environ["WAN_VIDEO_TOKEN"])`,
    "video = client.videos.create_and_poll(",
    ...pythonArguments(known),
    `    extra_body=${pythonDict(rest)},`,
    ")",
    'if video.status == "completed":',
    '    client.videos.download_content(video.id).write_to_file(f"{video.id}.mp4")',
    "else:",
    "    print(video.status, video.error)",
  );
}

function cli(request, root) {
  const { prompt, model, size, resolution, aspect_ratio: ratio, seconds, region } = request;
  const options = [
    `--model ${model}`,
    size ? `--size ${size}` : `--resolution ${resolution}`,
    ratio ? `--aspect-ratio ${ratio}` : "",
    request.input_reference ? `--image ${request.input_reference}` : "",
    request.last_frame ? `--last-image ${request.last_frame}` : "",
    `--seconds ${seconds}`,
    `--region ${region}`,
    request.seed === undefined ? "" : `--seed ${request.seed}`,
    request.negative_prompt ? `--negative ${shell(request.negative_prompt)}` : "",
    request.audio_url ? `--audio ${shell(request.audio_url)}` : "",
    request.shot_type ? `--shot-type ${request.shot_type}` : "",
    request.audio === false ? "--no-sound" : "",
    request.prompt_extend ? "" : "--no-extend",
    request.watermark ? "--watermark" : "",
    request.max_price === undefined ? "" : `--max-price ${request.max_price}`,
  ].filter(Boolean);
  return lines(
    `export WAN_VIDEO_API_URL=${shell(root)}`,
    `wan-video generate ${prompt.trim() || !request.input_reference ? `${shell(prompt)} ` : ""}\\`,
    `  ${options.join(" ")} \\`,
    "  --wait --download .",
  );
}

/** Return the images of a request as DashScope names them; this stack also takes the id of an input as their URL. */
function dashscopeImages({ input_reference: first, last_frame: last }) {
  if (!last) return first ? { img_url: first } : {};
  const frames = { first_frame: first, last_frame: last };
  return { media: Object.entries(frames).filter(([, url]) => url).map(([type, url]) => ({ type, url })) };
}

function dashscope(request, root) {
  const { size, resolution, aspect_ratio: ratio, seconds, region, audio_url, max_price, input_reference, last_frame, ...rest } = request;
  const shape = size ? { size: size.replace("x", "*") } : { resolution, ...(ratio ? { ratio } : {}) };
  const images = dashscopeImages(request);
  const members = { ...rest, ...images, ...shape, duration: seconds, ...(audio_url ? { audio_url } : {}) };
  return lines(
    "# pip install dashscope",
    "import os",
    "",
    "import dashscope",
    "from dashscope import VideoSynthesis",
    "",
    `dashscope.base_http_api_url = ${python(`${root}/api/v1`)}`,
    "answer = VideoSynthesis.call(",
    '    api_key=os.environ["WAN_VIDEO_TOKEN"],',
    ...pythonArguments(members),
    ")",
    "print(answer.output.video_url if answer.status_code == 200 else answer)",
  );
}

/** The languages, by the name that is shown. */
export const LANGUAGES = { curl, "Python with openai": openai, "wan-video": cli, "Python with dashscope": dashscope };

/** Return the request as a program in a language; `root` is the address of the API. */
export const programOf = (language, request, root) => LANGUAGES[language](request, root.replace(/\/$/, ""));
