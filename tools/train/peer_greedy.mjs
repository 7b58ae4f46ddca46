// Greedy ids of upstream llama.cpp: node peer_greedy.mjs MODEL.gguf COUNT < prompts.json > ids.json
// Needs the npm package node-llama-cpp (development only); NODE_PATH-like lookup starts at the folder in PEER_HOME.
import {createRequire} from "node:module";
import {readFileSync} from "node:fs";
import {pathToFileURL} from "node:url";

const home = process.env.PEER_HOME ?? process.cwd();
const entry = createRequire(home + "/").resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry).href);
const [file, count] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 1});
const model = await llama.loadModel({modelPath: file});
const context = await model.createContext({contextSize: 512, threads: 1});
const sequence = context.getSequence();
const results = [];
for (const prompt of JSON.parse(readFileSync(0, "utf8"))) {
    await sequence.clearHistory();
    const tokens = model.tokenize(prompt, true);
    const ids = [];
    for await (const id of sequence.evaluate([...tokens], {temperature: 0, yieldEogToken: true})) {
        ids.push(id);
        if (ids.length >= Number(count)) break;
    }
    results.push({prompt: [...tokens], ids});
}
process.stdout.write(JSON.stringify(results) + "\n");
process.exit(0);
