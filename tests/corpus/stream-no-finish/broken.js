// Collects streamed answers with the SDK and stores them.
const fs = require("node:fs");
const OpenAI = require("openai");

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });

async function collect(job) {
  const result = { job: job.job, ok: true, text: "" };
  const stream = await client.chat.completions.create({
    model: "gpt-4.1",
    messages: [{ role: "user", content: job.prompt }],
    stream: true,
  });
  for await (const chunk of stream) {
    result.id = chunk.id;
    result.text += chunk.choices[0]?.delta?.content ?? "";
  }
  return result;
}

(async () => {
  const jobs = fs.readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const store = (result) => process.stdout.write("@claim " + JSON.stringify(result) + "\n");
  for (const job of jobs) {
    await collect(job)
      .then(store)
      .catch((error) => store({ job: job.job, ok: false, error: error.message }));
  }
})();
