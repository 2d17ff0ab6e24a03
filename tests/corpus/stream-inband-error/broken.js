// Server-sent events by hand: thirty lines are cheaper than a dependency.
const fs = require("node:fs");

async function stream(job) {
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
    body: JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: job.prompt }], stream: true }),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  let buffer = "";
  let text = "";
  for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
    buffer += bytes;
    const lines = buffer.split("\n");
    buffer = lines.pop();
    for (const line of lines) {
      if (line === "data: [DONE]") return text;
      if (!line.startsWith("data: ")) continue;
      const event = JSON.parse(line.slice(6));
      text += event.choices?.[0]?.delta?.content ?? "";
    }
  }
  return text;
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  await Promise.all(
    jobs.map((job) =>
      stream(job)
        .then((text) => console.log(job.job, text))
        .catch((error) => console.log(job.job, "failed:", error.message)),
    ),
  );
})();
