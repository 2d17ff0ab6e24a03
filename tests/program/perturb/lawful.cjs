// What Node promises, whatever the network and the disk do. Prints the laws that were broken, and then how often planted
// races showed.
"use strict";
const { AsyncLocalStorage } = require("node:async_hooks");
const { EventEmitter, once } = require("node:events");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const timers = require("node:timers/promises");

const broken = new Set();
const law = (name, held) => held || broken.add(name);
const same = (name, got, wanted) => law(`${name}: ${got}`, String(got) === String(wanted));
const numbers = (n) => Array.from({ length: n }, (_, index) => index);
const turn = () => new Promise((resolve) => setImmediate(resolve));

const server = http.createServer(async (request, response) => {
  for await (const _ of request);
  if (request.url === "/stream") {
    for (const n of numbers(12)) {
      response.write(`data: ${n}\n\n`);
      await turn();
    }
    return response.end();
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ n: Number(request.url.slice(1)) || 1, text: "é".repeat(50) }));
});

// A busy machine may be slower than this.
server.keepAliveTimeout = 0;

const laws = {
  async "two thens of one promise"(base) {
    for (const source of [Promise.resolve(), fetch(`${base}/1`), fs.promises.readFile(__filename), timers.setTimeout(2)]) {
      const order = [];
      source.then(() => order.push("first"));
      const second = source.then(() => order.push("second"));
      await Promise.all([source.then(() => order.push("third")), second]);
      same("thens", order, "first,second,third");
    }
  },
  async "awaits of one promise"(base) {
    const order = [];
    const source = fetch(`${base}/1`).then((answer) => answer.json());
    const wait = async (n) => {
      await source;
      order.push(n);
    };
    await Promise.all(numbers(6).map(wait));
    same("awaits", order, numbers(6));
  },
  async "a model set by the first then is there for all who await"(base) {
    const state = {};
    const ready = fetch(`${base}/7`).then((answer) => answer.json());
    ready.then((said) => (state.model = said.n));
    await Promise.all(numbers(4).map(async () => {
      await ready;
      same("model", state.model, 7);
    }));
  },
  async "timers in their due order"() {
    const order = [];
    const due = (ms, name) => new Promise((resolve) => setTimeout(() => resolve(order.push(name)), ms));
    await Promise.all([due(5, "a"), due(5, "b"), due(5, "c"), due(20, "d"), due(20, "e"), due(40, "f")]);
    same("timers", order, "a,b,c,d,e,f");
    const waits = [];
    await Promise.all([3, 3, 25].map((ms, n) => timers.setTimeout(ms).then(() => waits.push(n))));
    same("timer promises", waits, "0,1,2");
  },
  async "a tick before a promise before a timer"() {
    const order = [];
    const timer = new Promise((resolve) => setTimeout(() => resolve(order.push("timer")), 0));
    Promise.resolve().then(() => order.push("promise"));
    process.nextTick(() => order.push("tick"));
    queueMicrotask(() => order.push("microtask"));
    await timer;
    // This function itself goes on in a promise.
    law(`ticks: ${order}`, ["tick,promise,microtask,timer", "promise,microtask,tick,timer"].includes(String(order)));
    await new Promise((resolve) => setImmediate(() => {
      const after = [];
      Promise.resolve().then(() => after.push("promise"));
      process.nextTick(() => after.push("tick"));
      setImmediate(() => resolve(same("ticks", after, "tick,promise")));
    }));
  },
  async "an immediate before a timer behind every input"(base) {
    const behind = () => new Promise((resolve) => {
      const order = [];
      const done = (name) => order.push(name) === 2 && resolve(same("immediate", order, "immediate,timer"));
      setTimeout(() => done("timer"), 0);
      setImmediate(() => done("immediate"));
    });
    await new Promise((resolve) => fs.readFile(__filename, () => resolve(behind())));
    await new Promise((resolve) => http.get(`${base}/1`, (answer) => {
      answer.resume();
      resolve(behind());
    }));
  },
  async "chunks in their order"(base) {
    const answer = await fetch(`${base}/stream`);
    let text = "";
    for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
    same("stream", text.match(/\d+/g), numbers(12));
    const [old] = await once(http.get(`${base}/stream`), "response");
    let said = "";
    for await (const chunk of old.setEncoding("utf8")) said += chunk;
    same("old stream", said.match(/\d+/g), numbers(12));
    let file = "";
    for await (const chunk of fs.createReadStream(__filename, { encoding: "utf8", highWaterMark: 999 })) file += chunk;
    law("file stream", file === fs.readFileSync(__filename, "utf8"));
  },
  async "promises settled in one tick in their order"() {
    const order = [];
    const open = [];
    const all = numbers(5).map((n) => new Promise((resolve) => open.push(resolve)).then(() => order.push(n)));
    for (const resolve of open) resolve();
    await Promise.all(all);
    same("settled", order, numbers(5));
    const emitter = new EventEmitter();
    const heard = [];
    for (const n of numbers(3)) emitter.on("x", () => heard.push(n));
    emitter.emit("x");
    same("emitter", heard, numbers(3));
  },
  async "bodies are whole and a local one needs no network"(base) {
    const said = await (await fetch(`${base}/3`, { method: "POST", body: "x".repeat(200_000) })).json();
    law("body", said.n === 3 && said.text === "é".repeat(50));
    const order = [];
    const local = new Response('{"n":1}').json().then(() => order.push("local"));
    await Promise.all([local, timers.setTimeout(50).then(() => order.push("timer"))]);
    same("local", order, "local,timer");
  },
  async "an abort is told, and errors stay errors"(base) {
    const abort = new AbortController();
    const failed = fetch(`${base}/1`, { signal: abort.signal }).then(() => "came", (error) => error.name);
    abort.abort();
    same("abort", await failed, "AbortError");
    same("missing", await fs.promises.readFile("/no/such/file").catch((error) => error.code), "ENOENT");
    same("missing", await new Promise((done) => fs.stat("/no/such", (error) => done(error.code))), "ENOENT");
    same("refused", await fetch("http://127.0.0.1:1/").catch((error) => error.name), "TypeError");
  },
  async "each goes on in its own context"(base) {
    const store = new AsyncLocalStorage();
    await Promise.all(numbers(6).map((n) => store.run(n, async () => {
      await (await fetch(`${base}/${n}`)).json();
      await fs.promises.stat(__filename);
      await new Promise((resolve) => fs.stat(__filename, () => resolve(same("callback", store.getStore(), n))));
      same("context", store.getStore(), n);
    })));
  },
};

// Each is wrong in a way that answers of equal speed hide.
const races = {
  async "a sum read before its answer"(base) {
    let total = 0;
    const ask = async (n) => {
      await timers.setTimeout(40 * n);
      const before = total;
      total = before + (await (await fetch(`${base}/1`)).json()).n;
    };
    await Promise.all(numbers(8).map(ask));
    return total !== 8;
  },
  async "a cache asked before it is filled"(base) {
    const cache = new Map();
    let calls = 0;
    const ask = async (n) => {
      await timers.setTimeout(40 * n);
      if (cache.has("x")) return;
      const answer = await (await fetch(`${base}/1`)).json();
      calls += 1;
      cache.set("x", answer);
    };
    await Promise.all(numbers(8).map(ask));
    return calls !== 1;
  },
  async "a place in a list taken before its body"(base) {
    const list = [];
    const ask = async (n) => {
      await timers.setTimeout(40 * n);
      const answer = await fetch(`${base}/${n + 1}`);
      const place = list.length;
      list[place] = (await answer.json()).n;
    };
    await Promise.all(numbers(8).map(ask));
    return list.length !== 8;
  },
  async "a file read, then written"() {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "lawful-")), "total");
    fs.writeFileSync(file, "0");
    const add = async (n) => {
      await timers.setTimeout(40 * n);
      const before = Number(await fs.promises.readFile(file, "utf8"));
      await fs.promises.writeFile(file, String(before + 1));
    };
    await Promise.all(numbers(8).map(add));
    const total = fs.readFileSync(file, "utf8");
    fs.rmSync(path.dirname(file), { recursive: true });
    return total !== "8";
  },
};

(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const base = `http://127.0.0.1:${server.address().port}`;
  // The first answer is slow everywhere.
  await (await fetch(`${base}/1`)).json();
  const asked = process.argv[2];
  if (asked === "races") {
    const shown = [];
    for (const [name, race] of Object.entries(races)) if (await race(base)) shown.push(name);
    console.log(JSON.stringify(shown));
  } else {
    for (let round = 0; round < 3; round++) {
      for (const [name, check] of Object.entries(laws)) {
        await check(base).catch((error) => broken.add(`${name}: ${error.stack} ${error.cause}`));
      }
    }
    console.log(JSON.stringify([...broken]));
  }
  server.closeAllConnections();
  server.close();
})();
