/**
 * The script of `/docs`: hides what a search does not find while one types, opens the operation that the address names,
 * and, on a server for development, adds a form to each operation that calls it. Tokens stay in the page. It writes
 * text, never HTML.
 */
export const docsScript = `'use strict';
const main = document.querySelector('main');
const search = document.getElementById('q');
const found = document.getElementById('found');
const operations = [...document.querySelectorAll('details')];

function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const one of operations) {
    one.hidden = !words.every((word) => one.dataset.words.includes(word));
    if (!one.hidden) count += 1;
  }
  for (const section of document.querySelectorAll('section')) section.hidden = !section.querySelector('details:not([hidden])');
  found.textContent = count + ' of ' + operations.length + ' operations';
}
search.addEventListener('input', filter);
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, textarea')) return;
  event.preventDefault();
  search.focus();
});

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}
addEventListener('hashchange', openNamed);
openNamed();

let authorization = '';

function made(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function field(form, id, text, properties = {}, kind = 'input') {
  const input = made(kind, { id, name: id, ...properties });
  form.append(made('label', { htmlFor: id, textContent: text }), input);
  return input;
}

function addForm(operation) {
  const { method, path, query, body } = operation.dataset;
  const form = made('form', { autocomplete: 'off' });
  const id = (name) => operation.id + '-' + name;
  const names = [...path.matchAll(/\\{(\\w+)\\}/g)].map((match) => match[1]);
  const inPath = names.map((name) => [name, field(form, id(name), name, name === 'realm' ? { value: main.dataset.realm } : {})]);
  const inQuery = query.split(' ').filter(Boolean).map((name) => [name, field(form, id(name), name + ' (query)')]);
  const proof = field(form, id('authorization'), 'Authorization, such as Bearer and a token', { type: 'password', value: authorization });
  const content = body === '' ? undefined : field(form, id('body'), 'Body, ' + body, { rows: 6 }, 'textarea');
  const answer = made('pre', { tabIndex: 0, hidden: true });
  const status = made('p', { role: 'status' });
  form.append(made('button', { textContent: 'Call ' + method }), status, answer);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    authorization = proof.value;
    let target = path;
    for (const [name, input] of inPath) target = target.replace('{' + name + '}', encodeURIComponent(input.value));
    const asked = inQuery.filter(([, input]) => input.value !== '').map(([name, input]) => [name, input.value]);
    if (asked.length > 0) target += '?' + new URLSearchParams(asked);
    status.textContent = 'Calling';
    const shown = await call(method, target, content && { type: body, text: content.value }).catch((error) => [String(error), '']);
    status.textContent = shown[0];
    answer.textContent = shown[1];
    answer.hidden = shown[1] === '';
  });
  operation.querySelector('div').append(made('h3', { textContent: 'Try it' }), form);
}

async function call(method, target, content) {
  const headers = {};
  if (authorization !== '') headers.authorization = authorization;
  if (content !== undefined && content.text !== '') headers['content-type'] = content.type;
  const body = content === undefined || content.text === '' ? undefined : content.text;
  const stop = new AbortController();
  const init = { method, headers, body, credentials: 'omit', redirect: 'error', signal: stop.signal };
  const response = await fetch(target, init);
  const line = response.status + ' ' + (response.headers.get('content-type') ?? 'no body');
  // A stream of events does not end.
  if (line.includes('event-stream')) {
    stop.abort();
    return [line, 'A stream, which this page does not show.'];
  }
  const text = await response.text();
  return [line, pretty(text).slice(0, 100000)];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

if (main.dataset.realm !== undefined)
  for (const one of operations) one.addEventListener('toggle', () => addForm(one), { once: true });
`;
