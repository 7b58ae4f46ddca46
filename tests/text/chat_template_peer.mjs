// Renders chat templates with npm's @huggingface/jinja, for chat_template_peer_test.cpp to compare with.
//   node chat_template_peer.mjs NPM_DIRECTORY CONVERSATIONS.json TEMPLATE_FILE...
// Prints a JSON list, one entry a template, conversation and generation prompt in this order: the text, or
// {"error": message}.  Or, for templates that are short:
//   node chat_template_peer.mjs NPM_DIRECTORY --lines TEMPLATES.json VARIABLES.json
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

process.env.TZ = 'UTC';
const fixedTime = Date.UTC(2026, 2, 5, 14, 7, 9);  // a Thursday; kFixedTime in the test
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(fixedTime); }
};

const [npm, ...rest] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(join(npm, 'package.json'))).resolve('@huggingface/jinja');
const { Template } = await import(pathToFileURL(entry));

function render(source, variables) {
  try {
    return new Template(source).render(variables);
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
}

const results = [];
if (rest[0] === '--lines') {
  const variables = JSON.parse(readFileSync(rest[2], 'utf8'));
  for (const line of JSON.parse(readFileSync(rest[1], 'utf8'))) results.push(render(line, variables));
} else {
  const set = JSON.parse(readFileSync(rest[0], 'utf8'));
  for (const file of rest.slice(1)) {
    const source = readFileSync(file, 'utf8');
    for (const { name, tools, ...variables } of set.conversations) {
      if (tools !== undefined) variables.tools = set.tool_sets[tools];
      for (const add_generation_prompt of [false, true]) {
        results.push(render(source, { bos_token: '<s>', eos_token: '</s>', ...variables, add_generation_prompt }));
      }
    }
  }
}
process.stdout.write(JSON.stringify(results));
